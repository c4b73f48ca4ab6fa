"""Error: how far the grey values of the fused image are from those of the sources."""

from __future__ import annotations

from math import inf, log10

import torch
from torch import Tensor

from ivif.benchmark.metrics.papers import VIFB
from ivif.benchmark.metrics.picture import Picture, pair_term, total
from ivif.benchmark.metrics.registry import metric, variant

_PAPER = "Jagalingam, Hegde: A review of quality metrics for fused image. Aquatic Procedia 4, 2015"


@pair_term
def mean_squared_difference(source: Picture, fused: Picture) -> Tensor:
    """Mean squared difference of two images in squared grey levels, ``[B]``."""
    return total((fused.values - source.values).square_()) / fused.pixels


@metric(
    "mse",
    "Mean squared error",
    better="lower",
    high=255**2,
    unit="squared grey level",
    family="error",
    formula="MSE = [MSE(A,F) + MSE(B,F)] / 2",
    paper=_PAPER,
    agrees="CDDFuse; IVIF_ZOO and LFT give it of images in 0..1 (mse@lft)",
    identity=0,
    rewards_noise=False,
)
def mean_squared_error(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Squared distance to both sources.

    Least for their average, whatever that looks like: it measures caution rather than quality.
    """
    return (mean_squared_difference(infrared, fused) + mean_squared_difference(visible, fused)) / 2


@variant("mse@lft", "{} in 0..1", high=1, unit="", formula="MSE / 255^2", agrees="IVIF_ZOO and LFT")
def mean_squared_error_unit(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The mean squared error of images scaled to 0..1."""
    return mean_squared_error(infrared, visible, fused) / 255**2


@metric(
    "rmse",
    "Root mean squared error",
    better="lower",
    high=255,
    unit="grey level",
    family="error",
    formula="RMSE = [sqrt MSE(A,F) + sqrt MSE(B,F)] / 2",
    paper=_PAPER,
    agrees="VIFB prints it divided by the root of the number of pixels (rmse@vifb)",
    identity=0,
    rewards_noise=False,
)
def root_mean_squared_error(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Distance to each source, averaged.

    Least for any mixture of the sources: it measures caution rather than quality.
    """
    return (mean_squared_difference(infrared, fused).sqrt() + mean_squared_difference(visible, fused).sqrt()) / 2


@variant(
    "rmse@vifb",
    "Root of the summed squared error by number of pixels",
    unit="",
    formula="RMSE / sqrt(MN)",
    paper=VIFB,
    agrees="VIFB",
)
def root_mean_squared_error_vifb(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The root of the summed squared error over the number of pixels: halves where the image doubles its sides."""
    return root_mean_squared_error(infrared, visible, fused) / fused.pixels**0.5


@metric(
    "psnr",
    "Peak signal-to-noise ratio",
    high=inf,
    unit="dB",
    family="error",
    formula="PSNR = 10 log10(255^2 / MSE)",
    paper=_PAPER,
    agrees="values above 45 dB in tables are of other scales: psnr@lft, psnr@vifb; CDDFuse takes the brightest pixel "
    "of the fused image as peak",
    identity=inf,
    rewards_noise=False,
)
def peak_signal_to_noise_ratio(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The mean squared error in decibels; infinite where all three images are equal."""
    return 10 * (255**2 / mean_squared_error(infrared, visible, fused)).log10()


@variant(
    "psnr@lft",
    "{} across scales",
    formula="PSNR + 20 log10(255): peak of 0..255, error of 0..1",
    agrees="IVIF_ZOO and LFT",
)
def peak_signal_to_noise_ratio_lft(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """A peak of 255 over an error of images in 0..1: 48.13 dB too much, the same ranking."""
    return peak_signal_to_noise_ratio(infrared, visible, fused) + 20 * log10(255)


@variant("psnr@vifb", "{} of a root", formula="10 log10(255^2 / (RMSE / sqrt(MN)))", paper=VIFB, agrees="VIFB")
def peak_signal_to_noise_ratio_vifb(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The root error over the root of the number of pixels in the place of the squared error: grows with the image."""
    error = root_mean_squared_error_vifb(infrared, visible, fused)
    return 10 * torch.log10(255**2 / error)


@variant(
    "psnr@cddfuse",
    "{} by the brightest pixel",
    low=-inf,
    formula="10 log10(max(F)^2 / MSE)",
    agrees="CDDFuse",
    rewards_noise=True,
)
def peak_signal_to_noise_ratio_cddfuse(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The brightest pixel of the fused image as peak, as its evaluator takes it: punishes dark images."""
    peak = fused.values.amax((1, 2, 3))
    error = mean_squared_error(infrared, visible, fused)
    return torch.where(error > 0, 10 * torch.log10(peak.square() / error), inf)
