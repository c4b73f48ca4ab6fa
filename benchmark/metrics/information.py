"""Information: how much a grey-value histogram says, and how much two of them share."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmark.metrics.picture import Picture, counts, histogram, is_constant, term
from benchmark.metrics.registry import Original, metric


def entropy_bits(shares: Tensor) -> Tensor:
    """``-sum p log2 p`` over the last axis; empty bins count 0."""
    return -torch.special.xlogy(shares, shares).sum(-1) / torch.log(torch.tensor(2.0, dtype=shares.dtype))


@term
def picture_entropy(picture: Picture) -> Tensor:
    """Entropy of the grey values in bits, ``[B]``."""
    return entropy_bits(histogram(picture))


def mutual_information_bits(source: Picture, fused: Picture) -> Tensor:
    """I(X; F) in bits from the raw 256 x 256 joint histogram, ``[B]``."""
    codes = (source.levels.int() * 256 + fused.levels).flatten(1)
    joint = entropy_bits(counts(codes, 256 * 256) / fused.pixels)
    return picture_entropy(source) + picture_entropy(fused) - joint


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
    originals=[
        Original("EN", "RFN_octave", absolute=1e-9),
        Original("EN", "LFT_octave", absolute=1e-9),
        Original("EN", "CDDFuse_py", absolute=1e-9),
        Original("Entropy", "VIFB_octave", absolute=1e-9),
    ],
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
    originals=[Original("MI", "IVIF_ZOO_py", absolute=1e-9)],
    rewards_noise=False,
    conventions={"a source is constant": lambda infrared, visible, fused: is_constant(infrared) | is_constant(visible)},
)
def mutual_information(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Information that the fused image shares with its two sources.

    Moved by anything that changes bins: stretching before scoring, the number of bins, the base of the logarithm.
    A copy of one source scores high (its own entropy), an honest blend lower.
    """
    return mutual_information_bits(infrared, fused) + mutual_information_bits(visible, fused)
