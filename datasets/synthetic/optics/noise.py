"""Noise: smooth random fields at several scales, the grain of every surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Raster = NDArray[Any]
"""One value a pixel, ``[H, W]``, mostly float32."""

TILE = 256
"""Side of the periodic random tile that all fields are sampled from."""


class Noise:
    """Value noise: a periodic random tile, read at any place and wavelength."""

    def __init__(self, generator: np.random.Generator) -> None:
        tile: Raster = cv2.GaussianBlur(
            np.tile(generator.standard_normal((TILE, TILE), np.float32), (2, 2)), (0, 0), 0.8
        )
        tile = np.roll(tile, TILE // 2, (0, 1))[:TILE, :TILE]
        self.tile: Raster = (tile - tile.mean()) / tile.std()

    def at(self, x: Raster, y: Raster, wavelength: float, aspect: float = 1.0) -> Raster:
        """The field of one wavelength, zero mean and unit variance; `aspect` stretches it along y.

        `x` and `y` may be a row and a column, which make a field together.
        """
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        if 0 in shape:
            return np.zeros(shape, np.float32)
        places = (_folded(x * np.float32(2 / wavelength)), _folded(y * np.float32(2 / (wavelength * aspect))))
        column, row = (np.ascontiguousarray(np.broadcast_to(place, shape)) for place in places)
        return cv2.remap(self.tile, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def fractal(
        self, x: Raster, y: Raster, wavelengths: Sequence[float], footprint: Raster | float = 0.0, aspect: float = 1.0
    ) -> Raster:
        """Sum over `wavelengths`, each fading out where a pixel (`footprint`, same unit) is too coarse to show it."""
        total = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(y)), np.float32)
        for number, wavelength in enumerate(wavelengths):
            weight = np.clip(1.6 - 2 * np.asarray(footprint, np.float32) / wavelength, 0, 1)
            if np.any(weight > 0):
                # Offsets keep the octaves from sharing the tile's structure.
                total += weight * self.at(x + 17.3 * number, y + 41.7 * number, wavelength, aspect)
        return total / np.float32(len(wavelengths) ** 0.5)


def _folded(place: Raster) -> Raster:
    """Remainder by the tile's side, as `remap` takes no large numbers; faster than ``np.mod``."""
    return (place - TILE * np.floor(place * np.float32(1 / TILE))).astype(np.float32, copy=False)


def smooth_step(low: float, high: float, value: Raster) -> Raster:
    """0 below `low`, 1 above `high`, a cubic between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)


def band(value: Raster, start: float | Raster, end: float | Raster, footprint: Raster | float) -> Raster:
    """Share of a pixel of size `footprint` around `value` that lies inside [start, end]: an anti-aliased interval."""
    half = np.maximum(np.asarray(footprint, np.float32), np.float32(1e-6)) * np.float32(0.5)
    covered = (np.minimum(end, value + half) - np.maximum(start, value - half)) / (2 * half)
    return np.clip(covered, 0, 1).astype(np.float32, copy=False)


def repeated_band(value: Raster, start: float, end: float, period: float, footprint: Raster | float) -> Raster:
    """`band` repeated every `period`; fades to its mean where a pixel spans periods."""
    centre = (start + end) / 2
    shifted = (value - np.float32(centre - period / 2)) * np.float32(1 / period)
    folded = (shifted - np.floor(shifted)) * np.float32(period) - np.float32(period / 2)
    sharp = band(folded, start - centre, end - centre, footprint)
    blend = np.clip(np.asarray(footprint, np.float32) * np.float32(2 / period) - np.float32(0.5), 0, 1)
    return (sharp + blend * (np.float32((end - start) / period) - sharp)).astype(np.float32, copy=False)
