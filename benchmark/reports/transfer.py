"""Transfer: whether methods rank on one data set as they do on another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import Leaderboard, method_means
from ivif.benchmark.metrics import Metric
from ivif.benchmark.people import PEOPLE_SCORES, PeopleScore
from ivif.benchmark.reports.rank_agreement import (
    FEWEST_METHODS,
    RankAgreement,
    few_methods,
    interval_text,
    order_stability,
    rank_agreement,
)
from ivif.benchmark.reports.resampling import FEWEST, RESAMPLED, Looks, ResamplingError
from ivif.benchmark.reports.statistics import drawn, sample_means
from ivif.benchmark.run_directory import Run
from ivif.downstream.labelled_images import CONTROLS

STABILITY_SAMPLES = 400
"""Bootstrap samples that tell how far an order agrees with itself, in couples."""

ITSELF = (
    "itself: what the order there, or here, would have in common with that on as many other pictures of the same kind; "
    "two orders can't be expected to agree better than the less certain one with itself."
)


@dataclass(frozen=True)
class Agreement(RankAgreement):
    """How far two rankings by one metric agree.

    Attributes:
        metric: the metric, or score of people.
        best: the method (or camera) that is best on either side.
        stability: of the order on either side, see `order_stability`: two rankings can't be expected to agree better
            than the less certain of them with itself. NaN where there are fewer than `FEWEST` pairs, and for scores
            that can't be drawn anew.
    """

    metric: Metric | PeopleScore
    best: tuple[str, str]
    stability: tuple[float, float]


def transfer(first: Run, second: Run, seed: int = 0) -> tuple[list[str], list[Agreement]]:
    """Compare the rankings of two runs, by every metric that both measured, over the methods that both have.

    By scores of people the cameras alone have a place among the methods. A run on several data sets counts as their
    mean, each weighing the same.

    Returns:
        The methods, and the agreement by each metric.

    Raises:
        ConfigError: no run directory, fewer than three methods or no metric in common.
    """
    left, right = first.leaderboards(), second.leaderboards()
    methods = [line.method for line in left[0].lines if line.method in {other.method for other in right[0].lines}]
    metrics = [metric for metric in left[0].metrics if metric in right[0].metrics]
    if len(methods) < FEWEST_METHODS or not metrics:
        common = f"{first.folder} and {second.folder} have {len(methods)} methods and {len(metrics)} metrics in common"
        raise ConfigError(f"{common}; comparing rankings takes {FEWEST_METHODS} methods and a metric")
    people = [score for score in PEOPLE_SCORES if all(score in board.people for board in (*left, *right))]
    columns: list[tuple[Metric | PeopleScore, list[str], bool]] = [(metric, methods, False) for metric in metrics]
    columns += [(score, [*methods, *_cameras(left, right)], True) for score in people]
    sides = _Side(first, left), _Side(second, right)
    return methods, [_agreement(column, sides, names, cameras, seed) for column, names, cameras in columns]


class _Side:
    """One of the two runs, and its leaderboards."""

    def __init__(self, run: Run, boards: Sequence[Leaderboard]) -> None:
        self.boards = boards
        self._run, self._looks = run, Looks(run)

    @cached_property
    def _values(self) -> dict[tuple[str, str], dict[tuple[str, str], float]]:
        """By data set and metric: by pair and method."""
        found: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
        for row in self._run.rows():
            if row.value is not None:
                found.setdefault((row.dataset, row.metric), {})[row.pair, row.method] = row.value
        return found

    def stability(self, column: Metric | PeopleScore, names: Sequence[str], seed: int) -> float:
        """See `Agreement`."""
        try:
            every = [
                self._samples(board.dataset, column, names, seed + place) for place, board in enumerate(self.boards)
            ]
        except ResamplingError:
            return math.nan
        known = [samples for samples in every if samples is not None]
        return order_stability(np.mean(known, axis=0)) if len(known) == len(every) else math.nan

    def _samples(
        self, dataset: str, column: Metric | PeopleScore, names: Sequence[str], seed: int
    ) -> NDArray[np.float64] | None:
        """Scores ``[R, N]`` of the methods called `names` over pairs drawn anew, None where that is not to be had."""
        if isinstance(column, Metric):
            known, pairs = self._values.get((dataset, column.key), {}), self._run.pairs[dataset]
            if len(pairs) < FEWEST:
                return None
            values = np.array([[known.get((pair, name), math.nan) for name in names] for pair in pairs])
            return sample_means(values, drawn(len(pairs), seed, STABILITY_SAMPLES))
        if column not in RESAMPLED or not names:
            return None
        parts = [self._looks.parts(dataset, name) for name in names]
        seen = [part.of(column) for part in parts]
        shared = [name for name in seen[0] if all(name in own for own in seen)]
        if len(shared) < FEWEST:
            return None
        counts = drawn(len(shared), seed, STABILITY_SAMPLES)
        return np.stack([part.samples(column, shared, counts) for part in parts], axis=1)


def _cameras(left: Sequence[Leaderboard], right: Sequence[Leaderboard]) -> list[str]:
    """Cameras that have a row in every leaderboard."""
    return [name for name in CONTROLS if all(name in _controls(board) for board in (*left, *right))]


def _controls(board: Leaderboard) -> set[str]:
    return {line.method for line in board.controls}


def _agreement(
    metric: Metric | PeopleScore, runs: tuple[_Side, _Side], methods: Sequence[str], cameras: bool, seed: int
) -> Agreement:
    means = [method_means(run.boards, metric, cameras) for run in runs]
    sides = [np.array([side[method] for method in methods]) for side in means]
    known = np.isfinite(sides).all(axis=0)
    pick = np.argmax if metric.better == "higher" else np.argmin
    names = np.array(methods)[known]
    first, second = (str(names[pick(side[known])]) if known.any() else "" for side in sides)
    found = rank_agreement(sides[0], sides[1], seed)
    left, right = (run.stability(metric, list(names), seed) for run in runs)
    return Agreement(**vars(found), metric=metric, best=(first, second), stability=(left, right))


def transfer_table(methods: Sequence[str], agreements: Sequence[Agreement]) -> str:
    """Agreements as a table for a terminal."""
    rows = [_row(found) for found in agreements]
    quality = [found.tau for found in agreements if isinstance(found.metric, Metric)]
    rows.insert(len(quality), ["mean", float(np.mean(quality)), "", "", "", "", "", ""])
    columns = ["metric", "Kendall's tau", "95 %", "itself there", "itself here", "of", "best there", "best here"]
    table = tabulate(rows, columns, floatfmt=".2f", disable_numparse=[3, 4])
    notes = [ITSELF, few_methods(len(methods))]
    return "\n\n".join([f"{len(methods)} methods: {', '.join(methods)}", table, *filter(None, notes)])


def _row(found: Agreement) -> list[str | float]:
    stability = map(_stability_text, found.stability)
    return [found.metric.key, found.tau, interval_text(found), *stability, found.methods, *found.best]


def _stability_text(stability: float) -> str:
    return "-" if math.isnan(stability) else f"{stability:.2f}"
