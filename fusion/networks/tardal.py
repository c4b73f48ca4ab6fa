"""TarDAL: a dense generator, trained against two critics that look at targets and at texture."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import BatchStatisticsNorm, Chain, flushed_denormals, truncate
from ivif.fusion.registry import register
from ivif.fusion.weights.published import PublishedWeights, github

_LICENCE = "MIT where they are (VIF_Benchmark), GPL-3.0 in their authors' own repository"


class TarDAL(nn.Module):
    """Dense block between two convolutions and a decoder of four; 296,577 parameters.

    Images are grey, in 0..1, of any size.

    Paper:
        Liu et al., Target-aware Dual Adversarial Learning and a Multi-scenario Multi-Modality Benchmark to Fuse
        Infrared and Visible for Object Detection, CVPR 2022.
    """

    norm: ClassVar[Callable[[int], nn.Module]] = nn.BatchNorm2d

    def __init__(self) -> None:
        super().__init__()
        self.encoder = self._layer(2, 32)
        self.dense = nn.ModuleList([self._layer(32 * count, 32) for count in (1, 2, 3)])
        last = nn.Sequential(nn.Conv2d(32, 1, 3, padding=1), nn.Tanh())
        first = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(inplace=True))
        self.fuse = nn.Sequential(first, self._layer(128, 64), self._layer(64, 32), last)

    def _layer(self, channels: int, out: int) -> Chain:
        norm = type(self).norm(out)
        return Chain(nn.Conv2d(channels, out, 3, padding=1), norm, nn.ReLU(inplace=True))

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two in 0..1; what is below 0 is to be clipped."""
        maps = self.encoder(torch.cat((infrared, visible), 1))
        for layer in self.dense:
            maps = torch.cat((maps, layer(maps)), 1)
        return self.fuse(maps)


class TarDALByStatistics(TarDAL):
    """The same, normalised by the statistics of the image at hand, as where evaluation was never switched on."""

    norm = partial(BatchStatisticsNorm, eps=1e-5)


def _checkpoint(name: str, sha256: str) -> PublishedWeights:
    return github(
        "Linfeng-Tang/VIF_Benchmark",
        {f"Checkpoint/TarDAL/{name}": sha256},
        commit="40cc9aed637df6cd4a077d69c30bffd720e87922",
        licence=_LICENCE,
    )


class _TarDALMethod(NetworkMethod):
    """What the three have in common."""

    paper = (
        "Liu, Fan, Huang, Wu, Liu, Zhong, Luo, Target-aware Dual Adversarial Learning and a Multi-scenario "
        "Multi-Modality Benchmark to Fuse Infrared and Visible for Object Detection, CVPR 2022"
    )
    module = TarDAL
    published_alone = True
    channels_last = True

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Run the network, clip, cut down to grey levels."""
        with flushed_denormals():
            return truncate(self.network(infrared, visible))


@register
class TarDALMethod(_TarDALMethod):
    """TarDAL trained for fusion, as its authors test it: normalised by statistics of the whole image."""

    name = "tardal"
    title = "TarDAL"
    module = TarDALByStatistics
    published = _checkpoint("tardal.pt", "e0fa61e25cffa9fb14ff17b47ea7ba237a6e8c6f37e1b9b115d63354ff0f13e1")
    channels_last = False


@register
class TarDALPlusMethod(_TarDALMethod):
    """TarDAL trained for detection: its images are nearly black with white contours, and meant for a detector."""

    name = "tardal_plus"
    title = "TarDAL+"
    published = _checkpoint("tardal+.pt", "cff3756548b511e3e415616debc557cdc85b3bb19393ca158cac8d08f232897c")
    tile = 1024
    margin = 8
    """Eight convolutions of 3x3 lie between a source pixel and the result."""


@register
class TarDALPlusPlusMethod(_TarDALMethod):
    """TarDAL trained for fusion and detection together."""

    name = "tardal_plusplus"
    title = "TarDAL++"
    published = _checkpoint("tardal++.pt", "7009d125e36db043d6918d9358e10c6dca7fdf2dd08ada09c5ecd294f45f98c5")
    tile = 1024
    margin = 8
