"""Weighted least squares on detail layers, visual saliency on the base (VSMWLS)."""

from __future__ import annotations

from functools import partial

import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.filters import gaussian_filter, guided_filter, mean_filter
from ivif.fusion.classical.multiscale import stronger
from ivif.fusion.registry import register
from ivif.fusion.tiles import in_tiles

_ROLLING_SIGMAS = (2, 4, 8)
_RANGE_SIGMA = 0.05
_LAMBDA = 0.01


@register
class SaliencyAndLeastSquares(ClassicalMethod):
    """Base layers by histogram saliency; detail layers by magnitude, regularised by weighted least squares.

    Grey values in 0..1. Three rolling guidance filters (sigma 2, 4, 8, range sigma 0.05) and a Gaussian of sigma 2
    leave four detail layers and a base.

    * Base: ``(1/2 + (V_A - V_B) / 2) A + (1/2 - (V_A - V_B) / 2) B`` with saliency maps V, see `histogram_saliency`.
    * Finest details: the value of larger magnitude.
    * Other details: ``M`` = the value of larger magnitude, the choice smoothed by a Gaussian of sigma 2; then the
      minimiser D of ``sum (D - M)^2 + 0.01 w (D - anchor)^2`` with ``w = 1 / (|7 x 7 mean of other| + 1e-6)``.

    The paper pulls D towards the visible details (anchor = visible, other = infrared). The published code and the
    VIFB results have the roles the other way round, and so has this method: anchor = infrared, other = visible.
    """

    name = "vsmwls"
    title = "VSMWLS"
    family = "edge-preserving decomposition"
    paper = (
        "Ma, Zhou, Wang, Zong, Infrared and visible image fusion based on visual saliency map and "
        "weighted least square optimization, Infrared Physics & Technology 2017"
    )

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        lead = (histogram_saliency(visible) - histogram_saliency(infrared)) / 2
        left, right, fused = infrared / 255, visible / 255, np.zeros_like(visible)
        for number, smooth in enumerate(_SMOOTHING):
            coarse_left, coarse_right = smooth(left), smooth(right)
            details = _stronger_details if number == 0 else _regularised_details
            fused += in_tiles(details, left, coarse_left, right, coarse_right, margin=6)
            left, right = coarse_left, coarse_right
        fused += (0.5 + lead) * right
        fused += (0.5 - lead) * left
        fused *= 255
        return fused


def _stronger_details(
    infrared: GreyPlane, infrared_base: GreyPlane, visible: GreyPlane, visible_base: GreyPlane
) -> GreyPlane:
    return stronger(infrared - infrared_base, visible - visible_base)


def _regularised_details(
    infrared: GreyPlane, infrared_base: GreyPlane, visible: GreyPlane, visible_base: GreyPlane
) -> GreyPlane:
    """Details of larger magnitude, where that changes smoothly, drawn towards the infrared ones."""
    anchor, other = infrared - infrared_base, visible - visible_base
    choice = gaussian_filter((np.abs(anchor) < np.abs(other)).astype(np.float64), 2.0)
    weight = _LAMBDA / (np.abs(mean_filter(other, 3)) + 1e-6)
    return weighted_least_squares(choice * other + (1 - choice) * anchor, anchor, weight)


def rolling_guidance(plane: GreyPlane, sigma: int, range_sigma: float, iterations: int = 4) -> GreyPlane:
    """Remove structures smaller than `sigma` pixels, keep the edges of larger ones.

    Starts from a Gaussian of `sigma`, then takes the result again and again as the guide that filters the plane. The
    filter is a guided filter of radius `sigma` and ``epsilon = range_sigma^2``, as in the method's published code.

    Paper: Zhang, Shen, Xu, Jia, "Rolling guidance filter", ECCV 2014.
    """
    guide = gaussian_filter(plane, sigma, border="replicate")
    for _ in range(iterations):
        guide = guided_filter(guide, plane, sigma, range_sigma**2)
    return guide


_SMOOTHING = (
    *(partial(rolling_guidance, sigma=sigma, range_sigma=_RANGE_SIGMA) for sigma in _ROLLING_SIGMAS),
    partial(gaussian_filter, sigma=2.0, border="replicate"),
)
"""What each layer of details is removed by."""


def histogram_saliency(source: GreyPlane) -> GreyPlane:
    """How unusual a pixel's grey value is: the sum of its distances to all pixels, stretched to 0..1 over the image.

    The values 0..255 are rounded to 256 levels; an image of one level has saliency 0 everywhere.
    """
    levels = np.clip(np.floor(source + 0.5), 0, 255).astype(np.intp)
    histogram = np.bincount(levels.ravel(), minlength=256)
    grey = np.arange(256.0)
    saliency = (np.abs(grey[:, None] - grey) @ histogram)[levels]
    span = saliency.max() - saliency.min()
    return (saliency - saliency.min()) / span if span > 0 else np.zeros_like(source)


def weighted_least_squares(first: GreyPlane, second: GreyPlane, weight: GreyPlane) -> GreyPlane:
    """The D that minimises ``sum (D - first)^2 + weight (D - second)^2``.

    No pixel is tied to another one, so its normal equations are diagonal: ``(1 + weight) D = first + weight second``.
    """
    return (first + weight * second) / (1 + weight)
