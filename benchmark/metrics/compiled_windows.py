"""Compiled windows: means, variances and covariances around each pixel, and how alike two images are by them.

As in `compiled`: what they compute is defined in PyTorch beside their callers, and that is what runs on other devices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ivif.compiling import compiled

_Numbers = NDArray[np.float64]

_compile = compiled(fastmath={"contract", "nsz"})
_compile_sum = compiled(fastmath={"contract", "nsz", "reassoc"})


@_compile
def _add_pairs(
    first: _Numbers, second: _Numbers, third: _Numbers, fourth: _Numbers, taps: _Numbers, result: _Numbers
) -> None:
    """Add lines to a line: the first two times one tap, the other two times another."""
    for index in range(len(result)):
        result[index] += taps[0] * (first[index] + second[index]) + taps[1] * (third[index] + fourth[index])


@_compile
def _weigh_rows(rows: _Numbers, top: int, taps: _Numbers, result: _Numbers) -> None:
    """Rows from `top` on, which after the last go on with the first, times an odd number of symmetric taps."""
    last, count = len(taps) - 1, len(rows)
    middle = last // 2
    row = rows[(top + middle) % count]
    for index in range(len(result)):
        result[index] = taps[middle] * row[index]
    for tap in range(middle % 2, middle, 2):
        above, below = rows[(top + tap) % count], rows[(top + last - tap) % count]
        next_above, next_below = rows[(top + tap + 1) % count], rows[(top + last - tap - 1) % count]
        _add_pairs(above, below, next_above, next_below, taps[tap : tap + 2], result)
    if middle % 2:
        above, below = rows[top % count], rows[(top + last) % count]
        for index in range(len(result)):
            result[index] += taps[0] * (above[index] + below[index])


@_compile
def _weigh_across(row: _Numbers, taps: _Numbers, result: _Numbers) -> None:
    """The same taps along a row, where they lie within it."""
    last, width = len(taps) - 1, len(result)
    middle = last // 2
    for index in range(width):
        result[index] = taps[middle] * row[index + middle]
    for tap in range(middle % 2, middle, 2):
        left, right = row[tap : tap + width], row[last - tap : last - tap + width]
        next_left, next_right = row[tap + 1 : tap + 1 + width], row[last - tap - 1 : last - tap - 1 + width]
        _add_pairs(left, right, next_left, next_right, taps[tap : tap + 2], result)
    if middle % 2:
        for index in range(width):
            result[index] += taps[0] * (row[index] + row[index + last])


@_compile
def blur(image: _Numbers, taps: _Numbers, step: int, result: _Numbers) -> None:
    """An odd number of symmetric taps along both axes where they lie within the image, at every ``step``-th row."""
    column = np.empty(image.shape[1])
    for row in range(len(result)):
        _weigh_rows(image, row * step, taps, column)
        _weigh_across(column, taps, result[row])


@_compile
def _multiply(first: _Numbers, second: _Numbers, border: int, result: _Numbers) -> None:
    """Product of two rows, its ends repeated `border` times."""
    width = len(first)
    for index in range(width):
        result[border + index] = first[index] * second[index]
    result[:border] = result[border]
    result[border + width :] = result[border + width - 1]


@_compile
def window_moments(
    image: _Numbers, taps: _Numbers, border: int, least: float, mean: _Numbers, variance: _Numbers
) -> None:
    """Mean and variance in every window within the image and a border that repeats its edge; set to 0 below `least`."""
    count, width = len(taps), image.shape[1] + 2 * border
    values, squares = np.empty((count, width)), np.empty((count, width))
    column, ones = np.empty(width), np.ones(image.shape[1])
    for row in range(len(mean) + count - 1):
        line = image[min(max(row - border, 0), len(image) - 1)]
        _multiply(line, ones, border, values[row % count])
        _multiply(line, line, border, squares[row % count])
        top = row - count + 1
        if top >= 0:
            _weigh_rows(values, top, taps, column)
            _weigh_across(column, taps, mean[top])
            _weigh_rows(squares, top, taps, column)
            _weigh_across(column, taps, variance[top])
            for index in range(mean.shape[1]):
                difference = variance[top, index] - mean[top, index] * mean[top, index]
                variance[top, index] = 0.0 if difference < least else difference


@_compile
def window_covariance(
    first: _Numbers,
    second: _Numbers,
    first_mean: _Numbers,
    second_mean: _Numbers,
    taps: _Numbers,
    border: int,
    least: float,
    result: _Numbers,
) -> None:
    """Covariance in every window, given the means there; set to 0 where it is nearer to 0 than `least`."""
    count, width = len(taps), first.shape[1] + 2 * border
    products, column = np.empty((count, width)), np.empty(width)
    for row in range(len(result) + count - 1):
        place = min(max(row - border, 0), len(first) - 1)
        _multiply(first[place], second[place], border, products[row % count])
        top = row - count + 1
        if top >= 0:
            _weigh_rows(products, top, taps, column)
            _weigh_across(column, taps, result[top])
            for index in range(result.shape[1]):
                difference = result[top, index] - first_mean[top, index] * second_mean[top, index]
                result[top, index] = 0.0 if abs(difference) < least else difference


@_compile
def compare_luminance(mean: _Numbers, other: _Numbers, constant: float, result: _Numbers) -> None:
    """`structural_similarity.luminance_similarity` of lines of means."""
    for index in range(len(result)):
        above = 2 * (mean[index] * other[index]) + constant
        below = mean[index] * mean[index] + other[index] * other[index] + constant
        result[index] = 1.0 if below == 0 else above / below


@_compile
def compare_structure(
    variance: _Numbers, other: _Numbers, covariance: _Numbers, constant: float, result: _Numbers
) -> None:
    """`structural_similarity.structure_similarity` of lines of variances and covariances."""
    for index in range(len(result)):
        above = 2 * covariance[index] + constant
        below = variance[index] + other[index] + constant
        result[index] = 1.0 if below == 0 else above / below


@_compile
def mask_contrast(fine: _Numbers, coarse: _Numbers, masking: float) -> None:
    """Overwrite lines of a finely blurred image by `perception.masked_contrast`."""
    for index in range(len(fine)):
        contrast = abs(fine[index] / coarse[index] - 1)
        energy = contrast * contrast
        fine[index] = contrast * energy / (energy + masking)


@_compile_sum
def keep_contrast(first: _Numbers, second: _Numbers, fused: _Numbers) -> float:
    """Sum of what `perception.chen_blum` averages."""
    kept = 0.0
    for index in range(len(fused)):
        one, other, seen = first[index], second[index], fused[index]
        of_one = one / seen if one < seen else seen / one
        of_other = other / seen if other < seen else seen / other
        energy, other_energy = one * one, other * other
        weight = energy / (energy + other_energy)
        kept += weight * of_one + (1 - weight) * of_other
    return kept
