"""Transfer: whether methods rank on one data set as they do on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import kendalltau
from tabulate import tabulate

from benchmark.config import ConfigError
from benchmark.metrics import Metric
from benchmark.tables import Leaderboard, leaderboards

RESAMPLES = 2000
"""Bootstrap samples of the methods behind an interval."""


@dataclass(frozen=True)
class Agreement:
    """How far two rankings by one metric agree.

    Attributes:
        metric: the metric.
        tau: Kendall's tau-b between the mean scores of the methods: 1 the same order, 0 none in common, -1 reversed.
        low, high: 95 % interval over resampled methods.
        best: the method that is best on either side.
    """

    metric: Metric
    tau: float
    low: float
    high: float
    best: tuple[str, str]


def transfer(first: Path, second: Path, seed: int = 0) -> tuple[list[str], list[Agreement]]:
    """Compare the rankings of two runs, by every metric that both measured, over the methods that both have.

    A run on several data sets counts as their mean, each weighing the same.

    Returns:
        The methods, and the agreement by each metric.

    Raises:
        ConfigError: no run directory, fewer than three methods or no metric in common.
    """
    left, right = leaderboards(first), leaderboards(second)
    methods = [line.method for line in left[0].lines if line.method in {other.method for other in right[0].lines}]
    metrics = [metric for metric in left[0].metrics if metric in right[0].metrics]
    if len(methods) < 3 or not metrics:
        raise ConfigError(f"{first} and {second} have {len(methods)} methods and {len(metrics)} metrics in common")
    return methods, [
        _agreement(metric, _means(left, metric), _means(right, metric), methods, seed) for metric in metrics
    ]


def _means(boards: Sequence[Leaderboard], metric: Metric) -> dict[str, float]:
    """Mean score by method; NaN where a data set has none."""
    found: dict[str, list[float]] = {}
    for board in boards:
        place = board.metrics.index(metric)
        for line in board.lines:
            mean = line.cells[place].mean
            found.setdefault(line.method, []).append(np.nan if mean is None else mean)
    return {method: float(np.mean(values)) for method, values in found.items()}


def _agreement(
    metric: Metric, left: Mapping[str, float], right: Mapping[str, float], methods: Sequence[str], seed: int
) -> Agreement:
    scores = np.array([[side[method] for method in methods] for side in (left, right)])
    known = np.isfinite(scores).all(0)
    names, scores = [name for name, both in zip(methods, known, strict=True) if both], scores[:, known]
    pick = np.argmax if metric.better == "higher" else np.argmin
    best = tuple(names[int(pick(side))] for side in scores)
    samples = np.random.default_rng(seed).integers(len(names), size=(RESAMPLES, len(names)))
    taus = [_tau(*scores[:, sample]) for sample in samples]
    low, high = np.nanquantile(taus, (0.025, 0.975))
    return Agreement(metric, _tau(*scores), float(low), float(high), (best[0], best[1]))


def _tau(first: np.ndarray, second: np.ndarray) -> float:
    return float(kendalltau(first, second).statistic)


def transfer_table(methods: Sequence[str], agreements: Sequence[Agreement]) -> str:
    """Agreements as a table for a terminal."""
    rows = [[found.metric.key, found.tau, f"{found.low:.2f} .. {found.high:.2f}", *found.best] for found in agreements]
    rows.append(["mean", float(np.mean([found.tau for found in agreements])), "", "", ""])
    table = tabulate(rows, ["metric", "Kendall's tau", "95 %", "best there", "best here"], floatfmt=".2f")
    return f"{len(methods)} methods: {', '.join(methods)}\n\n{table}"
