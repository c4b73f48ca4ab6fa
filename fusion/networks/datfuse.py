"""DATFuse: dual attention before and after transformer blocks; one of the smallest networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import Chain, EdgeConvolution, truncate
from ivif.fusion.networks.pixel_runs import PixelRunTransformer
from ivif.fusion.networks.ydtr import PointwiseConvolution
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_CHANNELS = 16


class FeatureExtraction(nn.Module):
    """One convolution with one normalisation, applied twice; a ReLU lies between."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, padding_mode="replicate")
        self.bn = nn.BatchNorm2d(_CHANNELS)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same."""
        return self.bn(self.conv(self.bn(self.conv(maps)).relu_()))


class ChannelAttention(nn.Module):
    """A weight in 0..1 for each map, from the means of all."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(_CHANNELS, 4, 1), nn.ReLU(), nn.Conv2d(4, _CHANNELS, 1), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, C, 1, 1]``."""
        return self.fc(maps.mean((2, 3), keepdim=True))


class SpatialAttention(nn.Module):
    """A weight in 0..1 for each pixel."""

    def __init__(self) -> None:
        super().__init__()
        first, last = nn.Conv2d(_CHANNELS, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)
        self.body = Chain(first, nn.BatchNorm2d(4), nn.ReLU(), last, nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, 1, H, W]``."""
        return self.body(maps)


class DATFuse(nn.Module):
    """Both sources together, attention, two transformer blocks, the same attention again; 10,552 parameters.

    The authors' class holds 208 more, of a normalisation and positions that nothing calls. Images are grey, in 0..1,
    of any size.

    Paper:
        Tang et al., DATFuse: Infrared and Visible Image Fusion via Dual Attention Transformer, IEEE Transactions on
        Circuits and Systems for Video Technology 33, 2023.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolutional = EdgeConvolution(2, _CHANNELS, 5)
        self.fem = FeatureExtraction()
        self.cam, self.sam = ChannelAttention(), SpatialAttention()
        self.basicLayer = PixelRunTransformer(_CHANNELS)
        self.convolutional_out = PointwiseConvolution(_CHANNELS)

    def _attended(self, maps: Tensor) -> Tensor:
        return maps * self.cam(maps) + maps * self.sam(maps)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two in 0..1; what is below 0 is to be clipped."""
        shallow = self.convolutional(torch.cat((infrared, visible), 1))
        deep = self.basicLayer((self._attended(self.fem(shallow)) + shallow).relu_())
        again = self.fem(deep)
        return self.convolutional_out(self._attended(again) + again)


@register
class DATFuseMethod(NetworkMethod):
    """DATFuse as its authors test it, but for values below 0, which wrap around to white in their code."""

    name = "datfuse"
    title = "DATFuse"
    paper = (
        "Tang, He, Liu, Duan, Si, DATFuse: Infrared and Visible Image Fusion via Dual Attention Transformer, "
        "IEEE TCSVT 2023"
    )
    module = DATFuse
    published = github(
        "tthinking/DATFuse",
        {"model_10.pth": "075b636954cbd425fc29be808bcfb42232e29b203f054c2a637ed301300d5a1d"},
        commit="0cd93f15fb5552c7aef79b7be56726c863d6c5ba",
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Run the network, clip, cut down to grey levels."""
        return truncate(self.network(infrared, visible))
