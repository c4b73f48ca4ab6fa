"""DDcGAN: a dense generator against two discriminators, one for visible and one for infrared images."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu_, tanh

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import (
    BatchStatisticsNorm,
    convolve_in_bands,
    empty_maps,
    init_truncated_normal,
    is_channels_last,
    require_sides,
    stretch_to_unit,
)
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github
from ivif.fusion.weights.renaming import Rules, normalisation

_EPS = 1e-3
"""The default of TensorFlow's layers."""


def _conv(channels: int, out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, stride, padding=1, padding_mode="reflect")


def _convolved(convolution: nn.Module, maps: Tensor, overwrite: bool = False) -> Tensor:
    """A convolution of stride 1; without gradients in bands, and over its input if that is allowed."""
    if torch.is_grad_enabled():
        return convolution(maps)
    assert isinstance(convolution, nn.Conv2d)
    return convolve_in_bands(maps, convolution.weight, convolution.bias, border=1, into=maps if overwrite else None)


class Encoder(nn.Module):
    """One convolution, then four densely connected ones of 48 channels: 240 in all, the newest first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.ModuleDict({"conv1_1": _conv(2, 48)})
        for index in range(1, 5):
            self.conv[f"dense_block_conv{index}"] = _conv(48 * index, 48)
        self.bn = nn.ModuleDict({f"b{index}": BatchStatisticsNorm(48, _EPS) for index in range(5)})

    def forward(self, sources: Tensor) -> Tensor:
        """``[B, 2, H, W]`` to ``[B, 240, H, W]``."""
        maps, height, width = sources[:, :0], *sources.shape[2:]
        room = None
        if not torch.is_grad_enabled():
            whole = len(sources), 5 * 48, height, width
            first = self.conv["conv1_1"]
            assert isinstance(first, nn.Conv2d)
            room = empty_maps(whole, sources, is_channels_last(first.weight))
        for index, (convolution, norm) in enumerate(zip(self.conv.values(), self.bn.values(), strict=True), 1):
            new = relu_(norm(_convolved(convolution, maps if index > 1 else sources)))
            if room is None:
                maps = torch.cat((new, maps), 1)
            else:  # where the maps will lie in the end
                maps = room[:, -48 * index :]
                maps[:, :48] = new
        return maps


class Decoder(nn.Module):
    """Five convolutions. The first is applied twice, without and with normalisation, as the authors' graph does."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"conv2_1": (240, 240), "conv2_1_1": (240, 128), "conv2_2": (128, 64), "conv2_3": (64, 32)}
        self.conv = nn.ModuleDict({name: _conv(*size) for name, size in sizes.items()})
        self.conv["conv2_4"] = _conv(32, 1)
        self.bn = nn.ModuleDict(
            {f"b{index}": BatchStatisticsNorm(out, _EPS) for index, (_, out) in enumerate(sizes.values())}
        )

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, 240, H, W]`` to an image ``[B, 1, H, W]`` in 0..1; overwrites the maps if no gradient is wanted."""
        maps = relu_(_convolved(self.conv["conv2_1"], maps, overwrite=True))
        for name, norm in zip(("conv2_1", "conv2_1_1", "conv2_2", "conv2_3"), self.bn.values(), strict=True):
            maps = relu_(norm(_convolved(self.conv[name], maps, overwrite=name == "conv2_1")))
        return tanh(_convolved(self.conv["conv2_4"], maps)) / 2 + 0.5


class DDcGANGenerator(nn.Module):
    """Encoder and decoder for sources of equal resolution; 1,097,665 parameters. Images are grey, in 0..1.

    Maps are normalised by statistics of the batch while training, by those of each image afterwards, with scale and
    shift both times. Any size from 2x2.

    Paper:
        Ma et al., DDcGAN: A Dual-Discriminator Conditional Generative Adversarial Network for Multi-Resolution Image
        Fusion, IEEE Transactions on Image Processing 29, 2020.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()
        init_truncated_normal(self, 0.05)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in 0..1 of two such; inside, the visible one comes first."""
        return self.decoder(self.encoder(torch.cat((visible, infrared), 1)))


def _layers(scope: str, norm_scope: str, prefix: str = "") -> Rules:
    """``SCOPE/LAYER/kernel``, ``.../bias``, ``SCOPE/bN/batch_normalization/...`` of TensorFlow's layers."""
    return (
        (rf"{scope}/(\w*conv\w*)/kernel", rf"{prefix}conv.\1.weight"),
        (rf"{scope}/(\w*conv\w*)/bias", rf"{prefix}conv.\1.bias"),
        (rf"{scope}/(flatten\d)/dense/kernel", rf"{prefix}linear.\1.weight"),
        (rf"{scope}/(flatten\d)/dense/bias", rf"{prefix}linear.\1.bias"),
        *normalisation(rf"{norm_scope}/(b\d)/batch_normalization", rf"{prefix}bn.\1"),
    )


class DDcGANDiscriminator(nn.Module):
    """Tells source from fused patches of 84x84; 31,233 parameters. The authors train one for each spectrum."""

    renaming_visible = _layers("Discriminator1", "Discriminator1")
    renaming_infrared = _layers("Discriminator2", "Discriminator2")
    """Of their variables, which published checkpoints hold beside the generator's."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.ModuleDict({"conv1": _conv(1, 16, 2), "conv2": _conv(16, 32, 2), "conv3": _conv(32, 64, 2)})
        self.bn = nn.ModuleDict({"b1": BatchStatisticsNorm(32, _EPS), "b2": BatchStatisticsNorm(64, _EPS)})
        self.linear = nn.ModuleDict({"flatten1": nn.Linear(11 * 11 * 64, 1)})
        init_truncated_normal(self, 0.1)

    def forward(self, image: Tensor) -> Tensor:
        """Probability ``[B, 1]`` that ``[B, 1, 84, 84]`` in 0..1 is no fused image."""
        maps = relu_(self.conv["conv1"](image))
        maps = relu_(self.bn["b1"](self.conv["conv2"](maps)))
        maps = relu_(self.bn["b2"](self.conv["conv3"](maps)))
        # Channels last, so that the linear layer's weight is in the order of the published checkpoints.
        return tanh(self.linear["flatten1"](maps.permute(0, 2, 3, 1).flatten(1))) / 2 + 0.5


@register
class DDcGANMethod(NetworkMethod):
    """DDcGAN as its authors test it: statistics of the whole image, and the min-max stretch on saving."""

    name = "ddcgan"
    title = "DDcGAN"
    paper = (
        "Ma, Xu, Jiang, Mei, Zhang, DDcGAN: A Dual-Discriminator Conditional Generative Adversarial Network for "
        "Multi-Resolution Image Fusion, IEEE Transactions on Image Processing 29, 2020"
    )
    module = DDcGANGenerator
    # The second scope of the decoder's convolutions comes from a name scope that TensorFlow had to make unique.
    renaming = (
        *_layers("Generator/encoder", "Generator/encoder", "encoder."),
        *_layers("Generator_1/decoder", "Generator/decoder", "decoder."),
    )
    channels_last = True
    published = github(
        "hanna-xu/DDcGAN",
        {"models/model/model.ckpt.index": None, "models/model/model.ckpt.data-00000-of-00001": None},
        trained_on=("tno",),
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse, stretch."""
        require_sides(self.name, visible, 2)
        return stretch_to_unit(self.network(infrared, visible))
