"""Structure: whether local patterns of the sources, their mean, contrast and shape, are found again.

All of these compare windows. They differ in the window, in whether constants steady the quotients, and in how the two
sources are weighted against each other; what a window holds is therefore computed once for all that use it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from benchmark.metrics.filters import COLUMNS, ROWS, blur_valid, correlate_valid, gaussian
from benchmark.metrics.picture import Picture, Plane, is_constant, pair_term, term, total
from benchmark.metrics.registry import metric, variant

WIDE, NARROW, UNIFORM = gaussian(11, 1.5), gaussian(7, 1.5), (1 / 7,) * 7
"""Windows: of structural similarity, of the universal quality index in fusion metrics, and of scikit-image."""

MARGIN = 5
"""Pixels at each border where the wide window reaches beyond the image."""

MEAN_CONSTANT, CONTRAST_CONSTANT = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""What keeps the two quotients of structural similarity steady in dark and in flat windows, for the range 255."""

FLAT = 1e-7
"""Local variances and covariances below are rounding residue: one pixel that deviates by one level gives 1e-6."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang, Simoncelli and Bovik)."""

PATCH = 11
"""Side of a patch of the multi-exposure fusion index."""

SIMILAR_SOURCES = 0.75
"""Local similarity of the sources from which on Yang's metric expects the fused image to show both."""


class Local(NamedTuple):
    """Mean and variance in the window around each pixel, ``float64 [B, 1, h, w]``; variance exactly 0 where flat."""

    mean: Tensor
    variance: Tensor


def local(values: Tensor, taps: Sequence[float]) -> Local:
    """Mean and variance in every window that lies within the image."""
    mean = blur_valid(values, taps)
    variance = blur_valid(values * values, taps) - mean * mean
    return Local(mean, torch.where(variance < FLAT, 0.0, variance))


def replicated(values: Tensor) -> Tensor:
    """Border pixels repeated, so that the wide window fits around every pixel."""
    return pad(values, (MARGIN,) * 4, "replicate")


def within(image: Tensor) -> Tensor:
    """The part of a map of the wide window where it lies within the image."""
    return image[..., MARGIN:-MARGIN, MARGIN:-MARGIN]


@term
def wide(picture: Plane) -> Local:
    """Local statistics in the wide window, of the image's size."""
    return local(replicated(picture.values), WIDE)


@term
def narrow(picture: Plane) -> Local:
    """Local statistics in the narrow window, where it lies within the image."""
    return local(picture.values, NARROW)


@term
def uniform(picture: Plane) -> Local:
    """Local statistics in the uniform window, where it lies within the image."""
    return local(picture.values, UNIFORM)


