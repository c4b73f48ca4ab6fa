"""YDTR: dynamic filters and transformer blocks on each source and, with the same weights, on their sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import EdgeConvolution, truncate
from ivif.fusion.networks.pixel_runs import PixelRunTransformer
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_CHANNELS = 64


class SpatialBranch(nn.Module):
    """One factor a pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(_CHANNELS, 8, 3, padding=1), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, 1, H, W]``."""
        return self.body(maps)


class ChannelBranch(nn.Module):
    """One factor a map, from the means of all maps."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Conv2d(_CHANNELS, 8, 1), nn.ReLU(), nn.Conv2d(8, _CHANNELS, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, C, 1, 1]``."""
        return self.fc(maps.mean((2, 3), keepdim=True))


class DynamicFilter(nn.Module):
    """Maps times the sum of a factor for the pixel and one for the map; neither is bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.spatial_branch, self.channel_branch = SpatialBranch(), ChannelBranch()

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same."""
        return maps * self.spatial_branch(maps) + maps * self.channel_branch(maps)


class PointwiseConvolution(nn.Module):
    """Convolution 1x1 to an image, hyperbolic tangent."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 1, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, 1, H, W]``."""
        return torch.tanh(self.conv(maps))


class YDTR(nn.Module):
    """One branch for both sources, used a third time on the sum; 106,586 parameters.

    The authors' class holds 111,184 more: two convolutions, a normalisation and positions that nothing calls. Images
    are grey, in 0..1, of any size.

    Paper:
        Tang, He, Liu, YDTR: Infrared and Visible Image Fusion via Y-Shape Dynamic Transformer, IEEE Transactions on
        Multimedia 25, 2023.
    """

    def __init__(self) -> None:
        super().__init__()
        self.convInput = EdgeConvolution(1, _CHANNELS, 3)
        self.DDF = DynamicFilter()
        self.basicLayer = PixelRunTransformer(_CHANNELS)
        self.convolutional_out = PointwiseConvolution(_CHANNELS)

    def _branch(self, maps: Tensor) -> Tensor:
        return self.basicLayer(self.DDF(maps))

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in -1..1 of two in 0..1; what is below 0 is to be clipped."""
        first, second = (self._branch(self.convInput(image)) for image in (infrared, visible))
        return self.convolutional_out(self._branch(first + second))


@register
class YDTRMethod(NetworkMethod):
    """YDTR as its authors test it, but for values below 0, which wrap around to white in their code."""

    name = "ydtr"
    title = "YDTR"
    paper = "Tang, He, Liu, YDTR: Infrared and Visible Image Fusion via Y-Shape Dynamic Transformer, IEEE TMM 2023"
    module = YDTR
    published_alone = True
    published = github(
        "tthinking/YDTR",
        {"models/model_10.pth": "183c31a103ada74063e644b300d6708ed567dcc231a9d0f8d52e098c6c2a0d32"},
        commit="b1f01b4ba7b2f40e4fcaec620f29640960db7e98",
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Run the network, clip, cut down to grey levels."""
        return truncate(self.network(infrared, visible))
