"""Compiled: loops over pixels and cells that as operations on whole arrays would mostly move numbers to and fro.

Compiled by Numba when first used and kept in its cache on disk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivif.compiling import compiled

_Numbers = NDArray[np.float64]

_compile = compiled()


@_compile
def binomial(cells: _Numbers, result: _Numbers) -> None:
    """``[1 4 6 4 1] / 16`` along the middle axis of ``[P, N, M]``, zeros outside."""
    planes, count, width = cells.shape
    for plane in range(planes):
        for place in range(count):
            line = result[plane, place]
            line[:] = 6 * cells[plane, place]
            for distance, weight in ((1, 4.0), (2, 1.0)):
                if place >= distance:
                    for index in range(width):
                        line[index] += weight * cells[plane, place - distance, index]
                if place + distance < count:
                    for index in range(width):
                        line[index] += weight * cells[plane, place + distance, index]
            for index in range(width):
                line[index] /= 16


@_compile
def read_quotient(above: _Numbers, below: _Numbers, coordinates: _Numbers, result: _Numbers) -> None:
    """Quotient of two grids, each read between its cells (trilinear), at coordinates ``[3, N]`` inside them."""
    for pixel in range(len(result)):
        x, y, z = coordinates[0, pixel], coordinates[1, pixel], coordinates[2, pixel]
        i, j, k = int(x), int(y), int(z)
        x, y, z = x - i, y - j, z - k
        numerator = denominator = 0.0
        for down in range(2):
            for across in range(2):
                part = (x if down else 1 - x) * (y if across else 1 - y)
                numerator += part * ((1 - z) * above[i + down, j + across, k] + z * above[i + down, j + across, k + 1])
                denominator += part * (
                    (1 - z) * below[i + down, j + across, k] + z * below[i + down, j + across, k + 1]
                )
        result[pixel] = numerator / denominator


@_compile
def _pull(lines: _Numbers, stiffness: _Numbers, result: _Numbers) -> None:
    """Stiffness times the difference of two lines."""
    for column in range(len(result)):
        result[column] = (lines[1, column] - lines[0, column]) * stiffness[column]


@_compile
def normal_equations(unknown: _Numbers, freedom: _Numbers, stiffness: _Numbers, result: _Numbers) -> None:
    """``w + freedom D'(stiffness D(freedom w))`` of ``[C, H, W]``, D: forward differences; stiffness: ``[H, W]``."""
    planes, height, width = unknown.shape
    lines, down, before, across = np.empty((2, width)), np.zeros(width), np.zeros(width), np.zeros(width)
    for plane in range(planes):
        own, free = unknown[plane], freedom[plane]
        down[:] = 0
        for row in range(height):
            before[:] = down
            down[:] = 0
            for column in range(width):
                lines[0, column] = free[row, column] * own[row, column]
            if row < height - 1:
                for column in range(width):
                    lines[1, column] = free[row + 1, column] * own[row + 1, column]
                _pull(lines, stiffness[row], down)
            for column in range(width - 1):
                across[column] = (lines[0, column + 1] - lines[0, column]) * stiffness[row, column]
            out = result[plane, row]
            out[0] = -down[0] + before[0] - across[0]
            for column in range(1, width):
                out[column] = -down[column] + before[column] - across[column] + across[column - 1]
            for column in range(width):
                out[column] = own[row, column] + free[row, column] * out[column]
