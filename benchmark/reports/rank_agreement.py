"""Rank agreement: how far two scores put the same methods in the same order, and how sure one can be.

Kendall: A new measure of rank correlation. Biometrika 30, 1938; ties as in tau-b.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from ivif.benchmark.reports.statistics import RESAMPLES, middle

FEWEST_METHODS = 3
"""Methods that an order needs."""

FEWEST_RESAMPLED = 5
"""Methods that an interval takes: of fewer, even the same order by both scores is no rare chance (2 / 4! > .05)."""

ENOUGH_METHODS = 10
"""Methods below which tables warn."""


@dataclass(frozen=True)
class RankAgreement:
    """Kendall's tau-b between two scores of the same methods; NaN where one of them is the same for all.

    Attributes:
        tau: 1 the same order, 0 none in common, -1 reversed.
        low, high: 95 % interval over resampled methods; NaN where there are fewer than `FEWEST_RESAMPLED`.
        methods: how many methods have both scores.
    """

    tau: float
    low: float
    high: float
    methods: int


def rank_agreement(first: NDArray[np.float64], second: NDArray[np.float64], seed: int = 0) -> RankAgreement:
    """Agreement of two scores, ``float64 [N]`` each, one a method; methods without both (NaN) are left out."""
    known = np.isfinite(first) & np.isfinite(second)
    first, second = first[known], second[known]
    count = len(first)
    if count < 2:
        return RankAgreement(float("nan"), float("nan"), float("nan"), count)
    tau = float(kendalltau(first, second).statistic)
    if count < FEWEST_RESAMPLED:
        return RankAgreement(tau, math.nan, math.nan, count)
    samples = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    taus = _resampled(first, second, samples)
    return RankAgreement(tau, *middle(taus), count)


def order_stability(samples: NDArray[np.float64]) -> float:
    """How far an order of methods would agree with that on other pictures of the same kind, as many as there are.

    Args:
        samples: a score of each method over pictures drawn anew, ``float64 [R, N]``, see `statistics.drawn`.

    Returns:
        Mean tau-b of couples of samples; NaN where no couple has two different scores in both.
    """
    left, right = samples[0::2][: len(samples) // 2], samples[1::2]
    orders = [np.sign(side[:, :, None] - side[:, None, :]) for side in (left, right)]
    common, *apart = (
        couples.sum(axis=(1, 2)) for couples in (orders[0] * orders[1], *(np.square(order) for order in orders))
    )
    total = np.sqrt(apart[0] * apart[1])
    known = total > 0
    return float(np.mean(common[known] / total[known])) if known.any() else math.nan


def interval_text(agreement: RankAgreement) -> str:
    """Its interval as tables show it; a dash where there is none."""
    return "-" if math.isnan(agreement.low) else f"{agreement.low:.2f} .. {agreement.high:.2f}"


def few_methods(count: int) -> str:
    """What an order of so few methods is worth; "" where they are enough."""
    if count >= ENOUGH_METHODS:
        return ""
    chance = f"with {count} methods the same order on both sides comes by chance once in {math.factorial(count):,}"
    interval = "so that there are no intervals; " if count < FEWEST_RESAMPLED else ""
    return f"Worth little: {chance}, {interval}take {ENOUGH_METHODS} methods or more."


def _resampled(
    first: NDArray[np.float64], second: NDArray[np.float64], samples: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Tau-b of each sample of indices, ``[R, N]`` to ``[R]``; NaN where a sample has one score alone.

    What a couple of methods adds to tau depends on the couple alone, so that a sample needs nothing but how often it
    holds each of the two.
    """
    orders = [np.sign(scores[:, None] - scores) for scores in (first, second)]
    times = (samples[:, :, None] == np.arange(len(first))).sum(axis=1).astype(np.float64)
    common, *apart = (
        np.einsum("ri,ij,rj->r", times, couples, times, optimize=True)
        for couples in (orders[0] * orders[1], *(np.square(order) for order in orders))
    )
    total = np.sqrt(apart[0] * apart[1])
    return np.divide(common, total, out=np.full_like(total, np.nan), where=total > 0)
