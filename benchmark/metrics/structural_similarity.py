"""Structural similarity: whether mean, contrast and pattern of the sources' windows are found again, scale by scale.

The definitions differ in the window, in the constants that steady the quotients, and in the number of scales.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from ivif.benchmark.metrics.filters import compilable, numbers, room
from ivif.benchmark.metrics.picture import Picture, Plane, pair_term, term
from ivif.benchmark.metrics.registry import metric, variant
from ivif.benchmark.metrics.windows import (
    UNIFORM,
    Local,
    local_covariance,
    mean,
    uniform,
    wide,
    wide_covariance,
    within,
)

MEAN_CONSTANT, CONTRAST_CONSTANT = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""What keeps the two quotients of structural similarity steady in dark and in flat windows, for the range 255."""


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Their quotient; 1 where there is nothing to compare, 0/0."""
    return torch.where(denominator == 0, 1.0, numerator / denominator)


def luminance_similarity(one: Local, other: Local, constant: float) -> Tensor:
    """1 where both means are equal, less the further apart they are in proportion."""
    if compilable(one.mean, other.mean):
        return _compiled("compare_luminance", (one.mean, other.mean), constant)
    product, squares = one.mean * other.mean, one.mean.square() + other.mean.square()
    return quotient(2 * product + constant, squares + constant)


def structure_similarity(one: Local, other: Local, covariance: Tensor, constant: float) -> Tensor:
    """1 where both windows show the same pattern with the same contrast, -1 where it is the negative."""
    if compilable(one.variance, other.variance, covariance):
        return _compiled("compare_structure", (one.variance, other.variance, covariance), constant)
    return quotient(2 * covariance + constant, one.variance + other.variance + constant)


def _compiled(loop: str, statistics: Sequence[Tensor], constant: float) -> Tensor:
    """A term of the similarity in one pass; the last of the statistics is of the fused images, others may be of one."""
    from ivif.benchmark.metrics import compiled_windows  # Numba takes long to import

    result = statistics[-1].new_empty(statistics[-1].shape)
    read = (numbers(statistic.expand_as(result)) for statistic in statistics)
    getattr(compiled_windows, loop)(*read, constant, room(result))
    return result


def wide_structure(source: Plane, fused: Plane) -> Tensor:
    """Structure term of the similarity in the wide window, of the image's size."""
    covariance = wide_covariance(source, fused)
    return structure_similarity(wide(source), wide(fused), covariance, CONTRAST_CONSTANT)


@pair_term
def wide_similarity(source: Plane, fused: Plane) -> Tensor:
    """Structural similarity in the wide window, of the image's size."""
    return luminance_similarity(wide(source), wide(fused), MEAN_CONSTANT) * wide_structure(source, fused)


@metric(
    "ssim",
    "Structural similarity",
    low=-2,
    high=2,
    family="structure",
    formula="SSIM = S(A,F) + S(B,F); S = mean of (2 m_X m_F + C1)(2 s_XF + C2) / ((m_X^2 + m_F^2 + C1)"
    "(s_X^2 + s_F^2 + C2)); C1 = (.01 255)^2, C2 = (.03 255)^2; Gaussian window 11, sigma 1.5, valid",
    paper="Wang, Bovik, Sheikh, Simoncelli: Image quality assessment: from error visibility to structural similarity. "
    "IEEE Trans. Image Processing 13(4), 2004",
    agrees="VIFB agrees; scikit-image with range 255 has a uniform 7x7 window and differs by up to .08; constants for "
    "range 2 (CDDFuse) give .80 where 1.63 is right, IVIF_ZOO with its range slip .77; others halve the sum",
    rewards_noise=False,
    identity=2.0,
    min_side=11,
)
def structural_similarity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How much the windows of the fused image look like those of each source; sum over both sources.

    Two different sources cannot both be matched, so 2 is out of reach; windows where a source shows next to nothing
    (noise of a dark sky) count as much as all others.
    """
    return mean(within(wide_similarity(infrared, fused))) + mean(within(wide_similarity(visible, fused)))


@variant(
    "ssim@mean",
    "{}, mean of the sources, to the borders",
    low=-1,
    high=1,
    formula="SSIM = (S(A,F) + S(B,F)) / 2 with S as in ssim, but taken at every pixel, borders replicated",
    agrees="MATLAB's ssim on 8-bit images, averaged over the sources as LFT does",
    identity=1.0,
    min_side=1,
)
def mean_structural_similarity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Structural similarity to the sources, their mean; windows at the border see repeated border pixels."""
    return (mean(wide_similarity(infrared, fused)) + mean(wide_similarity(visible, fused))) / 2


