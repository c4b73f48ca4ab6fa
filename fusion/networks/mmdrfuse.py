"""MMDRFuse: a network of 113 parameters, distilled from a large one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import require_sides, stretch_to_unit
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github


class MMDRFuse(nn.Module):
    """Two convolutions with four maps between them; 113 parameters. Images are grey, in 0..1, of any size from 2x2.

    Paper:
        Deng, Xu, Cheng, Wu, Song, MMDRFuse: Distilled Mini-Model with Dynamic Refresh for Multi-Modality Image Fusion,
        ACM MM 2024.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(2, 4, 3), nn.ReLU())
        self.conv2 = nn.Sequential(nn.ReflectionPad2d(1), nn.Conv2d(4, 1, 3), nn.Tanh())

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two in 0..1, to be stretched."""
        return self.conv2(self.conv1(torch.cat((infrared, visible), 1)))


@register
class MMDRFuseMethod(NetworkMethod):
    """MMDRFuse as its authors test it, with the min-max stretch on saving."""

    name = "mmdrfuse"
    title = "MMDRFuse"
    paper = (
        "Deng, Xu, Cheng, Wu, Song, MMDRFuse: Distilled Mini-Model with Dynamic Refresh for Multi-Modality Image "
        "Fusion, ACM MM 2024"
    )
    module = MMDRFuse
    published_alone = True
    published = github(
        "yanglinDeng/MMDRFuse",
        {"pretrained_models/student.model": "e5ad5bab796f4480dbbc35a8f6f63e69ba3ccd1842476d2c2453ca1aca6eb17c"},
        commit="c9e5014493a7322a87cc24a58b66052123ac5bbe",
        trained_on=("llvip",),
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Run the network, stretch."""
        require_sides(self.name, visible, 2)
        return stretch_to_unit(self.network(infrared, visible))
