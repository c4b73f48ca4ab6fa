"""DIDFuse: an auto-encoder that splits each image into base and detail; maps of both sources are added."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from fusion.networks.base import NetworkMethod
from fusion.networks.blocks import require_sides
from fusion.registry import register


class Features(NamedTuple):
    """What the encoder says about an image, each ``[B, 64, H, W]``.

    Attributes:
        shallow: first layer, handed on to the decoder's last.
        deep: second layer, which base and detail are read from.
        base: large areas, in -1..1.
        detail: texture, in -1..1.
    """

    shallow: Tensor
    deep: Tensor
    base: Tensor
    detail: Tensor


class Layer(nn.Module):
    """Convolution 3x3, batch normalisation, activation; `padding` keeps the size."""

    def __init__(
        self, channels: int, out: int, activation: nn.Module, padding: Literal["zeros", "reflect"] = "zeros"
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1, padding_mode=padding)
        self.bn = nn.BatchNorm2d(out)
        self.act = activation

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, out, H, W]``."""
        return self.act(self.bn(self.conv(maps)))


class DIDFuse(nn.Module):
    """Encoder for one image, decoder for its features; 260,935 parameters.

    Training reconstructs each source alone, ``decode(encode(image))``; only the test adds the features of two.
    Images are grey, in 0..1, of any size from 2x2.

    Paper:
        Zhao et al., DIDFuse: Deep Image Decomposition for Infrared and Visible Image Fusion, IJCAI 2020.
    """

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = Layer(1, 64, nn.PReLU(), "reflect")
        self.enc2 = Layer(64, 64, nn.PReLU())
        self.encB = Layer(64, 64, nn.Tanh())
        self.encD = Layer(64, 64, nn.Tanh())
        self.dec5 = Layer(128, 64, nn.PReLU())
        self.dec6 = Layer(128, 64, nn.PReLU())
        self.dec7 = Layer(128, 1, nn.Sigmoid(), "reflect")

    def encode(self, image: Tensor) -> Features:
        """Features of ``[B, 1, H, W]``; one encoder serves both spectra."""
        shallow = self.enc1(image)
        deep = self.enc2(shallow)
        return Features(shallow, deep, self.encB(deep), self.encD(deep))

    def decode(self, features: Features) -> Tensor:
        """The image ``[B, 1, H, W]`` that features describe."""
        maps = self.dec5(torch.cat((features.base, features.detail), 1))
        maps = self.dec6(torch.cat((maps, features.deep), 1))
        return self.dec7(torch.cat((maps, features.shallow), 1))

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image: all four maps added, the authors' default among sum, average and L1-norm weights."""
        pairs = zip(self.encode(infrared), self.encode(visible), strict=True)
        return self.decode(Features(*(left + right for left, right in pairs)))


@register
class DIDFuseMethod(NetworkMethod):
    """DIDFuse as its authors test it: moving averages in batch normalisation, nothing after the sigmoid."""

    name = "didfuse"
    title = "DIDFuse"
    paper = (
        "Zhao, Xu, Zhang, Liu, Zhang, Li, DIDFuse: Deep Image Decomposition for Infrared and Visible Image Fusion, "
        "IJCAI 2020"
    )
    module = DIDFuse
    channels_last = True
    tile = 512
    margin = 6
    """Six convolutions of 3x3 lie between a source pixel and the result."""

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """The network's output as it is."""
        require_sides(self.name, visible, 2)
        return self.network(infrared, visible)
