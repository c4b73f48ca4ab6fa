"""Compiled edges: strength and angle at each pixel, and how much of them is kept.

As in `compiled`: what they compute is defined in PyTorch beside their callers, and that is what runs on other devices.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ivif.compiling import compiled

_Numbers = NDArray[np.float64]

_ln2_high, _ln2_low = 0.6931471803691238, 1.9082149292705877e-10
"""Their sum is the logarithm of 2; whole multiples of the first are exact."""

_inverse_of_ln2 = 1.4426950408889634
_rounding = 1.5 * 2.0**52
"""Added to a number and taken away again it rounds it."""

_tangent_of_pi_8, _tangent_of_3_pi_8 = sqrt(2) - 1, sqrt(2) + 1

_compile = compiled(fastmath={"contract", "nsz"})
_compile_sum = compiled(fastmath={"contract", "nsz", "reassoc"})


@njit(inline="always")
def _exponential(value: float) -> float:
    """``e^x`` to 4e-16 of it for x from -700 to 700, beyond which it stays; vectorised likewise."""
    bounded = min(max(value, -700.0), 700.0)
    power = bounded * _inverse_of_ln2 + _rounding - _rounding
    rest = bounded - power * _ln2_high - power * _ln2_low
    series = 1 / 6227020800
    series = series * rest + 1 / 479001600
    series = series * rest + 1 / 39916800
    series = series * rest + 1 / 3628800
    series = series * rest + 1 / 362880
    series = series * rest + 1 / 40320
    series = series * rest + 1 / 5040
    series = series * rest + 1 / 720
    series = series * rest + 1 / 120
    series = series * rest + 1 / 24
    series = series * rest + 1 / 6
    series = series * rest + 1 / 2
    series = series * rest + 1
    series = series * rest + 1
    return series * np.int64((np.int64(power) + np.int64(1023)) << np.int64(52)).view(np.float64)


@njit(inline="always")
def _arctangent(above: float, below: float) -> float:
    """Angle of ``above / below`` in -pi/2..pi/2 to 4e-16, pi/2 where `below` is 0; vectorised likewise.

    It is an eighth, a quarter or none of a turn more than an angle below pi/8, whose series converges quickly.
    """
    first, second = abs(above), abs(below)
    steep, middle = first > _tangent_of_3_pi_8 * second, first > _tangent_of_pi_8 * second
    numerator = -second if steep else (first - second if middle else first)
    denominator = first if steep else (first + second if middle else second)
    tangent = numerator / (denominator if denominator > 0 else 1.0)
    square = tangent * tangent
    series = -1 / 39
    series = series * square + 1 / 37
    series = series * square - 1 / 35
    series = series * square + 1 / 33
    series = series * square - 1 / 31
    series = series * square + 1 / 29
    series = series * square - 1 / 27
    series = series * square + 1 / 25
    series = series * square - 1 / 23
    series = series * square + 1 / 21
    series = series * square - 1 / 19
    series = series * square + 1 / 17
    series = series * square - 1 / 15
    series = series * square + 1 / 13
    series = series * square - 1 / 11
    series = series * square + 1 / 9
    series = series * square - 1 / 7
    series = series * square + 1 / 5
    series = series * square - 1 / 3
    angle = (pi / 2 if steep else (pi / 4 if middle else 0.0)) + (tangent + tangent * square * series)
    angle = angle if (above < 0) == (below < 0) else -angle
    return pi / 2 if below == 0 else angle


@_compile
def _differences(padded: _Numbers, row: int, across: _Numbers, along: _Numbers) -> None:
    """Sobel differences of a row, left minus right and lower minus upper."""
    above, level, below = padded[row], padded[row + 1], padded[row + 2]
    for column in range(len(across)):
        left = above[column] + 2 * level[column] + below[column]
        right = above[column + 2] + 2 * level[column + 2] + below[column + 2]
        upper = above[column] + 2 * above[column + 1] + above[column + 2]
        lower = below[column] + 2 * below[column + 1] + below[column + 2]
        across[column], along[column] = left - right, lower - upper


@_compile
def sobel_edges(padded: _Numbers, strength: _Numbers, angle: _Numbers) -> None:
    """`gradient.edges` of an image with zeros around it."""
    height, width = strength.shape
    across, along = np.empty(width), np.empty(width)
    for row in range(height):
        _differences(padded, row, across, along)
        for column in range(width):
            strength[row, column] = sqrt(across[column] * across[column] + along[column] * along[column])
            angle[row, column] = _arctangent(along[column], across[column])


@_compile_sum
def steepness(image: _Numbers) -> float:
    """Sum of the root mean squares of both central differences, which are one-sided at the borders."""
    height, width = image.shape
    found = 0.0
    for row in range(height):
        above, below = max(row - 1, 0), min(row + 1, height - 1)
        upper, line, lower, apart = image[above], image[row], image[below], below - above
        for column in (0, width - 1):
            left, right = max(column - 1, 0), min(column + 1, width - 1)
            down, across = (lower[column] - upper[column]) / apart, (line[right] - line[left]) / (right - left)
            found += sqrt((down * down + across * across) / 2)
        for column in range(1, width - 1):
            down, across = (lower[column] - upper[column]) / apart, (line[column + 1] - line[column - 1]) / 2
            found += sqrt((down * down + across * across) / 2)
    return found


@_compile_sum
def sobel_strength(padded: _Numbers) -> float:
    """Sum of the strengths of Sobel edges."""
    height, width = padded.shape[0] - 2, padded.shape[1] - 2
    across, along = np.empty(width), np.empty(width)
    found = 0.0
    for row in range(height):
        _differences(padded, row, across, along)
        for column in range(width):
            found += sqrt(across[column] * across[column] + along[column] * along[column])
    return found


@_compile
def weigh_edges(padded: _Numbers, strength: _Numbers, angle: _Numbers, weight: _Numbers) -> None:
    """`artifacts.weighted_gradient` of an image whose border is mirrored around it."""
    height, width = strength.shape
    across, along = np.empty(width), np.empty(width)
    for row in range(height):
        _differences(padded, row, across, along)
        for column in range(width):
            leftward, downward = across[column] / 8, along[column] / 8
            size = sqrt(leftward * leftward + downward * downward)
            upright = -pi / 2 if leftward > 0 else pi / 2
            turned = upright if downward == 0 else _arctangent(-leftward, downward)
            strength[row, column] = size
            angle[row, column] = turned if size > 0 else 0.0
            weight[row, column] = size * sqrt(size) if size >= 2 else 0.001


@_compile
def keep_edges(
    strength: _Numbers, angle: _Numbers, fused_strength: _Numbers, fused_angle: _Numbers, result: _Numbers
) -> None:
    """`artifacts.kept` of each pixel."""
    for index in range(len(result)):
        smaller = min(strength[index], fused_strength[index])
        larger = max(strength[index], fused_strength[index])
        ratio = smaller / (larger if larger > 0 else 1.0)
        aligned = abs(abs(angle[index] - fused_angle[index]) - pi / 2) / (pi / 2)
        strength_lost, turned = _exponential(-19 * (ratio - 0.5)), _exponential(-22 * (aligned - 0.5))
        result[index] = sqrt(0.9999 * 0.9995 / ((1 + strength_lost) * (1 + turned)))


@_compile_sum
def split_edges(
    strengths: tuple[_Numbers, _Numbers, _Numbers],
    kept: tuple[_Numbers, _Numbers],
    weights: tuple[_Numbers, _Numbers],
) -> tuple[float, float]:
    """Summed weights of what is missing of both sources' edges: where the fused edge is the strongest, and elsewhere.

    Args:
        strengths: of edges of both sources and the fused image.
        kept: see `artifacts.kept`.
        weights: of edges of both sources.
    """
    new = lost = 0.0
    for index in range(len(strengths[2])):
        missing = (1 - kept[0][index]) * weights[0][index] + (1 - kept[1][index]) * weights[1][index]
        is_new = strengths[2][index] > max(strengths[0][index], strengths[1][index])
        new += missing if is_new else 0.0
        lost += 0.0 if is_new else missing
    return new, lost


@_compile
def preserve(
    strength: _Numbers, angle: _Numbers, fused_strength: _Numbers, fused_angle: _Numbers, result: _Numbers
) -> None:
    """`gradient.edge_preservation` of each pixel."""
    for index in range(len(result)):
        smaller = min(strength[index], fused_strength[index])
        larger = max(strength[index], fused_strength[index])
        ratio = smaller if smaller == larger else smaller / larger
        aligned = 1 - abs(angle[index] - fused_angle[index]) / (pi / 2)
        strength_lost, turned = _exponential(-15 * (ratio - 0.5)), _exponential(-22 * (aligned - 0.8))
        result[index] = 0.9994 * 0.9879 / ((1 + strength_lost) * (1 + turned))
