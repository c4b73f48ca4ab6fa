"""People's standing: how sure scores of detection and tracking are, in each row and beside the best single camera.

All rows are drawn alike, over the images or sequences that all of them have, so that differences are those of the
methods and not of the pictures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivif.benchmark.leaderboard import Leaderboard
from ivif.benchmark.people import PeopleScore
from ivif.benchmark.reports.resampling import FEWEST, Parts
from ivif.benchmark.reports.statistics import drawn, middle

INTERVALS = ("ap50", "mota")
"""Scores that have intervals in every row."""

SAMPLES = 1000
"""Bootstrap samples of a score; each takes a whole precision curve."""


@dataclass(frozen=True)
class PeopleSpread:
    """One score of one method or camera; what is not known is NaN.

    Attributes:
        low, high: 95 % interval over images or sequences drawn anew.
        gain: what it has more than the best single camera.
        gain_low, gain_high: 95 % interval of that, both drawn alike.
        alike: whether it cannot be told from the best row: the interval of their difference holds 0.
        why_not: why there are no intervals.
    """

    low: float = math.nan
    high: float = math.nan
    gain: float = math.nan
    gain_low: float = math.nan
    gain_high: float = math.nan
    alike: bool = False
    why_not: str = ""


def people_spreads(
    board: Leaderboard, parts: Mapping[str, Parts], why_not: str = ""
) -> dict[str, dict[str, PeopleSpread]]:
    """By score and method or camera, of `INTERVALS`.

    Args:
        board: its rows and cameras, on one data set or one of its conditions.
        parts: by method and camera, those of the images and sequences that the board is of.
        why_not: why there are no parts, where that is so.
    """
    return {
        score.key: _of_score(board, place, score, parts, why_not)
        for place, score in enumerate(board.people)
        if score.key in INTERVALS
    }


def _of_score(
    board: Leaderboard, place: int, score: PeopleScore, parts: Mapping[str, Parts], why_not: str
) -> dict[str, PeopleSpread]:
    rows = (*board.lines, *board.controls)
    means = {line.method: mean for line in rows if (mean := line.people[place].mean) is not None}
    if not means:
        return {}
    best = max(means, key=means.__getitem__)
    cameras = [line.method for line in board.controls if line.method in means]
    camera = max(cameras, key=means.__getitem__, default=None)
    gains = {name: math.nan if camera is None else mean - means[camera] for name, mean in means.items()}
    known = {name: own.of(score) for name, own in parts.items() if name in means}
    whole = known.keys() == means.keys()
    names = [name for name in known[best] if all(name in own for own in known.values())] if whole else []
    if len(names) < FEWEST:
        reason = why_not if why_not or not whole else f"fewer than {FEWEST} {score.counted}"
        return {name: PeopleSpread(gain=gains[name], why_not=reason) for name in means}
    counts = drawn(len(names), samples=SAMPLES)
    samples = {name: parts[name].samples(score, names, counts) for name in means}
    return {
        name: PeopleSpread(
            *middle(own),
            gains[name],
            *(middle(own - samples[camera]) if camera else (math.nan, math.nan)),
            alike=_alike(samples[best] - own),
        )
        for name, own in samples.items()
    }


def _alike(differences: NDArray[np.float64]) -> bool:
    low, _ = middle(differences)
    return not low > 0
