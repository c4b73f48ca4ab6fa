"""Gradient transfer: the brightness of one source and the gradients of the other, as one convex problem."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.registry import register

_ROUNDS, _BINS, _LONGEST = 5, 1000, 500


@register
class GradientTransferFusion(ClassicalMethod):
    """Keeps the infrared grey values and the visible gradients, both in the sense of sums of magnitudes.

    The result x minimises ``sum |x - infrared| + 4 sum |grad(x - visible)|``, grey values in 0..1, gradients forward
    and isotropic. With ``s = infrared - visible`` that is total variation denoising of s, ``x = visible + y``, solved
    by five rounds of iteratively re-weighted least squares with conjugate gradients, as far as the authors drive them.

    The VIFB results were made of all three channels as one problem.
    """

    name = "gtf"
    title = "GTF"
    family = "total variation"
    paper = (
        "Ma, Chen, Li, Huang, Infrared and visible image fusion via gradient transfer and total variation "
        "minimization, Information Fusion 2016"
    )
    weight = 4.0

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        return visible + 255 * smoothest_difference((infrared - visible) / 255, self.weight)


def smoothest_difference(source: GreyPlane, weight: float) -> GreyPlane:
    """An approximate minimiser y of ``sum |y - source| + weight sum |grad y|``.

    Several planes ``[C, H, W]`` are one problem: the magnitude of a gradient is over all of them.
    """
    result = source
    for number in range(_ROUNDS):
        stiffness = _stiffness(result)
        if stiffness is None:
            break  # nothing left to smooth
        stiffness *= weight
        freedom = _freedom(result, source) if number else np.full_like(source, 2 * 0.1**0.5)
        result = _least_squares(source, result, freedom, stiffness)
    return result


def _stiffness(plane: GreyPlane) -> GreyPlane | None:
    """What a squared gradient counts, so that it weighs as its root, ``[H, W]``; None where all are 0."""
    down, across = gradient(plane)
    down **= 2
    across **= 2
    down += across
    squared = down.reshape(-1, *plane.shape[-2:]).sum(0)
    if not squared.any():
        return None
    return 2 / np.sqrt(np.maximum(squared, _smallest_that_counts(squared, 0.01, skip=False)))


def _freedom(plane: GreyPlane, source: GreyPlane) -> GreyPlane:
    """The root of what a squared distance counts less, so that it weighs as its root."""
    distance = np.abs(plane - source)
    return np.sqrt(np.maximum(distance, _smallest_that_counts(distance, 0.05, skip=True)) / 2)


def gradient(plane: GreyPlane) -> tuple[GreyPlane, GreyPlane]:
    """Forward differences of ``[..., H, W]`` down columns and along rows; 0 in the last row, or column."""
    down, across = np.zeros_like(plane), np.zeros_like(plane)
    down[..., :-1, :], across[..., :-1] = np.diff(plane, axis=-2), np.diff(plane, axis=-1)
    return down, across


def _smallest_that_counts(values: GreyPlane, share: float, skip: bool) -> float:
    """The grey value below which about `share` of all lie, from a histogram; the next one if `skip`, or if it is 0."""
    low, high = values.min(), values.max()
    if low == high:
        return float(high) or 1.0
    centres = np.linspace(low, high, _BINS)
    nearest = values - low
    nearest /= high - low
    nearest *= _BINS - 1
    nearest = np.rint(nearest, out=nearest).astype(np.intp)
    index = int(np.argmax(np.bincount(nearest.ravel(), minlength=_BINS).cumsum() > share * values.size))
    if skip or centres[index] == 0:
        index = min(index + 1, _BINS - 1)
    return float(centres[index])


def _least_squares(source: GreyPlane, start: GreyPlane, freedom: GreyPlane, stiffness: GreyPlane) -> GreyPlane:
    """Minimiser of ``sum ((y - source) / freedom)^2 + sum stiffness |grad y|^2``, with ``y = freedom w``."""
    from ivif.fusion.classical.compiled import normal_equations  # Numba takes long to import

    planes = (-1, *source.shape[-2:])

    def operate(unknown: GreyPlane) -> GreyPlane:
        result = np.empty_like(unknown)
        normal_equations(unknown.reshape(planes), freedom.reshape(planes), stiffness, result.reshape(planes))
        return result

    return freedom * _conjugate_gradients(operate, source / freedom, start / freedom)


def _conjugate_gradients(operate: Callable[[GreyPlane], GreyPlane], wanted: GreyPlane, start: GreyPlane) -> GreyPlane:
    """Until a fifth of the residual at the start is left; both planes are overwritten."""
    unknown, residual = start, wanted
    residual -= operate(unknown)
    direction, square = residual.copy(), float((residual**2).sum())
    enough = square / 25
    for _ in range(_LONGEST):
        if square <= enough:
            break
        image = operate(direction)
        step = square / float((direction * image).sum())
        unknown += step * direction
        image *= step
        residual -= image
        before, square = square, float((residual**2).sum())
        direction *= square / before
        direction += residual
    return unknown
