"""SAGE: a small U-shaped network, distilled from one that is guided by a segmentation model."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import Chain, from_luma_and_chroma, require_sides, to_luma_and_chroma
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_CHANNELS = 32


def _units(*channels: int, kernel: int = 3) -> Chain:
    """Convolution, batch normalisation and leaky ReLU from each number of channels to the next."""
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        convolution = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        layers += [convolution, nn.BatchNorm2d(after), nn.LeakyReLU(0.01, inplace=True)]
    return Chain(*layers)


class SAGE(nn.Module):
    """Three sizes down and two up again; 135,617 parameters. Images are grey, in 0..1, of any size from 4x4.

    The network that its authors test with; the larger one that taught it is not part of it.

    Paper:
        Wu et al., Every SAM Drop Counts: Embracing Semantic Priors for Multi-Modality Image Fusion and Beyond,
        CVPR 2025.
    """

    def __init__(self) -> None:
        super().__init__()
        maps = _CHANNELS
        self.module1 = _units(2, maps, maps, maps)
        self.module2, self.module3, self.module4, self.module5 = (_units(maps, maps, maps, maps) for _ in range(4))
        self.adjust_channels4, self.adjust_channels5 = (_units(2 * maps, maps, kernel=1) for _ in range(2))
        self.final_decoder = nn.Sequential(nn.Conv2d(maps, 1, 3, padding=1), nn.Tanh())

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two in 0..1; inside, the visible one comes first."""
        whole = self.module1(torch.cat((visible, infrared), 1))
        half = self.module2(max_pool2d(whole, 2))
        quarter = self.module3(max_pool2d(half, 2))
        half = self.module4(self.adjust_channels4(_beside(quarter, half)))
        whole = self.module5(self.adjust_channels5(_beside(half, whole)))
        return self.final_decoder(whole)


def _beside(smaller: Tensor, maps: Tensor) -> Tensor:
    """The smaller maps, enlarged, and the others."""
    return torch.cat((interpolate(smaller, maps.shape[2:], mode="bilinear"), maps), 1)


@register
class SAGEMethod(NetworkMethod):
    """SAGE as its authors test it, but for what they round: the luminance, and the chroma, so that grey gets a tint."""

    name = "sage"
    title = "SAGE"
    paper = (
        "Wu, Liu, Fu, Peng, Liu, Fan, Liu, Every SAM Drop Counts: Embracing Semantic Priors for Multi-Modality Image "
        "Fusion and Beyond, CVPR 2025"
    )
    module = SAGE
    published_alone = True
    published = github(
        "RollingPlain/SAGE_IVIF",
        {"checkpoints/checkpoints.pt": "ecfde477ca4cd65401f207d5dc91ce6c475a49891d768dbdb7a66366255ee836"},
        commit="377fdbef6b8b6ccbd1139358ad66bb41ea084dc1",
        licence="MIT",
        trained_on=("fmb",),
    )
    channels_last = True
    input = "rgb"

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse the luminance, put the chroma back, clip."""
        require_sides(self.name, visible, 4)
        luma, red, blue = to_luma_and_chroma(visible)
        return from_luma_and_chroma(self.network(infrared, luma), red, blue).clamp(0, 1)
