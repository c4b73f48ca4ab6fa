"""Contrast: how far the grey values of the fused image spread, and how fast they change."""

from __future__ import annotations

from math import inf

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.benchmark.metrics.filters import COLUMN_AXIS, ROW_AXIS, compilable, sobel
from ivif.benchmark.metrics.papers import VIFB
from ivif.benchmark.metrics.picture import Picture, deviations, term, total
from ivif.benchmark.metrics.registry import metric, variant


@term
def deviation_energy(picture: Picture) -> Tensor:
    """Sum of squared deviations from the mean, ``[B]``."""
    return total(deviations(picture).square())


@metric(
    "sd",
    "Standard deviation",
    high=127.5,
    unit="grey level",
    family="contrast",
    formula="SD = sqrt(1/(MN) sum (F - mean F)^2)",
    paper="Rao: In-fibre Bragg grating sensors. Measurement Science and Technology 8, 1997 (as the field cites it)",
    agrees="CDDFuse, IVIF_ZOO and LFT agree; RFN-Nest divides by another count; code that stays in uint8 saturates "
    "deviations and squares (8.85 instead of 34.8 in a published table)",
    rewards_noise=True,
)
def standard_deviation(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Spread of the grey values, divided by the number of pixels (not that number minus one).

    Ignores the sources: stretching the contrast of any image raises it.
    """
    return (deviation_energy(fused) / fused.pixels).sqrt()


@variant(
    "sd@uint8sat",
    "{} in saturating bytes",
    high=255**0.5,
    formula="sqrt(1/(MN) sum min(255, max(0, round(F - mean F))^2))",
    paper="no definition of its own: what MATLAB computes where F stays of type uint8",
    agrees="a widely used table of TNO results (8.85 where 34.8 is right)",
)
def standard_deviation_uint8(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """To read old tables with: darker pixels than the mean count nothing, brighter ones at most 255.

    Never above 15.97, and another ranking than the standard deviation.
    """
    saturated = (deviations(fused) + 0.5).floor().clamp(min=0).square().clamp(max=255)
    return (total(saturated) / fused.pixels).sqrt()


def _differences(picture: Picture, axis: int) -> Tensor:
    """Each pixel minus the one before it along an axis, exact integers in float64."""
    return picture.values.diff(dim=axis)


@metric(
    "sf",
    "Spatial frequency",
    unit="grey level",
    family="contrast",
    high=255 * 2**0.5,
    formula="SF = sqrt(mean (F[i,j] - F[i,j-1])^2 + mean (F[i,j] - F[i-1,j])^2), each mean over its own differences",
    paper="Eskicioglu, Fisher: Image quality measures and their performance. IEEE Trans. Communications 43(12), 1995",
    agrees="CDDFuse, IVIF_ZOO and LFT; VIFB divides both sums by the number of pixels (sf@vifb); tables with SF around "
    "0.05 are of images in 0..1: multiply by 255",
    rewards_noise=True,
    min_side=2,
)
def spatial_frequency(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How strongly neighbouring pixels differ.

    Looks at the fused image alone: noise, ringing and sharpening raise it as detail does.
    """
    across, down = (_differences(fused, axis).square().mean((1, 2, 3)) for axis in (COLUMN_AXIS, ROW_AXIS))
    return (across + down).sqrt()


@variant("sf@vifb", "{} by number of pixels", formula="as sf, both sums divided by MN", paper=VIFB, agrees="VIFB")
def spatial_frequency_vifb(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Spatial frequency that divides by pixels rather than differences: lower by parts of a thousand."""
    across, down = (total(_differences(fused, axis).square()) for axis in (COLUMN_AXIS, ROW_AXIS))
    return ((across + down) / fused.pixels).sqrt()


@variant(
    "sf@unit",
    "{} in 0..1",
    high=2**0.5,
    unit="",
    formula="SF / 255",
    agrees="LFT on images in 0..1, as in a widely used table of TNO results",
)
def spatial_frequency_unit(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The spatial frequency of images scaled to 0..1."""
    return spatial_frequency(infrared, visible, fused) / 255


@metric(
    "ag",
    "Average gradient",
    unit="grey level",
    family="contrast",
    high=255,
    formula="AG = mean sqrt((gx^2 + gy^2) / 2), g: central differences, one-sided at the borders",
    paper="Cui, Feng, Xu, Li, Chen: Detail preserved fusion of visible and infrared images using regional saliency "
    "extraction and multi-scale image decomposition. Optics Communications 341, 2015",
    agrees="CDDFuse and IVIF_ZOO; VIFB and LFT divide by (M-1)(N-1) (ag@vifb)",
    rewards_noise=True,
    min_side=2,
)
def average_gradient(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """How steep grey values are on average.

    Looks at the fused image alone: noise, ringing and sharpening raise it as detail does.
    """
    return _summed_gradient(fused) / fused.pixels


@variant(
    "ag@vifb",
    "{} by number of differences",
    high=inf,
    formula="as ag, the sum over all pixels divided by (M-1)(N-1)",
    paper=VIFB,
    agrees="VIFB and LFT",
)
def average_gradient_vifb(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Average gradient that divides by fewer pixels than it sums: higher by parts of a thousand."""
    height, width = fused.size
    return _summed_gradient(fused) / ((height - 1) * (width - 1))


@term
def _summed_gradient(picture: Picture) -> Tensor:
    if compilable(picture.values):
        from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

        sums = [compiled_edges.steepness(image.numpy()) for image in picture.values.contiguous()[:, 0]]
        return picture.values.new_tensor(sums)
    down, across = torch.gradient(picture.values, dim=(ROW_AXIS, COLUMN_AXIS))
    return total(((down.square() + across.square()) / 2).sqrt())


@metric(
    "ei",
    "Edge intensity",
    unit="grey level",
    family="contrast",
    high=255 * 20**0.5,
    formula="EI = mean sqrt(sx^2 + sy^2), s: Sobel differences, borders repeated",
    paper="Rajalingam, Priya: Hybrid multimodality medical image fusion technique for feature enhancement in medical "
    "diagnosis. Int. J. Engineering Science Invention, 2018",
    agrees="VIFB; IVIF_ZOO takes zeros outside the image (ei@zero)",
    rewards_noise=True,
)
def edge_intensity(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Mean strength of Sobel edges.

    Looks at the fused image alone: noise, ringing and sharpening raise it as detail does.
    """
    return _edge_intensity(fused, "replicate")


@variant("ei@zero", "{} with zeros outside", formula="as ei, zeros outside the image", agrees="IVIF_ZOO")
def edge_intensity_zero(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Edge intensity that counts the border of the image as an edge: brighter borders, higher value."""
    return _edge_intensity(fused, "constant")


def _edge_intensity(picture: Picture, padding: str) -> Tensor:
    if compilable(picture.values):
        from ivif.benchmark.metrics import compiled_edges  # Numba takes long to import

        padded = pad(picture.values, (1, 1, 1, 1), padding)[:, 0]
        sums = [compiled_edges.sobel_strength(image.numpy()) for image in padded]
        return picture.values.new_tensor(sums) / picture.pixels
    across, down = sobel(picture.values, padding)
    return total((across.square() + down.square()).sqrt()) / picture.pixels
