"""Guided filtering: weights (GFF) or layers (MGFF) that follow the edges of the sources."""

from __future__ import annotations

import cv2
import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.filters import gaussian_filter, guided_filter, mean_filter
from ivif.fusion.registry import register
from ivif.fusion.tiles import SIDE


@register
class GuidedFilteringFusion(ClassicalMethod):
    """Two scales; weights say which source has more detail, and are fitted to its edges by a guided filter.

    With ``base`` a 31 x 31 mean and ``detail = source - base``, each source's saliency is its absolute Laplacian,
    smoothed (11 x 11 Gaussian, sigma 5). The source of larger saliency gets weight 1 at a pixel, the other 0. Guided
    by each source, these maps become smooth weights of the base (radius 45, epsilon 0.3) and sharp weights of the
    detail (radius 7, epsilon 1e-6, grey values in 0..1), clipped to 0..1 and divided by their sum:
    ``F = sum base_weight base + sum detail_weight detail``.

    The VIFB results used one weight map from the luminance for all three channels.
    """

    name = "gff"
    title = "GFF"
    family = "guided filter"
    paper = "Li, Kang, Hu, Image fusion with guided filtering, IEEE TIP 2013"
    tile = SIDE
    margin = 112

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        sources = visible / 255, infrared / 255
        first, second = (_detail_saliency(source) for source in sources)
        visible_wins = (first >= second).astype(np.float64)
        winners = visible_wins, 1 - visible_wins
        bases = [mean_filter(source, 15) for source in sources]
        base_weights = _edge_following(winners, sources, 45, 0.3)
        detail_weights = _edge_following(winners, sources, 7, 1e-6)
        fused = np.zeros_like(visible)
        for source, base, broad, sharp in zip(sources, bases, base_weights, detail_weights, strict=True):
            fused += broad * base + sharp * (source - base)
        return 255 * fused


def _detail_saliency(source: GreyPlane) -> GreyPlane:
    laplacian = cv2.Laplacian(source, cv2.CV_64F, ksize=1, borderType=cv2.BORDER_REPLICATE)
    return gaussian_filter(np.abs(laplacian), 5, radius=5, border="replicate")


def _edge_following(
    weights: tuple[GreyPlane, GreyPlane], guides: tuple[GreyPlane, GreyPlane], radius: int, epsilon: float
) -> list[GreyPlane]:
    """Both weight maps, each filtered with its own source as guide; their sum is 1 at every pixel."""
    smooth = [
        np.clip(guided_filter(guide, weight, radius, epsilon), 0, 1)
        for guide, weight in zip(guides, weights, strict=True)
    ]
    total = smooth[0] + smooth[1] + 1e-12
    return [weight / total for weight in smooth]


@register
class MultiScaleGuidedFiltering(ClassicalMethod):
    """Four levels of layers, each source smoothed as far as the other one allows.

    From ``A0 = visible, B0 = infrared``: ``A(k+1) = guided_filter(guide=Ak, input=Bk)`` and
    ``B(k+1) = guided_filter(guide=Bk, input=Ak)``, radius 9, epsilon 1000 (grey values in 0..255). A layer is what a
    step removed, ``dA = Ak - A(k+1)``; its weight is its saliency's share ``|dA| / (|dA| + |dB|)``. The fused image is
    the weighted layers of all levels on top of the mean of the last ``A`` and ``B``.

    Note the roles in the filter: a source is the guide, and the other one is what is filtered. That is how the
    published results came about.
    """

    name = "mgff"
    title = "MGFF"
    family = "guided filter"
    paper = (
        "Bavirisetti, Xiao, Zhao, Dhuli, Liu, Multi-scale guided image and video fusion, "
        "Circuits, Systems, and Signal Processing 2019"
    )
    venue = "Circuits, Systems, and Signal Processing"
    tile = SIDE
    margin = 80

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        left, right = visible, infrared
        fused = np.zeros_like(visible)
        for _ in range(4):
            smooth_left, smooth_right = guided_filter(left, right, 9, 1e3), guided_filter(right, left, 9, 1e3)
            fused += _by_magnitude(left - smooth_left, right - smooth_right)
            left, right = smooth_left, smooth_right
        return fused + (left + right) / 2


def _by_magnitude(first: GreyPlane, second: GreyPlane) -> GreyPlane:
    """Mean of two layers weighted with their own magnitudes; 0 where both are."""
    total = np.abs(first) + np.abs(second)
    weighted = np.abs(first) * first + np.abs(second) * second
    return np.divide(weighted, total, out=np.zeros_like(total), where=total > 0)
