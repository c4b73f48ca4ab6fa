"""Comparison with a baseline: tests and corrections worked out by hand."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from ivif.benchmark.cli import main
from ivif.benchmark.config import ConfigError
from ivif.benchmark.reports.comparison import comparison_text, comparisons, couples
from ivif.benchmark.reports.statistics import corrected, holm, paired, verdict
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row, Store


def test_six_pairs_that_all_gain() -> None:
    """Of the 2^6 signs of six differences, all plus and all minus are as extreme: p = 2 / 64."""
    before = np.arange(6.0)
    found = paired(before, before + np.array([1, 2, 3, 4, 5, 6]))
    assert (found.pairs, found.wins, found.losses) == (6, 6, 0)
    assert (found.before, found.after, found.gain) == (2.5, 6, 3.5)
    assert found.p == pytest.approx(2 / 64)


def test_lower_is_better_turns_the_gain() -> None:
    found = paired(np.array([3.0, 3.0, 3.0]), np.array([2.0, 1.0, 5.5]), higher_is_better=False)
    assert (found.wins, found.losses) == (2, 1)
    assert found.gain == pytest.approx(0.5 / 3)
    # ranks 1, 2 against 3: a sum of 3 is the middle of 0..6
    assert found.p == 1


def test_one_pair_does_not_turn_the_verdict() -> None:
    """Nine of ten lose a little and one gains much: the mean rises, the ranks 1 .. 9 against 10 say worse."""
    found = paired(np.zeros(10), np.array([-1, -2, -3, -4, -5, -6, -7, -8, -9, 1000.0]))
    assert found.gain > 0 and found.sign == -1
    assert (verdict(found, 0.01), verdict(found, 0.06)) == (-1, 0)


def test_a_table_is_corrected_as_one() -> None:
    """Two rows of p = 2 / 64 and 1: times 4 and 3, at most 1."""
    gaining = paired(np.zeros(6), np.arange(1.0, 7.0))
    same = paired(np.zeros(6), np.zeros(6))
    assert corrected([[gaining, same], [same, same]]) == pytest.approx(np.array([[4 * 2 / 64, 1], [1, 1]]))


def test_pairs_without_both_values_are_left_out() -> None:
    found = paired(np.array([1.0, np.nan, 2.0]), np.array([1.0, 5.0, np.nan]))
    assert (found.pairs, found.wins, found.losses, found.p) == (1, 0, 0, 1)
    assert np.isnan(paired(np.array([np.nan]), np.array([1.0])).before)


def test_holm_by_hand() -> None:
    """Sorted .01 .03 .04 times 3 2 1 gives .03 .06 .04; no later one below an earlier one."""
    assert holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([0.9, 0.8])) == pytest.approx([1, 1])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Ten pairs; a+rts gains in sd everywhere and in nabf (lower is better) nowhere."""
    names = ["a", "a+rts", "b"]
    pairs = [f"pair{number}" for number in range(10)]
    config = {"out": str(tmp_path), "methods": ["average"], "metrics": ["sd", "nabf"]}
    description = {"config": config, "methods": {name: {} for name in names}, "datasets": {"toy": {"pairs": pairs}}}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(description))
    levels = {"a": (10.0, 0.1), "a+rts": (20.0, 0.1), "b": (5.0, 0.3)}
    Store(tmp_path).append(
        Row("toy", name, pair, key, value + (number * 0.01 if key == "sd" else 0), "ok")
        for name in names
        for number, pair in enumerate(pairs)
        for key, value in zip(("sd", "nabf"), levels[name], strict=True)
    )
    # of an earlier run on more pairs: no part of this one
    Store(tmp_path).append(Row("toy", name, "other", "sd", 1000.0, "ok") for name in names)
    return tmp_path


def test_networks_meet_their_retrained_counterparts(run: Path) -> None:
    assert couples(Run(run)) == [("a", "a+rts")]
    ((_, (found,)),) = comparisons(Run(run), couples(Run(run)))
    deviation, artifacts = found.tests
    assert (deviation.wins, artifacts.wins, artifacts.losses) == (10, 0, 0)
    assert found.adjusted[0] == pytest.approx(2 * 2 / 2**10)
    assert found.verdicts() == [1, 0]
    assert [line.rank for line in found.lines] == [1.75, 1.25]  # sd 2 and 1 of 3, nabf 1.5 each


def test_published_weights_meet_the_published_retrained_ones(tmp_path: Path) -> None:
    names = ["a", "a+published", "a+rts+published", "b", "b+rts", "b+rts+published"]
    (tmp_path / "run.yaml").write_text(
        yaml.safe_dump({"config": {"out": "."}, "methods": {name: {} for name in names}, "datasets": {}})
    )
    assert couples(Run(tmp_path)) == [("a+published", "a+rts+published"), ("b", "b+rts")]


def test_the_table_says_who_won(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(run), "a", "a+rts", "b"]) == 0
    printed = capsys.readouterr().out
    assert "a+rts against a " in printed and "10:0" in printed and "0:10" in printed
    assert "1.75 to 1.25" in printed


def test_tests_that_could_not_have_come_out_significant_are_called_so(run: Path) -> None:
    """10 pairs, 4 tests: the least p is 4 * 2 / 2^10; of 3 pairs it is min(1, 4 * 2 / 2^3)."""
    ((board, found),) = comparisons(Run(run), couples(Run(run), ["a", "a+rts", "b"]))
    assert "Worth nothing" not in comparison_text(board, found)
    short = [replace(one, tests=tuple(replace(test, pairs=3) for test in one.tests)) for one in found]
    assert "of 3 pairs in 4 tests no p-value can be below 1," in comparison_text(board, short)


def test_what_cannot_be_compared(run: Path) -> None:
    with pytest.raises(ConfigError, match="has no method c; it has a, a\\+rts, b"):
        couples(Run(run), ["a", "c"])
    with pytest.raises(ConfigError, match="name two methods"):
        couples(Run(run), ["a"])


def test_comparisons_as_latex_and_csv(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["compare", str(run), "a", "a+rts", "--format"]
    assert main([*words, "csv"]) == 0
    rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert rows["sd"]["won"] == "10" and rows["sd"]["outcome"] == "better" and float(rows["sd"]["effect"]) == 1
    assert main([*words, "tex"]) == 0
    latex = capsys.readouterr().out
    assert latex.count("rule") == 3 and "a+rts against a" in latex and r"& 10:0 & +1.00 & 0.004 \\" in latex
