"""Friedman's test with Nemenyi's: which of many methods differ at all, over the same pairs.

Friedman: The use of ranks to avoid the assumption of normality. JASA 32, 1937. Nemenyi: Distribution-free multiple
comparisons. Princeton, 1963. Critical differences and their diagram as in Demšar: Statistical comparisons of
classifiers over multiple data sets. JMLR 7, 2006.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from ivif.benchmark.reports.statistics.paired import SIGNIFICANT

FEWEST_BLOCKS = 6
"""Pairs that the test takes: with fewer, its distribution is not the one that p-values are taken from."""


@dataclass(frozen=True)
class Friedman:
    """M methods on N pairs.

    Attributes:
        blocks: N.
        ranks: mean over pairs of each method's rank in the pair, ``[M]``; 1 is best.
        statistic: Friedman's chi-square, corrected for ties.
        p: how likely ranks as different as these are, if the methods don't differ.
        critical_difference: mean ranks that differ by more are significantly different (Nemenyi, alpha = .05).
    """

    blocks: int
    ranks: tuple[float, ...]
    statistic: float
    p: float
    critical_difference: float

    def alike(self, first: int, second: int) -> bool:
        """Whether two methods cannot be told apart: all don't differ, or these two by too little."""
        near = abs(self.ranks[first] - self.ranks[second]) <= self.critical_difference
        return self.p >= SIGNIFICANT or near

    def groups(self) -> list[tuple[int, ...]]:
        """Largest sets of methods no two of which can be told apart, best first; a method may be in several."""
        order = sorted(range(len(self.ranks)), key=lambda place: self.ranks[place])
        found: list[tuple[int, ...]] = []
        for start, first in enumerate(order):
            group = tuple(other for other in order[start:] if self.alike(first, other))
            if not (found and set(group) <= set(found[-1])):
                found.append(group)
        return found


def friedman(scores: NDArray[np.float64]) -> Friedman:
    """The test.

    Args:
        scores: ``float64 [N, M]``, lower is better (ranks, say), M 3 or more; pairs that lack one are left out.

    Raises:
        ValueError: fewer than three methods, or fewer than `FEWEST_BLOCKS` complete pairs; the message says which.
    """
    known = scores[np.isfinite(scores).all(axis=1)]
    blocks, methods = known.shape
    if methods < 3:
        raise ValueError(f"{methods} methods: the test takes 3 or more")
    if blocks < FEWEST_BLOCKS:
        raise ValueError(f"{blocks} pairs with a value of every method: the test takes {FEWEST_BLOCKS} or more")
    ranks = rankdata(known, axis=1)
    if (ranks == ranks[0, 0]).all():
        statistic, p = 0.0, 1.0
    else:
        statistic, p = map(float, friedmanchisquare(*known.T))
    return Friedman(blocks, tuple(ranks.mean(axis=0).tolist()), statistic, p, critical_difference(methods, blocks))


def critical_difference(methods: int, blocks: int) -> float:
    """Nemenyi's: ``q sqrt(M (M + 1) / (6 N))``, q the studentized range's quantile by the root of 2."""
    quantile = studentized_range.ppf(1 - SIGNIFICANT, methods, np.inf) / np.sqrt(2)
    return float(quantile * np.sqrt(methods * (methods + 1) / (6 * blocks)))


def letters(groups: Sequence[Sequence[int]], methods: int) -> list[str]:
    """Groups as tables show them: methods that share a letter cannot be told apart; the best have an "a"."""
    return ["".join(_letter(number) for number, group in enumerate(groups) if own in group) for own in range(methods)]


def _letter(number: int) -> str:
    return ascii_lowercase[number] if number < 26 else f"({number + 1})"
