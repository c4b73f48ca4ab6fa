"""Every metric against the values that the original codes gave on the same images."""

from functools import cache
from pathlib import Path

import pytest

from benchmark.cli import main
from benchmark.metrics import MetricError, get, names
from benchmark.reference import STORED, ReferenceValues, compare

BY_HAND = {"te", "sd@uint8sat", "sf@unit", "vif@mean", "qabf@wrapsafe", "qe", "qc"}
"""No code at hand computes these; the tests beside this one do, on paper."""


@cache
def references(folder: Path) -> ReferenceValues:
    return ReferenceValues(folder)


def check(key: str, folder: Path) -> None:
    for comparison in compare([references(folder)], [key]):
        assert comparison.excess <= 1, comparison
        assert comparison.compared >= 2


def test_every_other_metric_has_an_original() -> None:
    assert {key for key in names() if not get(key).originals} == BY_HAND


TOO_LARGE = {"msssim"}
"""Defined on larger images than the generated ones."""


@pytest.mark.parametrize("key", sorted(set(names()) - BY_HAND - TOO_LARGE))
def test_generated_triples(key: str) -> None:
    check(key, STORED)


@pytest.mark.real
@pytest.mark.parametrize("key", sorted(set(names()) - BY_HAND))
def test_all_triples(key: str, golden_root: Path) -> None:
    check(key, golden_root / "metrics")


@pytest.mark.parametrize("key", [key for key in names() if get(key).min_side > 8])
def test_images_that_are_too_small_are_refused(key: str) -> None:
    with pytest.raises(MetricError, match="at least"):
        get(key)(*references(STORED).pictures("syn_tiny_8x8"))


def copy_with(folder: Path, change: float) -> Path:
    """Reference values of entropy alone, with an error of `change` on one triple."""
    (folder / "triples").symlink_to(STORED / "triples")
    values = references(STORED).values["EN", "LFT_octave"]
    lines = [f"{triple},EN,LFT_octave,{value + change * (triple == 'syn_ramp')!r}" for triple, value in values.items()]
    (folder / "reference_values.csv").write_text("\n".join(["triple,metric,implementation,value", *lines]))
    return folder


@pytest.mark.parametrize(("change", "code", "verdict"), [(0, 0, "equal"), (1e-6, 1, "NOT EQUAL on syn_ramp")])
def test_metrics_check_names_what_differs(
    change: float, code: int, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["metrics-check", "--golden", str(copy_with(tmp_path, change)), "--metric", "en"]) == code
    row = next(line for line in capsys.readouterr().out.splitlines() if "LFT_octave" in line)
    assert verdict in row


def test_metrics_check_needs_reference_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["metrics-check", "--golden", str(tmp_path)]) == 2
    assert "no reference values" in capsys.readouterr().err
