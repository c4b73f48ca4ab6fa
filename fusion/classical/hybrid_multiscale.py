"""Hybrid multi-scale decomposition: Gaussian and bilateral filters side by side separate texture from edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.bilateral import bilateral_filter
from ivif.fusion.classical.filters import gaussian_filter
from ivif.fusion.classical.multiscale import stronger
from ivif.fusion.registry import register
from ivif.fusion.tiles import in_tiles

_LEVELS = 4
_SPACE_SIGMA = 2.0
_RANGE_SIGMA = 0.05 * 255
_LAMBDA = 30.0
_COARSEST_SIGMA = 64.0


Filters = tuple[Callable[[GreyPlane], GreyPlane], Callable[[GreyPlane], GreyPlane]]
"""What keeps edges, and what smooths everything."""


class Level(NamedTuple):
    """A source at one level: texture and edges are what the level takes off it.

    Attributes:
        before: smoothed by the levels above.
        kept: smoothed by this one too, but for its edges.
        rest: smoothed by this one too.
    """

    before: GreyPlane
    kept: GreyPlane
    rest: GreyPlane

    @classmethod
    def zero(cls, source: GreyPlane) -> Level:
        """Before anything is taken off."""
        return cls(source, source, source)

    @property
    def texture(self) -> GreyPlane:
        """``before - kept``."""
        return self.before - self.kept

    @property
    def edges(self) -> GreyPlane:
        """``kept - rest``."""
        return self.kept - self.rest

    def coarser(self, filters: Filters) -> Level:
        """The next level."""
        keep, smooth = filters
        return Level(self.rest, keep(self.kept), smooth(self.rest))


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
        sources = Level.zero(visible), Level.zero(infrared)
        return fuse_levels(*sources, [_filters(level) for level in range(_LEVELS)], _larger, _LAMBDA)


def _filters(level: int) -> Filters:
    space_sigma, range_sigma = _SPACE_SIGMA * 2**level, _RANGE_SIGMA / 2**level
    keep = partial(bilateral_filter, space_sigma=space_sigma, range_sigma=range_sigma)
    return keep, partial(gaussian_filter, sigma=space_sigma)


def _larger(visible: Level, infrared: Level) -> GreyPlane:
    """Texture and edges of larger magnitude."""
    return stronger(visible.texture, infrared.texture) + stronger(visible.edges, infrared.edges)


def fuse_levels(
    visible: Level,
    infrared: Level,
    filters: Sequence[Filters],
    finest: Callable[[Level, Level], GreyPlane],
    steepness: float,
) -> GreyPlane:
    """Fuse level by level, as all levels of a large image would take much memory at once.

    Args:
        visible, infrared: the sources before the first level.
        filters: for each level, finest first.
        finest: makes one plane of the first level of both; looks no further than 3 pixels.
        steepness: of the infrared weight.
    """

    def fused_finest(*planes: GreyPlane) -> GreyPlane:
        return finest(Level(*planes[:3]), Level(*planes[3:]))

    for number, pair in enumerate(filters):
        visible = visible.coarser(pair)
        infrared = infrared.coarser(pair)
        if number == 0:
            fused = in_tiles(fused_finest, *visible, *infrared, margin=3)
        else:
            weight = infrared_weight(visible, infrared, steepness)
            fused = in_tiles(_with_level, fused, weight, *visible, *infrared, margin=3)
    planes = infrared.rest, visible.rest
    del infrared, visible  # the last level's other planes
    return in_tiles(_with_base, fused, gaussian_filter(weight, _COARSEST_SIGMA), *planes, margin=0)


def _with_base(fused: GreyPlane, weight: GreyPlane, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
    """Add the bases, mixed by the infrared's smooth weight."""
    return fused + mix(weight, infrared, visible)


def _with_level(fused: GreyPlane, weight: GreyPlane, *planes: GreyPlane) -> GreyPlane:
    """Add the edges and texture of a level, mixed by the smoothed weight of the infrared."""
    left, right = Level(*planes[:3]), Level(*planes[3:])
    smooth = gaussian_filter(weight, 1.0)
    return fused + mix(smooth, right.edges, left.edges) + mix(smooth, right.texture, left.texture)


def infrared_weight(visible: Level, infrared: Level, steepness: float) -> GreyPlane:
    """``C`` in 0..1: 0 where visible edges are at least as strong, rising steeply where infrared edges stand out."""
    weight = in_tiles(_excess, *visible[1:], *infrared[1:], margin=0)
    largest = weight.max()
    if largest > 0:
        weight *= steepness
        weight /= largest
        np.arctan(weight, out=weight)
        weight /= np.arctan(steepness)
    return weight


def _excess(visible: GreyPlane, visible_rest: GreyPlane, infrared: GreyPlane, infrared_rest: GreyPlane) -> GreyPlane:
    """How much stronger infrared edges are, at least 0."""
    return np.maximum(np.abs(infrared - infrared_rest) - np.abs(visible - visible_rest), 0)


def mix(weight: GreyPlane, first: GreyPlane, second: GreyPlane) -> GreyPlane:
    """``weight first + (1 - weight) second``."""
    result = weight * first
    result += (1 - weight) * second
    return result
