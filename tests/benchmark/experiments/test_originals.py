"""Every metric against the values that the original codes gave on the same images."""

import csv
import math
from functools import cache
from pathlib import Path

import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.experiments.originals import STORED, MetricCheck, OriginalValues, check_metrics, originals_of
from ivif.benchmark.metrics import MetricError, get, metric_names

BY_HAND = {"te", "sd@uint8sat", "sf@unit", "vif@mean", "qabf@wrapsafe", "qe", "qc"}
"""No code at hand computes these; the tests beside this one do, on paper."""


@cache
def values(folder: Path) -> OriginalValues:
    return OriginalValues(folder)


def check(key: str, folder: Path) -> None:
    for found in check_metrics([values(folder)], [key]):
        assert found.excess <= 1, found
        assert found.compared >= 2


def test_every_other_metric_has_an_original() -> None:
    assert {key for key in metric_names() if not originals_of(key)} == BY_HAND


def table(name: str) -> list[dict[str, str]]:
    with (STORED / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def code_of(row: dict[str, str]) -> tuple[str, str, str]:
    return row["key"], row["metric"], row["implementation"]


def test_originals_are_those_of_registered_metrics_in_table_order_and_differ_by_little() -> None:
    codes = [code_of(row) for row in table("originals.csv")]
    assert list(dict.fromkeys(key for key, _, _ in codes)) == [key for key in metric_names() if key not in BY_HAND]
    assert len(set(codes)) == len(codes)
    for row in table("originals.csv"):
        assert 0 < float(row["absolute"]) + float(row["relative"]) <= 1e-4


def test_exceptions_are_those_of_originals_and_have_reasons() -> None:
    codes = {code_of(row) for row in table("originals.csv")}
    assert {code_of(row) for row in table("exceptions.csv")} <= codes
    assert all(row["triple"] and row["reason"] for row in table("exceptions.csv"))
    triples = [(*code_of(row), row["triple"]) for row in table("exceptions.csv")]
    assert len(set(triples)) == len(triples)


@pytest.mark.parametrize("key", sorted({row["key"] for row in table("exceptions.csv")}))
def test_originals_are_read_with_what_the_tables_say(key: str) -> None:
    rows = [row for row in table("originals.csv") if row["key"] == key]
    for row, original in zip(rows, originals_of(key), strict=True):
        assert (original.name, original.code) == (row["metric"], row["implementation"])
        assert (original.absolute, original.relative) == (float(row["absolute"]), float(row["relative"]))
        own = {line["triple"]: line["reason"] for line in table("exceptions.csv") if code_of(line) == code_of(row)}
        assert original.exceptions == own


@pytest.mark.real
def test_every_exception_is_one(golden_root: Path) -> None:
    """The code gives another number than the metric, or none."""
    everywhere = values(golden_root / "metrics")
    for key, name, code, triple in ((*code_of(row), row["triple"]) for row in table("exceptions.csv")):
        original = next(known for known in originals_of(key) if (known.name, known.code) == (name, code))
        check = MetricCheck(key, original)
        found = get(key)(*everywhere.pictures(triple)).values.item()
        check.add(triple, found, everywhere.values[name, code].get(triple, math.nan))
        assert check.excess > 1, (key, code, triple)


TOO_LARGE = {"msssim"}
"""Defined on larger images than the generated ones."""


@pytest.mark.parametrize("key", sorted(set(metric_names()) - BY_HAND - TOO_LARGE))
def test_generated_triples(key: str) -> None:
    check(key, STORED)


@pytest.mark.real
@pytest.mark.parametrize("key", sorted(set(metric_names()) - BY_HAND))
def test_all_triples(key: str, golden_root: Path) -> None:
    check(key, golden_root / "metrics")


@pytest.mark.parametrize("key", [key for key in metric_names() if get(key).min_side > 8])
def test_images_that_are_too_small_are_refused(key: str) -> None:
    with pytest.raises(MetricError, match="at least"):
        get(key)(*values(STORED).pictures("syn_tiny_8x8"))


def copy_with(folder: Path, change: float) -> Path:
    """Values of entropy alone, with an error of `change` on one triple."""
    (folder / "triples").symlink_to(STORED / "triples")
    entropies = values(STORED).values["EN", "LFT_octave"].items()
    lines = [f"{triple},EN,LFT_octave,{value + change * (triple == 'syn_ramp')!r}" for triple, value in entropies]
    (folder / "reference_values.csv").write_text("\n".join(["triple,metric,implementation,value", *lines]))
    return folder


@pytest.mark.parametrize(("change", "code", "verdict"), [(0, 0, "equal"), (1e-6, 1, "NOT EQUAL on syn_ramp")])
def test_metrics_check_names_what_differs(
    change: float, code: int, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["metrics-check", "--golden", str(copy_with(tmp_path, change)), "--metric", "en"]) == code
    row = next(line for line in capsys.readouterr().out.splitlines() if "LFT_octave" in line)
    assert verdict in row


def test_metrics_check_needs_values_of_original_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics-check", "--golden", str(tmp_path)]) == 2
    assert "no values of original codes" in capsys.readouterr().err
