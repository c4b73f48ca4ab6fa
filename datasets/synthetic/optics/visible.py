"""Visible camera: from light in the scene to an 8-bit colour picture with the lens's and the sensor's flaws."""

from __future__ import annotations

import cv2
import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points
from ivif.datasets.synthetic.optics.camera_settings import CameraSettings
from ivif.datasets.synthetic.optics.noise import Raster
from ivif.datasets.synthetic.optics.surface import EMISSION, PixelValues, SurfaceLayer

LENS_BLUR = 0.0008
"""Standard deviation of the lens's blur, as a share of the picture's width."""

PEDESTAL, FULL = 256, 4095
"""Sensor levels of black and of white; the pedestal keeps noise below black."""


def emitted(layer: SurfaceLayer) -> PixelValues:
    """What a layer gives off by itself, multiplied by coverage."""
    return layer.values[..., EMISSION]


def light_cone(head: Points, colour: Points, camera: Camera, strength: float) -> PixelValues:
    """Light scattered by the air around and below a lamp, for the whole picture."""
    z = float(head[2])
    # It is smooth enough to be computed at every fourth pixel of a large picture.
    step = 4 if min(camera.width, camera.height) >= 240 else 1
    slope, drop = (part[step // 2 :: step, step // 2 :: step] for part in camera.rays(camera.window))
    right = slope * np.float32(z) - np.float32(head[0] - camera.x)
    below = np.float32(head[1] - camera.elevation) + drop * np.float32(z)
    width = 0.12 + 0.75 * np.clip(below, 0, None)
    cone = np.exp(-((right / width) ** 2)) / (1 + (below / 1.2) ** 2) * (below > 0) / (0.4 + width)
    halo = 0.10 / (0.08 + right**2 + below**2)
    soft = max(0.8, 0.1 * camera.focal / z / step)
    glow = cv2.GaussianBlur((cone + halo).astype(np.float32), (0, 0), soft)
    return (strength * 0.035 * glow)[..., None] * colour.astype(np.float32)


def colour_picture(
    radiance: PixelValues, condition: Condition, settings: CameraSettings, generator: np.random.Generator
) -> np.ndarray:
    """The picture ``uint8 [H, W, 3]`` the camera delivers for light ``float32 [H, W, 3]``."""
    width = radiance.shape[1]
    gains = np.array(settings.balance, np.float32) * np.float32(condition.exposure * settings.exposure)
    light: PixelValues = radiance * gains
    light += condition.bloom * _spill(light) + np.float32(settings.veil * float(np.minimum(light, 1).mean()))
    light = cv2.GaussianBlur(light, (0, 0), max(0.45, LENS_BLUR * width))
    # A film-like shoulder: linear in the dark, never quite white.
    light = 1 - np.exp(-light)
    levels = _demosaiced(light, condition.noise, generator)
    return _compressed(_TONES[levels], settings.quality)


def _spill(light: PixelValues) -> PixelValues:
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


def _demosaiced(light: PixelValues, noise: float, generator: np.random.Generator) -> np.ndarray:
    """Levels ``uint16 [H, W, 3]`` behind a Bayer mosaic (red, green / green, blue), read with noise, interpolated."""
    raw: Raster = light[..., 1].copy()
    raw[::2, ::2] = light[::2, ::2, 0]
    raw[1::2, 1::2] = light[1::2, 1::2, 2]
    # Read noise, and shot noise that grows with the light.
    deviation = np.sqrt(np.float32(0.4 * noise**2) + np.float32(0.055 * noise) * np.clip(raw, 0, 1))
    raw += generator.standard_normal(raw.shape, np.float32) * deviation
    levels = np.clip(raw * FULL + (PEDESTAL + 0.5), 0, FULL + PEDESTAL).astype(np.uint16)
    return cv2.demosaicing(levels, cv2.COLOR_BayerRGGB2RGB)


def _tones() -> np.ndarray:
    """sRGB grey values of all sensor levels; toe included, so that noise in the dark stays small."""
    linear = np.clip((np.arange(FULL + PEDESTAL + 1) - PEDESTAL) / (0.985 * FULL), 0, 1)
    tones = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.round(np.clip(tones, 0, 1) * 255).astype(np.uint8)


_TONES = _tones()


def _compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    """The picture after a JPEG file; the codec takes blue, green, red."""
    data = cv2.imencode(".jpg", picture[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None, "OpenCV reads what it wrote"
    return decoded[..., ::-1]
