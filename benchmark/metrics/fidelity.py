"""Fidelity: how much visual information of the sources survives in the fused image."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from benchmark.metrics.filters import blur_valid, gaussian
from benchmark.metrics.picture import Picture, is_constant, term, total
from benchmark.metrics.registry import Original, metric

WINDOWS = (17, 9, 5, 3)
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
    for number, window in enumerate(WINDOWS):
        taps = gaussian(window, window / 5)
        if number:
            image = blur_valid(image, taps)[..., ::2, ::2]
        mean = blur_valid(image, taps)
        variance = (blur_valid(image * image, taps) - mean * mean).clamp_(min=0)
        result.append(Scale(image, mean, variance))
    return result


@term
def source_information(picture: Picture) -> Tensor:
    """Information a perfect image would carry, the denominator of VIF, ``[B]``."""
    parts = (total(torch.log10(1 + _usable(scale.variance) / NOISE_VARIANCE)) for scale in scales(picture))
    return torch.stack(list(parts)).sum(0)


def _usable(variance: Tensor) -> Tensor:
    return torch.where(variance < EPSILON, 0.0, variance)


def _kept_information(source: Scale, fused: Scale, window: int) -> Tensor:
    """The numerator of VIF at one scale: information about the source that passes through gain and distortion."""
    covariance = blur_valid(source.image * fused.image, gaussian(window, window / 5)) - source.mean * fused.mean
    gain = covariance / (source.variance + EPSILON)
    distortion = fused.variance - gain * covariance
    flat_source, flat_fused, negative = source.variance < EPSILON, fused.variance < EPSILON, gain < 0
    gain = torch.where(flat_source | flat_fused | negative, 0.0, gain)
    distortion = torch.where(flat_source | negative, fused.variance, distortion)
    distortion = torch.where(flat_fused, 0.0, distortion).clamp_(min=EPSILON)
    return total(torch.log10(1 + gain * gain * _usable(source.variance) / (distortion + NOISE_VARIANCE)))


def pixel_vif(source: Picture, fused: Picture) -> Tensor:
    """VIFp of a fused image against one source, ``[B]``; 1 where the source is flat."""
    pairs = zip(scales(source), scales(fused), WINDOWS, strict=True)
    kept = torch.stack([_kept_information(original, result, window) for original, result, window in pairs]).sum(0)
    available = source_information(source)
    return torch.where(available > 0, kept / available, 1.0)


@metric(
    "vif",
    "Visual information fidelity",
    family="fidelity",
    formula="VIF = VIFp(A,F) + VIFp(B,F); VIFp = sum log10(1 + g^2 s_X^2 / (s_v^2 + 2)) / sum log10(1 + s_X^2 / 2) "
    "over pixels and 4 scales; g = s_XF / s_X^2, s_v^2 = s_F^2 - g s_XF; Gaussian windows 17, 9, 5, 3, valid",
    paper="Sheikh, Bovik: Image information and visual quality. IEEE Trans. Image Processing 15(2), 2006",
    agrees="CDDFuse (there called VIFF) and LFT agree; IVIF_ZOO computes another variant; uint8-saturated products at "
    "the first scale give .894 where .662 is right; Han's VIFF is another metric",
    originals=[Original("VIF", "LFT_octave", absolute=1e-6), Original("VIFF", "CDDFuse_py", absolute=1e-6)],
    rewards_noise=False,
    min_side=41,
    conventions={
        "VIFp against a constant source counts 1": lambda infrared, visible, fused: (
            is_constant(infrared) | is_constant(visible)
        )
    },
)
def visual_information_fidelity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How much of what the eye could see in each source it still sees in the fused image; sum over both sources.

    A copy of one source scores 1 for it. More than 1 a source is possible: raised contrast counts as gained
    information.
    """
    return pixel_vif(infrared, fused) + pixel_vif(visible, fused)
