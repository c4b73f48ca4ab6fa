"""Windows: mean, variance and covariance of grey values around each pixel, computed once for all that use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import blur_valid, gaussian
from ivif.benchmark.metrics.picture import Plane, pair_term, term

WIDE, NARROW, UNIFORM = gaussian(11, 1.5), gaussian(7, 1.5), (1 / 7,) * 7
"""Windows: of structural similarity, of the universal quality index in fusion metrics, and of scikit-image."""

WIDE_MARGIN = 5
"""Pixels at each border where the wide window reaches beyond the image."""

ROUNDING_RESIDUE = 1e-7
"""Local variances and covariances below are rounding residue: one pixel that deviates by one level gives 1e-6."""


class Local(NamedTuple):
    """Mean and variance in the window around each pixel, ``float64 [B, 1, h, w]``; variance exactly 0 where flat."""

    mean: Tensor
    variance: Tensor


def local(values: Tensor, taps: Sequence[float]) -> Local:
    """Mean and variance in every window that lies within the image."""
    mean = blur_valid(values, taps)
    variance = blur_valid(values * values, taps) - mean * mean
    return Local(mean, torch.where(variance < ROUNDING_RESIDUE, 0.0, variance))


def replicated(values: Tensor) -> Tensor:
    """Border pixels repeated, so that the wide window fits around every pixel."""
    return pad(values, (WIDE_MARGIN,) * 4, "replicate")


def within(image: Tensor) -> Tensor:
    """The part of a map of the wide window where it lies within the image."""
    return image[..., WIDE_MARGIN:-WIDE_MARGIN, WIDE_MARGIN:-WIDE_MARGIN]


@term
def wide(plane: Plane) -> Local:
    """Local statistics in the wide window, of the image's size."""
    return local(replicated(plane.values), WIDE)


@term
def narrow(plane: Plane) -> Local:
    """Local statistics in the narrow window, where it lies within the image."""
    return local(plane.values, NARROW)


@term
def uniform(plane: Plane) -> Local:
    """Local statistics in the uniform window, where it lies within the image."""
    return local(plane.values, UNIFORM)


@pair_term
def wide_covariance(first: Plane, second: Plane) -> Tensor:
    """Local covariance in the wide window."""
    products = replicated(first.values * second.values)
    return blur_valid(products, WIDE) - wide(first).mean * wide(second).mean


@pair_term
def narrow_covariance(first: Plane, second: Plane) -> Tensor:
    """Local covariance in the narrow window; rounding residue is exactly 0."""
    covariance = blur_valid(first.values * second.values, NARROW) - narrow(first).mean * narrow(second).mean
    return torch.where(covariance.abs() < ROUNDING_RESIDUE, 0.0, covariance)


def mean(image: Tensor) -> Tensor:
    """Mean over all pixels of each image: ``[B, 1, H, W]`` to ``[B]``."""
    return image.mean(dim=(1, 2, 3))
