"""Information: how much a grey-value histogram says, and how much two of them share."""

from __future__ import annotations

from math import inf, log

import torch
from torch import Tensor

from ivif.benchmark.metrics.papers import VIFB
from ivif.benchmark.metrics.picture import Picture, counts, histogram, is_constant, pair_term, stretched, term
from ivif.benchmark.metrics.registry import metric, variant


def entropy_bits(shares: Tensor) -> Tensor:
    """``-sum p log2 p`` over the last axis; empty bins count 0."""
    return -torch.special.xlogy(shares, shares).sum(-1) / torch.log(torch.tensor(2.0, dtype=shares.dtype))


@term
def picture_entropy(picture: Picture) -> Tensor:
    """Entropy of the grey values in bits, ``[B]``."""
    return entropy_bits(histogram(picture))


@pair_term
def joint_shares(first: Picture, second: Picture) -> Tensor:
    """Share of each pair of grey values, ``float64 [B, 256, 256]``."""
    codes = (first.levels.int() * 256 + second.levels).flatten(1)
    return counts(codes, 256 * 256).view(-1, 256, 256) / second.pixels


@pair_term
def mutual_information_bits(first: Picture, second: Picture) -> Tensor:
    """I(X; Y) in bits from the raw 256 x 256 joint histogram, ``[B]``."""
    joint = entropy_bits(joint_shares(first, second).flatten(1))
    return picture_entropy(first) + picture_entropy(second) - joint


