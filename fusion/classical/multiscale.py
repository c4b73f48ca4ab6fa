"""What multi-scale methods share: how deep they may go, and how one of two coefficients is chosen."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

LEVELS = 4
"""Levels of detail above the base, where the image is large enough: the usual depth in comparisons of such methods."""

Coefficients = TypeVar("Coefficients", NDArray[np.float64], NDArray[np.complex128])


def depth(shape: tuple[int, ...], levels: int = LEVELS) -> int:
    """Levels an image of `shape` can bear: halving stops while the shorter side of the base still has two pixels."""
    return max(0, min(levels, min(shape).bit_length() - 2))


def stronger(first: Coefficients, second: Coefficients) -> Coefficients:
    """Choose-max: the coefficient of larger magnitude at each position, the first where both are equal."""
    return np.where(np.abs(first) >= np.abs(second), first, second)
