"""Compiled: inner loops on the processor that as operations on whole images would mostly move numbers to and fro.

Compiled by Numba when first used and kept in its cache on disk. What they compute is defined in PyTorch beside their
callers, and that is what runs on other devices.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ivif.compiling import compiled

_Numbers = NDArray[np.float64]

_places = 9
"""Pixels of a window of 3x3."""

_met = 2 * _places - 1
"""Pairs of places that meet where two windows, each divided from 0 to 1 in nine, are laid side by side."""

_smallest_positive = 1e-300

_ln2 = 0.6931471805599453
_inverse_of_ln10 = 0.4342944819032518
_half_root_of_2 = 0x3FE6A09E667F3BCD
"""The bits of the square root of 1/2."""

_compile = compiled(fastmath={"contract", "nsz"})


@njit(inline="always")
def _logarithm(value: float) -> float:
    """``ln |x|`` to 2e-15, finite where x is 0; unlike the library's, loops over it are vectorised."""
    bits = np.float64(max(abs(value), _smallest_positive)).view(np.int64)
    exponent = (bits - np.int64(_half_root_of_2)) >> np.int64(52)
    mantissa = np.int64(bits - (exponent << np.int64(52))).view(np.float64)
    part = (mantissa - 1) / (mantissa + 1)
    square = part * part
    series = 1 / 19
    series = series * square + 1 / 17
    series = series * square + 1 / 15
    series = series * square + 1 / 13
    series = series * square + 1 / 11
    series = series * square + 1 / 9
    series = series * square + 1 / 7
    series = series * square + 1 / 5
    series = series * square + 1 / 3
    return exponent * _ln2 + 2 * (part + part * square * series)


@_compile
def _logarithms(values: _Numbers, result: _Numbers) -> None:
    for index in range(len(values)):
        result[index] = _logarithm(values[index])


@_compile
def follow_source(
    covariances: _Numbers,
    variance: _Numbers,
    fused_variance: _Numbers,
    noise: float,
    least: float,
    gain: _Numbers,
    kept: _Numbers,
) -> None:
    """Gain and kept information of `fidelity.channel`, from the covariance of both images."""
    for index in range(len(gain)):
        covariance = covariances[index]
        factor = covariance / (variance[index] + least)
        distortion = fused_variance[index] - factor * covariance
        unfollowed = (variance[index] < least) | (factor < 0)
        flat = fused_variance[index] < least
        factor = 0.0 if unfollowed | flat else factor
        distortion = fused_variance[index] if unfollowed else distortion
        distortion = max(0.0 if flat else distortion, least)
        usable = 0.0 if variance[index] < least else variance[index]
        gain[index] = factor
        kept[index] = _logarithm(1 + factor * factor * usable / (distortion + noise)) * _inverse_of_ln10


@_compile
def _read_windows(rows: _Numbers, shares: _Numbers, low: _Numbers, high: _Numbers, total: _Numbers) -> None:
    """The windows of three rows as distributions, ``[9, N]``, with the extremes of their values."""
    count = len(low)
    low[:] = rows[0, :count]
    high[:] = low
    for across in range(3):
        for down in range(3):
            for window in range(count):
                low[window] = min(low[window], rows[down, window + across])
                high[window] = max(high[window], rows[down, window + across])
    total[:] = 0
    for across in range(3):
        for down in range(3):
            place = 3 * across + down
            for window in range(count):
                extent = high[window] - low[window]
                height = (rows[down, window + across] - low[window]) / (extent if extent > 0 else 1.0)
                shares[place, window] = height if extent > 0 else 1.0
                total[window] += shares[place, window]
    for place in range(_places):
        for window in range(count):
            shares[place, window] /= total[window]


@_compile
def _describe(
    shares: _Numbers, logs: _Numbers, entropy: _Numbers, mean: _Numbers, spread: _Numbers, energy: _Numbers
) -> None:
    """Entropy, mean and deviation of the place, sum of the squared shares less 1/9."""
    entropy[:] = 0
    mean[:] = 0
    spread[:] = 0
    energy[:] = 0
    for place in range(_places):
        for window in range(len(mean)):
            entropy[window] -= shares[place, window] * logs[place, window]
        for window in range(len(mean)):
            mean[window] += (place + 1) * shares[place, window]
            spread[window] += (place + 1) ** 2 * shares[place, window]
            energy[window] += (shares[place, window] - 1 / _places) ** 2
    for window in range(len(mean)):
        spread[window] = sqrt(max(spread[window] - mean[window] ** 2, 0.0))


@_compile
def _correlate(first: _Numbers, second: _Numbers, energies: _Numbers, others: _Numbers, result: _Numbers) -> None:
    result[:] = 0
    for place in range(_places):
        for window in range(len(result)):
            result[window] += (first[place, window] - 1 / _places) * (second[place, window] - 1 / _places)
    for window in range(len(result)):
        scale = energies[window] * others[window]
        result[window] = result[window] / sqrt(scale) if scale > 1e-24 else 0.0


