"""Gradient: whether the edges of the sources are found again, as strong and in the same direction."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.metrics.filters import sobel
from benchmark.metrics.picture import Picture, term, total
from benchmark.metrics.registry import Original, metric


class Edges(NamedTuple):
    """Edge strength and angle at each pixel, ``float64 [B, 1, H, W]``; angle in -pi/2..pi/2."""

    strength: Tensor
    angle: Tensor


@term
def edges(picture: Picture) -> Edges:
    """Sobel edges, zeros outside the image; the angle is pi/2 where there is no horizontal difference."""
    across, along = sobel(picture.values)
    angle = torch.where(across == 0, pi / 2, torch.atan(along / across))
    return Edges((across.square() + along.square()).sqrt_(), angle)


@term
def edge_energy(picture: Picture) -> Tensor:
    """Sum of edge strengths, ``[B]``."""
    return total(edges(picture).strength)


def edge_preservation(source: Edges, fused: Edges) -> Tensor:
    """How well each source edge is kept in strength and orientation, ``[B, 1, H, W]`` in 0..0.9873."""
    smaller = torch.minimum(source.strength, fused.strength)
    larger = torch.maximum(source.strength, fused.strength)
    # Where both are equal the original takes the strength itself as ratio; every code in use kept that.
    ratio = torch.where(smaller == larger, fused.strength, smaller / larger)
    alignment = 1 - (source.angle - fused.angle).abs() / (pi / 2)
    return _sigmoid(ratio, 0.9994, -15, 0.5) * _sigmoid(alignment, 0.9879, -22, 0.8)


def _sigmoid(value: Tensor, height: float, slope: float, middle: float) -> Tensor:
    return height / (1 + torch.exp(slope * (value - middle)))


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
    originals=[
        Original("Qabf", "LFT_octave", absolute=1e-9),
        Original("Qabf", "VIFB_octave", absolute=1e-9),
        Original("Qabf", "CDDFuse_py", absolute=1e-6),
    ],
    rewards_noise=False,
    conventions={
        "undefined: neither source has an edge": lambda infrared, visible, fused: (
            edge_energy(infrared) + edge_energy(visible) == 0
        )
    },
)
def edge_based_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edges of both sources found again in the fused image, weighted by their strength there.

    The strength ratio is smaller / larger, but the strength itself where both are equal (a quirk of the original
    that every code kept). Identical images score .975333, not 1. NaN where neither source has an edge; a constant
    source still has the edge of its border against the zeros outside.
    """
    target = edges(fused)
    kept = (total(edge_preservation(edges(source), target) * edges(source).strength) for source in (infrared, visible))
    return (next(kept) + next(kept)) / (edge_energy(infrared) + edge_energy(visible))
