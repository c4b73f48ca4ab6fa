"""Paired tests: whether one method is better than another on the same pairs, or differs from it by chance.

Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1(6), 1945. Holm: A simple sequentially
rejective multiple test procedure. Scandinavian Journal of Statistics 6, 1979. Matched-pairs rank-biserial correlation:
Kerby: The simple difference formula. Comprehensive Psychology 3, 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, wilcoxon

SIGNIFICANT = 0.05
"""Adjusted p-values below count."""


@dataclass(frozen=True)
class Paired:
    """One method against another on the pairs that both have a value of.

    Attributes:
        pairs: how many these are.
        before, after: means of the first and of the second method; NaN without pairs.
        gain: mean of after - before, sign turned where lower is better, so that above 0 the second method is better.
        wins, losses: pairs on which the second method is better, worse.
        effect: matched-pairs rank-biserial correlation, -1..1: the share of the ranks of differences that speak for the
            second method, minus that of those against it; 0 where nothing differs.
        p: of Wilcoxon's signed-rank test, two-sided: how likely differences as one-sided as these are if none is
            expected. 1 where nothing differs.
    """

    pairs: int
    before: float
    after: float
    gain: float
    wins: int
    losses: int
    effect: float
    p: float

    @property
    def sign(self) -> int:
        """Which way the test leans, by ranks and not by the mean, which one pair can turn: 1: the second is better."""
        return int(np.sign(self.effect))


def paired(before: NDArray[np.float64], after: NDArray[np.float64], higher_is_better: bool = True) -> Paired:
    """Compare the values of two methods, ``float64 [N]`` each, pair by pair; NaN where one has none."""
    known = np.isfinite(before) & np.isfinite(after)
    before, after = before[known], after[known]
    if not len(before):
        return Paired(0, float("nan"), float("nan"), float("nan"), 0, 0, 0, 1.0)
    gains = (after - before) * (1 if higher_is_better else -1)
    p = float(wilcoxon(gains).pvalue) if gains.any() else 1.0
    wins, losses = int((gains > 0).sum()), int((gains < 0).sum())
    differing = gains[gains != 0]
    ranks = rankdata(np.abs(differing))
    effect = float((np.sign(differing) * ranks).sum() / ranks.sum()) if len(differing) else 0.0
    means = float(before.mean()), float(after.mean()), float(gains.mean())
    return Paired(len(gains), *means, wins, losses, effect, p)


def paired_by_name(before: Mapping[str, float], after: Mapping[str, float], higher_is_better: bool = True) -> Paired:
    """Compare the values of two methods by the names of pairs; pairs that one of them lacks are left out."""
    common = sorted(before.keys() & after.keys())
    first, second = (np.array([side[name] for name in common], dtype=np.float64) for side in (before, after))
    return paired(first, second, higher_is_better)


def corrected(tests: Sequence[Sequence[Paired]]) -> NDArray[np.float64]:
    """p-values of a table of tests, adjusted for all of them; as many rows and columns as the table."""
    p = np.array([[test.p for test in row] for row in tests], dtype=np.float64)
    return holm(p.ravel()).reshape(p.shape)


def least_p(pairs: int, tests: int = 1) -> float:
    """The smallest p-value that Wilcoxon's exact test can give on so many pairs, corrected by Holm for some tests.

    It is that of differences which all point one way, ``2 / 2^N``; where it is not below `SIGNIFICANT`, nothing can be.
    """
    return min(1.0, tests * 2.0 ** (1 - pairs))


def told_from_best(values: NDArray[np.float64], higher_is_better: bool) -> NDArray[np.bool_]:
    """Which methods are significantly worse than the best, by paired tests corrected for all of them.

    Args:
        values: of N pairs and M methods, ``float64 [N, M]``, NaN where there is none.
        higher_is_better: which values are better.

    Returns:
        ``bool [M]``: False for the best (by the mean), for methods without a value, and where the test cannot tell.
    """
    means = _known_means(values) * (1 if higher_is_better else -1)
    if np.isnan(means).all():
        return np.zeros(values.shape[1], dtype=bool)
    best = int(np.nanargmax(means))
    tests = [paired(values[:, best], own, higher_is_better) for own in values.T]
    others = [place for place in range(len(tests)) if place != best and not np.isnan(means[place])]
    adjusted = holm(np.array([tests[place].p for place in others]))
    told = np.zeros(len(tests), dtype=bool)
    told[others] = [verdict(tests[place], p) < 0 for place, p in zip(others, adjusted, strict=True)]
    return told


def _known_means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = (~np.isnan(values)).sum(axis=0)
    return np.divide(np.nansum(values, axis=0), counts, out=np.full(len(counts), np.nan), where=counts > 0)


def verdict(test: Paired, p: float) -> int:
    """1, -1 or 0: significantly better, worse, or neither, by an adjusted p-value."""
    return test.sign if p < SIGNIFICANT else 0


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values ``float64 [M]``: below .05 only with 5 % probability for any of M tests in which nothing is."""
    order = np.argsort(p, kind="stable")
    scaled = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(scaled, 1)
    return adjusted
