"""Transfer: whether methods rank on one data set as they do on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
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
    rank_agreement,
)
from ivif.benchmark.run_directory import Run
from ivif.downstream.labelled_images import CONTROLS


@dataclass(frozen=True)
class Agreement(RankAgreement):
    """How far two rankings by one metric agree.

    Attributes:
        metric: the metric, or score of people.
        best: the method (or camera) that is best on either side.
    """

    metric: Metric | PeopleScore
    best: tuple[str, str]


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
    return methods, [
        _agreement(column, method_means(left, column, cameras), method_means(right, column, cameras), names, seed)
        for column, names, cameras in columns
    ]


def _cameras(left: Sequence[Leaderboard], right: Sequence[Leaderboard]) -> list[str]:
    """Cameras that have a row in every leaderboard."""
    return [name for name in CONTROLS if all(name in _controls(board) for board in (*left, *right))]


def _controls(board: Leaderboard) -> set[str]:
    return {line.method for line in board.controls}


def _agreement(
    metric: Metric | PeopleScore,
    left: Mapping[str, float],
    right: Mapping[str, float],
    methods: Sequence[str],
    seed: int,
) -> Agreement:
    sides = tuple(np.array([side[method] for method in methods]) for side in (left, right))
    known = np.isfinite(sides).all(axis=0)
    pick = np.argmax if metric.better == "higher" else np.argmin
    names = np.array(methods)[known]
    first, second = (str(names[pick(side[known])]) if known.any() else "" for side in sides)
    found = rank_agreement(sides[0], sides[1], seed)
    return Agreement(**vars(found), metric=metric, best=(first, second))


def transfer_table(methods: Sequence[str], agreements: Sequence[Agreement]) -> str:
    """Agreements as a table for a terminal."""
    rows = [[found.metric.key, found.tau, interval_text(found), found.methods, *found.best] for found in agreements]
    quality = [found.tau for found in agreements if isinstance(found.metric, Metric)]
    rows.insert(len(quality), ["mean", float(np.mean(quality)), "", "", "", ""])
    table = tabulate(rows, ["metric", "Kendall's tau", "95 %", "of", "best there", "best here"], floatfmt=".2f")
    doubt = few_methods(len(methods))
    return f"{len(methods)} methods: {', '.join(methods)}\n\n{table}" + (f"\n\n{doubt}" if doubt else "")
