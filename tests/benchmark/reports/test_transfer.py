"""Agreement of rankings between runs, on scores whose order is known."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest
import yaml

from ivif.benchmark.cli import main
from ivif.benchmark.config import ConfigError
from ivif.benchmark.people import PeopleBoard, PeopleEntry, write_people
from ivif.benchmark.reports.transfer import transfer, transfer_table
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row, Store


def a_run(folder: Path, scores: dict[str, dict[str, float]]) -> Path:
    """A run directory with one pair and these scores, by method and metric."""
    folder.mkdir()
    metrics = list(next(iter(scores.values())))
    config = {"out": str(folder), "methods": ["average"], "metrics": metrics}
    description = {"config": config, "methods": {name: {} for name in scores}, "datasets": {"toy": {"pairs": ["one"]}}}
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    rows = [
        Row("toy", method, "one", key, value, "ok") for method, found in scores.items() for key, value in found.items()
    ]
    Store(folder).append(rows)
    return folder


FIRST = {
    "a": {"sd": 1.0, "nabf": 0.4},
    "b": {"sd": 2.0, "nabf": 0.3},
    "c": {"sd": 3.0, "nabf": 0.2},
    "d": {"sd": 4.0, "nabf": 0.1},
}


def test_same_order_and_reversed_order(tmp_path: Path) -> None:
    second = {name: {"sd": 10 * facts["sd"], "nabf": 1 - facts["nabf"]} for name, facts in FIRST.items()}
    methods, (deviation, artifacts) = transfer(Run(a_run(tmp_path / "x", FIRST)), Run(a_run(tmp_path / "y", second)))
    assert sorted(methods) == ["a", "b", "c", "d"]
    assert (deviation.tau, deviation.best) == (1, ("d", "d"))
    assert (artifacts.tau, artifacts.best) == (-1, ("d", "a"))
    assert isnan(deviation.low) and isnan(deviation.high)  # four methods: the same order comes by chance


def test_one_couple_of_six_changes_places(tmp_path: Path) -> None:
    second = {**FIRST, "a": {"sd": 2.5, "nabf": 0.4}}  # a before b now: 5 couples alike, 1 not
    _, (deviation, _) = transfer(Run(a_run(tmp_path / "x", FIRST)), Run(a_run(tmp_path / "y", second)))
    assert deviation.tau == pytest.approx((5 - 1) / 6)


def test_five_methods_have_an_interval(tmp_path: Path) -> None:
    more = {"e": {"sd": 2.2, "nabf": 0.0}}
    second = {**FIRST, "a": {"sd": 2.5, "nabf": 0.4}}
    runs = Run(a_run(tmp_path / "x", FIRST | more)), Run(a_run(tmp_path / "y", second | more))
    _, (deviation, _) = transfer(*runs)
    assert deviation.low <= deviation.tau <= deviation.high and deviation.low < deviation.high


def test_only_what_both_runs_have_is_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = {name: {"sd": FIRST[name]["sd"]} for name in "abc"} | {"e": {"sd": 0.0}}
    runs = a_run(tmp_path / "x", FIRST), a_run(tmp_path / "y", second)
    methods, agreements = transfer(*map(Run, runs))
    assert sorted(methods) == ["a", "b", "c"] and [found.metric.key for found in agreements] == ["sd"]
    assert main(["transfer", *map(str, runs)]) == 0
    printed = capsys.readouterr().out
    assert "3 methods" in printed and "by chance once in 6, so that there are no intervals" in printed


def with_people(folder: Path, found: dict[str, float]) -> Path:
    """A run of three methods beside both cameras, whose AP50 these are."""
    a_run(folder, {name: FIRST[name] for name in "abc"})
    description = yaml.safe_load((folder / "run.yaml").read_text())
    description["config"]["detect"] = True
    description["downstream"] = {"detector": {"name": "eye"}}
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    scores = {name: PeopleEntry(detection={"AP50": value}, images=1) for name, value in found.items()}
    write_people(folder, {"toy": PeopleBoard(images=1, sequences=0, scores=scores)})
    return folder


def test_cameras_have_a_place_in_the_order_by_scores_of_people(tmp_path: Path) -> None:
    """Of 10 couples of 5, only infrared and c, and infrared and b, stand the other way round: (8 - 2) / 10."""
    first = with_people(tmp_path / "x", {"visible": 0.1, "a": 0.2, "b": 0.3, "c": 0.4, "infrared": 0.5})
    second = with_people(tmp_path / "y", {"visible": 0.2, "a": 0.3, "infrared": 0.4, "b": 0.6, "c": 0.7})
    methods, agreements = transfer(Run(first), Run(second))
    (found,) = (own for own in agreements if own.metric.key == "ap50")
    assert sorted(methods) == ["a", "b", "c"] and found.methods == 5
    assert found.tau == pytest.approx(0.6) and found.best == ("infrared", "c")


def pairs_of_run(folder: Path, values: dict[str, list[float]]) -> Path:
    """A run of one metric; each method's value on every pair."""
    folder.mkdir()
    pairs = [str(number) for number in range(len(next(iter(values.values()))))]
    description = {
        "config": {"out": str(folder), "methods": ["average"], "metrics": ["sd"]},
        "methods": {name: {} for name in values},
        "datasets": {"toy": {"pairs": pairs}},
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(description))
    Store(folder).append(
        Row("toy", name, pair, "sd", value, "ok")
        for name, own in values.items()
        for pair, value in zip(pairs, own, strict=True)
    )
    return folder


def test_an_order_agrees_with_itself_as_far_as_the_pairs_tell(tmp_path: Path) -> None:
    """Three methods apart on every pair; three that are noise, of whose order pairs drawn anew tell next to nothing."""
    chance = np.random.default_rng(0)
    clear = {name: [value + 0.1 * chance.random() for _ in range(40)] for value, name in enumerate("abc")}
    noise = {name: list(chance.random(40)) for name in "abc"}
    noise = {name: [value - np.mean(own) for value in own] for name, own in noise.items()}
    runs = Run(pairs_of_run(tmp_path / "x", clear)), Run(pairs_of_run(tmp_path / "y", noise))
    _, (found,) = transfer(*runs)
    assert found.stability[0] == 1 and abs(found.stability[1]) < 0.15
    assert "itself there" in transfer_table(*transfer(*runs))
    _, (few,) = transfer(Run(a_run(tmp_path / "z", {name: {"sd": FIRST[name]["sd"]} for name in "abc"})), runs[0])
    assert isnan(few.stability[0]) and few.stability[1] == 1


def test_too_little_in_common_is_refused(tmp_path: Path) -> None:
    second = {name: {"sd": 1.0} for name in "ab"}
    with pytest.raises(ConfigError, match="2 methods"):
        transfer(Run(a_run(tmp_path / "x", FIRST)), Run(a_run(tmp_path / "y", second)))
