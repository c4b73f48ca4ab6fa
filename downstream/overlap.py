"""Overlap of boxes: intersection over union, and the share of a box that lies inside another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Corners = NDArray[np.float64]
"""``float64 [N, 4]`` left, top, right, bottom in pixels, right and bottom exclusive."""


def iou(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Intersection over union of each box of `first` with each of `second`, ``[N, M]`` in 0..1.

    0 where both boxes have no area.

    Examples:
        >>> iou(np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]])).round(3)
        array([[1.   , 0.333, 0.   ]])
    """
    common = intersection(first, second)
    union = area(first)[:, None] + area(second) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def share_inside(boxes: Corners, regions: Corners) -> NDArray[np.float64]:
    """Share of each box's area that lies inside each region, ``[N, M]`` in 0..1; 0 for a box without area.

    Examples:
        >>> share_inside(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 9, 9]]))
        array([[0.5]])
    """
    common, own = intersection(boxes, regions), area(boxes)[:, None]
    return np.divide(common, own, out=np.zeros_like(common), where=own > 0)


def intersection(first: Corners, second: Corners) -> NDArray[np.float64]:
    """Common area in square pixels, ``[N, M]``."""
    # Columns as contiguous rows: the four gathers below cost less than strided ones.
    left, top, right, bottom = np.ascontiguousarray(first.T)[:, :, None]
    other_left, other_top, other_right, other_bottom = np.ascontiguousarray(second.T)
    width = np.minimum(right, other_right) - np.maximum(left, other_left)
    height = np.minimum(bottom, other_bottom) - np.maximum(top, other_top)
    return np.maximum(width, 0) * np.maximum(height, 0)


def area(boxes: Corners) -> NDArray[np.float64]:
    """Areas in square pixels, ``[N]``."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
