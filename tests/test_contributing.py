"""CONTRIBUTING.md: its files and edits, in a copy of the checkout, pass the tests that it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ivif.benchmark.catalogue import FILE

ROOT = Path(__file__).parents[1]
PACKAGES = ("benchmark", "datasets", "downstream", "fusion", "ivif", "tests")
BLOCK = re.compile(r"^```(?:python\n# (?P<file>\S+\.py)|diff\n--- (?P<edited>\S+))\n(?P<text>.*?)^```$", re.M | re.S)


def _copied(source: str, target: str) -> None:
    (os.symlink if source.endswith((".safetensors", ".pt")) else shutil.copyfile)(source, target)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout in which everything that CONTRIBUTING.md shows has been done."""
    copy = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, symlinks=True, ignore=ignored, copy_function=_copied)
    shutil.copyfile(ROOT / "pyproject.toml", copy / "pyproject.toml")
    for block in blocks():
        if block["file"]:
            path = copy / block["file"]
            assert not path.exists(), f"{block['file']} is there already"
            path.write_text(block["text"], encoding="utf-8")
        else:
            _edit(copy / block["edited"], block["text"])
    return copy


def blocks() -> list[re.Match[str]]:
    """The files and edits in their order."""
    return list(BLOCK.finditer((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


def _edit(path: Path, difference: str) -> None:
    """Replace the one place that reads like the lines without a plus by those without a minus."""
    lines = [(line[0], line[1:]) for line in difference.splitlines()]
    before = "\n".join(text for sign, text in lines if sign in " -")
    after = "\n".join(text for sign, text in lines if sign in " +")
    content = path.read_text(encoding="utf-8")
    assert content.count(before) == 1, f"{path.name} has {content.count(before)} places that read {before!r}"
    path.write_text(content.replace(before, after), encoding="utf-8")


def _python(checkout: Path, *arguments: str) -> str:
    """What Python prints in the copy."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_what_is_shown_passes_the_tests_shown_and_those_over_all_metrics(checkout: Path) -> None:
    shown = [block["file"] for block in blocks() if block["file"] and block["file"].startswith("tests/")]
    assert len(shown) == 5, "a metric, a classical method, a network, a data set, a detector"
    over_all = ["tests/benchmark/test_metrics.py", "tests/benchmark/test_metrics_properties.py"]
    chosen = " or ".join(["bias", "test_every_other", *(Path(file).stem for file in shown)])
    originals = "tests/benchmark/experiments/test_originals.py"
    out = _python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", *shown, *over_all, originals, "-k", chosen)
    assert int(re.search(r"(\d+) passed", out)[1]) > 20


def test_the_catalogue_lists_what_is_shown(checkout: Path) -> None:
    _python(checkout, "-m", "benchmark", "catalogue")
    assert "bias" in _python(checkout, "-m", "benchmark", "list", "metrics", "bias")
    assert "rms" in _python(checkout, "-m", "benchmark", "list", "methods", "rms")
    assert "Harbour" in _python(checkout, "-m", "datasets", "list")
    assert '"bias"' not in FILE.read_text(encoding="utf-8"), "the copy's catalogue alone is written"


def test_structure_and_style_hold(checkout: Path) -> None:
    _python(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_structure.py")
    files = {block["file"] or block["edited"] for block in blocks()}
    _python(checkout, "-m", "ruff", "check", *files)
    _python(checkout, "-m", "ruff", "format", "--check", *files)
