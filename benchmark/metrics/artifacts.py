"""Artifacts: edges of the fused image split into kept ones, lost ones and ones that no source has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import compilable, numbers, room, sobel
from ivif.benchmark.metrics.picture import Picture, pair_term, term, total
from ivif.benchmark.metrics.registry import metric, variant

_KUMAR = (
    "Shreyamsha Kumar: Multifocus and multispectral image fusion based on pixel significance using discrete cosine "
)
_KUMAR += "harmonic wavelet transform. Signal, Image and Video Processing 7(6), 2013"
_PETROVIC = "Petrović, Xydeas: Objective image fusion performance characterisation. ICCV 2005"


class Gradient(NamedTuple):
    """Edge strength, angle in -pi/2..pi/2, and how much an edge weighs, ``float64 [B, 1, H, W]``."""

    strength: Tensor
    angle: Tensor
    weight: Tensor


@term
def weighted_gradient(picture: Picture) -> Gradient:
    """Sobel differences over 8, borders mirrored; strengths from 2 grey levels on weigh ``g^1.5``, others .001."""
    if compilable(picture.values):
        return _compiled_gradient(picture.values)
    leftward, downward = (difference / 8 for difference in sobel(picture.values, "reflect"))
    strength = (leftward.square() + downward.square()).sqrt()
    angle = torch.where(strength > 0, torch.atan(-leftward / downward), 0.0)
    return Gradient(strength, angle, torch.where(strength >= 2, strength**1.5, 0.001))


def _compiled_gradient(values: Tensor) -> Gradient:
    """The same in one pass."""
    from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

    result = Gradient(*(values.new_empty(values.shape) for _ in Gradient._fields))
    mirrored = pad(values, (1, 1, 1, 1), "reflect")[:, 0]
    for padded, *parts in zip(mirrored, *(part[:, 0] for part in result), strict=True):
        compiled_edges.weigh_edges(padded.numpy(), *(part.numpy() for part in parts))
    return result


@term
def whole_weight(picture: Picture) -> Tensor:
    """Sum of the weights, ``[B]``."""
    return total(weighted_gradient(picture).weight)


@pair_term
def kept(source: Picture, fused: Picture) -> Tensor:
    """How well each source edge is kept, ``float64 [B, 1, H, W]`` in 0..1."""
    first, second = weighted_gradient(source), weighted_gradient(fused)
    if compilable(first.strength, second.strength):
        return _compiled_kept(first, second)
    larger = torch.maximum(first.strength, second.strength)
    ratio = torch.where(larger > 0, torch.minimum(first.strength, second.strength) / larger, 0.0)
    alignment = ((first.angle - second.angle).abs() - pi / 2).abs() / (pi / 2)
    strength_kept = 0.9999 / (1 + torch.exp(-19 * (ratio - 0.5)))
    return (strength_kept * 0.9995 / (1 + torch.exp(-22 * (alignment - 0.5)))).sqrt()


def _compiled_kept(source: Gradient, fused: Gradient) -> Tensor:
    """The same in one pass; sources may be one for all fused images."""
    from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

    result = fused.strength.new_empty(fused.strength.shape)
    of_source = (numbers(part.expand_as(result)) for part in source[:2])
    compiled_edges.keep_edges(*of_source, *(numbers(part) for part in fused[:2]), room(result))
    return result


def _is_new(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Where the fused image has a stronger edge than either source, ``bool [B, 1, H, W]``."""
    strongest = torch.maximum(weighted_gradient(infrared).strength, weighted_gradient(visible).strength)
    return weighted_gradient(fused).strength > strongest


def _share(
    part: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], infrared: Picture, visible: Picture, fused: Picture
) -> Tensor:
    """Sum of ``part(Q_A, Q_B, w_A, w_B)`` over that of the weights."""
    weights = [weighted_gradient(source).weight for source in (infrared, visible)]
    qualities = [kept(source, fused) for source in (infrared, visible)]
    return total(part(*qualities, *weights)) / (whole_weight(infrared) + whole_weight(visible))


