"""Dual-tree complex wavelet transform: six oriented complex subbands a level, nearly invariant to shifts.

Two real wavelet trees, a and b, run side by side along each axis. Their filters differ by a delay that makes b the
Hilbert partner of a, so that ``a + jb`` is nearly analytic: its magnitude tells how strong a feature is, its phase
where it lies. Every signal here holds both trees interleaved (a at even positions, b at odd ones), which keeps the
samples evenly spaced and lets one half-sample symmetric extension serve both: tree b is tree a in a mirror.

Paper: N. Kingsbury, Complex wavelets for shift invariant analysis and filtering of signals, Applied and Computational
Harmonic Analysis, 2001; I. Selesnick, R. Baraniuk, N. Kingsbury, The dual-tree complex wavelet transform, IEEE Signal
Processing Magazine, 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from ivif.fusion.classical.base import GreyPlane

ANGLES = (15, 45, 75, 105, 135, 165)
"""Direction of the wave each subband answers to, in degrees from the x axis (columns) towards the y axis (rows)."""

# Level 1: Kingsbury's near-symmetric 5- and 7-tap biorthogonal pair; synthesis is the modulated partner.
_ALTERNATING = np.array([1, -1, 1, -1, 1, -1, 1])
LOW_ANALYSIS = np.array([-1, 5, 12, 5, -1]) / 20
LOW_SYNTHESIS = np.array([-3, -15, 73, 170, 73, -15, -3]) / 280
HIGH_ANALYSIS = LOW_SYNTHESIS * _ALTERNATING
HIGH_SYNTHESIS = -LOW_ANALYSIS * _ALTERNATING[:5]

# Levels 2 and up: Kingsbury's orthonormal 14-tap quarter-shift filter of tree a; tree b uses it reversed.
QUARTER_SHIFT = np.array(
    [
        0.00325314276365318,
        -0.00388321199915849,
        0.03466034684485349,
        -0.03887280126882779,
        -0.11720388769911527,
        0.27529538466888204,
        0.75614564389252248,
        0.56881042071212273,
        0.01186609203379700,
        -0.10671180468666540,
        0.02382538479492030,
        0.01702522388155399,
        -0.00543947593727412,
        -0.00455689562847549,
    ]
)
QUARTER_SHIFT_HIGH = QUARTER_SHIFT[::-1] * np.tile([1, -1], 7)


@dataclass(frozen=True)
class DualTree:
    """Coefficients of one image.

    Attributes:
        low: the base, all four combinations of trees interleaved, ``[2h, 2w]`` for the coarsest subbands' ``[h, w]``.
        details: complex subbands ``[6, h, w]`` a level, finest first, in the order of `ANGLES`.
        shape: height and width of the image.
    """

    low: GreyPlane
    details: tuple[NDArray[np.complex128], ...]
    shape: tuple[int, int]


def analyse(image: GreyPlane, levels: int) -> DualTree:
    """Transform an image of any size; it is extended symmetrically to the next multiple of ``2 ** levels``."""
    height, width = image.shape
    missing = [(0, -side % 2**levels) for side in image.shape]
    low = np.pad(image, missing, mode="symmetric")
    details = []
    for level in range(levels):
        split = _split_first if level == 0 else _split
        low, high = split(low)
        (low, across), (down, both) = (map(np.transpose, split(part.T)) for part in (low, high))
        details.append(_oriented(across, both, down))
    return DualTree(low, tuple(details), (height, width))


def synthesise(tree: DualTree) -> GreyPlane:
    """The image of its coefficients; exact inverse of `analyse`."""
    low = tree.low
    for level in reversed(range(len(tree.details))):
        join = _join_first if level == 0 else _join
        across, both, down = _separable(tree.details[level])
        low, high = (join(*part).T for part in ((low.T, across.T), (down.T, both.T)))
        low = join(low, high)
    return low[: tree.shape[0], : tree.shape[1]]


def _split_first(signal: GreyPlane) -> tuple[GreyPlane, GreyPlane]:
    """Level 1 along the rows' axis: both filters, no decimation, as the trees take alternate samples."""
    low = correlate1d(signal, LOW_ANALYSIS, axis=0, mode="reflect")
    return low, correlate1d(signal, HIGH_ANALYSIS, axis=0, mode="reflect")


