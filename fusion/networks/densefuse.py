"""DenseFuse: a dense auto-encoder; the maps of both sources are averaged."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import require_sides, truncate
from ivif.fusion.networks.nestfuse import ReflectConvolution
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github


class DenseLayer(nn.Module):
    """A convolution whose 16 maps are put behind those it saw."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dense_conv = ReflectConvolution(channels, 16, 3)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, C + 16, H, W]``."""
        return torch.cat((maps, self.dense_conv(maps)), 1)


class DenseBlock(nn.Module):
    """Three such layers."""

    def __init__(self) -> None:
        super().__init__()
        self.denseblock = nn.Sequential(DenseLayer(16), DenseLayer(32), DenseLayer(48))

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, 16, H, W]`` to ``[B, 64, H, W]``."""
        return self.denseblock(maps)


class LinearConvolution(nn.Module):
    """The last layer: `ReflectConvolution` without its activation, under the same name."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect")

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, before, H, W]`` to ``[B, after, H, W]``."""
        return self.conv2d(maps)


class DenseFuse(nn.Module):
    """Encoder for one image, decoder for the average of two; 74,193 parameters.

    Grey values go in and come out on the scale 0..255; any size from 2x2. Training reconstructs single images.

    Paper:
        Li and Wu, DenseFuse: A Fusion Approach to Infrared and Visible Images, IEEE Transactions on Image Processing
        28, 2019.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ReflectConvolution(1, 16, 3)
        self.DB1 = DenseBlock()
        self.conv2 = ReflectConvolution(64, 64, 3)
        self.conv3 = ReflectConvolution(64, 32, 3)
        self.conv4 = ReflectConvolution(32, 16, 3)
        self.conv5 = LinearConvolution(16, 1)

    def encode(self, image: Tensor) -> Tensor:
        """Maps ``[B, 64, H, W]`` of an image ``[B, 1, H, W]``."""
        return self.DB1(self.conv1(image))

    def decode(self, maps: Tensor) -> Tensor:
        """The image that maps describe."""
        return self.conv5(self.conv4(self.conv3(self.conv2(maps))))

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]``: maps averaged, the one strategy that the authors' code for PyTorch follows."""
        return self.decode((self.encode(infrared) + self.encode(visible)) / 2)


@register
class DenseFuseMethod(NetworkMethod):
    """DenseFuse as its authors test it, by addition: saturated and cut down to grey levels, not stretched."""

    name = "densefuse"
    title = "DenseFuse"
    paper = "Li, Wu, DenseFuse: A Fusion Approach to Infrared and Visible Images, IEEE TIP 2019"
    module = DenseFuse
    published_alone = True
    published = github(
        "hli1221/densefuse-pytorch",
        {"models/densefuse_gray.model": "b34cf3650f04161b31ac2467decfeedf7eba39165b7618f846e0f298ecd2ac65"},
        commit="4394b63e9295db1c6b7a5c3664551c90f0605f2b",
        trained_on=("coco",),
    )
    channels_last = True
    tile = 1024
    margin = 8
    """Eight convolutions of 3x3 lie between a source pixel and the result."""

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Scale to 0..255, run the network, scale back."""
        require_sides(self.name, visible, 2)
        return truncate(self.network(infrared * 255, visible * 255) / 255)
