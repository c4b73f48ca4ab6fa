"""Statistics: whether one method beats another on the same pairs, or differs from it by chance.

Wilcoxon: Individual comparisons by ranking methods. Biometrics Bulletin 1(6), 1945. Holm: A simple sequentially
rejective multiple test procedure. Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon


@dataclass(frozen=True)
class Paired:
    """One method against another on the pairs that both have a value of.

    Attributes:
        pairs: how many these are.
        before, after: means of the first and of the second method; NaN without pairs.
        gain: mean of after - before, sign turned where lower is better, so that above 0 the second method is better.
        wins, losses: pairs on which the second method is better, worse.
        p: of Wilcoxon's signed-rank test, two-sided: how likely differences as one-sided as these are if none is
            expected. 1 where nothing differs.
    """

    pairs: int
    before: float
    after: float
    gain: float
    wins: int
    losses: int
    p: float


def paired(before: NDArray[np.float64], after: NDArray[np.float64], higher_is_better: bool = True) -> Paired:
    """Compare the values of two methods, ``float64 [N]`` each, pair by pair; NaN where one has none."""
    known = np.isfinite(before) & np.isfinite(after)
    before, after = before[known], after[known]
    if not len(before):
        return Paired(0, float("nan"), float("nan"), float("nan"), 0, 0, 1.0)
    gains = (after - before) * (1 if higher_is_better else -1)
    p = float(wilcoxon(gains).pvalue) if gains.any() else 1.0
    wins, losses = int((gains > 0).sum()), int((gains < 0).sum())
    return Paired(len(gains), float(before.mean()), float(after.mean()), float(gains.mean()), wins, losses, p)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjusted p-values ``float64 [M]``: below .05 only with 5 % probability for any of M tests in which nothing is."""
    order = np.argsort(p, kind="stable")
    scaled = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(scaled, 1)
    return adjusted