def _join_first(low: GreyPlane, high: GreyPlane) -> GreyPlane:
    smooth = correlate1d(low, LOW_SYNTHESIS, axis=0, mode="reflect")
    return smooth + correlate1d(high, HIGH_SYNTHESIS, axis=0, mode="reflect")


def _split(signal: GreyPlane) -> tuple[GreyPlane, GreyPlane]:
    """A level from 2 on along the rows' axis: each tree filtered and decimated by two."""
    extended = np.pad(signal, ((12, 12), (0, 0)), mode="symmetric")
    low, high = (np.empty((len(signal) // 2, signal.shape[1])) for _ in range(2))
    for part, taps in ((low, QUARTER_SHIFT), (high, QUARTER_SHIFT_HIGH)):
        part[0::2] = _decimate(extended[0::2], taps)
        part[1::2] = _decimate(extended[1::2], taps[::-1])
    return low, _turn_tree_b(high)


def _turn_tree_b(band: GreyPlane) -> GreyPlane:
    """The sign with which tree b is the Hilbert partner of tree a; without it, b is a's mirror image."""
    return band * np.tile([[1.0], [-1.0]], (len(band) // 2, 1))


def _decimate(extended: GreyPlane, taps: GreyPlane) -> GreyPlane:
    """``sum over k of taps[k] x[2m + k]``."""
    stop = len(extended) - len(taps) + 1
    return sum(tap * extended[k : k + stop : 2] for k, tap in enumerate(taps))


def _join(low: GreyPlane, high: GreyPlane) -> GreyPlane:
    """Inverse of `_split`: its transpose, as each tree is orthonormal."""
    signal = np.zeros((2 * len(low), low.shape[1]))
    for part, taps in ((low, QUARTER_SHIFT), (_turn_tree_b(high), QUARTER_SHIFT_HIGH)):
        extended = np.pad(part, ((6, 6), (0, 0)), mode="symmetric")
        for tree, response in ((0, taps[::-1]), (1, taps)):
            signal[tree::4] += _correlate(extended[tree::2], response[1::2])
            signal[tree + 2 :: 4] += _correlate(extended[tree::2], response[0::2])
    return signal


def _correlate(extended: GreyPlane, taps: GreyPlane) -> GreyPlane:
    """``sum over k of taps[k] x[m + k]``."""
    count = len(extended) - len(taps) + 1
    return sum(tap * extended[k : k + count] for k, tap in enumerate(taps))


def _oriented(across: GreyPlane, both: GreyPlane, down: GreyPlane) -> NDArray[np.complex128]:
    """Six complex subbands of three interleaved real ones, named by the axis along which they are high-pass."""
    (first, sixth), (second, fifth), (third, fourth) = map(_to_complex, (across, both, down))
    return np.stack((first, second, third, fourth, fifth, sixth))


def _separable(subbands: NDArray[np.complex128]) -> tuple[GreyPlane, GreyPlane, GreyPlane]:
    first, second, third, fourth, fifth, sixth = subbands
    return _to_real(first, sixth), _to_real(second, fifth), _to_real(third, fourth)


def _to_complex(band: GreyPlane) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """``(x_a + j x_b)(y_a + j y_b)`` and the same with ``y`` conjugated, over the root of two."""
    aa, ab, ba, bb = band[0::2, 0::2], band[0::2, 1::2], band[1::2, 0::2], band[1::2, 1::2]
    return ((aa - bb) + 1j * (ab + ba)) / np.sqrt(2), ((aa + bb) + 1j * (ab - ba)) / np.sqrt(2)


def _to_real(same: NDArray[np.complex128], opposite: NDArray[np.complex128]) -> GreyPlane:
    """Inverse of `_to_complex`."""
    band = np.empty((2 * same.shape[0], 2 * same.shape[1]))
    band[0::2, 0::2], band[1::2, 1::2] = (opposite + same).real, (opposite - same).real
    band[0::2, 1::2], band[1::2, 0::2] = (same + opposite).imag, (same - opposite).imag
    return band / np.sqrt(2)
