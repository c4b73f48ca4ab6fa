"""Every metric against the values that the original codes gave on the same images."""

import csv
import math
import os
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from benchmark.metrics import MetricError, Original, Picture, get, names
from datasets.images import read_image

HERE = Path(__file__).parents[1] / "golden" / "metrics"
SHARED = Path(os.environ.get("IVIF_GOLDEN", Path(__file__).parents[3] / "shared" / "golden")) / "metrics"
ORIGINALS = [(key, original) for key in names() for original in get(key).originals]


@cache
def reference_values(table: Path) -> dict[tuple[str, str], dict[str, float]]:
    """(name, code) to triple to value; without those on which a code crashed or gave nothing."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            try:
                found[row["metric"], row["implementation"]][row["triple"]] = float(row["value"])
            except ValueError:
                continue
    return found


@cache
def pictures(folder: Path) -> list[Picture]:
    return [Picture(read_image(folder / f"{role}.png")[None]) for role in ("ir", "vis", "fused")]


def check(key: str, original: Original, folder: Path, table: Path) -> int:
    """Compare on all triples; returns how many were compared."""
    metric, compared = get(key), 0
    for triple, expected in reference_values(table)[original.name, original.code].items():
        images = pictures(folder / triple)
        if min(images[0].size) < metric.min_side:
            with pytest.raises(MetricError, match="at least"):
                metric(*images)
        elif triple not in original.apart:
            found = metric(*images).values.item()
            allowed = max(original.absolute, original.relative * abs(expected))
            same = found == expected or (math.isnan(found) and math.isnan(expected))
            assert same or abs(found - expected) <= allowed, f"{triple}: {found!r}, {original.code} {expected!r}"
            compared += 1
    return compared


BY_HAND = {"te", "sd@uint8sat", "sf@unit", "qabf@wrapsafe"}
"""No code at hand computes these; test_metrics_by_hand.py does, on paper."""


def test_every_other_metric_has_an_original() -> None:
    assert {key for key in names() if not get(key).originals} == BY_HAND


@pytest.mark.parametrize(
    ("key", "original"), ORIGINALS, ids=lambda value: value if isinstance(value, str) else value.code
)
def test_generated_triples(key: str, original: Original) -> None:
    assert check(key, original, HERE, HERE / "values.csv") >= 5


@pytest.mark.real
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no golden values of real images in {SHARED}")
@pytest.mark.parametrize(
    ("key", "original"), ORIGINALS, ids=lambda value: value if isinstance(value, str) else value.code
)
def test_all_triples(key: str, original: Original) -> None:
    assert check(key, original, SHARED / "triples", SHARED / "reference_values.csv") >= 5
