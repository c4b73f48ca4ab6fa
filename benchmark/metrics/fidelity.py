"""Fidelity: how much visual information of the sources survives in the fused image."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import torch
from torch import Tensor

from ivif.benchmark.metrics.filters import blur_valid, compilable, gaussian, numbers, room
from ivif.benchmark.metrics.picture import Picture, is_constant, pair_term, term, total
from ivif.benchmark.metrics.registry import metric, variant
from ivif.benchmark.metrics.windows import local, local_covariance

TAPS = (17, 9, 5, 3)
"""Taps of the Gaussian window at each scale; sigma is a fifth of it."""

NOISE_VARIANCE = 2.0
"""Variance of the visual noise in squared grey levels."""

EPSILON = 1e-10


class Scale(NamedTuple):
    """A picture at one scale with its local statistics, ``float64 [B, 1, h, w]`` each (statistics: valid part)."""

    image: Tensor
    mean: Tensor
    variance: Tensor


@term
def scales(picture: Picture) -> list[Scale]:
    """The four scales: before each but the first, blurred with that scale's window and every 2nd pixel taken."""
    image, result = picture.values, []
    for number, window in enumerate(TAPS):
        taps = gaussian(window, window / 5)
        if number:
            image = blur_valid(image, taps, step=2)
        result.append(Scale(image, *local(image, taps, least=0)))
    return result


@term
def saturated_scales(picture: Picture) -> list[Scale]:
    """The four scales where squares do not exceed 255 at the first, as they don't in saturating bytes."""
    image, mean, _ = scales(picture)[0]
    squares = blur_valid((image * image).clamp_(max=255), gaussian(TAPS[0], TAPS[0] / 5))
    return [Scale(image, mean, (squares - mean * mean).clamp_(min=0)), *scales(picture)[1:]]


def _usable(variance: Tensor) -> Tensor:
    return torch.where(variance < EPSILON, 0.0, variance)


def _information(scale: Scale, noise: float) -> Tensor:
    """What a perfect image would carry at each pixel of one scale."""
    return torch.log10(1 + _usable(scale.variance) / noise)


@term
def source_information(picture: Picture) -> Tensor:
    """Information a perfect image would carry, the denominator of VIF, ``[B]``."""
    return torch.stack([total(_information(scale, NOISE_VARIANCE)) for scale in scales(picture)]).sum(0)


class Channel(NamedTuple):
    """How the fused image follows a source at one scale: ``fused = gain source + distortion``, locally.

    Attributes:
        gain: at least 0, ``[B, 1, h, w]``.
        kept: information about the source that passes through it, against visual noise, ``[B, 1, h, w]``.
    """

    gain: Tensor
    kept: Tensor


def channel(source: Scale, fused: Scale, window: int, noise: float, ceiling: float = inf) -> Channel:
    """The channel from a source to the fused image; products of grey values do not exceed `ceiling`."""
    taps = gaussian(window, window / 5)
    if ceiling < inf:
        product = (source.image * fused.image).clamp_(max=ceiling)
        covariance = blur_valid(product, taps) - source.mean * fused.mean
    else:
        covariance = local_covariance((source.image, fused.image), (source.mean, fused.mean), taps)
    if compilable(covariance):
        return _compiled_channel(covariance, source, fused, noise)
    gain = covariance / (source.variance + EPSILON)
    distortion = fused.variance - gain * covariance
    flat_source, flat_fused, negative = source.variance < EPSILON, fused.variance < EPSILON, gain < 0
    gain = torch.where(flat_source | flat_fused | negative, 0.0, gain)
    distortion = torch.where(flat_source | negative, fused.variance, distortion)
    distortion = torch.where(flat_fused, 0.0, distortion).clamp_(min=EPSILON)
    return Channel(gain, torch.log10(1 + gain * gain * _usable(source.variance) / (distortion + noise)))


def _compiled_channel(covariance: Tensor, source: Scale, fused: Scale, noise: float) -> Channel:
    """The same in one pass; sources may be one for all fused images."""
    from ivif.benchmark.metrics import compiled  # Numba takes long to import

    result = Channel(covariance.new_empty(covariance.shape), covariance.new_empty(covariance.shape))
    variances = (numbers(scale.variance.expand_as(covariance)) for scale in (source, fused))
    compiled.follow_source(numbers(covariance), *variances, noise, EPSILON, room(result.gain), room(result.kept))
    return result


@pair_term
def pixel_vif(source: Picture, fused: Picture) -> Tensor:
    """VIFp of a fused image against one source, ``[B]``; 1 where the source is flat."""
    pairs = zip(scales(source), scales(fused), TAPS, strict=True)
    kept = torch.stack([total(channel(*pair, NOISE_VARIANCE).kept) for pair in pairs]).sum(0)
    available = source_information(source)
    return torch.where(available > 0, kept / available, 1.0)