def _missing_shares(infrared: Picture, visible: Picture, fused: Picture) -> tuple[Tensor, Tensor]:
    """Share of the sources' edges that is missing where the fused edge is new, and elsewhere, ``[B]`` each."""
    gradients = [weighted_gradient(picture) for picture in (infrared, visible, fused)]
    if compilable(*(gradient.strength for gradient in gradients)):
        sums = _compiled_missing(gradients, [kept(source, fused) for source in (infrared, visible)])
        new, lost = (sums / (whole_weight(infrared) + whole_weight(visible)).unsqueeze(0)).unbind()
        return new, lost
    is_new = _is_new(infrared, visible, fused)
    new = _share(lambda *parts: is_new * _missing(*parts), infrared, visible, fused)
    return new, _share(lambda *parts: ~is_new * _missing(*parts), infrared, visible, fused)


def _compiled_missing(gradients: Sequence[Gradient], qualities: Sequence[Tensor]) -> Tensor:
    """Sums of what is missing where the fused edge is new, and elsewhere, ``[2, B]``; sources may be one for all."""
    from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

    shape = qualities[0].shape
    kinds = [gradient.strength for gradient in gradients], qualities, [gradient.weight for gradient in gradients[:2]]
    whole = [[part.expand(shape) for part in kind] for kind in kinds]
    images = ([tuple(numbers(part[index]) for part in kind) for kind in whole] for index in range(shape[0]))
    return qualities[0].new_tensor([compiled_edges.split_edges(*kinds) for kinds in images]).T


def _missing(of_infrared: Tensor, of_visible: Tensor, infrared_weight: Tensor, visible_weight: Tensor) -> Tensor:
    return (1 - of_infrared) * infrared_weight + (1 - of_visible) * visible_weight


@metric(
    "nabf",
    "Fusion artifacts",
    label="Nabf",
    better="lower",
    high=1,
    identity=0,
    family="gradient",
    formula="Nabf = sum over [g_F > g_A and g_F > g_B] of ((1-Q_A) w_A + (1-Q_B) w_B) / sum (w_A + w_B)",
    paper=_KUMAR,
    agrees="Kumar's code as LFT has it, with its arguments in order; LFT itself shifts them by one place (.0445 for "
    ".0035); IVIF_ZOO to 1e-3; RFN-Nest takes images in 0..1",
    rewards_noise=False,
    min_side=2,
    transposable=False,
)
def fusion_artifacts(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edges of the fused image that are stronger than in both sources and differ from theirs.

    Noise and ringing raise it; a blurred image has none. With the kept and lost shares (qabf@petrovic, labf) it sums
    to 1.
    """
    return _missing_shares(infrared, visible, fused)[0]


@variant(
    "nabf@petrovic",
    "{} after Petrović",
    high=2,
    formula="as nabf, with (2 - Q_A - Q_B) (w_A + w_B)",
    paper=_PETROVIC,
    agrees="none in circulation",
)
def fusion_artifacts_petrovic(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The first definition: each loss weighs as much as both edges, so that shares no longer sum to 1."""
    new = _is_new(infrared, visible, fused)
    return _share(lambda qa, qb, wa, wb: new * (2 - qa - qb) * (wa + wb), infrared, visible, fused)


@metric(
    "labf",
    "Lost information",
    label="Labf",
    better="lower",
    high=1,
    family="gradient",
    formula="Labf = sum over [g_F <= g_A or g_F <= g_B] of ((1-Q_A) w_A + (1-Q_B) w_B) / sum (w_A + w_B)",
    paper=_PETROVIC,
    agrees="Kumar's code",
    rewards_noise=False,
    min_side=2,
    transposable=False,
)
def lost_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edges of the sources that the fused image has weaker, or turned.

    With the kept and the new share (qabf@petrovic, nabf) it sums to 1.
    """
    return _missing_shares(infrared, visible, fused)[1]


@variant(
    "qabf@petrovic",
    "Kept edge information after Petrović",
    high=1,
    formula="sum (Q_A w_A + Q_B w_B) / sum (w_A + w_B), with the edges, Q and w of nabf",
    paper=_PETROVIC,
    agrees="Kumar's code",
    min_side=2,
    conventions={},
)
def kept_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edges of the sources that the fused image has, weighted by strength: another number than Qabf.

    With the lost and the new share (labf, nabf) it sums to 1.
    """
    return _share(lambda qa, qb, wa, wb: qa * wa + qb * wb, infrared, visible, fused)
