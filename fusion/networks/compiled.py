"""Compiled: loops between matrix products, by Numba when first used, kept in its cache on disk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivif.compiling import compiled

_Numbers = NDArray[np.float32]

_compile = compiled(fastmath={"contract", "nsz"})

_TILE = 4
"""As in `winograd`."""


@_compile
def _add(weight: float, values: _Numbers, line: _Numbers) -> None:
    for index in range(len(line)):
        line[index] += weight * values[index]


@_compile
def spread_tiles(
    image: _Numbers, top: int, across: int, matrix: _Numbers, result: _Numbers, tiles: tuple[int, int]
) -> None:
    """Tiles of ``[H, W, C]`` from row `top` on, times the matrix from both sides, ``[n * n, tiles, C]``.

    Those from the first of `tiles` to before the second are made, `across` of them lie side by side; zeros beyond the
    image.
    """
    height, width, channels = image.shape
    count = len(matrix)
    half = np.empty((count, count, channels), np.float32)
    for tile in range(tiles[0], tiles[1]):
        first, left = top + tile // across * _TILE, tile % across * _TILE
        half[:] = 0
        for column in range(min(count, width - left)):
            for row in range(min(count, height - first)):
                for to in range(count):
                    if matrix[to, row] != 0:
                        _add(matrix[to, row], image[first + row, left + column], half[to, column])
        for row in range(count):
            for to in range(count):
                line = result[row * count + to, tile]
                line[:] = 0
                for column in range(count):
                    if matrix[to, column] != 0:
                        _add(matrix[to, column], half[row, column], line)


@_compile
def gather_tiles(
    products: _Numbers,
    top: int,
    across: int,
    matrix: _Numbers,
    bias: _Numbers,
    result: _Numbers,
    tiles: tuple[int, int],
) -> None:
    """Products ``[n * n, tiles, C]`` times the matrix from both sides, plus the bias, to rows of ``[H, W, C]``.

    For `across` and `tiles` see `spread_tiles`.
    """
    height, width, channels = result.shape
    count = matrix.shape[1]
    half = np.empty((_TILE, count, channels), np.float32)
    for tile in range(tiles[0], tiles[1]):
        first, left = top + tile // across * _TILE, tile % across * _TILE
        half[:] = 0
        for column in range(count):
            for row in range(count):
                for to in range(_TILE):
                    if matrix[to, row] != 0:
                        _add(matrix[to, row], products[row * count + column, tile], half[to, column])
        for row in range(min(_TILE, height - first)):
            for to in range(min(_TILE, width - left)):
                line = result[first + row, left + to]
                line[:] = bias
                for column in range(count):
                    if matrix[to, column] != 0:
                        _add(matrix[to, column], half[row, column], line)


@_compile
def moments(pixels: _Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and biased variance of each channel of ``[N, C]``."""
    count, channels = pixels.shape
    sums, squares, first = np.zeros(channels), np.zeros(channels), pixels[0].astype(np.float64)
    for pixel in range(count):
        line = pixels[pixel]
        for channel in range(channels):
            value = np.float64(line[channel]) - first[channel]
            sums[channel] += value
            squares[channel] += value * value
    sums /= count
    return first + sums, squares / count - sums * sums


@_compile
def scale_and_shift(pixels: _Numbers, scale: _Numbers, offset: _Numbers) -> None:
    """Overwrite ``[N, C]`` by ``scale x + offset``."""
    for pixel in range(len(pixels)):
        line = pixels[pixel]
        for channel in range(len(scale)):
            line[channel] = scale[channel] * line[channel] + offset[channel]
