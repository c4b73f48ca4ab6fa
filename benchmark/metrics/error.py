"""Error: how far the grey values of the fused image are from those of the sources."""

from __future__ import annotations

from math import inf, log10

import torch
from torch import Tensor

from benchmark.metrics.picture import Picture, pair_term, total
from benchmark.metrics.registry import Original, metric

_PAPER = "Jagalingam, Hegde: A review of quality metrics for fused image. Aquatic Procedia 4, 2015"


@pair_term
def squared_error(source: Picture, fused: Picture) -> Tensor:
    """Mean squared difference of two images in squared grey levels, ``[B]``."""
    difference = fused.levels.short() - source.levels
    return total(difference.int().square()).double() / fused.pixels


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
    originals=[
        Original("MSE_255", "port(this study)", relative=1e-9),
        Original("MSE", "CDDFuse_py_float64in", relative=1e-9),
        Original("MSE", "CDDFuse_py", relative=1e-6),
    ],
    identity=0,
    rewards_noise=False,
)
def mean_squared_error(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Squared distance to both sources.

    Least for their average, whatever that looks like: it measures caution rather than quality.
    """
    return (squared_error(infrared, fused) + squared_error(visible, fused)) / 2


@metric(
    "mse@lft",
    "Mean squared error in 0..1",
    label="MSE (LFT)",
    better="lower",
    high=1,
    family="error",
    formula="MSE / 255^2",
    paper=_PAPER,
    agrees="IVIF_ZOO and LFT",
    originals=[Original("MSE", "LFT_octave", relative=1e-9), Original("MSE", "IVIF_ZOO_py", relative=1e-6)],
    identity=0,
    rewards_noise=False,
)
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
    originals=[Original("RMSE_mean_of_roots", "port(this study)", relative=1e-9)],
    identity=0,
    rewards_noise=False,
)
def root_mean_squared_error(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Distance to each source, averaged.

    Least for any mixture of the sources: it measures caution rather than quality.
    """
    return (squared_error(infrared, fused).sqrt() + squared_error(visible, fused).sqrt()) / 2


@metric(
    "rmse@vifb",
    "Root of the summed squared error by number of pixels",
    label="RMSE (VIFB)",
    better="lower",
    high=255,
    family="error",
    formula="RMSE / sqrt(MN)",
    paper="Zhang, Ye, Xiao: VIFB: A visible and infrared image fusion benchmark. CVPR Workshops 2020",
    agrees="VIFB",
    originals=[Original("Rmse", "VIFB_octave", relative=1e-9)],
    identity=0,
    rewards_noise=False,
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
    originals=[Original("PSNR_255(mean MSE)", "port(this study)", relative=1e-9)],
    identity=inf,
    rewards_noise=False,
)
def peak_signal_to_noise_ratio(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The mean squared error in decibels; infinite where all three images are equal."""
    return 10 * (255**2 / mean_squared_error(infrared, visible, fused)).log10()


@metric(
    "psnr@lft",
    "Peak signal-to-noise ratio across scales",
    label="PSNR (LFT)",
    high=inf,
    unit="dB",
    family="error",
    formula="PSNR + 20 log10(255): peak of 0..255, error of 0..1",
    paper=_PAPER,
    agrees="IVIF_ZOO and LFT",
    originals=[
        Original("PSNR", "LFT_octave", relative=1e-9),
        Original("PSNR_LFT", "port(this study)", relative=1e-9),
        Original("PSNR", "IVIF_ZOO_py", relative=1e-6),
    ],
    identity=inf,
    rewards_noise=False,
)
def peak_signal_to_noise_ratio_lft(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """A peak of 255 over an error of images in 0..1: 48.13 dB too much, the same ranking."""
    return peak_signal_to_noise_ratio(infrared, visible, fused) + 20 * log10(255)


@metric(
    "psnr@vifb",
    "Peak signal-to-noise ratio of a root",
    label="PSNR (VIFB)",
    high=inf,
    unit="dB",
    family="error",
    formula="10 log10(255^2 / (RMSE / sqrt(MN)))",
    paper="Zhang, Ye, Xiao: VIFB: A visible and infrared image fusion benchmark. CVPR Workshops 2020",
    agrees="VIFB",
    originals=[Original("Psnr", "VIFB_octave", relative=1e-9)],
    identity=inf,
    rewards_noise=False,
)
def peak_signal_to_noise_ratio_vifb(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The root error over the root of the number of pixels in the place of the squared error: grows with the image."""
    error = root_mean_squared_error_vifb(infrared, visible, fused)
    return 10 * torch.log10(255**2 / error)


@metric(
    "psnr@cddfuse",
    "Peak signal-to-noise ratio by the brightest pixel",
    label="PSNR (CDDFuse)",
    low=-inf,
    high=inf,
    unit="dB",
    family="error",
    formula="10 log10(max(F)^2 / MSE)",
    paper=_PAPER,
    agrees="CDDFuse",
    originals=[Original("PSNR", "CDDFuse_py", absolute=1e-6, relative=1e-6)],
    identity=inf,
    rewards_noise=True,
)
def peak_signal_to_noise_ratio_cddfuse(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """The brightest pixel of the fused image as peak, as its evaluator takes it: punishes dark images."""
    peak = fused.values.amax((1, 2, 3))
    error = mean_squared_error(infrared, visible, fused)
    return torch.where(error > 0, 10 * torch.log10(peak.square() / error), inf)
