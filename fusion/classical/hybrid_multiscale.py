"""Hybrid multi-scale decomposition: Gaussian and bilateral filters side by side separate texture from edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.bilateral import bilateral_filter
from ivif.fusion.classical.filters import gaussian_filter
from ivif.fusion.registry import register

_LEVELS = 4
_SPACE_SIGMA = 2.0
_RANGE_SIGMA = 0.05 * 255
_LAMBDA = 30.0


class Layers(NamedTuple):
    """A source taken apart, finest level first; ``sum(textures) + sum(edges) + base`` is the source."""

    textures: list[GreyPlane]
    edges: list[GreyPlane]
    base: GreyPlane


@register
class HybridMultiScaleDecomposition(ClassicalMethod):
    """Infrared edges that stand out are put into the visible image, scale by scale.

    With ``G0 = B0 = source``, level j = 1..4 has ``Gj = gaussian(G(j-1))`` and ``Bj = bilateral(B(j-1))`` of space
    sigma ``2^j`` and range sigma ``0.05 * 2^(1 - j)`` (of the full range), texture ``Tj = G(j-1) - Bj`` and edges
    ``Ej = Bj - Gj``.

    * Level 1: at each pixel the texture, and the edge, of larger magnitude.
    * Levels 2..4: where infrared edges are stronger, ``R = max(|E_infrared| - |E_visible|, 0)``, the infrared gets the
      weight ``C = atan(30 R / max R) / atan(30)`` for edges and texture, smoothed by a Gaussian of sigma 1.
    * Base ``G4``: weight ``C`` of level 4, smoothed by a Gaussian of sigma 64.
    """

    name = "hybrid_msd"
    title = "Hybrid-MSD"
    family = "edge-preserving decomposition"
    paper = (
        "Zhou, Wang, Li, Dong, Perceptual fusion of infrared and visible images through a hybrid multi-scale "
        "decomposition with Gaussian and bilateral filters, Information Fusion 2016"
    )

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        left, right = _decompose(visible), _decompose(infrared)
        fused = _larger(left.textures[0], right.textures[0]) + _larger(left.edges[0], right.edges[0])
        for level in range(1, _LEVELS):
            weight = infrared_weight(left.edges[level], right.edges[level], _LAMBDA)
            smooth = gaussian_filter(weight, 1.0)
            fused += mix(smooth, right.edges[level], left.edges[level])
            fused += mix(smooth, right.textures[level], left.textures[level])
        coarse = gaussian_filter(weight, _SPACE_SIGMA * 2 ** (_LEVELS + 1))
        return fused + mix(coarse, right.base, left.base)


def _decompose(source: GreyPlane) -> Layers:
    textures, edges = [], []
    gaussian, bilateral = source, source
    for level in range(_LEVELS):
        space_sigma, range_sigma = _SPACE_SIGMA * 2**level, _RANGE_SIGMA / 2**level
        bilateral = bilateral_filter(bilateral, space_sigma, range_sigma)
        textures.append(gaussian - bilateral)
        gaussian = gaussian_filter(gaussian, space_sigma)
        edges.append(bilateral - gaussian)
    return Layers(textures, edges, gaussian)


def infrared_weight(visible_edges: GreyPlane, infrared_edges: GreyPlane, steepness: float) -> GreyPlane:
    """``C`` in 0..1: 0 where visible edges are at least as strong, rising steeply where infrared edges stand out."""
    excess = np.maximum(np.abs(infrared_edges) - np.abs(visible_edges), 0)
    largest = excess.max()
    return np.arctan(steepness * excess / largest) / np.arctan(steepness) if largest > 0 else excess


def mix(weight: GreyPlane, first: GreyPlane, second: GreyPlane) -> GreyPlane:
    """``weight first + (1 - weight) second``."""
    return weight * first + (1 - weight) * second


def _larger(visible: GreyPlane, infrared: GreyPlane) -> GreyPlane:
    """At each pixel the value of larger magnitude, the visible one if they are equal."""
    return np.where(np.abs(visible) < np.abs(infrared), infrared, visible)
