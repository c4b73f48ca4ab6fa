"""What several corruptions share: light behind grey values, kernels of lenses and of motion, smooth patterns."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ivif.datasets.corruptions.registry import FloatImage

GAMMA = 2.2
"""Grey values are the light to the power of 1 / GAMMA."""

FINE = 8
"""Subdivisions of a pixel in which kernels are drawn, so that they grow smoothly."""

Kernel = NDArray[np.float32]


def linear(image: FloatImage) -> FloatImage:
    """Light of grey values, both 0..1."""
    return np.power(image, np.float32(GAMMA))


def encoded(light: FloatImage) -> FloatImage:
    """Grey values of light; below 0 is black, above 1 white."""
    return np.power(np.clip(light, 0, 1), np.float32(1 / GAMMA))


def under_kernel(image: FloatImage, kernel: Kernel) -> FloatImage:
    """A picture under a kernel, mirrored at its borders."""
    blurred = cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, np.float32).reshape(image.shape)


def disc(radius: float) -> Kernel:
    """A lens out of focus: an even disc of a radius in pixels, its sum 1."""
    side = math.ceil(radius + 0.5)
    fine = (np.arange((2 * side + 1) * FINE) + 0.5) / FINE - side - 0.5
    inside = (fine[:, None] ** 2 + fine[None, :] ** 2 <= max(radius, 0.5) ** 2).astype(np.float32)
    kernel = inside.reshape(2 * side + 1, FINE, 2 * side + 1, FINE).mean((1, 3))
    return kernel / kernel.sum()


def line(length: float, angle: float) -> Kernel:
    """A camera in motion: an even line of a length in pixels at an angle (radians), its sum 1."""
    side = math.ceil(length / 2) + 1
    along = np.linspace(-length / 2, length / 2, max(2, FINE * math.ceil(length)))
    kernel = np.zeros((2 * side + 1, 2 * side + 1), np.float32)
    x, y = along * math.cos(angle) + side, along * math.sin(angle) + side
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for right, below in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.abs(1 - right - (x - left)) * np.abs(1 - below - (y - top))
        np.add.at(kernel, (top + below, left + right), weight.astype(np.float32))
    return kernel / kernel.sum()


def smooth_pattern(shape: tuple[int, int], knots: tuple[int, int], random: np.random.Generator) -> NDArray[np.float32]:
    """A random surface ``[H, W]`` through so many knots down and across: mean 0, standard deviation 1."""
    coarse = random.standard_normal(knots).astype(np.float32)
    surface = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return (surface - surface.mean()) / max(float(surface.std()), 1e-6)
