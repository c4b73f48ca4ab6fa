"""Severities: how much of each corruption the levels 1 to 5 mean, measured once and kept in ``severities.csv``.

A severity takes 0.06 of structural similarity: clean and corrupted source of one camera have a mean SSIM of 0.94, 0.88,
0.82, 0.76 and 0.70, whatever the fault. Two kinds of faults have another scale:

- Misregistration spoils no picture, and SSIM, which compares what lies at one place, knows nothing else: half a pixel
  would be severity 1. Its severities are 1, 2, 3, 5 and 8 pixels of mean displacement, whatever its kind.
- Crossover spoils people alone, for whom a picture's SSIM says nothing: its severities are fifths of their contrast.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from pathlib import Path

from ivif.datasets.errors import PairError

SEVERITIES = (1, 2, 3, 4, 5)

TARGETS = {severity: round(1 - 0.06 * severity, 2) for severity in SEVERITIES}
"""Mean SSIM of clean and corrupted source by severity."""

PIXELS = {1: 1.0, 2: 2.0, 3: 3.0, 4: 5.0, 5: 8.0}
"""Mean displacement by severity."""

SEVERITIES_FILE = Path(str(files("ivif.datasets.corruptions") / "severities.csv"))


@cache
def amounts(name: str) -> dict[int, float]:
    """A corruption's amount by severity; 0 is none."""
    with SEVERITIES_FILE.open(encoding="utf-8", newline="") as file:
        rows = {row["corruption"]: row for row in csv.DictReader(line for line in file if not line.startswith("#"))}
    return {0: 0.0} | {severity: float(rows[name][str(severity)]) for severity in SEVERITIES}


def amount_of(name: str, severity: int) -> float:
    """A corruption's amount at a severity; raises `PairError` for a severity that is none."""
    if severity not in (0, *SEVERITIES):
        raise PairError(f"severity {severity}: there are {', '.join(map(str, SEVERITIES))}, and 0 for clean sources")
    return amounts(name)[severity]