@pair_term
def wide_covariance(first: Plane, second: Plane) -> Tensor:
    """Local covariance in the wide window."""
    products = replicated(first.values * second.values)
    return blur_valid(products, WIDE) - wide(first).mean * wide(second).mean


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Their quotient; 1 where there is nothing to compare, 0/0."""
    return torch.where(denominator == 0, 1.0, numerator / denominator)


def luminance_similarity(one: Local, other: Local, constant: float) -> Tensor:
    """1 where both means are equal, less the further apart they are in proportion."""
    product, squares = one.mean * other.mean, one.mean.square() + other.mean.square()
    return quotient(2 * product + constant, squares + constant)


def structure_similarity(one: Local, other: Local, covariance: Tensor, constant: float) -> Tensor:
    """1 where both windows show the same pattern with the same contrast, -1 where it is the negative."""
    return quotient(2 * covariance + constant, one.variance + other.variance + constant)


def mean(image: Tensor) -> Tensor:
    """Mean over all pixels of each image: ``[B, 1, H, W]`` to ``[B]``."""
    return image.mean(dim=(1, 2, 3))


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
    covariance = blur_valid(source.values * fused.values, UNIFORM) - uniform(source).mean * uniform(fused).mean
    # Sample instead of population statistics enlarge variances and covariance alike, or shrink the constant.
    contrast_constant = (0.03 * span) ** 2 * (count - 1) / count
    structure = structure_similarity(uniform(source), uniform(fused), covariance, contrast_constant)
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


@term
def halved(picture: Plane) -> Plane:
    """Means of 2x2 pixels; the last row and column repeated where the number is odd."""
    height, width = picture.values.shape[2:]
    return Plane(avg_pool2d(pad(picture.values, (0, width % 2, 0, height % 2), "replicate"), 2))


@term
def halved_with_zeros(picture: Plane) -> Plane:
    """Means of 2x2 pixels; a row or column of zeros on both sides where the number is odd."""
    odd = tuple(side % 2 for side in picture.values.shape[2:])
    return Plane(avg_pool2d(picture.values, 2, padding=odd)) if any(odd) else halved(picture)


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


class Target(NamedTuple):
    """The pattern a fused image should show in each patch: a weighted sum of both sources' patterns.

    Attributes:
        infrared, visible: the weights, ``float64 [B, 1, h, w]``.
        variance: of the pattern, in the wide window.
    """

    infrared: Tensor
    visible: Tensor
    variance: Tensor


@pair_term
def target(infrared: Plane, visible: Plane) -> Target:
    """The pattern both sources together call for, in every patch within the image.

    It is as strong as the stronger source's. The less the two contradict each other, the more its shape is that of the
    stronger one; 0 where they cancel.
    """
    taps = (1 / PATCH,) * PATCH
    a, b = local(infrared.values, taps), local(visible.values, taps)
    covariance = blur_valid(infrared.values * visible.values, taps) - a.mean * b.mean
    norm_a, norm_b = PATCH * a.variance.sqrt(), PATCH * b.variance.sqrt()
    norm_sum = PATCH * (a.variance + b.variance + 2 * covariance).clamp(min=0).sqrt()
    consistency = quotient(norm_sum, norm_a + norm_b).clamp(max=1)
    strength_a, strength_b = norm_a + 0.001, norm_b + 0.001
    larger = torch.maximum(strength_a, strength_b)
    # The paper weighs the patterns of unit strength by strength^power; relative to the larger one nothing overflows.
    power = torch.tan(pi / 2 * consistency).clamp(max=10)
    weight_a, weight_b = (strength_a / larger) ** (power - 1), (strength_b / larger) ** (power - 1)
    parts = weight_a.square() * a.variance + weight_b.square() * b.variance
    combined = parts + 2 * weight_a * weight_b * covariance
    scale = torch.where(combined > 1e-12 * parts, larger / (PATCH * combined.sqrt()), 0.0)
    weight_a, weight_b = weight_a * scale, weight_b * scale
    variance = (
        weight_a.square() * within(wide(infrared).variance)
        + weight_b.square() * within(wide(visible).variance)
        + 2 * weight_a * weight_b * within(wide_covariance(infrared, visible))
    )
    return Target(weight_a, weight_b, variance)


@metric(
    "mefssim",
    "Structural similarity of multi-exposure fusion",
    label="MEF-SSIM",
    high=1,
    family="structure",
    formula="prod_j Q_j^w_j, Q = mean of (2 s_TF + C) / (s_T^2 + s_F^2 + C) with T the target pattern of each 11x11 "
    "patch; C = (.03 255)^2; 3 scales by 2x2 means, w = (.0448, .2856, .3001) / .6305",
    paper="Ma, Zeng, Wang: Perceptual quality assessment for multi-exposure image fusion. IEEE Trans. Image Processing "
    "24(11), 2015",
    agrees="LFT agrees, where it is called MS_SSIM",
    rewards_noise=False,
    identity=1.0,
    min_side=44,
)
def multi_exposure_similarity(infrared: Plane, visible: Plane, fused: Plane) -> Tensor:
    """How much each patch of the fused image looks like the pattern that the two source patches together call for.

    That pattern has the strength of the stronger source. Where the sources agree it is the stronger one's, where they
    contradict each other it is their mean; where that cancels, none. Brightness does not count at all. 0 where the
    fused image shows on average the negative of the pattern at one scale.
    """
    parts = []
    for scale in range(3):
        if scale:
            infrared, visible, fused = halved(infrared), halved(visible), halved(fused)
        wanted, variance = target(infrared, visible), within(wide(fused).variance)
        covariance = wanted.infrared * within(wide_covariance(infrared, fused))
        covariance = covariance + wanted.visible * within(wide_covariance(visible, fused))
        parts.append(mean((2 * covariance + CONTRAST_CONSTANT) / (wanted.variance + variance + CONTRAST_CONSTANT)))
    return weighted_product(parts, [weight / sum(SCALE_WEIGHTS[:3]) for weight in SCALE_WEIGHTS[:3]])


def share(first: Tensor, second: Tensor) -> Tensor:
    """What the first contributes to the sum of both; a half where both are 0."""
    both = first + second
    return torch.where(both == 0, 0.5, first / both)


@pair_term
def infrared_share(infrared: Plane, visible: Plane) -> Tensor:
    """Share of the infrared image in the local variance of both, in the wide window within the image."""
    return share(within(wide(infrared).variance), within(wide(visible).variance))


@pair_term
def saliency(infrared: Plane, visible: Plane) -> Tensor:
    """Weight of each window, the larger local variance; sums to 1. All equal where there is none at all."""
    larger = torch.maximum(within(wide(infrared).variance), within(wide(visible).variance))
    sums = total(larger).view(-1, 1, 1, 1)
    return torch.where(sums == 0, 1 / larger[0].numel(), larger / sums)


def salient_similarity(infrared: Plane, visible: Plane, fused: Plane) -> Tensor:
    """Structural similarity to both sources, in each window by their share in its variance, ``[B, 1, h, w]``."""
    weight = infrared_share(infrared, visible)
    similar = within(wide_similarity(infrared, fused)), within(wide_similarity(visible, fused))
    return weight * similar[0] + (1 - weight) * similar[1]


def both_sources_are_constant(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Predicate of metrics that weight the sources by their contrast."""
    return is_constant(infrared) & is_constant(visible)


