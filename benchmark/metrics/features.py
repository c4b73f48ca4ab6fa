"""Features: how much the fused image tells about each source, window by window, in pixels or features of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from ivif.benchmark.metrics.filters import COLUMN_AXIS, ROW_AXIS, compilable, correlate_valid
from ivif.benchmark.metrics.picture import Picture, term
from ivif.benchmark.metrics.registry import metric, variant

WINDOW_SIDE = 3
"""Pixels along a side of a window."""

SMALLEST_POSITIVE = 1e-300

_FORMULA = (
    "FMI = mean over all 3x3 windows {}of I(A;F)/(H(A)+H(F)) + I(B;F)/(H(B)+H(F)); a window, read column by column, "
    "stretched to 0..1 and divided by its sum, is a distribution p over nine places; joint: r p_bound + (1-r) p_A p_F, "
    "r = c / c_bound, c: correlation of the values p_A and p_F, p_bound: the Fréchet bound on the side of c's sign, "
    "c_bound: correlation of the two places under it"
)
_PAPER = (
    "Haghighat, Aghagolzadeh, Seyedarabi: A non-reference image fusion metric based on mutual information of image "
    "features. Computers & Electrical Engineering 37(5), 2011; Haghighat, Razian: Fast-FMI. AICT 2014"
)


class Places(NamedTuple):
    """Windows, each read as the distribution of a place within it.

    Attributes:
        values: the windows, column by column, ``[9, N]``.
        flat: whether all values of a window are equal, ``bool [N]``.
        shares: the distributions, ``[9, N]``.
        entropy: of the distributions, in nats, ``[N]``.
        spread: standard deviation of the place, ``[N]``; exactly 0 where one place has the whole share.
    """

    values: Tensor
    flat: Tensor
    shares: Tensor
    entropy: Tensor
    spread: Tensor


def places(image: Tensor) -> Places:
    """All windows of ``[H, W]``; those without contrast give each place the same share."""
    height, width = (length - WINDOW_SIDE + 1 for length in image.shape)
    steps = range(WINDOW_SIDE)
    views = (image[row : row + height, column : column + width] for column in steps for row in steps)
    values = torch.stack([view.flatten() for view in views])
    low, high = values.amin(0), values.amax(0)
    flat = low == high
    stretched = torch.where(flat, 1.0, (values - low) / torch.where(flat, 1.0, high - low))
    shares = stretched / stretched.sum(0)
    number = torch.arange(1, WINDOW_SIDE**2 + 1, dtype=shares.dtype, device=shares.device)
    variance = number.square() @ shares - (number @ shares).square()
    return Places(values, flat, shares, _entropy(shares), variance.clamp_(min=0).sqrt_())


def _entropy(shares: Tensor) -> Tensor:
    """``-sum p ln |p|`` over all but the last axis: estimated joint shares may lie slightly below 0."""
    logs = shares.abs().clamp_(min=SMALLEST_POSITIVE).log_()
    return -logs.mul_(shares).flatten(0, -2).sum(0)


def window_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson correlation down the columns of two ``[9, N]``; 0 where either is constant."""
    first, second = first - first.mean(0), second - second.mean(0)
    scale = first.square().sum(0) * second.square().sum(0)
    return (first * second).sum(0) / scale.sqrt_().clamp_(min=SMALLEST_POSITIVE)


def joint_entropy(source: Places, fused: Places) -> Tensor:
    """Entropy of the joint distribution estimated from the correlation of two windows, in nats, ``[N]``.

    It is a mixture of independence and a Fréchet bound: the joint distribution in which both places advance together,
    or, for a negative correlation, one advances while the other recedes. The latter is the former with one of the
    windows read backwards.
    """
    correlated = window_correlation(source.shares, fused.shares)
    shares = torch.where(correlated < 0, source.shares.flip(0), source.shares)
    of_source, of_fused = shares.cumsum(0), fused.shares.cumsum(0)
    upper = torch.minimum(of_fused[:, None], of_source)
    lower = torch.maximum((of_fused - fused.shares)[:, None], of_source - shares)
    covariance = upper.sum((0, 1)) - of_fused.sum(0) * of_source.sum(0)
    spreads = source.spread * fused.spread
    part = torch.where((spreads > 0) & (covariance > 0), correlated.abs() * spreads / covariance, 0.0)
    bound = upper.sub_(lower).clamp_(min=0)
    independent = torch.mul(((1 - part) * fused.shares)[:, None], shares, out=lower)
    return _entropy(bound.mul_(part).add_(independent))


def shared_information(source: Places, fused: Places) -> Tensor:
    """``2 I / (H + H)`` of each window, ``[N]``: 1 where both are equal or both flat, 0 where neither has entropy."""
    both = source.entropy + fused.entropy
    shared = 2 * (both - joint_entropy(source, fused)) / both.clamp(min=SMALLEST_POSITIVE)
    same = (source.values == fused.values).all(0) | (source.flat & fused.flat)
    return torch.where(same, 1.0, shared)


