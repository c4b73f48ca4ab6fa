"""Fusion quality indices: each window is compared with the source that it should show, or with a mixture of both.

They differ in how the two sources are weighted against each other in a window: by their contrast there (Piella), by
what the fused window shares with them (Cvejic), or by whether they look alike (Yang).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import COLUMN_AXIS, ROW_AXIS, correlate_valid
from ivif.benchmark.metrics.picture import Picture, Plane, is_constant, pair_term, term, total
from ivif.benchmark.metrics.registry import metric, variant
from ivif.benchmark.metrics.structural_similarity import luminance_similarity, structure_similarity, wide_similarity
from ivif.benchmark.metrics.windows import ROUNDING_RESIDUE, mean, narrow, narrow_covariance, wide, within


def share(first: Tensor, second: Tensor) -> Tensor:
    """What the first contributes to the sum of both; a half where both are 0."""
    both = first + second
    return torch.where(both == 0, 0.5, first / both)


@pair_term
def infrared_share(infrared: Plane, visible: Plane) -> Tensor:
    """Share of the infrared image in the local variance of both, in the wide window within the image."""
    return share(within(wide(infrared).variance), within(wide(visible).variance))


@pair_term
def window_saliency(infrared: Plane, visible: Plane) -> Tensor:
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
    return total(window_saliency(infrared, visible) * salient_similarity(infrared, visible, fused))


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


def prewitt(plane: Plane) -> Plane:
    """Edge strength by Prewitt differences, zeros outside the image."""
    padded, smooth, difference = pad(plane.values, (1, 1, 1, 1)), (1.0, 1.0, 1.0), (1.0, 0.0, -1.0)
    across = correlate_valid(correlate_valid(padded, smooth, ROW_AXIS), difference, COLUMN_AXIS)
    along = correlate_valid(correlate_valid(padded, smooth, COLUMN_AXIS), difference, ROW_AXIS)
    return Plane((across.square() + along.square()).sqrt_())


source_edges = term(prewitt)
"""The same kept with the plane; edges of fused images are needed once, and what hangs on them takes much memory."""


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
    return torch.where(both.abs() < ROUNDING_RESIDUE, 0.5, with_infrared / both)


SIMILAR_SOURCES = 0.75
"""Local similarity of the sources from which on Yang's metric expects the fused image to show both."""


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
