"""SeAFusion: dense blocks with a gradient path beside each; trained with a segmenter that looks at the result."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import from_luma_and_chroma, stretch_to_unit, to_luma_and_chroma, truncate
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github


class Convolution(nn.Module):
    """A convolution that keeps the size, under the name that the authors' layers have inside."""

    def __init__(self, channels: int, out: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, kernel, padding=kernel // 2)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, out, H, W]``."""
        return self.conv(maps)


class DensePath(nn.Module):
    """Two convolutions, each of which sees all maps before it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Convolution(channels, channels), Convolution(2 * channels, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, 3 C, H, W]``."""
        maps = torch.cat((maps, leaky_relu_(self.conv1(maps), 0.2)), 1)
        return torch.cat((maps, leaky_relu_(self.conv2(maps), 0.2)), 1)


class GradientMagnitude(nn.Module):
    """Sum of the magnitudes of two filterings of each map; they start as Sobel's and are trained like all others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convx, self.convy = (
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False) for _ in range(2)
        )
        across = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
        self.convx.weight.data.copy_(across)
        self.convy.weight.data.copy_(across.T)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same."""
        return self.convx(maps).abs() + self.convy(maps).abs()


class GradientResidualBlock(nn.Module):
    """Dense path and gradient path side by side, added."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.dense = DensePath(channels)
        self.convdown = Convolution(3 * channels, out, 1)
        self.sobelconv = GradientMagnitude(channels)
        self.convup = Convolution(channels, out, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, out, H, W]``."""
        return leaky_relu_(self.convdown(self.dense(maps)) + self.convup(self.sobelconv(maps)), 0.1)


class SeAFusion(nn.Module):
    """An encoder for each source, one decoder; 166,657 parameters. Images are grey, in 0..1, of any size.

    The authors' class holds 226 more: a batch normalisation in each layer of the decoder, which is never applied.

    Paper:
        Tang, Yuan, Ma, Image fusion in the loop of high-level vision tasks: A semantic-aware real-time infrared and
        visible image fusion network, Information Fusion 82, 2022.
    """

    def __init__(self) -> None:
        super().__init__()
        self.vis_conv, self.inf_conv = Convolution(1, 16), Convolution(1, 16)
        self.vis_rgbd1, self.inf_rgbd1 = GradientResidualBlock(16, 32), GradientResidualBlock(16, 32)
        self.vis_rgbd2, self.inf_rgbd2 = GradientResidualBlock(32, 48), GradientResidualBlock(32, 48)
        self.decode4 = Convolution(96, 64)
        self.decode3 = Convolution(64, 32)
        self.decode2 = Convolution(32, 16)
        self.decode1 = Convolution(16, 1)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in 0..1 of two such."""
        vis = self.vis_rgbd2(self.vis_rgbd1(leaky_relu_(self.vis_conv(visible), 0.2)))
        inf = self.inf_rgbd2(self.inf_rgbd1(leaky_relu_(self.inf_conv(infrared), 0.2)))
        maps = torch.cat((vis, inf), 1)
        for layer in (self.decode4, self.decode3, self.decode2):
            maps = leaky_relu_(layer(maps), 0.2)
        return torch.tanh(self.decode1(maps)) / 2 + 0.5


@register
class SeAFusionMethod(NetworkMethod):
    """SeAFusion as its authors test it: luminance fused, chroma put back, the whole colour image stretched."""

    name = "seafusion"
    title = "SeAFusion"
    paper = (
        "Tang, Yuan, Ma, Image fusion in the loop of high-level vision tasks: A semantic-aware real-time infrared "
        "and visible image fusion network, Information Fusion 2022"
    )
    module = SeAFusion
    published_alone = True
    published = github(
        "Linfeng-Tang/VIF_Benchmark",
        {"Checkpoint/SeAFusion/SeAFusion.pth": "8d65a7f9a50f36349803368cf9920f40420776995e7e8cc8a56d8d30e499431d"},
        commit="40cc9aed637df6cd4a077d69c30bffd720e87922",
        licence="MIT",
        trained_on=("msrs",),
    )
    channels_last = True
    input = "rgb"

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse the luminance, clip the colour image and stretch it over all its channels."""
        luma, red, blue = to_luma_and_chroma(visible)
        fused = from_luma_and_chroma(self.network(infrared, luma), red, blue)
        return truncate(stretch_to_unit(fused.clamp(0, 1)))
