"""Reference values: what the original codes gave on stored triples of images, and how far our metrics are from that.

A folder of reference values holds ``reference_values.csv`` (columns triple, metric, implementation, value) and
``triples/NAME/{ir,vis,fused}.png``.
"""

from __future__ import annotations

import csv
import math
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tabulate import tabulate

from benchmark.metrics import MetricError, Original, Picture, get, names
from datasets.images import read_image

STORED = Path(__file__).parent / "golden"
"""Generated triples, part of the package."""


def real_folder() -> Path:
    """Where triples of real images are looked for, which other people own and the package does not hold."""
    beside_the_checkout = Path(__file__).parents[2] / "shared" / "golden"
    return Path(os.environ.get("IVIF_GOLDEN", beside_the_checkout)) / "metrics"


class ReferenceValues:
    """A folder of reference values; raises `MetricError` if it is none.

    Attributes:
        values: (metric as the code calls it, code) to triple to value; without those on which the code failed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        self._pictures: dict[str, tuple[Picture, Picture, Picture]] = {}
        table = folder / "reference_values.csv"
        if not table.is_file():
            raise MetricError(f"{table} does not exist: no reference values there")
        with table.open(newline="") as file:
            for row in csv.DictReader(file):
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


def _expected(references: Sequence[ReferenceValues], original: Original) -> dict[str, tuple[ReferenceValues, float]]:
    """Triple to the first folder that has it and the value there."""
    return {
        triple: (reference, value)
        for reference in reversed(references)
        for triple, value in reference.values[original.name, original.code].items()
    }


@dataclass
class Comparison:
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


def compare(references: Sequence[ReferenceValues], keys: Sequence[str] = ()) -> Iterator[Comparison]:
    """Every metric (or `keys`) beside every code it names among its originals, over all triples of all folders."""
    for key in keys or names():
        metric = get(key)
        for original in metric.originals:
            comparison = Comparison(key, original)
            for triple, (reference, expected) in _expected(references, original).items():
                if triple in original.apart:
                    continue
                pictures = reference.pictures(triple)
                if min(pictures[0].size) < metric.min_side:
                    comparison.refused.append(triple)
                else:
                    comparison.add(triple, metric(*pictures).values.item(), expected)
            yield comparison


def comparison_table(comparisons: Sequence[Comparison]) -> str:
    """Comparisons as a table for a terminal, and below it the triples left out with the reasons."""
    rows, reasons = [], []
    for found in comparisons:
        original = found.original
        allowed = " / ".join(
            f"{value:.0e} {kind}" for value, kind in ((original.absolute, "abs"), (original.relative, "rel")) if value
        )
        verdict = "equal" if found.excess <= 1 else f"NOT EQUAL on {found.worst}"
        left_out = len(found.refused) + len(original.apart)
        rows.append(
            [found.key, original.code, original.name, found.compared, found.largest, allowed, verdict, left_out]
        )
        reasons += [f"{found.key} and {original.code}, {triple}: {why}" for triple, why in original.apart.items()]
    head = ["metric", "code", "called there", "triples", "largest difference", "allowed", "", "left out"]
    table = tabulate(rows, head, floatfmt=("", "", "", "", ".1e"), disable_numparse=[5])
    notes = ["", "Left out because the images are smaller than the metric is defined on, or:", *dict.fromkeys(reasons)]
    return "\n".join([table, *notes])
