"""Visible camera: from light in the scene to an 8-bit colour picture with the lens's and the sensor's flaws."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.synthetic.camera import Camera, Points
from datasets.synthetic.conditions import Condition
from datasets.synthetic.noise import Field
from datasets.synthetic.surface import EMISSION, Layer, Values

LENS_BLUR = 0.0009
"""Standard deviation of the lens's blur, as a share of the picture's width."""


def emitted(layer: Layer) -> Values:
    """What a layer gives off by itself, multiplied by coverage."""
    return layer.values[..., EMISSION]


def through_fog(radiance: Values, coverage: Field, depth: Field | float, condition: Condition) -> Values:
    """Light that survives the way through fog, and the fog's own: Koschmieder's law, L e^-kz + F (1 - e^-kz)."""
    if not condition.fog:
        return radiance
    left = np.exp(-condition.fog * np.asarray(depth, np.float32))[..., None]
    return radiance * left + coverage[..., None] * (1 - left) * np.array(condition.fog_colour, np.float32)


def light_cone(head: Points, colour: Points, camera: Camera, strength: float) -> Values:
    """Light scattered by the air around and below a lamp, for the whole picture."""
    z = float(head[2])
    # It is smooth enough to be computed at every third pixel of a large picture.
    step = 3 if min(camera.width, camera.height) >= 240 else 1
    slope, drop = (part[step // 2 :: step, step // 2 :: step] for part in camera.rays(camera.window))
    right = slope * np.float32(z) - np.float32(head[0])
    below = np.float32(head[1] - camera.elevation) + drop * np.float32(z)
    width = 0.12 + 0.75 * np.clip(below, 0, None)
    cone = np.exp(-((right / width) ** 2)) / (1 + (below / 1.2) ** 2) * (below > 0) / (0.4 + width)
    halo = 0.10 / (0.08 + right**2 + below**2)
    soft = max(0.8, 0.1 * camera.focal / z / step)
    glow = cv2.GaussianBlur((cone + halo).astype(np.float32), (0, 0), soft)
    glow = cv2.resize(glow, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)
    return (strength * 0.035 * glow)[..., None] * colour.astype(np.float32)


def expose(radiance: Values, condition: Condition, generator: np.random.Generator) -> np.ndarray:
    """The picture ``uint8 [H, W, 3]`` the sensor delivers for light ``float32 [H, W, 3]``."""
    width = radiance.shape[1]
    light: Values = radiance * np.float32(condition.exposure)
    light += condition.bloom * _spill(light)
    light = cv2.GaussianBlur(light, (0, 0), max(0.45, LENS_BLUR * width))
    # A film-like shoulder: linear in the dark, never quite white.
    light = 1 - np.exp(-light)
    noise: Values = 0.8 * generator.standard_normal(light.shape, np.float32)
    noise += 0.6 * generator.standard_normal((*light.shape[:2], 1), np.float32)
    # Interpolation between the colour filter's pixels smooths the noise.
    noise = cv2.GaussianBlur(noise, (0, 0), 0.55) * np.float32(1.7)
    light += noise * np.sqrt(condition.noise**2 * 0.35 + condition.noise * 0.055 * np.clip(light, 0, 1))
    # Toe of the sRGB curve included, so that noise in the dark stays small.
    clipped = np.clip(light / 0.985, 0, 1)
    levels = np.where(clipped < 0.0031308, 12.92 * clipped, 1.055 * np.power(clipped, 1 / 2.4) - 0.055)
    return np.round(np.clip(levels, 0, 1) * 255).astype(np.uint8)


def _spill(light: Values) -> Values:
    """Bright light scattered in lens and eye-piece: three halos of growing width, computed on a smaller picture."""
    height, width = light.shape[:2]
    step = max(1, round(width / 160))
    small = (max(1, width // step), max(1, height // step))
    bright = cv2.resize(np.clip(light - 0.9, 0, 40), small, interpolation=cv2.INTER_AREA)
    unit = small[0] / 160
    halo = sum(
        weight * cv2.GaussianBlur(bright, (0, 0), sigma * unit)
        for weight, sigma in ((0.8, 1.3), (1.2, 4.5), (2.2, 16.0))
    )
    return cv2.resize(np.asarray(halo), (width, height), interpolation=cv2.INTER_LINEAR)