def _mean_shared_information(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """Mean of `shared_information` over all windows of ``[H, W]`` and the sources."""
    if compilable(*sources, fused):
        from ivif.benchmark.metrics import compiled  # Numba takes long to import

        return fused.new_tensor(compiled.mean_shared_information(torch.stack([*sources, fused]).numpy()))
    return _mean_over_parts(sources, fused)


def _mean_over_parts(sources: Sequence[Tensor], fused: Tensor) -> Tensor:
    """The same by operations on many windows.

    A few rows at a time: the joint distributions of all windows take gigabytes, those of some stay in the cache.
    """
    height, width = fused.shape
    rows = max(1, (2**11 if fused.device.type == "cpu" else 2**17) // width)
    parts: list[Tensor] = []
    for top in range(0, height - WINDOW_SIDE + 1, rows):
        target, *others = (places(image[top : top + rows + WINDOW_SIDE - 1]) for image in (fused, *sources))
        parts.extend(shared_information(other, target) for other in others)
    return torch.cat(parts).mean()


def _feature_information(feature: Callable[[Picture], Tensor], *pictures: Picture) -> Tensor:
    """FMI, ``[B]``, of a feature ``[B, 1, H, W]`` of infrared, visible and fused."""
    *sources, fused = (feature(picture)[:, 0] for picture in pictures)
    batch = zip(*(source.expand_as(fused) for source in sources), fused, strict=True)
    return torch.stack([_mean_shared_information(images[:2], images[2]) for images in batch])


@metric(
    "fmi",
    "Feature mutual information of pixels",
    high=1,
    family="features",
    formula=_FORMULA.format(""),
    paper=_PAPER,
    agrees="Haghighat's Fast-FMI (feature 'none'), as LFT and many others have it",
    identity=1,
    rewards_noise=False,
    transposable=False,
    min_side=WINDOW_SIDE,
)
def feature_mutual_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Whether small windows of the fused image follow the pattern of the sources', each window counting alike.

    Blind to contrast: every window is stretched, so faint noise in a flat area counts as much as an edge. Two flat
    windows count 1 whatever their levels. A copy of one source scores 1 for it and some .1 for the other.
    """
    return _feature_information(lambda picture: picture.values, infrared, visible, fused)


@term
def gradient_across(picture: Picture) -> Tensor:
    """Half the difference of the right and left neighbours, whole one-sided ones at the borders, ``[B, 1, H, W]``."""
    return torch.gradient(picture.values, dim=COLUMN_AXIS)[0]


@variant(
    "fmi@gradient",
    "Feature mutual information of gradients",
    formula=_FORMULA.format("of the horizontal central differences "),
    agrees="Haghighat's Fast-FMI (feature 'gradient')",
)
def feature_mutual_information_of_gradients(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """FMI of horizontal differences alone, as the original code takes them: horizontal edges count nothing."""
    return _feature_information(gradient_across, infrared, visible, fused)


def cosine_transform(image: Tensor) -> Tensor:
    """Orthonormal DCT-II along the last axis: of the even samples and then the odd ones backwards, by FFT."""
    length = image.shape[-1]
    turned = torch.cat([image[..., ::2], image[..., 1::2].flip(-1)], dim=-1)
    angle = -pi / (2 * length) * torch.arange(length, dtype=image.dtype, device=image.device)
    result = (torch.fft.fft(turned) * torch.polar(torch.ones_like(angle), angle)).real * (2 / length) ** 0.5
    result[..., 0] /= 2**0.5
    return result


@term
def cosines(picture: Picture) -> Tensor:
    """Two-dimensional DCT-II of the whole image, to nine digits: what is 0 on paper stays so, ``[B, 1, H, W]``."""
    return cosine_transform(cosine_transform(picture.values).mT).mT.round(decimals=9)


@variant(
    "fmi@dct",
    "Feature mutual information of cosine coefficients",
    formula=_FORMULA.format("of the whole image's DCT-II "),
    agrees="Haghighat's Fast-FMI (feature 'dct')",
)
def feature_mutual_information_of_cosines(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """FMI of neighbouring frequencies of the whole image: most windows lie at high frequencies, where noise is."""
    return _feature_information(cosines, infrared, visible, fused)


@lru_cache
def meyer_filters() -> tuple[list[float], list[float]]:
    """Low-pass and high-pass taps of the discrete Meyer wavelet.

    A finite approximation that no formula gives to the digit; the one part of the metrics that needs PyWavelets.
    """
    import pywt

    wavelet = pywt.Wavelet("dmey")
    return wavelet.dec_lo, wavelet.dec_hi


def halves(image: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Low and high band of ``[B, 1, H, W]`` along one axis, every 2nd sample; borders mirrored, edge repeated."""
    length, reach = image.shape[axis], len(meyer_filters()[0]) - 2
    index = torch.arange(-reach, length + reach + 1, device=image.device).remainder_(2 * length)
    mirrored = image.index_select(axis, torch.where(index < length, index, 2 * length - 1 - index))
    every_2nd = torch.arange(0, length + reach, 2, device=image.device)
    low, high = (correlate_valid(mirrored, taps[::-1], axis).index_select(axis, every_2nd) for taps in meyer_filters())
    return low, high


@term
def wavelets(picture: Picture) -> Tensor:
    """One level of the discrete Meyer wavelet transform, its bands tiled and together stretched to 0..1.

    Above, low along each row: low and high along columns; below, high along each row: the same.
    """
    above, below = halves(picture.values, COLUMN_AXIS)
    tiled = torch.cat([torch.cat(halves(band, ROW_AXIS), COLUMN_AXIS) for band in (above, below)], ROW_AXIS)
    low, high = tiled.amin((1, 2, 3), keepdim=True), tiled.amax((1, 2, 3), keepdim=True)
    return torch.where(low == high, 1.0, (tiled - low) / torch.where(low == high, 1.0, high - low))


@variant(
    "fmi@wavelet",
    "Feature mutual information of wavelet coefficients",
    formula=_FORMULA.format("of the four tiled bands of a discrete Meyer wavelet transform "),
    agrees="Haghighat's Fast-FMI (feature 'wavelet') with the 62 taps of PyWavelets; MATLAB's filter has 102",
)
def feature_mutual_information_of_wavelets(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """FMI of coarse structure and of horizontal, vertical and diagonal detail, a quarter of the windows each.

    Three quarters of it are detail at the finest scale, where sensor noise is; where flat areas meet the border,
    rounding errors are taken for detail.
    """
    return _feature_information(wavelets, infrared, visible, fused)