_PIELLA = "Piella, Heijmans: A new quality metric for image fusion. ICIP 2003"
_EQUAL_WEIGHTS = {"both sources are constant: equal weights": both_sources_are_constant}


@metric(
    "qw",
    "Weighted fusion quality index",
    label="Qw",
    low=-1,
    high=1,
    family="structure",
    formula="Qw = sum_w c(w) (l(w) S(A,F|w) + (1 - l(w)) S(B,F|w)); l = s_A^2 / (s_A^2 + s_B^2), "
    "c = max(s_A^2, s_B^2) / sum of it; S: structural similarity as in ssim",
    paper=_PIELLA,
    agrees="Liu's toolbox (metricPeilla, mode 2); the paper itself takes the universal quality "
    "index, without constants, in place of S",
    rewards_noise=False,
    identity=1.0,
    min_side=11,
    conventions=_EQUAL_WEIGHTS,
)
def weighted_fusion_quality(infrared: Plane, visible: Plane, fused: Plane) -> Tensor:
    """Whether each window shows the source with more contrast there; windows with much contrast count most.

    The strongest edges decide: one hot object against a dark background can outweigh the rest of the scene.
    """
    return total(saliency(infrared, visible) * salient_similarity(infrared, visible, fused))


@metric(
    "qs",
    "Fusion quality index",
    label="Qs",
    low=-1,
    high=1,
    family="structure",
    formula="Qs = mean over windows of l S(A,F) + (1 - l) S(B,F); l = s_A^2 / (s_A^2 + s_B^2); S as in ssim",
    paper=_PIELLA,
    agrees="Liu's toolbox (metricPeilla, mode 1), but for windows that are flat in both sources, which move it by up "
    "to .0007 on images with black or saturated areas",
    rewards_noise=False,
    identity=1.0,
    min_side=11,
    conventions=_EQUAL_WEIGHTS,
)
def fusion_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Whether each window shows the source with more contrast there; all windows count the same."""
    return mean(salient_similarity(infrared, visible, fused))


def prewitt(picture: Plane) -> Plane:
    """Edge strength by Prewitt differences, zeros outside the image."""
    padded, smooth, difference = pad(picture.values, (1, 1, 1, 1)), (1.0, 1.0, 1.0), (1.0, 0.0, -1.0)
    across = correlate_valid(correlate_valid(padded, smooth, ROWS), difference, COLUMNS)
    along = correlate_valid(correlate_valid(padded, smooth, COLUMNS), difference, ROWS)
    return Plane((across.square() + along.square()).sqrt_())


source_edges = term(prewitt)
"""The same kept with the picture; edges of fused images are needed once, and what hangs on them takes much memory."""


@metric(
    "qe",
    "Edge-dependent fusion quality index",
    label="Qe",
    low=-1,
    high=1,
    family="structure",
    formula="Qe = Qw(A,B,F) Qw(A',B',F'), X' = Prewitt edge strength of X, zeros outside the image",
    paper=_PIELLA,
    agrees="no code at hand gives a value: Liu's toolbox (metricPeilla, mode 3), whose edges and exponent 1 these are, "
    "stops with an undefined variable",
    rewards_noise=False,
    identity=1.0,
    min_side=11,
    conventions=_EQUAL_WEIGHTS,
)
def edge_dependent_fusion_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The weighted fusion quality index of the images times that of their edges.

    Edges have to be kept at their place and strength to score; blur costs twice.
    """
    edges = weighted_fusion_quality(source_edges(infrared), source_edges(visible), prewitt(fused))
    return weighted_fusion_quality(infrared, visible, fused) * edges


@pair_term
def narrow_covariance(first: Picture, second: Picture) -> Tensor:
    """Local covariance in the narrow window; rounding residue is exactly 0."""
    covariance = blur_valid(first.values * second.values, NARROW) - narrow(first).mean * narrow(second).mean
    return torch.where(covariance.abs() < FLAT, 0.0, covariance)


