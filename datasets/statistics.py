"""Statistics: how data sets compare picture by picture, to tell how near rendered scenes come to photographs.

Every picture is first reduced to `REDUCED_WIDTH` columns by area (smaller ones stay as they are), because gradients and
spectra depend on the resolution. Visible pictures count by their luminance, 0..255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import Boxes
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairDataset

REDUCED_WIDTH = 480
"""Columns that larger pictures are reduced to."""

LOWEST, HIGHEST = 0.02, 0.35
"""Frequencies between which the spectrum's slope is measured, in cycles a pixel."""

SMALLEST_PERSON = 24.0
"""Height in pixels of the original picture from which people count for `person_contrast`."""

Luminance = NDArray[np.float64]


def level_entropy(plane: Luminance) -> float:
    """Entropy of the grey values in bits: 256 bins of one level."""
    counts = np.bincount(np.round(plane).astype(np.int64).ravel(), minlength=256)
    shares = counts[counts > 0] / plane.size
    return float(-(shares * np.log2(shares)).sum())


def gradient_length(plane: Luminance) -> Luminance:
    """Length of the gradient in levels a pixel, by central differences."""
    down, right = np.gradient(plane)
    return np.hypot(down, right)


def spectral_slope(plane: Luminance) -> float:
    """Exponent a of the power spectrum, P(f) ~ f^a, over the rotational mean under a Hann window; about -2 in nature.

    D. J. Field, Relations between the statistics of natural images and the response properties of cortical cells,
    Journal of the Optical Society of America A 4, 1987.
    """
    height, width = plane.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    edges = np.geomspace(LOWEST, HIGHEST, 13)
    places, means = [], []
    for low, high in pairwise(edges):
        ring = (frequency >= low) & (frequency < high)
        if ring.any() and power[ring].mean() > 0:
            places.append(np.log(frequency[ring].mean()))
            means.append(np.log(power[ring].mean()))
    return float(np.polyfit(places, means, 1)[0]) if len(places) > 2 else float("nan")


def band_correlation(first: Luminance, second: Luminance) -> float:
    """Pearson correlation; NaN if one of them is constant."""
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def person_contrast(plane: Luminance, boxes: Boxes) -> float:
    """How much brighter people are than what is around them, in levels: the median over people.

    The middle of a box (half its width, 0.8 of its height) is compared with a frame around it, a quarter of its width
    wide. People below `SMALLEST_PERSON` and ignore regions don't count.
    """
    found = []
    counted = ~boxes.ignore & (boxes.height >= SMALLEST_PERSON)
    for left, top, right, bottom in boxes.xyxy[counted]:
        width, height = right - left, bottom - top
        inner = _crop(plane, left + width / 4, top + height / 10, right - width / 4, bottom - height / 10)
        outer = _crop(plane, left - width / 4, top, right + width / 4, bottom)
        whole = _crop(plane, left, top, right, bottom)
        around = outer.size - whole.size
        if inner.size and around > 0:
            found.append(inner.mean() - (outer.sum() - whole.sum()) / around)
    return float(np.median(found)) if found else float("nan")


def _crop(plane: Luminance, left: float, top: float, right: float, bottom: float) -> Luminance:
    height, width = plane.shape
    rows = slice(max(0, round(top)), max(0, min(height, round(bottom))))
    return plane[rows, max(0, round(left)) : max(0, min(width, round(right)))]


PLANE_STATISTICS: dict[str, Callable[[Luminance], float]] = {
    "mean level": lambda plane: float(plane.mean()),
    "contrast (standard deviation)": lambda plane: float(plane.std()),
    "entropy [bit]": level_entropy,
    "gradient, mean": lambda plane: float(gradient_length(plane).mean()),
    "gradient, 90th percentile": lambda plane: float(np.percentile(gradient_length(plane), 90)),
    "flat share (gradient < 2)": lambda plane: float((gradient_length(plane) < 2).mean()),
    "slope of the power spectrum": spectral_slope,
}
"""Statistics of one band."""


def measure_pair(pair: Pair) -> dict[str, float]:
    """All statistics of a pair by name; NaN where there is nothing to measure."""
    images = pair.read()
    full = {
        "infrared": luminance(images.infrared)[0].numpy().astype(np.float64),
        "visible": luminance(images.visible)[0].numpy().astype(np.float64),
    }
    bands = {band: _reduced(plane) for band, plane in full.items()}
    values = {
        f"{band}: {name}": function(plane)
        for band, plane in bands.items()
        for name, function in PLANE_STATISTICS.items()
    }
    values["correlation between the bands"] = band_correlation(bands["infrared"], bands["visible"])
    edges = [gradient_length(plane) for plane in bands.values()]
    values["correlation between their gradients"] = band_correlation(edges[0], edges[1])
    for band, plane in full.items():
        contrast = person_contrast(plane, pair.boxes) if pair.boxes is not None else float("nan")
        values[f"{band}: people over background"] = contrast
    return values


def _reduced(plane: Luminance) -> Luminance:
    height, width = plane.shape
    if width <= REDUCED_WIDTH:
        return plane
    size = (REDUCED_WIDTH, max(1, round(height * REDUCED_WIDTH / width)))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA))


def spread_out(dataset: PairDataset, limit: int | None) -> PairDataset:
    """At most `limit` pairs, evenly spaced over the data set."""
    if limit is None or len(dataset) <= limit:
        return dataset
    places = np.unique(np.linspace(0, len(dataset) - 1, limit).round().astype(int))
    return PairDataset(dataset.name, tuple(dataset[int(place)] for place in places))


class Spread(NamedTuple):
    """One statistic over several data sets.

    Attributes:
        name: of the statistic.
        quantiles: (10th, 50th, 90th percentile) for each data set, NaN where nothing could be measured.
        inside: whether the first one's median lies between the lowest 10th and the highest 90th percentile of the
            others; None where there is nothing to compare.
    """

    name: str
    quantiles: tuple[tuple[float, float, float], ...]
    inside: bool | None


def statistics_of(measured: Sequence[Sequence[dict[str, float]]]) -> list[Spread]:
    """Statistics of several data sets side by side; `measured` holds `measure_pair` of each pair of each."""
    names = measured[0][0]
    return [_spread(name, [[pair[name] for pair in pairs] for pairs in measured]) for name in names]


def _spread(name: str, samples: list[list[float]]) -> Spread:
    quantiles = []
    for sample in samples:
        known = [value for value in sample if np.isfinite(value)]
        low, middle, high = np.percentile(known, (10, 50, 90)) if known else (float("nan"),) * 3
        quantiles.append((float(low), float(middle), float(high)))
    others = [entry for entry in quantiles[1:] if np.isfinite(entry[1])]
    inside = None
    if others and np.isfinite(quantiles[0][1]):
        inside = min(entry[0] for entry in others) <= quantiles[0][1] <= max(entry[2] for entry in others)
    return Spread(name, tuple(quantiles), inside)
