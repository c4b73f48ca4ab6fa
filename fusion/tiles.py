"""Tiles of large images: what looks only so far around a pixel gives the same piece by piece, in less memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 2048
"""Largest side that classical methods leave whole; a plane of float64 takes 32 MiB then."""

_Area = tuple[slice, slice]
"""Rows and columns."""


class Tile(NamedTuple):
    """Where a tile's result goes, what is to be seen for it, and where the result lies in what comes of that."""

    inner: _Area
    outer: _Area
    offset: _Area


def tiles(height: int, width: int, side: int, margin: int, grid: int) -> Iterator[Tile]:
    """Tiles of at most `side` pixels with a `margin` of context, cut at the image's borders.

    They start at multiples of `grid`, so that what goes by steps takes the same ones as in the whole image.
    """
    context = -(-margin // grid) * grid
    step = max(grid, (side - 2 * context) // grid * grid)
    for top in range(0, height, step):
        for left in range(0, width, step):
            bottom, right = min(top + step, height), min(left + step, width)
            above, before = max(0, top - context), max(0, left - context)
            outer = slice(above, min(bottom + context, height)), slice(before, min(right + context, width))
            offset = slice(top - above, bottom - above), slice(left - before, right - before)
            yield Tile((slice(top, bottom), slice(left, right)), outer, offset)


def in_tiles(
    function: Callable[..., NDArray[np.float64]],
    *planes: NDArray[np.float64],
    margin: int,
    grid: int = 1,
    side: int = SIDE,
) -> NDArray[np.float64]:
    """``function(*planes)`` of planes ``[H, W]``; large ones tile by tile, so that what it needs meanwhile is small.

    Args:
        function: its result at a pixel depends on nothing further away than `margin`.
        planes: of one size.
        margin: in pixels.
        grid: distance of the places at which a tile may start.
        side: largest one of planes that stay whole; tiles are half as large.
    """
    height, width = planes[0].shape
    if max(height, width) <= side:
        return function(*planes)
    result = np.empty((height, width))
    for inner, outer, offset in tiles(height, width, side // 2, margin, grid):
        result[inner] = function(*(np.ascontiguousarray(plane[outer]) for plane in planes))[offset]
    return result
