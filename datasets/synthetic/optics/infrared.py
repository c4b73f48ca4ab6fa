"""Infrared camera: from temperatures to an 8-bit picture (long-wave, 8 to 14 micrometres).

It sees what surfaces radiate, ``e M(T) + (1 - e) M(sky)``, with M the Stefan-Boltzmann law relative to 300 K. Light,
paint and print leave no trace but the warmth of the sun.
"""

from __future__ import annotations

import cv2
import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera_settings import CameraSettings
from ivif.datasets.synthetic.optics.noise import Raster
from ivif.datasets.synthetic.optics.surface import ALPHA, EMISSIVITY, TEMPERATURE, PixelValues

OPTICS_BLUR = 0.0017
"""Standard deviation of the optics' blur, as a share of the picture's width."""

DEGREE = 4 / 300
"""Change of the exitance around 300 K a degree."""

STRIPES = 0.045
"""Fixed difference between the detector's columns, in degrees."""


def exitance(celsius: Raster | float) -> Raster:
    """Radiated power relative to a black body at 300 K: (T / 300)^4."""
    square = ((np.asarray(celsius, np.float32) + np.float32(273.15)) * np.float32(1 / 300)) ** 2
    return np.asarray(square * square, np.float32)


def radiated(values: PixelValues, condition: Condition) -> Raster:
    """What surfaces send to the camera, multiplied by coverage: own radiation and reflected sky."""
    coverage = values[..., ALPHA]
    share = 1 / np.maximum(coverage, 1e-3)
    emissivity = values[..., EMISSIVITY] * share
    own = exitance(values[..., TEMPERATURE] * share)
    sky = exitance(condition.temperatures["sky"])
    return (coverage * (sky + emissivity * (own - sky))).astype(np.float32, copy=False)


class Gain:
    """Automatic gain: a fixed curve from radiance to grey values for a whole sequence.

    In part linear, in part histogram equalisation with a limited slope (plateau equalisation), as thermal cameras do to
    show a scene whose hot spots take most of the range. `background` is what stands on the ground, without the sky,
    which is so cold that it may go black.
    """

    PLATEAU = 3.5

    def __init__(self, background: Raster, condition: Condition, settings: CameraSettings) -> None:
        degrees, background = condition.temperatures, background[::3]
        white = degrees["cloth"] + settings.headroom * (degrees["skin"] - degrees["cloth"])
        self.low = float(np.percentile(background, 1.5)) - 0.3 * DEGREE
        self.high = max(float(exitance(white)), float(np.percentile(background, 99.3)))
        missing = condition.span * DEGREE - (self.high - self.low)
        if missing > 0:
            self.low, self.high = self.low - missing / 2, self.high + missing / 2
        edges = np.linspace(self.low, self.high, 257)
        counts = np.histogram(np.clip(background, self.low, self.high), edges)[0].astype(np.float64)
        counts = np.minimum(counts, self.PLATEAU * counts.mean()) + 0.22 * counts.mean()
        rank = np.concatenate(((0.0,), np.cumsum(counts) / counts.sum()))
        self.places = edges
        self.levels = (1 - settings.equalisation) * np.linspace(0, 1, 257) + settings.equalisation * rank

    def __call__(self, radiance: Raster) -> Raster:
        """Grey values 0..1."""
        return np.interp(radiance, self.places, self.levels).astype(np.float32)


def grey_picture(
    radiance: Raster, gain: Gain, pattern: Raster, settings: CameraSettings, generator: np.random.Generator
) -> np.ndarray:
    """The picture ``uint8 [H, W]`` for radiance ``float32 [H, W]``; `pattern` (degrees) belongs to the detector."""
    width = radiance.shape[1]
    blurred = cv2.GaussianBlur(radiance, (0, 0), max(0.5, OPTICS_BLUR * width))
    noise = generator.standard_normal(radiance.shape, np.float32) * np.float32(settings.grain) + pattern
    grey = gain(blurred + noise * np.float32(DEGREE))
    if settings.detail:
        base = cv2.GaussianBlur(grey, (0, 0), 0.012 * width)
        grey = grey + np.float32(settings.detail) * (grey - base)
    return np.round(np.clip(0.02 + 0.96 * grey, 0, 1) * 255).astype(np.uint8)


def detector_pattern(shape: tuple[int, int], settings: CameraSettings, generator: np.random.Generator) -> Raster:
    """The detector's fixed pattern in degrees: columns, a slow drift across the field, colder corners."""
    height, width = shape
    columns = generator.standard_normal(width, np.float32) * np.float32(STRIPES)
    drift = cv2.resize(
        generator.standard_normal((3, 4), np.float32) * np.float32(0.25), (width, height), interpolation=cv2.INTER_CUBIC
    )
    across, down = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    radius = (across[None, :] ** 2 + down[:, None] ** 2) / 2
    return columns[None, :] + drift - np.float32(settings.vignette) * radius
