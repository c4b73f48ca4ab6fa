"""Decimals: as many as a column of a table needs, for SD is 59.42 in a paper and not 59.4176."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median

SIGNIFICANT_DIGITS = 3
MOST_DECIMALS = 6


def decimals(values: Iterable[float | None]) -> int:
    """How many decimals show a column: three significant digits of its median, two decimals or more below 100."""
    sizes = [abs(value) for value in values if value is not None and math.isfinite(value) and value]
    if not sizes:
        return 2
    size = median(sizes)
    if size >= 100:
        return 1
    return min(MOST_DECIMALS, max(2, SIGNIFICANT_DIGITS - 1 - math.floor(math.log10(size))))


def fixed(value: float | None, places: int) -> str:
    """A number with so many decimals; a dash where there is none, zero without a sign."""
    if value is None:
        return "-"
    text = f"{value:.{places}f}"
    return text.removeprefix("-") if text.strip("-0.") == "" else text
