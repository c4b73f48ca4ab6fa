"""Windows: mean, variance and covariance of grey values around each pixel, computed once for all that use them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import blur_valid, compilable, gaussian
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


def local(values: Tensor, taps: Sequence[float], border: int = 0, least: float = ROUNDING_RESIDUE) -> Local:
    """Mean and variance in every window that lies within the image.

    Args:
        values: ``[B, 1, H, W]``.
        taps: of rows and columns, symmetric, an odd number.
        border: pixels by which the image is extended on each side, its edges repeated.
        least: variances below are set to 0.
    """
    if compilable(values):
        return _compiled_moments(values, taps, border, least)
    values = _extended(values, border)
    mean = blur_valid(values, taps)
    variance = blur_valid(values * values, taps) - mean * mean
    return Local(mean, torch.where(variance < least, 0.0, variance))


def _compiled_moments(values: Tensor, taps: Sequence[float], border: int, least: float) -> Local:
    """The same in one pass."""
    from ivif.benchmark.metrics import compiled_windows  # Numba takes long to import

    batch, _, height, width = values.shape
    shape = batch, 1, height + 2 * border - len(taps) + 1, width + 2 * border - len(taps) + 1
    result = Local(values.new_empty(shape), values.new_empty(shape))
    for image, *targets in zip(values.contiguous()[:, 0], *(part[:, 0] for part in result), strict=True):
        written = (target.numpy() for target in targets)
        compiled_windows.window_moments(image.numpy(), np.array(taps), border, least, *written)
    return result


def local_covariance(
    images: tuple[Tensor, Tensor],
    means: tuple[Tensor, Tensor],
    taps: Sequence[float],
    border: int = 0,
    least: float = 0,
) -> Tensor:
    """Covariance of two images in every window, given their means there; set to 0 where nearer to 0 than `least`.

    Args:
        images: ``[B, 1, H, W]``, or 1 in place of B.
        means: likewise, of the result's size.
        taps: see `local`.
        border: likewise.
        least: see above.
    """
    if compilable(*images):
        return _compiled_covariance(images, means, taps, border, least)
    found = blur_valid(_extended(images[0] * images[1], border), taps) - means[0] * means[1]
    return torch.where(found.abs() < least, 0.0, found) if least else found


def _compiled_covariance(
    images: tuple[Tensor, Tensor], means: tuple[Tensor, Tensor], taps: Sequence[float], border: int, least: float
) -> Tensor:
    """The same in one pass."""
    from ivif.benchmark.metrics import compiled_windows  # Numba takes long to import

    batch, *size = max(len(image) for image in images), *means[0].shape[1:]
    result = images[0].new_empty(batch, *size)
    parts = (part.expand(batch, -1, -1, -1).contiguous()[:, 0].numpy() for part in (*images, *means))
    for *one, target in zip(*parts, result[:, 0].numpy(), strict=True):
        compiled_windows.window_covariance(*one, np.array(taps), border, least, target)
    return result


def _extended(values: Tensor, border: int) -> Tensor:
    return pad(values, (border,) * 4, "replicate") if border else values


def within(image: Tensor) -> Tensor:
    """The part of a map of the wide window where it lies within the image."""
    return image[..., WIDE_MARGIN:-WIDE_MARGIN, WIDE_MARGIN:-WIDE_MARGIN]


@term
def wide(plane: Plane) -> Local:
    """Local statistics in the wide window, of the image's size."""
    return local(plane.values, WIDE, WIDE_MARGIN)


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
    means = wide(first).mean, wide(second).mean
    return local_covariance((first.values, second.values), means, WIDE, WIDE_MARGIN)


@pair_term
def narrow_covariance(first: Plane, second: Plane) -> Tensor:
    """Local covariance in the narrow window; rounding residue is exactly 0."""
    means = narrow(first).mean, narrow(second).mean
    return local_covariance((first.values, second.values), means, NARROW, least=ROUNDING_RESIDUE)


def mean(image: Tensor) -> Tensor:
    """Mean over all pixels of each image: ``[B, 1, H, W]`` to ``[B]``."""
    return image.mean(dim=(1, 2, 3))
