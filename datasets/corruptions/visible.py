"""What happens to the visible picture: too little light or too much, weather, lens, motion, compression.

Whatever happens to light is computed on light, which is taken to be the grey value to the power of 2.2.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from ivif.datasets.corruptions.optics import disc, encoded, line, linear, smooth_pattern, under_kernel
from ivif.datasets.corruptions.registry import FloatImage, corruption

READ_ELECTRONS = 4.0
"""Read noise of a sensor, in electrons."""

DIM_WELL = 1 / 3000
"""Light of one electron in low light, where 1 is white."""

HORIZON = 0.35
"""Share of a picture's height above the horizon, where the fog model sees nothing but sky."""

FOG_NEAR = 0.25
"""Share of a picture's height below the horizon at which the ground is as far as fog is told apart."""

FIELD_OF_VIEW = 40.0
"""Degrees that a picture is taken to be wide, for glare."""


def _exposed(light: FloatImage, electron: float, random: np.random.Generator) -> FloatImage:
    """Light as a sensor reads it: y = x + sqrt(e x + (r e)^2) z, e: light of one electron, r: read noise, z: normal.

    Foi, Trimeche, Katkovnik, Egiazarian: Practical Poissonian-Gaussian noise modeling and fitting for single-image
    raw-data, IEEE TIP 17, 2008: their variance a x + b, with the Poisson part approximated as they do.
    """
    variance = np.float32(electron) * light + np.float32((READ_ELECTRONS * electron) ** 2)
    return light + np.sqrt(variance) * random.standard_normal(light.shape, np.float32)


@corruption("sensor-noise", "Sensor noise", "visible", "light of one electron", 0.5)
def sensor_noise(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Poisson-Gaussian: x + sqrt(e x + (4 e)^2) z on light x, e: the amount, z: normal, for each pixel and colour.

    See `_exposed`. A well of 1 / e electrons is white.
    """
    return encoded(_exposed(linear(image), amount, random))


@corruption("low-light", "Low light", "visible", "stops", 12)
def low_light(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Light halved once a stop, then read by a sensor: 2^-k x + sqrt(e 2^-k x + (4 e)^2) z, e = 1/3000, k: the amount.

    No gain brings it back, as in a camera whose exposure and gain have reached their ends.
    """
    return encoded(_exposed(linear(image) * np.float32(2**-amount), DIM_WELL, random))


@corruption("overexposure", "Over-exposure", "visible", "stops", 8)
def overexposure(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Light doubled once a stop and cut off at white: min(2^k x, 1), k: the amount."""
    return encoded(linear(image) * np.float32(2**amount))


@corruption("motion-blur", "Motion blur", "visible", "pixels", 160)
def motion_blur(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """The mean of light along a straight line of random direction; the amount is its length."""
    return encoded(under_kernel(linear(image), line(amount, random.uniform(0, math.pi))))


@corruption("defocus", "Defocus", "visible", "pixels", 60)
def defocus(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """The mean of light over a disc; the amount is its radius."""
    return encoded(under_kernel(linear(image), disc(amount)))


@corruption("fog", "Fog", "visible", "optical depth at the horizon", 12)
def fog(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Koschmieder: x t + A (1 - t), t = exp(-b d) on light x; b: the amount, d: depth over that of the horizon.

    Koschmieder: Theorie der horizontalen Sichtweite, 1924. Depth is unknown: the ground is taken to be flat and the
    camera level, so that d = c / (v - h), c = 0.25, for a row v below the horizon h = 0.35 (both shares of the height),
    and 1 where that is more; fog thins and thickens by a quarter over the picture. The airlight A is light that three
    quarters of the picture stay below, and at least 0.25, since fog is lit.
    """
    light = linear(image)
    height, width = light.shape[:2]
    below = (np.arange(height, dtype=np.float32) + 0.5) / height - np.float32(HORIZON)
    depth = np.minimum(1, np.float32(FOG_NEAR) / np.maximum(below, 1e-6))[:, None]
    density = np.clip(1 + 0.25 * smooth_pattern((height, width), (4, 6), random), 0.3, 2)
    passed = np.exp(-np.float32(amount) * depth * density)[..., None]
    airlight = np.float32(max(0.25, float(np.quantile(light.mean(-1), 0.75))))
    return encoded(light * passed + airlight * (1 - passed))


@corruption("glare", "Glare", "visible", "mean veil", 30)
def glare(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """A lamp's veil over light x: x + a g, g = 10 / T^3 + 5 / T^2 for T degrees from the lamp, mean 1; a: the amount.

    Vos: Disability glare, a state of the art report, CIE Journal 3, 1984, whose formula holds from 1 to 30 degrees; T
    is at least 1.5. A picture is taken to be 40 degrees wide; the lamp stands in its upper half.
    """
    height, width = image.shape[:2]
    column, row = random.uniform(0.15, 0.85) * width, random.uniform(0.15, 0.5) * height
    across, down = np.arange(width) - column, np.arange(height) - row
    degrees = np.maximum(np.hypot(across[None, :], down[:, None]) * FIELD_OF_VIEW / width, 1.5)
    veil = 10 / degrees**3 + 5 / degrees**2
    tint = np.array((1.04, 1.0, 0.9), np.float32) if image.shape[2] == 3 else np.ones(1, np.float32)
    added = (amount * veil / veil.mean()).astype(np.float32)[..., None] * tint
    return encoded(linear(image) + added)


@corruption("rain", "Rain streaks", "visible", "drops a pixel", 0.08)
def rain(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Streaks m of falling drops: x (1 - m) + 0.8 m; drops lie where a uniform number is below the amount.

    After Garg, Nayar: Vision and rain, IJCV 75, 2007: a drop is brighter than what is behind it, whatever that is, and
    smeared over its way during the exposure. All streaks of a picture fall at one slant; near ones are longer.
    """
    height, width = image.shape[:2]
    slant = math.pi / 2 + random.uniform(-0.25, 0.25)
    mask = np.zeros((height, width), np.float32)
    for share, length, opacity in ((0.8, 0.035, 0.45), (0.2, 0.09, 0.6)):
        drops = (random.random((height, width), np.float32) < share * amount).astype(np.float32)
        drops *= random.uniform(0.5, 1.0, (height, width)).astype(np.float32)
        kernel = line(length * height, slant)
        mask = np.maximum(mask, np.minimum(cv2.filter2D(drops, -1, kernel * (opacity / kernel.max())), 0.8))
    mask = mask[..., None]
    return image * (1 - mask) + np.float32(0.8) * mask


@corruption("jpeg", "JPEG", "visible", "100 - quality", 99)
def jpeg(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Written as JPEG and read again by libjpeg; the amount is what its quality lacks to 100."""
    levels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)[..., ::-1]
    quality = max(1, round(100 - amount))
    data = cv2.imencode(".jpg", np.ascontiguousarray(levels), (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    read = cv2.imdecode(data, cv2.IMREAD_COLOR if image.shape[2] == 3 else cv2.IMREAD_GRAYSCALE)
    assert read is not None, "OpenCV reads what it wrote"
    return read.reshape(image.shape)[..., ::-1].astype(np.float32) / np.float32(255)
