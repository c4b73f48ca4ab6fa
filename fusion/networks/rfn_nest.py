"""RFN-Nest: residual fusion networks between the encoder and the decoder of NestFuse."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ivif._checkout import as_typed
from ivif.fusion.method import FusionError
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.nestfuse import LEVEL_CHANNELS, SMALLEST_SIDE, NestFuse, ReflectConvolution
from ivif.fusion.registry import register
from ivif.fusion.weights.published import PublishedWeights


class ResidualFusion(nn.Module):
    """Fuses one level: a 3x3 convolution of both maps, plus a residual through a bottleneck of three convolutions.

    The sum has no activation, so fused maps may be negative, unlike the encoder's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_fusion = ReflectConvolution(2 * channels, channels, 3)
        self.conv_ir = ReflectConvolution(channels, channels, 3)
        self.conv_vi = ReflectConvolution(channels, channels, 3)
        self.bottelblock = nn.Sequential(  # the authors' spelling; weights are stored under it
            ReflectConvolution(2 * channels, channels, 1),
            ReflectConvolution(channels, channels, 3),
            ReflectConvolution(channels, channels, 3),
        )

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Two maps ``[B, C, H, W]`` of one level to one."""
        direct = self.conv_fusion(torch.cat((infrared, visible), dim=1))
        return direct + self.bottelblock(torch.cat((self.conv_ir(infrared), self.conv_vi(visible)), dim=1))


class RFNNest(NestFuse):
    """RFN-Nest: NestFuse encoder on both images, a residual fusion network a level, NestFuse decoder.

    7,524,249 parameters: 2,732,761 in the auto-encoder, 4,791,488 in the fusion networks. Grey values go in on the
    scale 0..255; the output has a scale of its own. Height and width of at least 16.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fusion_block1, self.fusion_block2, self.fusion_block3, self.fusion_block4 = map(
            ResidualFusion, LEVEL_CHANNELS
        )

    def fuse_maps(self, infrared: list[Tensor], visible: list[Tensor]) -> list[Tensor]:
        """The fused map of every level."""
        blocks = (self.fusion_block1, self.fusion_block2, self.fusion_block3, self.fusion_block4)
        return [block(left, right) for block, left, right in zip(blocks, infrared, visible, strict=True)]

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Two images ``[B, 1, H, W]`` in 0..255 to one of arbitrary scale, not negative."""
        return self.decode(self.fuse_maps(self.encode(infrared), self.encode(visible)))


@register
class RFNNestMethod(NetworkMethod):
    """RFN-Nest as its authors test it.

    Images with a side above 512 are fused in four overlapping quarters, averaged where they overlap. Each fused image
    is then stretched to its own range, ``255 (x - min) / (max - min + 1e-5)``, and truncated to whole grey levels.
    """

    name = "rfn_nest"
    title = "RFN-Nest"
    paper = "Li, Wu, Kittler, RFN-Nest: An end-to-end residual fusion network ..., Information Fusion 2021"
    module = RFNNest
    channels_last = True
    published = PublishedWeights(
        "https://github.com/hli1221/imagefusion-rfn-nest",
        manual=f"Unpack the archives of its folder models/, then: {as_typed('fusion weights convert rfn_nest')} "
        "nestfuse_gray_1e2.model Final_epoch_2_alpha_700_wir_6.0_wvi_3.0_ssim_vi.model",
        trained_on=("coco", "kaist"),
    )
    undivided: ClassVar[int] = 512

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse planes in 0..1: scale to 0..255, run the network, stretch and truncate."""
        infrared, visible = infrared * 255, visible * 255
        if max(infrared.shape[-2:]) > self.undivided:
            return _whole_levels(_stretch(self._fuse_quarters(infrared, visible)))
        return _whole_levels(_stretch(self._run(infrared, visible)))

    def _fuse_quarters(self, infrared: Tensor, visible: Tensor) -> Tensor:
        height, width = infrared.shape[-2:]
        middle, centre = height // 2, width // 2
        fused, seen = torch.zeros_like(visible), torch.zeros_like(visible[:1, :1])
        for rows in (slice(0, middle + 3), slice(middle - 2, height)):
            for columns in (slice(0, centre + 3), slice(centre - 2, width)):
                fused[..., rows, columns] += self._run(infrared[..., rows, columns], visible[..., rows, columns])
                seen[..., rows, columns] += 1
        return fused / seen

    def _run(self, infrared: Tensor, visible: Tensor) -> Tensor:
        if min(infrared.shape[-2:]) < SMALLEST_SIDE:
            found = f"a part of {infrared.shape[-1]}x{infrared.shape[-2]} pixels"
            raise FusionError(f"{self.name} needs sides of at least {SMALLEST_SIDE} pixels, found {found}; enlarge it")
        return self.network(infrared, visible)


def _stretch(fused: Tensor) -> Tensor:
    low, high = fused.amin((1, 2, 3), keepdim=True), fused.amax((1, 2, 3), keepdim=True)
    return (fused - low) / (high - low + 1e-5)


def _whole_levels(fused: Tensor) -> Tensor:
    return (fused * 255).floor() / 255
