"""Infrared camera: from temperatures to an 8-bit picture (long-wave, 8 to 14 micrometres).

It sees what surfaces radiate, ``e M(T) + (1 - e) M(sky)``, with M the Stefan-Boltzmann law relative to 300 K. Light,
shadow, paint and print leave no trace.
"""

from __future__ import annotations

import cv2
import numpy as np

from datasets.synthetic.conditions import Condition
from datasets.synthetic.noise import Field
from datasets.synthetic.surface import ALPHA, EMISSIVITY, TEMPERATURE, Layer

OPTICS_BLUR = 0.0013
"""Standard deviation of the optics' blur, as a share of the picture's width."""

NOISE = 0.07
"""Noise-equivalent temperature difference in degrees."""

DEGREE = 4 / 300
"""Change of the exitance around 300 K a degree."""

STRIPES = 0.045
"""Fixed difference between the detector's columns, in degrees."""


def exitance(celsius: Field | float) -> Field:
    """Radiated power relative to a black body at 300 K: (T / 300)^4."""
    return np.asarray(((np.asarray(celsius) + 273.15) / 300) ** 4, np.float32)


def radiated(layer: Layer, condition: Condition) -> Field:
    """What a layer sends to the camera, multiplied by coverage: own radiation and reflected sky."""
    coverage = layer.values[..., ALPHA]
    share = 1 / np.maximum(coverage, 1e-3)
    emissivity = layer.values[..., EMISSIVITY] * share
    own = exitance(layer.values[..., TEMPERATURE] * share)
    return coverage * (emissivity * own + (1 - emissivity) * exitance(condition.temperatures["sky"]))


class Gain:
    """Automatic gain: a fixed curve from radiance to grey values for a whole sequence.

    Mostly linear, in part histogram equalisation with a limited slope (plateau equalisation), as thermal cameras do to
    show a scene whose hot spots take most of the range. `background` is what stands on the ground, without the sky,
    which is so cold that it may go black.
    """

    SHARE = 0.36
    PLATEAU = 3.0

    def __init__(self, background: Field, condition: Condition) -> None:
        skin = float(exitance(condition.temperatures["skin"] + 0.5))
        self.low = float(np.percentile(background, 2.0)) - 0.25 * DEGREE
        self.high = max(skin, float(np.percentile(background, 99.7)))
        edges = np.linspace(self.low, self.high, 257)
        counts = np.histogram(np.clip(background, self.low, self.high), edges)[0].astype(np.float64)
        counts = np.minimum(counts, self.PLATEAU * counts.mean()) + 0.15 * counts.mean()
        rank = np.concatenate(((0.0,), np.cumsum(counts) / counts.sum()))
        self.places = edges
        self.levels = (1 - self.SHARE) * np.linspace(0, 1, 257) + self.SHARE * rank

    def __call__(self, radiance: Field) -> Field:
        """Grey values 0..1."""
        return np.interp(radiance, self.places, self.levels).astype(np.float32)


def expose(radiance: Field, gain: Gain, stripes: Field, generator: np.random.Generator) -> np.ndarray:
    """The picture ``uint8 [H, W]`` for radiance ``float32 [H, W]``; `stripes` (degrees) belong to the detector."""
    width = radiance.shape[1]
    blurred = cv2.GaussianBlur(radiance, (0, 0), max(0.5, OPTICS_BLUR * width))
    noise = generator.standard_normal(radiance.shape, np.float32) * np.float32(NOISE) + stripes
    grey = gain(blurred + noise * np.float32(DEGREE))
    return np.round(np.clip(0.02 + 0.96 * grey, 0, 1) * 255).astype(np.uint8)


def detector_stripes(shape: tuple[int, int], generator: np.random.Generator) -> Field:
    """The detector's fixed pattern in degrees: columns, and a slow drift across the field."""
    columns = generator.standard_normal(shape[1], np.float32) * np.float32(STRIPES)
    drift = cv2.resize(
        generator.standard_normal((3, 4), np.float32) * np.float32(0.25), shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    return columns[None, :] + drift