@_compile
def _meet(
    source: tuple[_Numbers, _Numbers],
    fused: tuple[_Numbers, _Numbers],
    correlated: _Numbers,
    mass: _Numbers,
    independent: _Numbers,
    logs: _Numbers,
    moment: _Numbers,
) -> None:
    """The pairs of places that meet, ``[N, 17]``: their share under the Fréchet bound and under independence.

    Args:
        source, fused: shares of the places and their logarithms, ``[9, N]``.
        correlated: where it is negative the source's window is read backwards.
        mass, independent: the shares, set.
        logs: logarithms of the independent ones, set.
        moment: mean product of the numbers of both places under the bound, set.
    """
    a = np.empty(_places + 1)
    b = np.empty(_places + 1)
    la = np.empty(_places + 1)
    lb = np.empty(_places + 1)
    end = np.empty(_places + 1)
    other_end = np.empty(_places + 1)
    number = np.arange(1.0, _places + 1)
    for window in range(len(correlated)):
        reached = other_reached = 0.0
        backwards = correlated[window] < 0
        for place in range(_places):
            turned = _places - 1 - place if backwards else place
            a[place], la[place] = fused[0][place, window], fused[1][place, window]
            b[place], lb[place] = source[0][turned, window], source[1][turned, window]
            reached += a[place]
            other_reached += b[place]
            end[place], other_end[place] = reached, other_reached
        end[_places - 1] = other_end[_places - 1] = 2.0
        i = j = np.uint64(0)
        begin = total = 0.0
        for met in range(_met - 1):
            first, second = end[i], other_end[j]
            until = second if second < first else first
            share = until - begin
            begin = until
            mass[window, met] = share
            independent[window, met] = a[i] * b[j]
            logs[window, met] = la[i] + lb[j]
            total += share * (number[i] * number[j])
            step = np.uint64(first <= second)
            i += step
            j += np.uint64(1) - step
        mass[window, _met - 1] = 1 - begin
        independent[window, _met - 1] = a[_places - 1] * b[_places - 1]
        logs[window, _met - 1] = la[_places - 1] + lb[_places - 1]
        total += (1 - begin) * _places**2
        moment[window] = total


@_compile
def _mix(mass: _Numbers, independent: _Numbers, part: _Numbers, mixed: _Numbers) -> None:
    for window in range(len(part)):
        for met in range(_met):
            mixed[window, met] = part[window] * mass[window, met] + (1 - part[window]) * independent[window, met]


@_compile
def mean_shared_information(images: _Numbers) -> float:
    """Mean of `features.shared_information` over all windows of ``[K, H, W]`` and the sources; last the fused image.

    Row by row. Of the 81 pairs of places of two windows only those that meet where both are laid side by side, divided
    from 0 to 1, have a share under the Fréchet bound. All others have their share of independence alone, whose entropy
    is known, so that the entropy of the mixture is a sum over the 17 that meet.
    """
    fused = len(images) - 1
    height, width = images.shape[1] - 2, images.shape[2] - 2
    shares = np.empty((fused + 1, _places, width))
    logs = np.empty_like(shares)
    low = np.empty((fused + 1, width))
    high = np.empty((fused + 1, width))
    total = np.empty((fused + 1, width))
    entropy = np.empty((fused + 1, width))
    mean = np.empty((fused + 1, width))
    spread = np.empty((fused + 1, width))
    energy = np.empty((fused + 1, width))
    mass = np.empty((width, _met))
    independent = np.empty((width, _met))
    met_logs = np.empty((width, _met))
    mixed = np.empty((width, _met))
    mixed_logs = np.empty((width, _met))
    correlated = np.empty(width)
    moment = np.empty(width)
    part = np.empty(width)
    result = 0.0
    for row in range(height):
        for image in range(fused + 1):
            _read_windows(images[image, row : row + 3], shares[image], low[image], high[image], total[image])
        _logarithms(shares.reshape(-1), logs.reshape(-1))
        for image in range(fused + 1):
            _describe(shares[image], logs[image], entropy[image], mean[image], spread[image], energy[image])
        for source in range(fused):
            _correlate(shares[source], shares[fused], energy[source], energy[fused], correlated)
            in_source, in_fused = (shares[source], logs[source]), (shares[fused], logs[fused])
            _meet(in_source, in_fused, correlated, mass, independent, met_logs, moment)
            for window in range(width):
                turned = 10 - mean[source, window] if correlated[window] < 0 else mean[source, window]
                covariance = moment[window] - mean[fused, window] * turned
                spreads = spread[source, window] * spread[fused, window]
                part[window] = (
                    abs(correlated[window]) * spreads / covariance if (spreads > 0) & (covariance > 0) else 0.0
                )
            _mix(mass, independent, part, mixed)
            _logarithms(mixed.reshape(-1), mixed_logs.reshape(-1))
            for window in range(width):
                rest = 1 - part[window]
                rest_log = _logarithm(rest)
                both = entropy[source, window] + entropy[fused, window]
                joint = rest * (both - rest_log)
                for met in range(_met):
                    joint += (
                        rest * independent[window, met] * (rest_log + met_logs[window, met])
                        - mixed[window, met] * mixed_logs[window, met]
                    )
                alike = True
                for place in range(_places):
                    alike &= shares[source, place, window] == shares[fused, place, window]
                equal = (low[source, window] == low[fused, window]) & (high[source, window] == high[fused, window])
                if alike & (equal | (both > 0)):
                    result += 1
                elif both > 0:
                    result += 2 * (both - joint) / both
    return result / (fused * height * width)
