"""Standing: how sure a leaderboard is: intervals of its means and ranks, and which methods it cannot tell apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivif.benchmark.leaderboard import Leaderboard
from ivif.benchmark.ranking import mean_ranks
from ivif.benchmark.reports.people_standing import PeopleSpread
from ivif.benchmark.reports.statistics import (
    Friedman,
    drawn,
    friedman,
    letters,
    middle,
    sample_means,
    told_from_best,
)
from ivif.benchmark.store import Row


@dataclass(frozen=True)
class MetricSpread:
    """One metric of one method over pairs.

    Attributes:
        median: of the values; NaN where there is none.
        low, high: 95 % interval of the mean over pairs drawn anew.
        alike: whether it cannot be told from the best, by paired tests corrected for all methods.
    """

    median: float
    low: float
    high: float
    alike: bool


@dataclass(frozen=True)
class MethodStanding:
    """Where one method stands.

    Attributes:
        method: its name.
        spreads: one a metric.
        low, high: 95 % interval of its mean rank over pairs drawn anew; NaN where it has no rank.
        pair_rank: its mean rank when methods are ranked in every pair by itself; NaN without a test.
        group: letters of the groups it belongs to; methods that share one cannot be told apart.
    """

    method: str
    spreads: tuple[MetricSpread, ...]
    low: float
    high: float
    pair_rank: float
    group: str


@dataclass(frozen=True)
class BoardStanding:
    """A leaderboard with how sure it is.

    Attributes:
        board: the leaderboard.
        places: one a method, in its order.
        values: ``float64 [N, M, K]`` of pairs, methods in the board's order, and metrics; NaN where there is none.
        test: of the methods that have a rank, by their mean ranks in every pair.
        why_not: why there is no test.
        pairs: names of the pairs.
        people: by score and method or camera, see `people_spreads`.
    """

    board: Leaderboard
    places: tuple[MethodStanding, ...]
    values: NDArray[np.float64]
    test: Friedman | None
    why_not: str = ""
    pairs: tuple[str, ...] = ()
    people: Mapping[str, Mapping[str, PeopleSpread]] = field(default_factory=dict)

    @property
    def ranked(self) -> list[str]:
        """Methods that have a rank, which the test is of."""
        return _ranked(self.board)

    def alike(self) -> list[str]:
        """Methods that cannot be told from the best; none without a test."""
        if self.test is None:
            return []
        return [name for place, name in enumerate(self.ranked) if place and self.test.alike(0, place)]


def standing(
    board: Leaderboard,
    pairs: Sequence[str],
    rows: Sequence[Row],
    people: Mapping[str, Mapping[str, PeopleSpread]] | None = None,
) -> BoardStanding:
    """How sure a leaderboard is.

    Args:
        board: of one data set.
        pairs: names of its pairs.
        rows: the scores that it was made of.
        people: how sure its scores of people are, see `people_spreads`.
    """
    values = _values(board, pairs, rows)
    spreads = _spreads(board, values) if values.size else [()] * len(board.lines)
    intervals = _rank_intervals(board, values)
    test, why_not = _test(board, values)
    found = dict(zip(_ranked(board), zip(test.ranks, _letters(test), strict=True), strict=True)) if test else {}
    places = tuple(
        MethodStanding(line.method, own, *interval, *found.get(line.method, (float("nan"), "")))
        for line, own, interval in zip(board.lines, spreads, intervals, strict=True)
    )
    return BoardStanding(board, places, values, test, why_not, tuple(pairs), people or {})


def _values(board: Leaderboard, pairs: Sequence[str], rows: Sequence[Row]) -> NDArray[np.float64]:
    sides = (pairs, [line.method for line in board.lines], [metric.key for metric in board.metrics])
    places: list[Mapping[str, int]] = [{name: place for place, name in enumerate(names)} for names in sides]
    values = np.full([len(side) for side in sides], np.nan)
    for row in rows:
        where = tuple(side.get(name) for side, name in zip(places, (row.pair, row.method, row.metric), strict=True))
        if row.value is not None and None not in where:
            values[where] = row.value
    return values


def _spreads(board: Leaderboard, values: NDArray[np.float64]) -> list[tuple[MetricSpread, ...]]:
    """By method and metric."""
    samples = sample_means(values, drawn(len(values)))
    lows, highs = _quantiles(samples, (0.025, 0.975))
    (medians,) = _quantiles(values, (0.5,))
    told = np.stack(
        [told_from_best(values[:, :, k], m.better == "higher") for k, m in enumerate(board.metrics)], axis=1
    )
    none = np.isnan(values).all(axis=0)
    parts = (medians, lows, highs, ~told & ~none)
    return [tuple(map(MetricSpread, *(part[place].tolist() for part in parts))) for place in range(len(board.lines))]


def _quantiles(values: NDArray[np.float64], shares: Sequence[float]) -> NDArray[np.float64]:
    """Over the first axis, NaN and infinite values left out; NaN where there is nothing else."""
    flat = values.reshape(len(values), -1)
    found = np.full((len(shares), flat.shape[1]), np.nan)
    complete = np.isfinite(flat).all(axis=0)
    if complete.any():
        found[:, complete] = np.quantile(flat[:, complete], shares, axis=0)
    for place in np.flatnonzero(~complete):
        known = flat[np.isfinite(flat[:, place]), place]
        if known.size:
            found[:, place] = np.quantile(known, shares)
    return found.reshape(len(shares), *values.shape[1:])


def _rank_intervals(board: Leaderboard, values: NDArray[np.float64]) -> list[tuple[float, float]]:
    if not values.size:
        return [(float("nan"), float("nan"))] * len(board.lines)
    ranks = mean_ranks(sample_means(values, drawn(len(values))), board.metrics)
    return [middle(own) for own in ranks.T]


def _ranked(board: Leaderboard) -> list[str]:
    return [line.method for line in board.lines if line.rank is not None]


def _test(board: Leaderboard, values: NDArray[np.float64]) -> tuple[Friedman | None, str]:
    """Of methods with a rank, in every pair that has all their values."""
    chosen = [place for place, line in enumerate(board.lines) if line.rank is not None]
    if not chosen:
        return None, "no method has all metrics"
    try:
        return friedman(mean_ranks(values[:, chosen], board.metrics)), ""
    except ValueError as error:
        return None, str(error)


def _letters(test: Friedman) -> list[str]:
    return letters(test.groups(), len(test.ranks))
