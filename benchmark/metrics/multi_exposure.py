"""Multi-exposure fusion: whether patches show the pattern that both source patches together call for."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from ivif.benchmark.metrics.picture import Plane, pair_term
from ivif.benchmark.metrics.registry import metric
from ivif.benchmark.metrics.structural_similarity import (
    CONTRAST_CONSTANT,
    SCALE_WEIGHTS,
    halved,
    quotient,
    weighted_product,
)
from ivif.benchmark.metrics.windows import local, local_covariance, mean, wide, wide_covariance, within

PATCH = 11
"""Side of a patch of the multi-exposure fusion index."""


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
    covaried = local_covariance((infrared.values, visible.values), (a.mean, b.mean), taps)
    norm_a, norm_b = PATCH * a.variance.sqrt(), PATCH * b.variance.sqrt()
    norm_sum = PATCH * (a.variance + b.variance + 2 * covaried).clamp(min=0).sqrt()
    consistency = quotient(norm_sum, norm_a + norm_b).clamp(max=1)
    strength_a, strength_b = norm_a + 0.001, norm_b + 0.001
    larger = torch.maximum(strength_a, strength_b)
    # The paper weighs the patterns of unit strength by strength^power; relative to the larger one nothing overflows.
    power = torch.tan(pi / 2 * consistency).clamp(max=10)
    weight_a, weight_b = (strength_a / larger) ** (power - 1), (strength_b / larger) ** (power - 1)
    parts = weight_a.square() * a.variance + weight_b.square() * b.variance
    combined = parts + 2 * weight_a * weight_b * covaried
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
        together = wanted.infrared * within(wide_covariance(infrared, fused))
        together = together + wanted.visible * within(wide_covariance(visible, fused))
        parts.append(mean((2 * together + CONTRAST_CONSTANT) / (wanted.variance + variance + CONTRAST_CONSTANT)))
    return weighted_product(parts, [weight / sum(SCALE_WEIGHTS[:3]) for weight in SCALE_WEIGHTS[:3]])
