"""Measures: how much of a method's quality is left when sources are spoilt.

After Hendrycks, Dietterich: Benchmarking neural network robustness to common corruptions and perturbations, ICLR 2019.
Their error rate becomes the distance of a metric's mean from its ideal value::

    E(f, c, s) = |ideal - v|                                     method f, corruption c, severity s, one metric
    CE(f, c) = 100 sum_s E(f, c, s) / sum_s E(baseline, c, s)    mean over metrics; mCE: mean over corruptions

so that the baseline has 100 and fewer is better. It says how good fused images of spoilt sources are. How much a method
lost on the way is another question, in which every method is its own measure::

    L(f, c, s) = (v(clean) - v(c, s)) / |v(clean)|               mean over metrics; signs turned where lower is better
    relative mCE(f) = 100 mean_c,s L(f, c, s) / mean_c,s L(baseline, c, s)

a ratio of means, since a corruption may cost the baseline nothing.

Metrics that noise improves (`Metric.rewards_noise`) can't tell a fault from a gain and take no part; nor do metrics
without an ideal value in the first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from ivif.benchmark.metrics import Metric
from ivif.benchmark.reports.robustness.curves import Curves, ValueArray
from ivif.benchmark.reports.statistics.bootstrap import drawn, middle, sample_means
from ivif.datasets.corruptions import amounts, find_corruption

IDEALS = {"vif": 2.0}
"""Ideal values that no registration tells: of the sum over two sources each of which is kept whole."""

TOLERATED = 0.10
"""Share of a metric's clean value whose loss ends what counts as tolerated."""


def ideal(metric: Metric) -> float | None:
    """The best value there can be; None where there is no end."""
    known = IDEALS.get(metric.key, metric.identity)
    end = known if known is not None else metric.high if metric.better == "higher" else metric.low
    return end if math.isfinite(end) else None


def is_telling(metric: Metric) -> bool:
    """Whether a metric can tell that sources were spoilt."""
    return not metric.rewards_noise


def errors(means: ValueArray, metrics: Sequence[Metric]) -> ValueArray:
    """Distance of means ``[..., K]`` from the ideal: those of telling metrics with one, ``[..., K']``."""
    taken = [k for k, metric in enumerate(metrics) if is_telling(metric) and ideal(metric) is not None]
    ends = np.array([ideal(metrics[k]) for k in taken], dtype=np.float64)
    return np.abs(ends - means[..., taken])


def losses(means: ValueArray, metrics: Sequence[Metric]) -> ValueArray:
    """Share of the clean value that is lost, ``[methods, levels]`` of means ``[methods, levels, K]``, clean first.

    The mean over telling metrics; negative where a fault raised them.
    """
    taken = [k for k, metric in enumerate(metrics) if is_telling(metric)]
    return metric_losses(means, metrics)[..., taken].mean(axis=-1)


def metric_losses(means: ValueArray, metrics: Sequence[Metric]) -> ValueArray:
    """Likewise of each metric, ``[methods, levels, K]``."""
    clean = means[:, :1]
    signs = np.array([1 if metric.better == "higher" else -1 for metric in metrics])
    with np.errstate(divide="ignore", invalid="ignore"):
        return signs * (clean - means) / np.abs(clean)


def corruption_errors(curves: Curves, means: ValueArray) -> ValueArray:
    """CE in percent of the baseline's, ``[..., methods, corruptions]``, of means ``[..., methods, levels, K]``."""
    return _compared(curves, errors(means, curves.metrics))


def clean_errors(curves: Curves, means: ValueArray) -> ValueArray:
    """Error on clean sources in percent of the baseline's, ``[methods]``."""
    found = errors(means, curves.metrics)[:, 0]
    return (100 * found / found[_baseline(curves)]).mean(axis=-1)


def corruption_losses(curves: Curves, lost: ValueArray) -> ValueArray:
    """Means over severities, ``[methods, corruptions]`` of losses ``[methods, levels]``."""
    return np.stack([lost[:, curves.places(name)].mean(axis=1) for name in curves.corruptions], axis=-1)


def relative_errors(curves: Curves, by_corruption: ValueArray) -> ValueArray:
    """Relative mCE in percent, ``[methods]`` of `corruption_losses`; NaN where the baseline lost nothing."""
    lost = by_corruption.mean(axis=-1)
    base = lost[_baseline(curves)]
    return 100 * lost / base if base > 0 else np.full_like(lost, np.nan)


def _compared(curves: Curves, found: ValueArray) -> ValueArray:
    """Sums over severities in percent of the baseline's, ``[..., M, corruptions]`` of ``[..., M, levels, K]``."""
    base, columns = _baseline(curves), []
    for name in curves.corruptions:
        sums = found[..., curves.places(name), :].sum(axis=-2)
        below = sums[..., base : base + 1, :]
        columns.append((100 * sums / below).mean(axis=-1))
    return np.stack(columns, axis=-1)


def _baseline(curves: Curves) -> int:
    return curves.methods.index(curves.baseline)


def kept_area(curves: Curves, lost: ValueArray) -> ValueArray:
    """Area under the curve of what is kept over severity 0 to the highest, as a share, ``[methods, corruptions]``."""
    columns = []
    for name in curves.corruptions:
        at = [0, *curves.severities(name)]
        kept = 1 - lost[:, [0, *curves.places(name)]]
        columns.append(trapezoid(kept, at, axis=1) / at[-1])
    return np.stack(columns, axis=-1)


