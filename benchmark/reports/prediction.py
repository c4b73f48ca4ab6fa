"""Prediction: which quality metric puts methods in the order in which people are found in their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tabulate import tabulate

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import method_means
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

PREDICTED = tuple(score for score in PEOPLE_SCORES if score.key in ("ap50", "map", "mota"))
"""What a metric may predict."""


@dataclass(frozen=True)
class Prediction:
    """How far one metric predicts one score.

    Attributes:
        metric: the metric.
        score: the score.
        agreement: of their orders, better with better: 1 where the metric's order is the score's, -1 where it is
            reversed, so that the metric misleads.
    """

    metric: Metric
    score: PeopleScore
    agreement: RankAgreement


def predictions(run: Run, seed: int = 0) -> tuple[list[str], list[Prediction]]:
    """Every metric of a run with every score that it scored, over methods; the cameras alone have no metrics.

    Data sets that a score has scores on count as their mean, each weighing the same. Methods without a score of both
    are left out of that comparison.

    Returns:
        The methods, and the predictions: all of one metric in a row.

    Raises:
        ConfigError: no run directory, nothing detected in it, or fewer than three methods.
    """
    boards = run.leaderboards()
    scores = [score for score in PREDICTED if any(score in board.people for board in boards)]
    if not scores:
        raise ConfigError(f"{run.folder} has no scores of detection; run again into it with --detect")
    methods = sorted(line.method for line in boards[0].lines)
    if len(methods) < FEWEST_METHODS:
        raise ConfigError(
            f"{run.folder} has {len(methods)} methods; an order to predict needs {FEWEST_METHODS} or more"
        )
    found = []
    for metric in boards[0].metrics:
        for score in scores:
            own = [board for board in boards if score in board.people]
            left, right = (_scores(method_means(own, column), methods, column) for column in (metric, score))
            found.append(Prediction(metric, score, rank_agreement(left, right, seed)))
    return methods, found


def _scores(means: dict[str, float], methods: Sequence[str], column: Metric | PeopleScore) -> np.ndarray:
    """One number a method, the higher the better."""
    return np.array([means[method] for method in methods]) * (1 if column.better == "higher" else -1)


def predictions_table(methods: Sequence[str], found: Sequence[Prediction]) -> str:
    """Predictions as a table for a terminal, the metric that predicts the first score best on top."""
    rows: dict[str, list[Prediction]] = {}
    for prediction in found:
        rows.setdefault(prediction.metric.key, []).append(prediction)
    ordered = sorted(rows.items(), key=lambda item: -np.nan_to_num(item[1][0].agreement.tau, nan=-2))
    body = [[key, *(text for one in own for text in _texts(one.agreement))] for key, own in ordered]
    head = ["metric", *(text for one in ordered[0][1] for text in (one.score.label, "95 %"))]
    table = tabulate(body, head, disable_numparse=True, colalign=["left", *["right"] * (len(head) - 1)])
    note = "Kendall's tau of the methods' orders by metric and by score, better with better; 95 % of resampled methods."
    if doubt := few_methods(len(methods)):
        note += f"\n{doubt}"
    return f"{len(methods)} methods: {', '.join(methods)}\n\n{table}\n\n{note}"


def _texts(agreement: RankAgreement) -> tuple[str, str]:
    if np.isnan(agreement.tau):
        return "-", ""
    return f"{agreement.tau:.2f}", interval_text(agreement)