def universal_quality(first: Picture, second: Picture) -> Tensor:
    """Wang and Bovik's universal quality index in the narrow window: structural similarity without constants.

    Where both are flat their luminance alone is compared, which is 1 where both are black.
    """
    one, other, covariance = narrow(first), narrow(second), narrow_covariance(first, second)
    return luminance_similarity(one, other, 0) * structure_similarity(one, other, covariance, 0)


_CVEJIC = (
    "Cvejic, Łoza, Bull, Canagarajah: A similarity metric for assessment of image fusion algorithms. Int. J. Signal "
)
_CVEJIC += "Processing 2(3), 2005"


@metric(
    "qc",
    "Cvejic's fusion quality",
    label="Qc",
    low=-1,
    high=1,
    family="structure",
    formula="Qc = mean of r U(A,F) + (1 - r) U(B,F), r = s_AF / (s_AF + s_BF) clipped to 0..1; U: universal quality "
    "index, Gaussian window 7, sigma 1.5, valid",
    paper=_CVEJIC,
    agrees="none; Liu's toolbox, whose window this is, clips the result in place of the weight (qc@zliu)",
    rewards_noise=False,
    identity=1.0,
    min_side=7,
    conventions=_EQUAL_WEIGHTS,
)
def similarity_weighted_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Quality of each window against the source it is more similar to, both mixed where it is similar to both.

    Against a source of which the window is the negative it is not measured at all, unless it is that of both.
    """
    weight = covariance_share(infrared, visible, fused).clamp(0, 1)
    return mean(weight * universal_quality(infrared, fused) + (1 - weight) * universal_quality(visible, fused))


@variant(
    "qc@zliu",
    "{} with a clipped result",
    formula="Qc = mean of q; r = s_AF / (s_AF + s_BF); q = r U(A,F) + (1 - r) U(B,F) where 0 <= r <= 1, q = 0 where "
    "r < 0, q = 1 where r > 1; U as in qc",
    agrees="Liu's toolbox, but for windows in which an image is flat: there it divides rounding residues, which moves "
    "it by up to .02 and gives NaN on images with black areas; the paper clips the weight instead (qc)",
    symmetric=False,
)
def result_clipped_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Quality of each window against the source it is more similar to, as Liu's toolbox computes it.

    Where the fused window follows one source and is the negative of the other, that code takes 1 if the infrared image
    has the larger covariance and 0 if the visible image has it, whatever the quality. So pure noise scores .25, and
    swapping the sources changes the value.
    """
    weight = covariance_share(infrared, visible, fused)
    mixed = weight * universal_quality(infrared, fused) + (1 - weight) * universal_quality(visible, fused)
    return mean(torch.where(weight < 0, 0.0, torch.where(weight > 1, 1.0, mixed)))


def covariance_share(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Infrared part of the fused image's covariance with both sources; beyond 0..1 where their signs differ."""
    with_infrared, with_visible = narrow_covariance(infrared, fused), narrow_covariance(visible, fused)
    both = with_infrared + with_visible
    return torch.where(both.abs() < FLAT, 0.5, with_infrared / both)


@pair_term
def alike(infrared: Picture, visible: Picture) -> Tensor:
    """Where the sources show much the same, ``bool [B, 1, h, w]``."""
    return universal_quality(infrared, visible) >= SIMILAR_SOURCES


@pair_term
def narrow_infrared_share(infrared: Picture, visible: Picture) -> Tensor:
    """Share of the infrared image in the local variance of both, in the narrow window."""
    return share(narrow(infrared).variance, narrow(visible).variance)


@metric(
    "qy",
    "Yang's fusion quality",
    label="Qy",
    low=-1,
    high=1,
    family="structure",
    formula="Qy = mean of l U(A,F) + (1 - l) U(B,F) where U(A,B) >= .75, elsewhere max(U(A,F), U(B,F)); "
    "l = s_A^2 / (s_A^2 + s_B^2); U: universal quality index, Gaussian window 7, sigma 1.5, valid",
    paper="Yang, Zhang, Wang, Liu: A novel similarity based quality metric for image fusion. Information Fusion 9(2), "
    "2008",
    agrees="Liu's toolbox where no window is flat; elsewhere it divides rounding residues and gives values in the "
    "thousands; IVIF_ZOO computes something else (.97 where .75 is right)",
    rewards_noise=False,
    identity=1.0,
    min_side=7,
    conventions=_EQUAL_WEIGHTS,
)
def similar_or_better_quality(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Where the sources look alike the fused image should show both, elsewhere the one it is nearer to.

    A copy of either source scores 1, since only the better match counts wherever the sources differ.
    """
    first, second = universal_quality(infrared, fused), universal_quality(visible, fused)
    weight = narrow_infrared_share(infrared, visible)
    mixed = weight * first + (1 - weight) * second
    return mean(torch.where(alike(infrared, visible), mixed, torch.maximum(first, second)))
