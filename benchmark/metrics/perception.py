"""Perception: differences and contrasts as an eye sees them, sensitive to some spatial frequencies more than others."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import exp, pi

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import blur_valid, compilable, numbers, room
from ivif.benchmark.metrics.gradient import edges
from ivif.benchmark.metrics.picture import SMALL_PICTURE_PIXELS, Picture, is_constant, stretched, term, total
from ivif.benchmark.metrics.registry import metric, variant

_CHEN_BLUM = (
    "Chen, Blum: A new automated quality assessment algorithm for image fusion. Image and Vision Computing 27(10), 2009"
)
_CHEN_VARSHNEY = (
    "Chen, Varshney: A human perception inspired quality metric for image fusion based on regional information. "
    "Information Fusion 8(2), 2007"
)

Sensitivity = Callable[[Tensor], Tensor]
"""Contrast sensitivity as a function of frequency."""

MASKING = 1e-4
"""Squared contrast at which masking sets in."""

BLOCK = 16
"""Pixels along a side of the regions of `qcv`."""

SALIENCY = 5
"""Power to which edge strengths are summed as the saliency of a region."""


def as_seen(image: Tensor, sensitivity: Sensitivity, scale: int) -> Tensor:
    """``[B, 1, H, W]`` filtered by a contrast sensitivity, a function of frequency.

    The highest frequency along an axis is its length divided by `scale`.
    """
    height, width = image.shape[-2:]
    factors = _factors_of_small if compilable(image) and height * width <= SMALL_PICTURE_PIXELS else _factors
    spectrum = torch.fft.rfft2(image)
    torch.view_as_real(spectrum).mul_(factors(height, width, sensitivity, scale, image.device))
    return torch.fft.irfft2(spectrum, s=(height, width))


@torch.inference_mode(False)
def _factors(height: int, width: int, sensitivity: Sensitivity, scale: int, device: torch.device) -> Tensor:
    """What real and imaginary parts of a real image's spectrum are multiplied by, ``float64 [H, W // 2 + 1, 2]``."""
    down = torch.fft.fftfreq(height, dtype=torch.float64, device=device) * (2 * height / scale)
    across = torch.fft.rfftfreq(width, dtype=torch.float64, device=device) * (2 * width / scale)
    radius = (down.square()[:, None] + across.square()).sqrt()
    return sensitivity(radius)[..., None].repeat(1, 1, 2)


_factors_of_small = lru_cache(maxsize=4)(_factors)
"""The same, kept: most pictures are of the size of the one before."""


def difference_of_gaussians(frequency: Tensor) -> Tensor:
    """Contrast sensitivity of Chen and Blum: .24 at 0, highest, .96, at 2.9 cycles per degree, .02 at 30."""
    return torch.exp(-((frequency / 15.3870) ** 2)) - 0.7622 * torch.exp(-((frequency / 1.3456) ** 2))


def mannos_sakrison(frequency: Tensor) -> Tensor:
    """Contrast sensitivity of Mannos and Sakrison: .05 at 0, highest, .98, at 6.2 cycles per degree.

    With .144 as in the codes in circulation; theirs is .114, and highest at 7.9.
    """
    return 2.6 * (0.0192 + 0.144 * frequency) * torch.exp(-((0.144 * frequency) ** 1.1))


def _density(sigma: float) -> tuple[float, ...]:
    """31 samples whose outer product is a Gaussian density: their sum is not quite 1."""
    return tuple(exp(-(place**2) / (2 * sigma**2)) / (sigma * (2 * pi) ** 0.5) for place in range(-15, 16))


@term
def masked_contrast(picture: Picture) -> Tensor:
    """How visible each pixel is against its surroundings, ``[B, 1, H, W]``; NaN in an image without light.

    Of the image as seen, the contrast ``C = |blur_2 / blur_4 - 1|``, masked: ``C^3 / (C^2 + 1e-4)``.
    """
    padded = pad(as_seen(picture.values, difference_of_gaussians, 30), (15, 15, 15, 15))
    fine, coarse = blur_valid(padded, _density(2)), blur_valid(padded, _density(4))
    if compilable(fine, coarse):
        from ivif.benchmark.metrics import compiled_windows  # Numba takes long to import

        compiled_windows.mask_contrast(room(fine), numbers(coarse), MASKING)
        return fine
    contrast = (fine / coarse - 1).abs_()
    energy = contrast.square()
    return contrast * energy / (energy + MASKING)


