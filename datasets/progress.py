"""Progress: one line a phase that says how far it is and how long it takes yet."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

LIVE, QUIET = 0.1, 30.0
"""Seconds between two looks of the line: on a terminal, and where it goes into a file."""


def progress(total: int, what: str, unit: str) -> tqdm[Any]:
    """A line on standard error such as ``fusing       42% |####      | 12/29 pairs, 0:08 gone, 0:11 left``.

    Args:
        total: how much there is to do; of nothing there is no line.
        what: the phase, a word or two.
        unit: what is counted, in the plural.
    """
    bar: tqdm[Any] = tqdm(
        total=total,
        desc=what,
        disable=not total,
        smoothing=0,
        mininterval=LIVE if sys.stderr.isatty() else QUIET,
        bar_format=f"{{desc:<12}} {{percentage:3.0f}}% |{{bar:16}}| {{n_fmt}}/{{total_fmt}} {unit}, "
        "{elapsed} gone, {remaining} left",
    )
    return bar
