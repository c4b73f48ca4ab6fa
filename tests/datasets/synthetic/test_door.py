"""The renderer's door: others import what it names and nothing below it; inside, imports run one way."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivif.datasets import synthetic

ROOT = Path(__file__).parents[3]
INSIDE = (ROOT / "datasets" / "synthetic", Path(__file__).parent)
ORDER = (
    "climate",
    "conditions",
    "optics",
    "things",
    "places",
    "truth",
    "scene",
    "suite",
    "crossover",
    "preview",
    "export",
)


def imported(path: Path) -> Iterator[str]:
    """Full names of what a file imports: modules, and what is taken from them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def below_the_door(path: Path) -> list[str]:
    """What a file takes of the renderer, without the packages' names in front."""
    names = (name.removeprefix("ivif.datasets.synthetic.") for name in imported(path) if "datasets.synthetic." in name)
    return [name for name in names if name not in synthetic.__all__]


def test_the_door_names_what_there_is() -> None:
    assert sorted(synthetic.__all__) == sorted(set(synthetic.__all__))
    assert all(hasattr(synthetic, name) for name in synthetic.__all__)


@pytest.mark.parametrize("package", ["benchmark", "datasets", "downstream", "fusion", "tests"])
def test_nothing_outside_imports_below_the_door(package: str) -> None:
    outside = [path for path in (ROOT / package).rglob("*.py") if not any(map(path.is_relative_to, INSIDE))]
    assert outside
    assert {path: below for path in outside if (below := below_the_door(path))} == {}


@pytest.mark.parametrize("room", ORDER)
def test_imports_run_one_way(room: str) -> None:
    place = INSIDE[0] / room
    files = list(place.glob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    known = ORDER[: ORDER.index(room) + 1]
    for path in files:
        assert {name.split(".")[0] for name in below_the_door(path)} <= set(known), path
