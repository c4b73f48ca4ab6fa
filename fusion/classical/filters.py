"""Smoothing filters that several classical methods are built from: mean, Gaussian, guided filter."""

from __future__ import annotations

from functools import partial
from typing import Literal

import cv2
import numpy as np

from ivif.fusion.classical.base import GreyPlane
from ivif.fusion.tiles import in_tiles

Border = Literal["replicate", "symmetric"]
_BORDERS = {"replicate": cv2.BORDER_REPLICATE, "symmetric": cv2.BORDER_REFLECT}


def mean_filter(plane: GreyPlane, radius: int, border: Border = "replicate") -> GreyPlane:
    """Mean over a square window of ``2 * radius + 1`` pixels; `border` continues the plane outside."""
    size = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.blur(plane, size, borderType=_BORDERS[border]), np.float64)


def gaussian_filter(
    plane: GreyPlane, sigma: float, radius: int | None = None, border: Border = "symmetric"
) -> GreyPlane:
    """Sampled Gaussian of standard deviation `sigma` pixels, cut off at `radius` (``floor(3 sigma)``), of sum 1."""
    size = 2 * (int(3 * sigma) if radius is None else radius) + 1
    kernel = cv2.getGaussianKernel(size, sigma, cv2.CV_64F)
    return np.asarray(cv2.sepFilter2D(plane, cv2.CV_64F, kernel, kernel, borderType=_BORDERS[border]), np.float64)


def guided_filter(guide: GreyPlane, plane: GreyPlane, radius: int, epsilon: float) -> GreyPlane:
    """Guided filter: locally the linear function of the guide that comes closest to a plane.

    In every window of ``2 * radius + 1`` pixels, ``a, b`` minimise ``sum (a guide + b - plane)^2 + epsilon a^2``:
    ``a = cov(guide, plane) / (var(guide) + epsilon)``, ``b = mean(plane) - a mean(guide)``. A pixel's result is
    ``mean(a) guide + mean(b)`` over the windows it lies in. Windows end at the border. Edges of the guide whose
    variance exceeds `epsilon` (in squared grey values) are kept, flatter parts are averaged.

    Paper: He, Sun, Tang, "Guided image filtering", IEEE TPAMI 2013.
    """
    return in_tiles(partial(_guided, radius=radius, epsilon=epsilon), guide, plane, margin=2 * radius)


def _guided(guide: GreyPlane, plane: GreyPlane, radius: int, epsilon: float) -> GreyPlane:
    inside = _window_sum(np.ones_like(guide), radius)

    def mean(values: GreyPlane) -> GreyPlane:
        return _window_sum(values, radius) / inside

    guide_mean, plane_mean = mean(guide), mean(plane)
    covariance = mean(guide * plane) - guide_mean * plane_mean
    variance = mean(guide * guide) - guide_mean * guide_mean
    slope = covariance / (variance + epsilon)
    return mean(slope) * guide + mean(plane_mean - slope * guide_mean)


def _window_sum(values: GreyPlane, radius: int) -> GreyPlane:
    size = (2 * radius + 1, 2 * radius + 1)
    total = cv2.boxFilter(values, cv2.CV_64F, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total, np.float64)
