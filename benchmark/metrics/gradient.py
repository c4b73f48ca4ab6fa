"""Gradient: whether the edges of the sources are found again, as strong and in the same direction."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, pi
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import compilable, numbers, room, sobel
from ivif.benchmark.metrics.picture import Picture, term, total
from ivif.benchmark.metrics.registry import metric, variant


class Edges(NamedTuple):
    """Edge strength and angle at each pixel, ``float64 [B, 1, H, W]``; angle in -pi/2..pi/2."""

    strength: Tensor
    angle: Tensor


@term
def edges(picture: Picture) -> Edges:
    """Sobel edges, zeros outside the image; the angle is pi/2 where there is no horizontal difference."""
    if compilable(picture.values):
        return _compiled_edges(picture.values)
    across, along = sobel(picture.values)
    angle = torch.where(across == 0, pi / 2, torch.atan(along / across))
    return Edges((across.square() + along.square()).sqrt_(), angle)


def _compiled_edges(values: Tensor) -> Edges:
    """The same in one pass."""
    from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

    result = Edges(values.new_empty(values.shape), values.new_empty(values.shape))
    for padded, strength, angle in zip(pad(values, (1, 1, 1, 1))[:, 0], *(part[:, 0] for part in result), strict=True):
        compiled_edges.sobel_edges(padded.numpy(), strength.numpy(), angle.numpy())
    return result


@term
def edge_energy(picture: Picture) -> Tensor:
    """Sum of edge strengths, ``[B]``."""
    return total(edges(picture).strength)


def edge_preservation(source: Edges, fused: Edges) -> Tensor:
    """How well each source edge is kept in strength and orientation, ``[B, 1, H, W]`` in 0..0.9873."""
    if compilable(*source, *fused):
        return _compiled_preservation(source, fused)
    alignment = 1 - (source.angle - fused.angle).abs() / (pi / 2)
    return _sigmoid(_strength_ratio(source, fused), 0.9994, -15, 0.5) * _sigmoid(alignment, 0.9879, -22, 0.8)


def _compiled_preservation(source: Edges, fused: Edges) -> Tensor:
    """The same in one pass; sources may be one for all fused images."""
    from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

    result = fused.strength.new_empty(fused.strength.shape)
    strength, angle = (numbers(part.expand_as(result)) for part in source)
    compiled_edges.preserve(strength, angle, numbers(fused.strength), numbers(fused.angle), room(result))
    return result


def edge_preservation_wrapsafe(source: Edges, fused: Edges) -> Tensor:
    """The same with the angle between two edges as lines: at most pi/2, whichever way it is measured."""
    apart = (source.angle - fused.angle).abs()
    alignment = 1 - torch.minimum(apart, pi - apart) / (pi / 2)
    return _sigmoid(_strength_ratio(source, fused), 0.9994, -15, 0.5) * _sigmoid(alignment, 0.9879, -22, 0.8)


def _strength_ratio(source: Edges, fused: Edges) -> Tensor:
    """Smaller strength over larger; where both are equal the strength itself, as in every code in use."""
    smaller = torch.minimum(source.strength, fused.strength)
    larger = torch.maximum(source.strength, fused.strength)
    return torch.where(smaller == larger, fused.strength, smaller / larger)


def _sigmoid(value: Tensor, height: float, slope: float, middle: float) -> Tensor:
    return height / (1 + torch.exp(slope * (value - middle)))


def _no_edges(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    return edge_energy(infrared) + edge_energy(visible) == 0


@metric(
    "qabf",
    "Edge-based quality",
    label="Qabf",
    high=0.9994 * 0.9879,
    family="gradient",
    formula="Qabf = sum(Q_AF g_A + Q_BF g_B) / sum(g_A + g_B), Q = Q_strength Q_orientation, g: Sobel strength",
    paper="Xydeas, Petrović: Objective image fusion performance measure. Electronics Letters 36(4), 2000",
    agrees="CDDFuse, IVIF_ZOO, LFT and VIFB agree; replicated instead of zero borders move it by up to .055, an angle "
    "difference modulo pi by +.04, x/255 in float32 by .0375",
    rewards_noise=False,
    transposable=False,
    conventions={"undefined: neither source has an edge": _no_edges},
)
def edge_based_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edges of both sources found again in the fused image, weighted by their strength there.

    The strength ratio is smaller / larger, but the strength itself where both are equal (a quirk of the original
    that every code kept). Identical images score .975333, not 1. NaN where neither source has an edge; a constant
    source still has the edge of its border against the zeros outside.
    """
    return _weighted_by_strength(edge_preservation, infrared, visible, fused)


def _weighted_by_strength(
    preservation: Callable[[Edges, Edges], Tensor], infrared: Picture, visible: Picture, fused: Picture
) -> Tensor:
    kept = (total(preservation(edges(source), edges(fused)) * edges(source).strength) for source in (infrared, visible))
    return (next(kept) + next(kept)) / (edge_energy(infrared) + edge_energy(visible))


@variant(
    "qabf@wrapsafe",
    "{} with angles between lines",
    formula="as qabf, with the difference of two angles taken modulo pi",
    agrees="none; the definition that the angle's meaning asks for",
)
def edge_based_quality_wrapsafe(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edge-based quality in which almost vertical edges that lean to either side count as nearly parallel.

    The original takes -89 and 89 degrees for opposite; this adds up to .04.
    """
    return _weighted_by_strength(edge_preservation_wrapsafe, infrared, visible, fused)


@metric(
    "qg",
    "Gradient-based quality, averaged",
    label="QG",
    high=1 / (1 + exp(-5)) ** 2,
    family="gradient",
    formula="QG = mean [(Q_A g_A + Q_B g_B) / (g_A + g_B)], Q = 1/(1 + exp(-10 (G - .5))) 1/(1 + exp(-20 (D - .75))); "
    "zeros are replaced by 1e-5",
    paper="Xydeas, Petrović: Objective image fusion performance measure. Electronics Letters 36(4), 2000, as in: Liu, "
    "Blasch et al., IEEE TPAMI 34(1), 2012",
    agrees="Liu's toolbox",
    rewards_noise=False,
    transposable=False,
)
def gradient_based_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edges kept, each pixel counting alike: flat areas decide where Qabf looks at strong edges.

    Softer thresholds than Qabf, and the angle between two edges is that between lines.
    """
    target = _edges_without_zeros(fused)
    first, second = (_edges_without_zeros(source) for source in (infrared, visible))
    kept = _soft_preservation(first, target) * first.strength + _soft_preservation(second, target) * second.strength
    return total(kept / (first.strength + second.strength)) / fused.pixels


ZERO_SUBSTITUTE = 1e-5
"""What stands for a difference or strength of 0 in `gradient_based_quality`."""


@term
def _edges_without_zeros(picture: Picture) -> Edges:
    leftward, downward = sobel(picture.values)
    across = -leftward
    strength = edges(picture).strength
    angle = torch.atan(downward / torch.where(across == 0, ZERO_SUBSTITUTE, across))
    return Edges(torch.where(strength == 0, ZERO_SUBSTITUTE, strength), angle)


def _soft_preservation(source: Edges, fused: Edges) -> Tensor:
    ratio = torch.minimum(source.strength, fused.strength) / torch.maximum(source.strength, fused.strength)
    alignment = ((source.angle - fused.angle).abs() - pi / 2).abs() / (pi / 2)
    return _sigmoid(ratio, 1, -10, 0.5) * _sigmoid(alignment, 1, -20, 0.75)
