"""Image Fusion Transformer: NestFuse with axial attention beside convolutions as fusion of each level.

Architecture only: it is tied to 256x256 images and takes no part in the benchmark.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ivif.fusion.method import FusionError
from ivif.fusion.networks.nestfuse import LEVEL_CHANNELS, NestFuse, ReflectConvolution

_SIDE = 256
"""Height and width of the images: the relative positions are learnt for this size alone."""


class AxialAttention(nn.Module):
    """Attention along one axis with learnt relative positions in queries, keys and values.

    Three kinds of logits (content, query times position, key times position) are normalised apart, then summed, and
    two outputs (content, position) likewise. One head, no division by the square root of the channels.

    Paper: Wang et al., Axial-DeepLab: Stand-alone axial-attention for panoptic segmentation, ECCV 2020.
    """

    relative: Tensor
    flatten_index: Tensor

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.channels, self.length = channels, length
        self.qkv_transform = nn.Conv1d(channels, 2 * channels, 1, bias=False)
        self.bn_qkv = nn.BatchNorm1d(2 * channels)
        self.bn_similarity = nn.BatchNorm2d(3)
        self.bn_output = nn.BatchNorm1d(2 * channels)
        self.relative = nn.Parameter(torch.randn(2 * channels, 2 * length - 1) * channels**-0.5)
        steps = torch.arange(length)
        self.register_buffer("flatten_index", (steps[:, None] - steps[None, :] + length - 1).flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Sequences ``[N, C, L]`` to ``[N, C, L]``."""
        parts = (self.channels // 2, self.channels // 2, self.channels)
        query, key, value = self.bn_qkv(self.qkv_transform(x)).split(parts, dim=1)
        positions = self.relative[:, self.flatten_index].unflatten(1, (self.length, self.length))
        query_position, key_position, value_position = positions.split(parts)

        content = torch.einsum("nci,ncj->nij", query, key)
        from_query = torch.einsum("nci,cij->nij", query, query_position)
        from_key = torch.einsum("nci,cij->nji", key, key_position)
        logits = self.bn_similarity(torch.stack((content, from_query, from_key), dim=1)).sum(dim=1)
        attention = logits.softmax(dim=2)

        of_values = torch.einsum("nij,ncj->nci", attention, value)
        of_positions = torch.einsum("nij,cij->nci", attention, value_position)
        interleaved = torch.stack((of_values, of_positions), dim=2).flatten(1, 2)
        return self.bn_output(interleaved).unflatten(1, (self.channels, 2)).sum(dim=2)


class AxialBlock(nn.Module):
    """Residual bottleneck: 1x1 to half the channels, attention along columns, then along rows, 1x1 back."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv_down = nn.Conv2d(channels, half, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.hight_block = AxialAttention(half, side)  # the authors' spelling; weights are stored under it
        self.width_block = AxialAttention(half, side)
        self.conv_up = nn.Conv2d(half, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, side, side]`` to the same shape."""
        inner = self.bn1(self.conv_down(x)).relu()
        columns = inner.permute(0, 3, 1, 2)
        columns = self.hight_block(columns.flatten(0, 1)).unflatten(0, columns.shape[:2])
        rows = columns.permute(0, 3, 2, 1)
        rows = self.width_block(rows.flatten(0, 1)).unflatten(0, rows.shape[:2])
        inner = rows.permute(0, 2, 1, 3).relu()
        return (x + self.bn2(self.conv_up(inner))).relu()


class AxialFusion(nn.Module):
    """Fuses one level: a branch of axial attention for what is far apart, plus one of convolutions for what is near.

    Both branches treat both images with the same weights before they are joined.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.axial_attn = AxialBlock(channels, side)
        self.axial_fusion = nn.Sequential(ReflectConvolution(2 * channels, channels, 1))
        self.conv_fusion = nn.Sequential(ReflectConvolution(channels, channels, 1))
        self.bottelblock = nn.Sequential(
            ReflectConvolution(2 * channels, channels, 1),
            ReflectConvolution(channels, channels, 3),
            ReflectConvolution(channels, channels, 3),
        )

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Two maps ``[B, C, side, side]`` to one."""
        axial = self.axial_fusion(torch.cat((self.axial_attn(infrared), self.axial_attn(visible)), dim=1))
        return axial + self.bottelblock(torch.cat((self.conv_fusion(visible), self.conv_fusion(infrared)), dim=1))


class IFT(NestFuse):
    """Image Fusion Transformer: 5,068,489 parameters, 2,732,761 of them in the auto-encoder of NestFuse.

    Grey values go in on the scale 0..255; the output has a scale of its own.

    Paper: Vs, Valanarasu, Oza, Patel, Image Fusion Transformer, ICIP 2022.
    """

    def __init__(self) -> None:
        super().__init__()
        blocks = (AxialFusion(channels, _SIDE >> level) for level, channels in enumerate(LEVEL_CHANNELS))
        self.fusion_block1, self.fusion_block2, self.fusion_block3, self.fusion_block4 = blocks

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Two images ``[B, 1, 256, 256]`` in 0..255 to one of arbitrary scale.

        Raises:
            FusionError: another size.
        """
        if infrared.shape[-2:] != (_SIDE, _SIDE):
            found = f"{infrared.shape[-1]}x{infrared.shape[-2]}"
            raise FusionError(f"the image fusion transformer takes {_SIDE}x{_SIDE} images, found {found}; resize them")
        blocks = (self.fusion_block1, self.fusion_block2, self.fusion_block3, self.fusion_block4)
        pairs = zip(blocks, self.encode(infrared), self.encode(visible), strict=True)
        return self.decode([block(left, right) for block, left, right in pairs])
