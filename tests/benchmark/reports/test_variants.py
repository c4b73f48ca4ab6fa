"""Variants of a metric side by side, on scores written by hand."""

from pathlib import Path

import pytest
import yaml

from ivif.benchmark.cli import main
from ivif.benchmark.reports.variants import readings
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row, Store

SCORES = {
    "sd": {"one": (30.0, 50.0), "two": (20.0, 20.0), "three": (10.0, 5.0)},
    "sd@uint8sat": {"one": (8.0, 8.0), "two": (9.0, 9.0), "three": (7.0, 7.0)},
    "mse": {"one": (10.0, 1.0), "two": (30.0, 1.0), "three": (20.0, 1.0)},
    "mse@lft": {"one": (0.1, 1.0), "two": (0.3, 1.0), "three": (0.2, 1.0)},
    "en": {"one": (1.0, 1.0), "two": (1.0, 1.0), "three": (1.0, 1.0)},
}


def run_with(folder: Path, keys: list[str]) -> Path:
    config = {"out": str(folder), "infrared": "a", "visible": "b", "metrics": keys}
    methods, sets = {name: {} for name in SCORES["sd"]}, {"folders": {"pairs": ["p", "q"]}}
    description = {"config": config, "methods": methods, "datasets": sets}
    (folder / "run.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    Store(folder).append(
        Row("folders", name, pair, key, value, "ok")
        for key in keys
        for name, values in SCORES[key].items()
        for pair, value in zip(("p", "q"), values, strict=True)
    )
    # of an earlier run on more pairs: no part of this one
    Store(folder).append(Row("folders", name, "other", key, 1000.0, "ok") for key in keys for name in methods)
    return folder


def test_flips_are_couples_in_another_order(tmp_path: Path) -> None:
    deviation, error = readings(Run(run_with(tmp_path, list(SCORES))), ["p"])
    assert [reading.metric.key for reading in deviation] == ["sd", "sd@uint8sat"]
    assert deviation[0].order == ("one", "two", "three") and deviation[0].flips == 0
    assert deviation[1].order == ("two", "one", "three")
    assert (deviation[1].flips, deviation[1].couples) == (1, 3)
    assert error[1].order == ("one", "three", "two") and error[1].flips == 0  # lower is better


def test_values_are_means_over_the_pairs(tmp_path: Path) -> None:
    assert readings(Run(run_with(tmp_path, list(SCORES))))[0][0].values == {"one": 40, "two": 20, "three": 7.5}


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(run_with(tmp_path, list(SCORES)))
    assert main(["variants", run, "--pair", "p"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["sd@uint8sat", "↑", "8", "9", "7", "two", "1", "of", "3"] in rows
    assert main(["variants", run, "--method", "one", "--method", "three"]) == 0
    assert ["sd@uint8sat", "↑", "8", "7", "one", "0", "of", "1"] in [
        line.split() for line in capsys.readouterr().out.splitlines()
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--pair", "x"], "pair x"),
        (["--pair", "other"], "pair other"),
        (["--method", "y"], "method y"),
        ([], "--metrics variants"),
    ],
)
def test_mistakes(more: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["variants", str(run_with(tmp_path, ["sd", "en"])), *more]) == 2
    assert message in capsys.readouterr().err
