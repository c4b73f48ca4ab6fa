"""Ranking: methods in order over many metrics, each family of metrics with one vote.

Metrics of one family look at the same thing and tend to agree: four gradient metrics are not four witnesses. A method's
rank by each metric (1 is best, ties share the middle rank) is averaged over the definitions of one metric, over the
metrics of a family, and over families.

M methods have M minus mean rank points by Borda's count (de Borda: Mémoire sur les élections au scrutin, 1781; a point
for each method that is worse, half a one for each that is equal): the same order, and no number of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ivif.benchmark.metrics import Metric


def metric_weights(metrics: Sequence[Metric]) -> NDArray[np.float64]:
    """What each metric counts in a mean rank, ``float64 [K]``; all of them together 1."""
    families = {metric.family for metric in metrics}
    bases = {family: {metric.base for metric in metrics if metric.family == family} for family in families}
    definitions = [sum(other.base == metric.base for other in metrics) for metric in metrics]
    shares = [len(families) * len(bases[metric.family]) for metric in metrics]
    return np.array([1 / (share * count) for share, count in zip(shares, definitions, strict=True)])


def ranks_by_metric(values: NDArray[np.float64], metrics: Sequence[Metric]) -> NDArray[np.float64]:
    """Ranks of M methods by each of K metrics.

    Args:
        values: ``float64 [..., M, K]``, NaN where there is none; leading axes are ranked one by one.
        metrics: the K metrics.

    Returns:
        ``float64 [..., M, K]``; NaN where there was no value.
    """
    signs = np.array([-1 if metric.better == "higher" else 1 for metric in metrics])
    missing = np.isnan(values)
    ranks = rankdata(np.where(missing, np.inf, values * signs), axis=-2)
    return np.where(missing, np.nan, ranks)


def mean_ranks(values: NDArray[np.float64], metrics: Sequence[Metric]) -> NDArray[np.float64]:
    """Mean ranks of M methods, ``[..., M]`` of values ``[..., M, K]``; NaN for methods that lack one of the values."""
    return ranks_by_metric(values, metrics) @ metric_weights(metrics)
