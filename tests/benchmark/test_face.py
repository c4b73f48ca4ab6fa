"""The public face of the package: what it names is there, whatever was imported before."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ivif import benchmark
from ivif.benchmark import ConfigError, Run, RunConfig, measure, run


@pytest.mark.parametrize("before", ["", "import benchmark.run_directory", "import benchmark.cli"])
def test_names_are_there_in_any_order(before: str) -> None:
    code = f"{before}\nimport benchmark, inspect\nassert inspect.isfunction(benchmark.run)\nprint(*benchmark.__all__)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == benchmark.__all__
    assert all(hasattr(benchmark, name) for name in benchmark.__all__)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="leaderboardz"):
        _ = benchmark.leaderboardz


def test_a_run_from_python(folders: Path) -> None:
    """As somebody types it: text for paths, lists for tuples, nothing checked by hand."""
    settings = RunConfig(
        out=str(folders.parent / "run"),  # type: ignore[arg-type]
        infrared=str(folders / "infrared"),  # type: ignore[arg-type]
        visible=str(folders / "visible"),  # type: ignore[arg-type]
        methods=["average", f"thermal={folders / 'infrared'}"],  # type: ignore[arg-type]
        metrics=["EN"],  # type: ignore[arg-type]
        jobs=1,
    )
    assert run(settings).failed == 0
    (board,) = Run(folders.parent / "run").leaderboards()
    assert {line.method for line in board.lines} == {"average", "thermal"}
    assert [metric.key for metric in board.metrics] == ["en"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"methods": ["nothing"]}, "no method 'nothing'"),
        ({"jobs": -1}, "--jobs must be 0"),
        ({"methods": ["average"], "fused": ["average=."]}, "two methods are called average"),
    ],
)
def test_nothing_runs_unchecked(folders: Path, settings: dict, reason: str) -> None:
    wish = RunConfig(folders.parent / "run", infrared=folders / "infrared", visible=folders / "visible", **settings)
    with pytest.raises(ConfigError, match=reason):
        run(wish)
    assert not (folders.parent / "run").exists()


def test_pictures_in_memory_are_measured() -> None:
    picture = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert measure(picture, picture, picture, ["en"])["en"].values.tolist() == [8.0]