def chen_blum(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Masked contrasts kept, the smaller over the larger; sources weighted pixel by pixel by their squares, ``[B]``."""
    first, second, result = (masked_contrast(picture) for picture in (infrared, visible, fused))
    if compilable(first, second, result):
        return _compiled_chen_blum(first, second, result)
    kept = [torch.minimum(source, result) / torch.maximum(source, result) for source in (first, second)]
    weight = first.square() / (first.square() + second.square())
    return (weight * kept[0] + (1 - weight) * kept[1]).mean((1, 2, 3))


def _compiled_chen_blum(first: Tensor, second: Tensor, result: Tensor) -> Tensor:
    """The same in one pass; sources may be one for all fused images."""
    from ivif.benchmark.metrics import compiled_windows  # Numba takes long to import

    images = zip(*(contrast.expand_as(result) for contrast in (first, second, result)), strict=True)
    sums = [compiled_windows.keep_contrast(*(numbers(contrast) for contrast in one)) for one in images]
    return result.new_tensor(sums) / result[0].numel()


@metric(
    "qcb",
    "Chen-Blum quality",
    label="Qcb",
    high=1,
    family="perception",
    formula="Qcb = mean [w Q_AF + (1-w) Q_BF], Q_XF = min(M_X, M_F) / max(M_X, M_F), w = M_A^2 / (M_A^2 + M_B^2), "
    "M = C^3 / (C^2 + 1e-4), C = |G_2 * I / (G_4 * I) - 1|; I: the image stretched to 0..255, filtered by "
    "exp(-(f/15.387)^2) - .7622 exp(-(f/1.3456)^2), f up to H/30, W/30",
    paper=_CHEN_BLUM,
    agrees="VIFB and Liu's toolbox; IVIF_ZOO's port to .03, on smooth images .33; without the stretch: qcb@raw",
    identity=1,
    rewards_noise=False,
    conventions={
        "undefined: an image is constant": lambda infrared, visible, fused: (
            is_constant(infrared) | is_constant(visible) | is_constant(fused)
        )
    },
)
def chen_blum_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Whether local contrast is as visible in the fused image as in the source that has more of it there.

    Every pixel counts alike, and raised contrast is punished as lowered contrast is. NaN where an image is constant.
    """
    return chen_blum(stretched(infrared), stretched(visible), stretched(fused))


@variant(
    "qcb@raw",
    "{} of unstretched images",
    formula="as qcb, of the grey values as they are",
    agrees="none in circulation; on real images up to .06 from qcb where one does not fill 0..255",
    rewards_noise=True,
    conventions={
        "undefined: an image is black": lambda infrared, visible, fused: (
            is_black(infrared) | is_black(visible) | is_black(fused)
        )
    },
)
def chen_blum_quality_raw(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The same without stretching: contrast is relative to the brightness there is, and haze lowers it.

    Where fusion has lowered contrast, noise makes up for it: it improves about every second image.
    """
    return chen_blum(infrared, visible, fused)


def is_black(picture: Picture) -> Tensor:
    """Whether all pixels of an image are 0, ``bool [B]``."""
    return picture.levels.flatten(1).amax(1) == 0


def block_sums(image: Tensor) -> Tensor:
    """Sums over blocks of 16 x 16, zeros beyond the last rows and columns: ``[B, 1, h, w]``."""
    height, width = image.shape[-2:]
    whole = pad(image, (0, -width % BLOCK, 0, -height % BLOCK))
    return whole.unflatten(-1, (-1, BLOCK)).sum(-1).unflatten(-2, (-1, BLOCK)).sum(-2)


@term
def as_seen_at_8(picture: Picture) -> Tensor:
    """The image as an eye after Mannos and Sakrison sees it, ``[B, 1, H, W]``."""
    return as_seen(picture.values, mannos_sakrison, 8)


@term
def block_saliency(picture: Picture) -> Tensor:
    """Fifth powers of Sobel strengths, summed over each block, ``[B, 1, h, w]``."""
    return block_sums(edges(picture).strength ** SALIENCY)


def chen_varshney(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mean squared visible difference of each block, averaged with the saliency of the block in its source, ``[B]``."""
    kept = as_seen_at_8(fused)
    differences = [block_sums((as_seen_at_8(source) - kept).square()) / BLOCK**2 for source in (infrared, visible)]
    weights = [block_saliency(source) for source in (infrared, visible)]
    weighted = weights[0] * differences[0] + weights[1] * differences[1]
    return total(weighted) / (total(weights[0]) + total(weights[1]))


@metric(
    "qcv",
    "Chen-Varshney quality",
    label="Qcv",
    better="lower",
    unit="squared grey level",
    family="perception",
    formula="Qcv = sum (s_A D_A + s_B D_B) / sum (s_A + s_B) over blocks of 16 x 16, s: sum of Sobel strength^5, "
    "D_X: mean square of X - F, filtered by 2.6 (.0192 + .144 f) exp(-(.144 f)^1.1), f up to H/8, W/8; all images "
    "stretched to 0..255",
    paper=_CHEN_VARSHNEY,
    agrees="VIFB and Liu's toolbox, which have .144 for the .114 of the sensitivity's authors; without the stretch it "
    "differs by up to a factor of ten (qcv@raw)",
    identity=0,
    rewards_noise=False,
    rewards_blur=True,
    conventions={
        "undefined: both sources are constant": lambda infrared, visible, fused: (
            is_constant(infrared) & is_constant(visible)
        )
    },
)
def chen_varshney_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How visibly the fused image differs from the sources in the regions with their strongest edges.

    The fifth power lets few blocks decide: mostly those of the source with the hardest edges, which the stretch may
    exchange. NaN where neither source has an edge.
    """
    return chen_varshney(stretched(infrared), stretched(visible), stretched(fused))


@variant(
    "qcv@raw",
    "{} of unstretched images",
    formula="as qcv, of the grey values as they are",
    agrees="codes that leave the stretch out",
    rewards_blur=False,
    conventions={
        "undefined: both sources are black": lambda infrared, visible, fused: is_black(infrared) & is_black(visible)
    },
)
def chen_varshney_quality_raw(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The same without stretching: a dark, flat source weighs little, as its edges are weak."""
    return chen_varshney(infrared, visible, fused)