def tolerated(curves: Curves, lost: ValueArray, corruption: str) -> ValueArray:
    """Amount at which a tenth is lost, ``[...]`` of losses ``[..., levels]``; infinite where it never is.

    Between severities that were measured it is interpolated along a straight line.
    """
    places = [0, *curves.places(corruption)]
    at = [amounts(corruption)[severity] for severity in (0, *curves.severities(corruption))]
    flat = lost[..., places].reshape(-1, len(places))
    found = np.array([_crossing(at, line) for line in flat])
    return found.reshape(lost.shape[:-1])


def _crossing(at: Sequence[float], line: NDArray[np.float64]) -> float:
    for place in range(1, len(line)):
        if line[place] >= TOLERATED:
            before, after = line[place - 1], line[place]
            return float(at[place - 1] + (at[place] - at[place - 1]) * (TOLERATED - before) / (after - before))
    return math.inf


@dataclass(frozen=True)
class RobustnessLine:
    """One method on one data set.

    Attributes:
        method: its name.
        clean: error on clean sources, in percent of the baseline's.
        mce: mean CE, in percent of the baseline's.
        low, high: 95 % of bootstrap samples of the pairs have their mCE between them; NaN of a single pair.
        relative: share lost in percent of the baseline's; NaN where that lost nothing.
        lost: mean share of quality lost.
        area: mean area under the curve of what is kept.
        worst: the corruption that cost it most, and the mean share lost to it.
    """

    method: str
    clean: float
    mce: float
    low: float
    high: float
    relative: float
    lost: float
    area: float
    worst: tuple[str, float]


def robustness_lines(curves: Curves) -> list[RobustnessLine]:
    """Methods with their measures, lowest mCE first; none where the baseline has no values, or no pair is complete."""
    if curves.baseline not in curves.methods or not curves.pairs or not curves.corruptions:
        return []
    means = curves.values.mean(axis=-1)
    mce, clean = corruption_errors(curves, means).mean(axis=-1), clean_errors(curves, means)
    lost = losses(means, curves.metrics)
    by_corruption = corruption_losses(curves, lost)
    relative = relative_errors(curves, by_corruption)
    low, high = _intervals(curves)
    area = kept_area(curves, lost).mean(axis=-1)
    lines = [
        RobustnessLine(
            method,
            float(clean[m]),
            float(mce[m]),
            low[m],
            high[m],
            float(relative[m]),
            float(by_corruption[m].mean()),
            float(area[m]),
            (curves.corruptions[int(by_corruption[m].argmax())], float(by_corruption[m].max())),
        )
        for m, method in enumerate(curves.methods)
    ]
    return sorted(lines, key=lambda own: (own.mce, own.method))


def _intervals(curves: Curves) -> tuple[list[float], list[float]]:
    """Of every method's mCE, had other pairs been photographed."""
    if len(curves.pairs) < 2:
        nothing = [math.nan] * len(curves.methods)
        return nothing, nothing
    counts = drawn(len(curves.pairs))
    means = sample_means(np.moveaxis(curves.values, -1, 0), counts)
    samples = corruption_errors(curves, means).mean(axis=-1)
    ends = [middle(column) for column in samples.T]
    return [low for low, _ in ends], [high for _, high in ends]


@dataclass(frozen=True)
class PeopleLine:
    """How well people are found in one method's images, or in one camera's.

    Attributes:
        method: its name; ``infrared`` and ``visible`` are the cameras alone.
        clean: AP50 and mAP of clean sources.
        spoilt: their means over all corruptions and severities.
        worst: the corruption with the lowest mean AP50, and that mean.
    """

    method: str
    clean: tuple[float, float]
    spoilt: tuple[float, float]
    worst: tuple[str, float]

    @property
    def kept(self) -> float:
        """Share of the clean AP50 that is left."""
        return self.spoilt[0] / self.clean[0] if self.clean[0] else math.nan


def people_lines(curves: Curves) -> list[PeopleLine]:
    """Methods and cameras, highest AP50 under corruption first; those that lack a level are left out."""
    names = dict.fromkeys(name for scores in curves.people.values() for name in scores)
    lines = [line for name in names if (line := _people_line(curves, name))]
    return sorted(lines, key=lambda own: (-own.spoilt[0], own.method))


def people_values(curves: Curves, method: str, label: str) -> ValueArray:
    """A score of people by level; NaN where there is none."""
    entries = [curves.people.get(level.key, {}).get(method) for level in curves.levels]
    values = [entry.detection.get(label) if entry else None for entry in entries]
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _people_line(curves: Curves, method: str) -> PeopleLine | None:
    found, precise = (people_values(curves, method, label) for label in ("AP50", "mAP"))
    if np.isnan(found).any() or len(found) < 2:
        return None
    by = {name: float(found[curves.places(name)].mean()) for name in curves.corruptions}
    worst = min(by, key=by.__getitem__)
    means = [float(np.mean([own[curves.places(name)].mean() for name in by])) for own in (found, precise)]
    return PeopleLine(method, (float(found[0]), float(precise[0])), (means[0], means[1]), (worst, by[worst]))


def misregistrations(curves: Curves) -> list[str]:
    """The corruptions that displace, whose amounts are pixels."""
    return [name for name in curves.corruptions if find_corruption(name).moves]
