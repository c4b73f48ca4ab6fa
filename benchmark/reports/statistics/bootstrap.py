"""Bootstrap: how far a number would move had other pairs been photographed.

Efron: Bootstrap methods: another look at the jackknife. Annals of Statistics 7(1), 1979; percentile intervals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
"""Bootstrap samples behind an interval."""


def drawn(count: int, seed: int = 0, samples: int = RESAMPLES) -> NDArray[np.int64]:
    """Bootstrap samples of N things as how often each holds each of them, ``[R, N]``; equal seeds draw alike."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)


def sample_means(values: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of bootstrap samples, ``[R, ...]`` of values ``[N, ...]`` and `counts` ``[R, N]``, see `drawn`.

    What is no number (NaN) is left out; a sample without any has none.
    """
    flat = values.reshape(len(values), -1)
    known = ~np.isnan(flat)
    totals = counts @ np.where(known, flat, 0)
    numbers = counts @ known.astype(np.float64)
    means = np.divide(totals, numbers, out=np.full_like(totals, np.nan), where=numbers > 0)
    return means.reshape(len(counts), *values.shape[1:])


def middle(samples: NDArray[np.float64]) -> tuple[float, float]:
    """The percentile interval that holds 95 % of the samples; those without a number (NaN) are left out."""
    known = samples[np.isfinite(samples)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)
