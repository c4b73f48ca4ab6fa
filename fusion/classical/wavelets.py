"""Wavelets: the plain discrete transform and the dual-tree complex one."""

from __future__ import annotations

import numpy as np
import pywt
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, uniform_filter

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.dual_tree import DualTree, analyse, synthesise
from ivif.fusion.classical.multiscale import LEVELS, depth, stronger
from ivif.fusion.registry import register
from ivif.fusion.tiles import SIDE


@register
class DiscreteWavelet(ClassicalMethod):
    """Discrete wavelet transform with area-based selection and consistency verification.

    In every detail subband the activity of a coefficient is the largest magnitude in the window around it; the source
    of larger activity gives the coefficient, unless most neighbours came from the other one. Approximations are
    averaged. Borders are extended symmetrically.

    Attributes:
        wavelet: Daubechies' orthogonal wavelet with two vanishing moments.
        window: side of the square for activity and for the majority vote, in coefficients.
    """

    name = "dwt"
    title = "DWT"
    family = "wavelet"
    paper = (
        "Li, Manjunath, Mitra, Multisensor image fusion using the wavelet transform, "
        "Graphical Models and Image Processing, 1995"
    )
    tile = SIDE
    margin = 192
    grid = 2**LEVELS
    wavelet = "db2"
    window = 3

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        levels = min(LEVELS, pywt.dwtn_max_level(infrared.shape, self.wavelet))
        left, right = (pywt.wavedec2(image, self.wavelet, "symmetric", levels) for image in (infrared, visible))
        details = [
            tuple(select_by_area(first, second, self.window) for first, second in zip(*bands, strict=True))
            for bands in zip(left[1:], right[1:], strict=True)
        ]
        fused = pywt.waverec2([(left[0] + right[0]) / 2, *details], self.wavelet, "symmetric")
        return fused[: infrared.shape[0], : infrared.shape[1]]


def select_by_area(first: GreyPlane, second: GreyPlane, window: int) -> GreyPlane:
    """Coefficients of the source with the larger activity, after consistency verification."""
    first_activity, second_activity = (maximum_filter(np.abs(band), window) for band in (first, second))
    return np.where(consistent(first_activity >= second_activity, window), first, second)


def consistent(decisions: NDArray[np.bool_], window: int) -> NDArray[np.bool_]:
    """Majority vote in an odd square window: a decision that most of its neighbours contradict is turned round."""
    return uniform_filter(decisions.astype(np.float64), window) > 0.5


@register
class DualTreeComplexWavelet(ClassicalMethod):
    """Dual-tree complex wavelet transform: the coefficient of larger magnitude survives, bases are averaged."""

    name = "dtcwt"
    title = "DTCWT"
    family = "wavelet"
    paper = (
        "Lewis, O'Callaghan, Nikolov, Bull, Canagarajah, Pixel- and region-based image fusion with complex wavelets, "
        "Information Fusion, 2007"
    )
    tile = SIDE
    margin = 224
    grid = 2**LEVELS

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        levels = depth(infrared.shape)
        left, right = analyse(infrared, levels), analyse(visible, levels)
        details = tuple(stronger(first, second) for first, second in zip(left.details, right.details, strict=True))
        return synthesise(DualTree((left.low + right.low) / 2, details, left.shape))