def uniform_similarity(source: Picture, fused: Picture, span: float) -> Tensor:
    """Structural similarity as scikit-image computes it: uniform window, sample statistics, ``[B]``."""
    count = len(UNIFORM) ** 2
    means = uniform(source).mean, uniform(fused).mean
    together = local_covariance((source.values, fused.values), means, UNIFORM)
    # Sample instead of population statistics enlarge variances and covariance alike, or shrink the constant.
    contrast_constant = (0.03 * span) ** 2 * (count - 1) / count
    structure = structure_similarity(uniform(source), uniform(fused), together, contrast_constant)
    return mean(luminance_similarity(uniform(source), uniform(fused), (0.01 * span) ** 2) * structure)


@variant(
    "ssim@cddfuse",
    "{} as in CDDFuse-style tables",
    formula="SSIM = S(A,F) + S(B,F); uniform window 7x7, sample covariance; C1 = (.01 2)^2, C2 = (.03 2)^2 on 0..255",
    paper="Zhao et al.: CDDFuse. CVPR 2023",
    agrees="CDDFuse with a scikit-image that took the range of floating-point images to be 2 (newer ones refuse); it "
    "holds float32, which moves it by up to 3e-5",
    min_side=7,
)
def unsteadied_structural_similarity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Structural similarity whose constants are made for images of range 2; sum over both sources.

    On 0..255 they steady nothing: in flat windows the noise of the sensor decides.
    """
    return uniform_similarity(infrared, fused, 2) + uniform_similarity(visible, fused, 2)


SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang, Simoncelli and Bovik)."""


@term
def halved(plane: Plane) -> Plane:
    """Means of 2x2 pixels; the last row and column repeated where the number is odd."""
    height, width = plane.values.shape[2:]
    return Plane(avg_pool2d(pad(plane.values, (0, width % 2, 0, height % 2), "replicate"), 2))


@term
def halved_with_zeros(plane: Plane) -> Plane:
    """Means of 2x2 pixels; a row or column of zeros on both sides where the number is odd."""
    odd = tuple(side % 2 for side in plane.values.shape[2:])
    return Plane(avg_pool2d(plane.values, 2, padding=odd)) if any(odd) else halved(plane)


def multiscale_similarity(source: Plane, fused: Plane) -> Tensor:
    """Structure at the first four scales and the whole similarity at the last, weighted, ``[B]``."""
    parts = []
    for _ in SCALE_WEIGHTS[:-1]:
        parts.append(mean(within(wide_structure(source, fused))))
        source, fused = halved_with_zeros(source), halved_with_zeros(fused)
    parts.append(mean(within(wide_similarity(source, fused))))
    return weighted_product(parts, SCALE_WEIGHTS)


def weighted_product(parts: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Product of the parts to the power of their weights; 0 where a part is negative."""
    powers = [part.clamp(min=0) ** weight for part, weight in zip(parts, weights, strict=True)]
    return torch.stack(powers).prod(0)


@metric(
    "msssim",
    "Multi-scale structural similarity",
    label="MS-SSIM",
    high=2,
    family="structure",
    formula="MS-SSIM = M(A,F) + M(B,F); M = prod_j (mean structure term at scale j)^w_j, luminance term at the last; "
    "w = .0448, .2856, .3001, .2363, .1333; scales by 2x2 means, zeros beside odd sides",
    paper="Wang, Simoncelli, Bovik: Multi-scale structural similarity for image quality assessment. Asilomar 2003",
    agrees="pytorch-msssim on 0..255 agrees, and IVIF_ZOO with it once its slip of a factor 255 is removed; "
    "repeated instead of zero borders at odd sides move it by up to .012; what LFT calls MS_SSIM is mefssim",
    rewards_noise=False,
    identity=2.0,
    min_side=161,
)
def multiscale_structural_similarity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Structural similarity over five scales, which together stand for many viewing distances; sum over both sources.

    The middle scales weigh most, so fine noise costs less than in ssim. A scale whose structure is on average the
    negative of the source's makes that source's part 0.
    """
    return multiscale_similarity(infrared, fused) + multiscale_similarity(visible, fused)
