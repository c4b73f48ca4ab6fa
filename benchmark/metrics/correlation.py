"""Correlation: what of each source is in the fused image, linearly."""

from __future__ import annotations

import torch
from torch import Tensor

from ivif.benchmark.metrics.contrast import deviation_energy
from ivif.benchmark.metrics.picture import Picture, centred, deviations, is_constant, total
from ivif.benchmark.metrics.registry import metric


def _difference(fused: Picture, source: Picture) -> Tensor:
    """F - X, whole numbers, exact."""
    return fused.values - source.values


def pearson(image: Tensor, source: Picture) -> Tensor:
    """Correlation of integers ``[B, 1, H, W]`` with a picture; 0 where either is constant."""
    values = centred(image)
    energy = total(values.square()) * deviation_energy(source)
    product = total(values * deviations(source))
    return torch.where(energy > 0, product / energy.sqrt(), 0.0)


def _has_constant_term(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    differences = (_difference(fused, source).flatten(1) for source in (infrared, visible))
    flat = (values.amin(1) == values.amax(1) for values in differences)
    return is_constant(infrared) | is_constant(visible) | next(flat) | next(flat)


@metric(
    "scd",
    "Sum of the correlations of differences",
    low=-2,
    high=2,
    family="complementarity",
    formula="SCD = r(F - B, A) + r(F - A, B), r: Pearson correlation",
    paper="Aslantas, Bendes: A new image quality metric for image fusion: the sum of the correlations of differences. "
    "AEÜ Int. J. Electronics and Communications 69(12), 2015",
    agrees="CDDFuse, IVIF_ZOO, LFT and RFN-Nest agree; F - X wrapped around in uint8 moves it by up to 2.9",
    rewards_noise=False,
    conventions={"a correlation with a constant image counts 0": _has_constant_term},
)
def sum_of_correlations_of_differences(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """What was added to one source should look like the other.

    F = A + B (up to a constant and scale) is the optimum, 2; a copy of either source scores about 1 or less.
    """
    return pearson(_difference(fused, visible), infrared) + pearson(_difference(fused, infrared), visible)


@metric(
    "cc",
    "Correlation coefficient",
    low=-1,
    high=1,
    identity=1,
    family="complementarity",
    formula="CC = [r(A,F) + r(B,F)] / 2, r: Pearson correlation",
    paper="Deshmukh, Bhosale: Image fusion and image quality assessment of fused images. Int. J. Image Processing "
    "4(5), 2010",
    agrees="CDDFuse, IVIF_ZOO and LFT",
    rewards_noise=False,
    conventions={
        "a correlation with a constant image counts 0": lambda infrared, visible, fused: (
            is_constant(infrared) | is_constant(visible) | is_constant(fused)
        )
    },
)
def correlation_coefficient(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mean linear correlation with the two sources.

    Highest for their average: methods that choose between the sources pay for every choice.
    """
    parts = []
    for source in (infrared, visible):
        energy = deviation_energy(fused) * deviation_energy(source)
        product = total(deviations(fused) * deviations(source))
        parts.append(torch.where(energy > 0, product / energy.sqrt(), 0.0))
    return (parts[0] + parts[1]) / 2
