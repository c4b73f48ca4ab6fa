"""Originals: the codes that metrics equal, what those gave on stored triples of images, and how near our metrics come.

A folder of their values holds ``reference_values.csv`` (columns triple, metric, implementation, value) and
``triples/NAME/{ir,vis,fused}.png``. Which metric has to equal which of them, how nearly, and where not is told by
``originals.csv`` and ``exceptions.csv`` in `STORED`.
"""

from __future__ import annotations

import csv
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from ivif.benchmark.metrics import MetricError, Picture, get, metric_names
from ivif.datasets.images import read_image

STORED = Path(__file__).parents[1] / "golden"
"""Generated triples and what is known of the original codes, part of the package."""


def real_folder() -> Path:
    """Where triples of real images are looked for, which other people own and the package does not hold."""
    beside_the_checkout = Path(__file__).parents[3] / "shared" / "golden"
    return Path(os.environ.get("IVIF_GOLDEN", beside_the_checkout)) / "metrics"


class Original(NamedTuple):
    """A code in circulation that a metric equals.

    Attributes:
        name: what that code calls the metric.
        code: the code, as in the table of values.
        absolute, relative: largest difference; the larger allowance counts.
        exceptions: triples on which the code gives another number, or none, with the reason.
    """

    name: str
    code: str
    absolute: float
    relative: float
    exceptions: Mapping[str, str]


def originals_of(key: str) -> tuple[Original, ...]:
    """The codes that a metric equals, as `check_metrics` verifies; none for metrics that are tested on paper."""
    return tuple(_originals().get(key, ()))


@cache
def _originals() -> Mapping[str, Sequence[Original]]:
    """Metric key to codes, in the order of the table."""
    exceptions: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for row in _rows(STORED / "exceptions.csv"):
        exceptions[row["key"], row["metric"], row["implementation"]][row["triple"]] = row["reason"]
    found: dict[str, list[Original]] = defaultdict(list)
    for row in _rows(STORED / "originals.csv"):
        name, code = row["metric"], row["implementation"]
        allowed = float(row["absolute"]), float(row["relative"])
        found[row["key"]].append(Original(name, code, *allowed, exceptions[row["key"], name, code]))
    return found


def _rows(table: Path) -> Iterator[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


class OriginalValues:
    """A folder of values of original codes; raises `MetricError` if it is none.

    Attributes:
        values: (metric as the code calls it, code) to triple to value; without those on which the code failed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        self._pictures: dict[str, tuple[Picture, Picture, Picture]] = {}
        table = folder / "reference_values.csv"
        if not table.is_file():
            raise MetricError(f"{table} does not exist: no values of original codes there")
        for row in _rows(table):
            try:
                self.values[row["metric"], row["implementation"]][row["triple"]] = float(row["value"])
            except ValueError:  # the code crashed or gave nothing on this degenerate input
                continue

    def pictures(self, triple: str) -> tuple[Picture, Picture, Picture]:
        """Infrared, visible and fused picture, which keep what is computed on them."""
        if triple not in self._pictures:
            files = (self.folder / "triples" / triple / f"{role}.png" for role in ("ir", "vis", "fused"))
            infrared, visible, fused = (Picture(read_image(path)[None]) for path in files)
            self._pictures[triple] = infrared, visible, fused
        return self._pictures[triple]


def _expected(folders: Sequence[OriginalValues], original: Original) -> dict[str, tuple[OriginalValues, float]]:
    """Triple to the first folder that has it and the value there."""
    return {
        triple: (folder, value)
        for folder in reversed(folders)
        for triple, value in folder.values[original.name, original.code].items()
    }


@dataclass
class MetricCheck:
    """A metric beside one code that defines it.

    Attributes:
        key: of the metric.
        original: the code, and how far the metric may be from it.
        compared: triples on which both gave a value.
        largest: largest absolute difference.
        worst: the triple on which the difference is largest in relation to what is allowed.
        excess: that relation; above 1 the metric is not equal to the code.
        refused: triples that are too small for the metric.
    """

    key: str
    original: Original
    compared: int = 0
    largest: float = 0.0
    worst: str = ""
    excess: float = 0.0
    refused: list[str] = field(default_factory=list)

    def add(self, triple: str, found: float, expected: float) -> None:
        """Count one triple."""
        self.compared += 1
        if found == expected or (math.isnan(found) and math.isnan(expected)):
            return
        difference = abs(found - expected)
        allowed = max(self.original.absolute, self.original.relative * abs(expected))
        excess = difference / allowed if allowed and math.isfinite(difference) else math.inf
        self.largest = max(self.largest, difference) if math.isfinite(difference) else math.inf
        if excess > self.excess:
            self.excess, self.worst = excess, triple


def check_metrics(folders: Sequence[OriginalValues], keys: Sequence[str] = ()) -> Iterator[MetricCheck]:
    """Every metric (or `keys`) beside every code among its originals, over all triples of all folders."""
    for key in keys or metric_names():
        metric = get(key)
        for original in originals_of(key):
            check = MetricCheck(key, original)
            for triple, (folder, expected) in _expected(folders, original).items():
                if triple in original.exceptions:
                    continue
                pictures = folder.pictures(triple)
                if min(pictures[0].size) < metric.min_side:
                    check.refused.append(triple)
                else:
                    check.add(triple, metric(*pictures).values.item(), expected)
            yield check


def checks_table(checks: Sequence[MetricCheck]) -> str:
    """Checks as a table for a terminal, and below it the triples left out with the reasons."""
    rows, reasons = [], []
    for found in checks:
        original = found.original
        allowed = " / ".join(
            f"{value:.0e} {kind}" for value, kind in ((original.absolute, "abs"), (original.relative, "rel")) if value
        )
        verdict = "equal" if found.excess <= 1 else f"NOT EQUAL on {found.worst}"
        left_out = len(found.refused) + len(original.exceptions)
        rows.append(
            [found.key, original.code, original.name, found.compared, found.largest, allowed, verdict, left_out]
        )
        reasons += [f"{found.key} and {original.code}, {triple}: {why}" for triple, why in original.exceptions.items()]
    head = ["metric", "code", "called there", "triples", "largest difference", "allowed", "", "left out"]
    table = tabulate(rows, head, floatfmt=("", "", "", "", ".1e"), disable_numparse=[5])
    notes = ["", "Left out because the images are smaller than the metric is defined on, or:", *dict.fromkeys(reasons)]
    return "\n".join([table, *notes])
