"""What happens to the infrared picture: faults of uncooled detectors, optics, scenes without contrast.

Grey values of published infrared pictures are what the camera's own gain made of radiance, and no radiance can be had
from them; faults are added to the grey values as they are.
"""

from __future__ import annotations

import cv2
import numpy as np

from ivif.datasets.corruptions.optics import smooth_pattern
from ivif.datasets.corruptions.registry import Corruption, FloatImage, add_corruption, corruption


@corruption("read-noise", "Read noise", "infrared", "share of the range", 1.5)
def read_noise(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Temporal noise of the read-out: x + s z, s: the amount, z: normal, for each pixel."""
    return image + np.float32(amount) * random.standard_normal(image.shape, np.float32)


@corruption("stripes", "Fixed-pattern stripes", "infrared", "share of the range", 1.5, steady=True)
def stripes(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Columns with gains and offsets of their own: x (1 + s u / 2) + s v, s: the amount, u and v: normal, per column.

    The linear model of non-uniformity, on columns that share an amplifier: Tendero, Landeau, Gilles: Non-uniformity
    correction of infrared images by midway equalization, Image Processing On Line 2, 2012.
    """
    gain, offset = random.standard_normal((2, 1, image.shape[1], 1), np.float32) * np.float32(amount)
    return image * (1 + gain / 2) + offset


@corruption("dead-pixels", "Dead pixels", "infrared", "share of pixels", 0.6, steady=True)
def dead_pixels(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Pixels that are black or white for ever, half of them each: where a uniform number is below the amount."""
    shape = image.shape[:2]
    dead = random.random(shape, np.float32) < amount
    stuck = (random.random(shape, np.float32) < 0.5).astype(np.float32)
    return np.where(dead[..., None], stuck[..., None], image)


@corruption("thermal-drift", "Thermal drift", "infrared", "share of the range", 3, steady=True)
def thermal_drift(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """A slow change across the field, from the housing: x + s p, p: smooth, mean 0, deviation 1, s: the amount.

    The pattern has five by six knots and corners that are warmer than the middle, as between two shutter corrections of
    an uncooled camera.
    """
    height, width = image.shape[:2]
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    corners = (down**2 + across**2 - 2 / 3) / 0.42
    surface = smooth_pattern((height, width), (5, 6), random) + corners.astype(np.float32)
    return image + np.float32(amount) * (surface / surface.std())[..., None]


@corruption("low-contrast", "Low contrast", "infrared", "share of the contrast lost", 1)
def low_contrast(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """A scene of one warmth: m + (1 - c) (x - m), m: the mean, c: the amount; rounding to 8 bit then takes details."""
    middle = image.mean()
    return middle + np.float32(1 - amount) * (image - middle)


@corruption("infrared-blur", "Infrared blur", "infrared", "pixels", 60)
def infrared_blur(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """A lens out of focus, or germanium that warmth has changed: a Gaussian; the amount is its standard deviation."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), amount, borderType=cv2.BORDER_REFLECT_101), np.float32)


@corruption("resolution", "Resolution mismatch", "infrared", "times coarser", 40)
def coarser(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """A detector of 1 / (1 + k) the pixels a side: averaged, and enlarged by cubic interpolation; k: the amount."""
    height, width = image.shape[:2]
    small = max(1, round(width / (1 + amount))), max(1, round(height / (1 + amount)))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(reduced, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


CROSSOVER = Corruption("crossover", "Thermal crossover", "infrared", "share of people's contrast lost")
"""People as warm as what is behind them. Only a renderer can do that, and it does it exactly."""

add_corruption(CROSSOVER)
