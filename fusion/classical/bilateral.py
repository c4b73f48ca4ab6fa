"""Bilateral grid: the bilateral filter in time that does not grow with its window."""

from __future__ import annotations

from functools import partial
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from ivif.fusion.classical.base import GreyPlane
from ivif.fusion.tiles import in_tiles

_PAD = 2
_REACH = 4
"""Cells: a pixel goes to the nearest, the binomial kernel looks two further, and reading one."""

_SIDE = 1024
_BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16


def bilateral_filter(plane: GreyPlane, space_sigma: float, range_sigma: float) -> GreyPlane:
    """Mean of a pixel's neighbours, weighted with how near they are in place and in grey value.

    ``F(p) = sum_q g(|p - q| / space_sigma) g((I(p) - I(q)) / range_sigma) I(q) / sum_q g g`` with
    ``g(t) = exp(-t^2 / 2)``: small differences are smoothed, edges above `range_sigma` stay.

    Computed on a grid over place and grey value with one cell a sigma. Each pixel adds (1, I) to its nearest cell,
    the grid is blurred with a binomial kernel of variance 1 along its three axes, and each pixel reads the quotient
    at its own coordinates (trilinear). Going to the nearest cell and reading between cells adds 1/12 and 1/6 to the
    variance, so that both sigmas act as if they were 1.12 times as large.

    Paper: Paris, Durand, "A fast approximation of the bilateral filter using a signal processing approach", IJCV 2009.
    """
    cell = ceil(space_sigma)
    side = _SIDE if cell == space_sigma else max(plane.shape)  # tiles start where a cell does
    filtered = partial(_filtered, least=plane.min(), space_sigma=space_sigma, range_sigma=range_sigma)
    return in_tiles(filtered, plane, margin=_REACH * cell, grid=cell, side=side)


def _filtered(plane: GreyPlane, least: float, space_sigma: float, range_sigma: float) -> GreyPlane:
    from ivif.fusion.classical.compiled import read_quotient  # Numba takes long to import

    coordinates = _grid_coordinates(plane, least, space_sigma, range_sigma)
    shape = tuple(int(axis.max()) + 1 + _PAD for axis in coordinates)
    cells = np.ravel_multi_index([np.floor(axis + 0.5).astype(np.intp) for axis in coordinates], shape).ravel()
    weight = _blurred_grid(np.bincount(cells, minlength=np.prod(shape)), shape)
    value = _blurred_grid(np.bincount(cells, plane.ravel(), minlength=np.prod(shape)), shape)
    result = np.empty(plane.shape)
    read_quotient(value, weight, coordinates.reshape(3, -1), result.reshape(-1))
    return result


def _grid_coordinates(plane: GreyPlane, least: float, space_sigma: float, range_sigma: float) -> NDArray[np.float64]:
    """Row, column and grey value of every pixel in grid cells, ``[3, H, W]``, with an empty frame of `_PAD` cells."""
    row, column = np.indices(plane.shape) / space_sigma
    return np.stack((row, column, (plane - least) / range_sigma)) + _PAD


def _blurred_grid(cells: NDArray, shape: tuple[int, ...]) -> NDArray[np.float64]:
    from ivif.fusion.classical.compiled import binomial  # Numba takes long to import

    grid = cells.astype(np.float64, copy=False).reshape(shape)
    rows, columns, levels = shape
    for layout in ((1, rows, columns * levels), (rows, columns, levels)):
        before, grid = grid.reshape(layout), np.empty(layout)
        binomial(before, grid)
    return convolve1d(grid.reshape(shape), _BINOMIAL, mode="constant")
