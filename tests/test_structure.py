"""Structure: a public name means one thing, and imports run one way."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGES = ("datasets", "fusion", "downstream", "benchmark", "ivif")

EACH_ITS_OWN = {
    "main": "of every command line",
    "GROUP": "likewise",
    "fill_list": "of the commands `list` of two groups",
    "load": "a data set and a method by name: the packages' public faces",
    "names": "of data sets, methods and metrics: likewise",
    "run": "the public face's takes settings by name and gives the finished run",
    "leaderboard": "likewise: the text of what the package computes",
}
"""Names that several modules may define, with the reason."""


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


def public_names(path: Path) -> Iterator[str]:
    """Classes, functions, constants and type aliases at the top level of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found = [name]
            case ast.Assign(targets=targets):
                found = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                found = [name]
            case _:
                found = []
        yield from (name for name in found if not name.startswith("_"))


def test_no_public_name_is_defined_twice() -> None:
    places = defaultdict(set)
    for path in modules():
        for name in public_names(path):
            places[name].add(str(path.relative_to(ROOT)))
    twice = {name: sorted(found) for name, found in places.items() if len(found) > 1 and name not in EACH_ITS_OWN}
    assert not twice, "\n".join(f"{name}: {', '.join(found)}" for name, found in sorted(twice.items()))


def test_imports_run_from_the_commands_down_to_the_files() -> None:
    """The floors are listed in pyproject.toml; the report on standard output names what runs against them."""
    assert lint_imports(str(ROOT / "pyproject.toml"), no_cache=True) == 0