def _a_source_is_constant(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    return is_constant(infrared) | is_constant(visible)


_FLAT_SOURCE = {"VIFp against a constant source counts 1": _a_source_is_constant}
_SHEIKH = "Sheikh, Bovik: Image information and visual quality. IEEE Trans. Image Processing 15(2), 2006"


@metric(
    "vif",
    "Visual information fidelity",
    family="fidelity",
    formula="VIF = VIFp(A,F) + VIFp(B,F); VIFp = sum log10(1 + g^2 s_X^2 / (s_v^2 + 2)) / sum log10(1 + s_X^2 / 2) "
    "over pixels and 4 scales; g = s_XF / s_X^2, s_v^2 = s_F^2 - g s_XF; Gaussian windows 17, 9, 5, 3, valid",
    paper=_SHEIKH,
    agrees="CDDFuse (there called VIFF) and LFT agree; IVIF_ZOO computes another variant; uint8-saturated products at "
    "the first scale give .894 where .662 is right; Han's VIFF is another metric",
    rewards_noise=False,
    min_side=41,
    conventions=_FLAT_SOURCE,
)
def visual_information_fidelity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How much of what the eye could see in each source it still sees in the fused image; sum over both sources.

    A copy of one source scores 1 for it. More than 1 a source is possible: raised contrast counts as gained
    information.
    """
    return pixel_vif(infrared, fused) + pixel_vif(visible, fused)


@variant(
    "vif@mean",
    "{}, mean over the sources",
    formula="[VIFp(A,F) + VIFp(B,F)] / 2",
    agrees="half of vif, as in tables that average both sources",
)
def visual_information_fidelity_mean(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The same ranking as the sum; a fused image that equals both sources scores 1."""
    return (pixel_vif(infrared, fused) + pixel_vif(visible, fused)) / 2


@variant(
    "vif@uint8sat",
    "{} in saturating bytes",
    formula="as vif, with min(255, product) for all products of grey values at the first scale",
    paper="no definition of its own: what VIF codes compute where images stay of type uint8 at the first scale",
    agrees="a widely used table of TNO results (.894 where .662 is right); CDDFuse given uint8 arrays, wherever its "
    "products, which wrap around instead, leave no variance at the first scale either",
)
def visual_information_fidelity_uint8(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """To read old tables with: mostly VIF without its first scale, which counts only where grey values are below 16.

    The finest detail, where methods differ most, is left out: another ranking than VIF's.
    """
    return _saturated_vif(infrared, fused) + _saturated_vif(visible, fused)


def _saturated_vif(source: Picture, fused: Picture) -> Tensor:
    pairs = zip(saturated_scales(source), saturated_scales(fused), TAPS, (255, inf, inf, inf), strict=True)
    kept = [total(channel(*pair[:3], NOISE_VARIANCE, ceiling=pair[3]).kept) for pair in pairs]
    available = [total(_information(scale, NOISE_VARIANCE)) for scale in saturated_scales(source)]
    kept_sum, available_sum = torch.stack(kept).sum(0), torch.stack(available).sum(0)
    return torch.where(available_sum > 0, kept_sum / available_sum, 1.0)


HAN_NOISE = 0.005 * 255**2
"""Variance of the visual noise in `viff`."""

HAN_WEIGHTS = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)
"""Weights of the four scales in `viff`, from the finest."""

HAN_EPSILON = 1e-7
"""What `viff` adds to the information at each pixel."""


@metric(
    "viff",
    "Visual information fidelity for fusion",
    family="fidelity",
    formula="VIFF = sum_k p_k sum (VID + 1e-7) / sum (VIND + 1e-7) over pixels, p = [1, 0, .15, 1] / 2.15; "
    "VID = log10(1 + g^2 s_X^2 / (s_v^2 + n)), VIND = log10(1 + s_X^2 / n), n = .005 255^2, at each pixel of the "
    "source with the smaller g (B where equal); scales, g and s as in vif",
    paper="Han, Cai, Cao, Xu: A new image fusion performance metric based on visual information fidelity. "
    "Information Fusion 14(2), 2013",
    agrees="Han's VIFF_Public; what CDDFuse calls VIFF is vif",
    rewards_noise=False,
    symmetric=False,
    min_side=41,
)
def visual_information_fidelity_for_fusion(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Information kept of that source, pixel by pixel, which the fused image follows with less contrast.

    A copy of one source scores little, as the other is lost. A constant fused image scores 2e-7. Where neither source
    is followed, the visible one is taken, so exchanging the sources may change the value.
    """
    parts = []
    for weight, window, *at_scale in zip(HAN_WEIGHTS, TAPS, *map(scales, (infrared, visible, fused)), strict=True):
        if weight:
            first, second, result = at_scale
            of_first, of_second = (channel(source, result, window, HAN_NOISE) for source in (first, second))
            from_first = of_first.gain < of_second.gain
            kept = torch.where(from_first, of_first.kept, of_second.kept)
            available = torch.where(from_first, _information(first, HAN_NOISE), _information(second, HAN_NOISE))
            parts.append(weight * total(kept + HAN_EPSILON) / total(available + HAN_EPSILON))
    return torch.stack(parts).sum(0)
