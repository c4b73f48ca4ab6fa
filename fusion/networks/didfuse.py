"""DIDFuse: an auto-encoder that splits each image into base and detail; maps of both sources are added."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import require_sides
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github
from ivif.fusion.weights.renaming import Rules


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


class NormalisedConvolution(nn.Module):
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
        self.enc1 = NormalisedConvolution(1, 64, nn.PReLU(), "reflect")
        self.enc2 = NormalisedConvolution(64, 64, nn.PReLU())
        self.encB = NormalisedConvolution(64, 64, nn.Tanh())
        self.encD = NormalisedConvolution(64, 64, nn.Tanh())
        self.dec5 = NormalisedConvolution(128, 64, nn.PReLU())
        self.dec6 = NormalisedConvolution(128, 64, nn.PReLU())
        self.dec7 = NormalisedConvolution(128, 1, nn.Sigmoid(), "reflect")

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


def _numbered_layers() -> Rules:
    """``covN.covN.I.NAME``, I counting from 0, or from 1 where reflection padding comes first."""
    layers = {1: "enc1", 2: "enc2", 3: "encB", 4: "encD", 5: "dec5", 6: "dec6", 7: "dec7"}
    rules = []
    for number, layer in layers.items():
        first = 1 if number in (1, 7) else 0
        for index, part in enumerate(("conv", "bn", "act"), first):
            rules.append((rf"cov{number}\.cov{number}\.{index}\.(\w+)", rf"{layer}.{part}.\1"))
    return tuple(rules)


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
    renaming = _numbered_layers()
    published = github(
        "Zhaozixiang1228/IVIF-DIDFuse",
        {
            "Models/Encoder_weight_IJCAI.pkl": "4d84a4e64e58469d3d4591f83c6683ead3e422498519db99bb617cb29d268471",
            "Models/Decoder_weight_IJCAI.pkl": "c6974e2a7c66ab579a77bacb086023237a229e769d459783bad8ff43e52e9986",
        },
        trained_on=("flir",),
    )
    published_rts = github(
        "zhenglab/ReferenceSupervisionIVIF",
        {
            "DIDFuse/model/Encoder_weight.pkl": "67d6512a7e51f12e6cd3729880002ea840958d184203a6d30857caeb51bb22af",
            "DIDFuse/model/Decoder_weight.pkl": "7dc7ce10bee5a25842713db318b429549e1a7ab670488aec90ce1a39c6296c26",
        },
    )
    channels_last = True
    tile = 512
    margin = 6
    """Six convolutions of 3x3 lie between a source pixel and the result."""

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """The network's output as it is."""
        require_sides(self.name, visible, 2)
        return self.network(infrared, visible)