def _a_source_is_constant(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    return is_constant(infrared) | is_constant(visible)


@metric(
    "en",
    "Entropy",
    high=8,
    unit="bit",
    family="information",
    formula="EN = -sum_i p_i log2 p_i over the 256 grey values of F",
    paper="Roberts, van Aardt, Ahmed: Assessment of image fusion procedures using entropy, image quality, and "
    "multispectral classification. J. Applied Remote Sensing 2, 2008",
    agrees="CDDFuse, LFT, RFN-Nest and VIFB agree; IVIF_ZOO to 4e-5",
    rewards_noise=True,
)
def entropy(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Entropy of the fused image.

    Looks at the histogram alone: a shuffled image has the same entropy, and noise raises it.
    """
    return picture_entropy(fused)


@metric(
    "mi",
    "Mutual information",
    high=16,
    unit="bit",
    family="information",
    formula="MI = I(A;F) + I(B;F), I(X;F) = H(X) + H(F) - H(X,F), raw 256 x 256 joint histogram, log2",
    paper="Qu, Zhang, Yan: Information measure for performance of image fusion. Electronics Letters 38(7), 2002",
    agrees="IVIF_ZOO agrees; CDDFuse gives nats (times ln 2), VIFB nats after stretching each image to its minimum and "
    "maximum, LFT saturates the marginals in uint8, RFN-Nest computes a row-wise joint entropy, about 2 EN",
    rewards_noise=False,
    conventions={"a source is constant": _a_source_is_constant},
)
def mutual_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Information that the fused image shares with its two sources.

    Moved by anything that changes bins: stretching before scoring, the number of bins, the base of the logarithm.
    A copy of one source scores high (its own entropy), an honest blend lower.
    """
    return mutual_information_bits(infrared, fused) + mutual_information_bits(visible, fused)


@variant(
    "mi@nats",
    "{} in nats",
    high=16 * log(2),
    unit="nat",
    formula="MI ln 2",
    agrees="CDDFuse and the tables made with its evaluator",
)
def mutual_information_nats(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mutual information with the natural logarithm.

    The same ranking as in bits; numbers are 0.693 times as large.
    """
    return mutual_information(infrared, visible, fused) * log(2)


@variant(
    "mi@vifb",
    "{} of stretched images in nats",
    high=16 * log(2),
    unit="nat",
    formula="MI ln 2 after stretching A, B and F each from its own minimum and maximum to 0..255, rounded",
    paper=VIFB,
    agrees="VIFB",
)
def mutual_information_vifb(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mutual information in nats of images that are stretched first.

    Stretching by extremes maps grey values one to one, so nothing but the logarithm differs from the default.
    """
    return mutual_information_nats(stretched(infrared), stretched(visible), stretched(fused))


@metric(
    "nmi",
    "Normalised mutual information",
    high=2,
    family="information",
    formula="NMI = 2 [I(A;F) / (H(A) + H(F)) + I(B;F) / (H(B) + H(F))]",
    paper="Hossny, Nahavandi, Creighton: Comments on 'Information measure for performance of image fusion'. "
    "Electronics Letters 44(18), 2008",
    agrees="Liu's toolbox; IVIF_ZOO divides by the entropy of the fused image alone",
    identity=2,
    rewards_noise=False,
    conventions={"a source is constant": _a_source_is_constant},
)
def normalised_mutual_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mutual information with each source as a share of what both images say.

    Unlike MI it does not favour images of high entropy. A source and a result that are both constant share nothing: 0.
    """
    parts = []
    for source in (infrared, visible):
        entropies = picture_entropy(source) + picture_entropy(fused)
        shared = mutual_information_bits(source, fused)
        parts.append(2 * torch.where(entropies > 0, shared / entropies, 0.0))
    return parts[0] + parts[1]


@metric(
    "qncie",
    "Nonlinear correlation information entropy",
    label="QNCIE",
    low=1 - log(3) / log(256),
    high=1,
    family="information",
    formula="QNCIE = 1 + sum_i l_i/3 log256(l_i/3), l: eigenvalues of the 3 x 3 matrix with 1 on the diagonal and "
    "I(X;Y)/8 bit of each pair of A, B, F beside it",
    paper="Wang, Shen, Jin: Nonlinear correlation information entropy for multivariable analysis. Fusion: Wang, Shen, "
    "Zhang, Image Fusion: Algorithms and Applications, Academic Press 2008",
    agrees="Liu's toolbox; IVIF_ZOO takes entropies of the whole histogram and gives values around .88",
    rewards_noise=False,
    conventions={"a source is constant": _a_source_is_constant},
)
def nonlinear_correlation_information_entropy(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How far the three images depend on each other, in any way, not only linearly.

    Three independent images give .8019, three copies of an image with 256 equally frequent grey values 1. The
    dependence of the sources on each other counts as much as what the fused image shares with them, so values of
    different methods lie close together.
    """
    pairs = ((infrared, visible), (infrared, fused), (visible, fused))
    infrared_visible, *with_fused = (mutual_information_bits(*pair) / 8 for pair in pairs)
    matrix = torch.eye(3, dtype=torch.float64, device=fused.values.device).repeat(len(fused.levels), 1, 1)
    for (row, column), value in zip(((0, 1), (0, 2), (1, 2)), (infrared_visible, *with_fused), strict=True):
        matrix[:, row, column] = matrix[:, column, row] = value
    shares = torch.linalg.eigvalsh(matrix).clamp(min=0) / 3
    return 1 + torch.special.xlogy(shares, shares).sum(1) / log(256)


@metric(
    "te",
    "Tsallis mutual information",
    label="TE",
    low=-2 / 0.85,
    family="information",
    formula="TE = T(A;F) + T(B;F), T(X;F) = (sum p_xf^q / (p_x p_f)^(q-1) - 1) / (q - 1), q = 1.85, over grey values "
    "that occur together",
    paper="Cvejic, Canagarajah, Bull: Image fusion metric based on mutual information and Tsallis entropy. Electronics "
    "Letters 42(11), 2006",
    agrees="none: Liu's toolbox exchanges the marginal histograms (te@zliu)",
    rewards_noise=False,
    conventions={"a source is constant": _a_source_is_constant},
)
def tsallis_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mutual information built on the Tsallis entropy, which weighs rare pairs of grey values by the exponent q.

    Not normalised, and much larger for images of few grey values: compare methods on the same sources only.
    """
    return _tsallis(infrared, fused) + _tsallis(visible, fused)


@variant(
    "te@zliu",
    "{} with exchanged marginals",
    formula="as te after stretching each image to 0..255, with p_x(f) p_f(x) for p_x(x) p_f(f)",
    paper="Liu, Blasch, Xue, Zhao, Laganière, Wu: Objective assessment of multiresolution image fusion algorithms for "
    "context enhancement in night vision: A comparative study. IEEE TPAMI 34(1), 2012",
    agrees="Liu's toolbox (there Cvejic's metric)",
)
def tsallis_information_with_exchanged_marginals(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """What Liu's toolbox computes: a slip, kept under this name to read tables made with it.

    The product of the marginals belongs to the transposed joint histogram, so values of 1e5 occur.
    """
    pictures = stretched(infrared), stretched(visible), stretched(fused)
    return _tsallis(pictures[0], pictures[2], exchanged=True) + _tsallis(pictures[1], pictures[2], exchanged=True)


TSALLIS_ORDER = 1.85
"""The exponent q that the paper takes."""


def _tsallis(source: Picture, fused: Picture, exchanged: bool = False) -> Tensor:
    joint = joint_shares(source, fused)
    independent = histogram(source).unsqueeze(2) * histogram(fused).unsqueeze(1)
    independent = independent.mT if exchanged else independent
    together = (joint > 0) & (independent > 0)
    shares, terms = joint[together], torch.zeros_like(joint)
    terms[together] = shares * (shares / independent[together]) ** (TSALLIS_ORDER - 1)
    return (terms.sum((1, 2)) - 1) / (TSALLIS_ORDER - 1)


@metric(
    "ce",
    "Cross entropy",
    better="lower",
    low=-inf,
    unit="bit",
    family="information",
    formula="CE = [D(A,F) + D(B,F)] / 2, D(X,F) = sum_i p_i log2(p_i / q_i), p: grey values of X, q: of F; grey values "
    "missing in either are skipped",
    paper="Bulanon, Burks, Alchanatis: Image fusion of visible and thermal images for fruit detection. Biosystems "
    "Engineering 103(1), 2009 (as VIFB cites it)",
    agrees="VIFB; IVIF_ZOO adds a constant to every grey value and gives other numbers",
    identity=0,
    rewards_noise=False,
    rewards_blur=True,
    conventions={"a source is constant": _a_source_is_constant},
)
def cross_entropy(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How different the histograms of the sources are from that of the fused image.

    Looks at histograms alone. Skipped grey values make it no true divergence: it can be negative, and an image with
    few grey values (a black one: 0) seems perfect.
    """
    parts = []
    for source in (infrared, visible):
        shares, others = histogram(source), histogram(fused)
        both = (shares > 0) & (others > 0)
        ratio = torch.where(both, shares / torch.where(both, others, 1.0), 1.0)
        parts.append((shares * ratio.log2()).sum(1))
    return (parts[0] + parts[1]) / 2
