"""Projections: what one pair takes, times what is asked for."""

import math
from pathlib import Path

import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.experiments.projection import UnitCosts, core_hours, measure_units, projection_text
from ivif.datasets.pairs import pair_folders
from ivif.fusion.results import MethodResults

COSTS = UnitCosts((64, 48), 2, 0.2, 0.3, {"a": 1.0, "b": 3.0}, 0.5, {"en": 0.25, "vif": 0.75}, 2000.0)


def test_hours_are_those_of_all_units() -> None:
    """A pair: 0.5 s once, and for each method 2 s to fuse, 0.5 to write, 1 to measure."""
    assert core_hours(COSTS, 3600, 1) == pytest.approx(0.5 + 3.5)
    assert core_hours(COSTS, 3600, 10) == pytest.approx(0.5 + 35)
    text = projection_text(COSTS, 7200, 10, [2])
    assert "71 core hours (35.5 h with 2 workers" in text and "0 GB" in text and "fuse, b" in text


def test_every_unit_is_measured(folders: Path) -> None:
    data = pair_folders(folders / "infrared", folders / "visible")
    costs = measure_units(data[:2], [MethodResults("average", "average"), MethodResults("adf", "adf")], ["en", "qabf"])
    assert costs.size == (64, 48) and costs.pairs == 2 and set(costs.fusing) == {"average", "adf"}
    seconds = [costs.reading, costs.writing, *costs.fusing.values(), *costs.measuring.values()]
    assert all(0 < value < 60 for value in seconds) and math.isfinite(costs.sources) and costs.file > 100
    assert costs.fusing["adf"] > costs.fusing["average"]


def test_the_command_says_it_all(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible"), "--limit", "1"]
    assert main(["estimate", *own, "--method", "average", "--metrics", "en", "--pairs", "1000", "--count", "5"]) == 0
    assert "1,000 pairs x 5 methods" in capsys.readouterr().out
