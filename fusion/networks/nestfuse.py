"""NestFuse auto-encoder: nest-connected encoder and decoder, shared by RFN-Nest and the image fusion transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, pad

from ivif.fusion.networks.blocks import convolve_in_bands
from ivif.fusion.networks.winograd import pays

LEVEL_CHANNELS = (64, 112, 160, 208)
"""Channels of the encoder's maps, each half the height and width of the one before."""

SMALLEST_SIDE = 16
"""Shortest side in pixels: the deepest map must keep two rows, which reflection padding needs."""


class ReflectConvolution(nn.Module):
    """Reflection padding, convolution of odd size, stride 1, with bias, then ReLU."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.conv2d = nn.Conv2d(before, after, kernel, padding=kernel // 2, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """``[B, before, H, W]`` to ``[B, after, H, W]``."""
        convolution = self.conv2d
        if torch.is_grad_enabled() or not pays(x, convolution.weight):
            return convolution(x).relu_()
        border = convolution.kernel_size[0] // 2
        return convolve_in_bands(x, convolution.weight, convolution.bias, border).relu_()


class NestBlock(nn.Module):
    """3x3 to half the channels, then 1x1 to the channels that are wanted."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.denseblock = nn.Sequential(
            ReflectConvolution(before, before // 2, 3), ReflectConvolution(before // 2, after, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, before, H, W]`` to ``[B, after, H, W]``."""
        return self.denseblock(x)


class NestFuse(nn.Module):
    """Encoder of four levels and a decoder in which every level sees all shallower ones of its row (UNet++ like).

    Grey values go in and come out on the scale 0..255; the last layer has a ReLU too, as in the authors' code, whose
    switch for it is never set.

    Paper: Li, Wu, Durrani, NestFuse: An infrared and visible image fusion architecture based on nest connection and
    spatial/channel attention models, IEEE TIM 2020.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = LEVEL_CHANNELS
        self.conv0 = ReflectConvolution(1, 16, 1)
        self.DB1_0 = NestBlock(16, first)
        self.DB2_0 = NestBlock(first, second)
        self.DB3_0 = NestBlock(second, third)
        self.DB4_0 = NestBlock(third, fourth)
        self.DB1_1 = NestBlock(first + second, first)
        self.DB2_1 = NestBlock(second + third, second)
        self.DB3_1 = NestBlock(third + fourth, third)
        self.DB1_2 = NestBlock(2 * first + second, first)
        self.DB2_2 = NestBlock(2 * second + third, second)
        self.DB1_3 = NestBlock(3 * first + second, first)
        self.conv_out = ReflectConvolution(first, 1, 1)
        # Maps are never negative: with weights of one sign the last ReLU cannot be dead from the start.
        self.conv_out.conv2d.weight.data.abs_()

    def encode(self, image: Tensor) -> list[Tensor]:
        """``[B, 1, H, W]`` to maps of 64, 112, 160 and 208 channels at 1, 1/2, 1/4 and 1/8 of the size (floor)."""
        maps = [self.DB1_0(self.conv0(image))]
        for block in (self.DB2_0, self.DB3_0, self.DB4_0):
            maps.append(block(max_pool2d(maps[-1], 2)))
        return maps

    def decode(self, maps: list[Tensor]) -> Tensor:
        """What `encode` gives, or a mixture of such maps, to ``[B, 1, H, W]``."""
        first, second, third, fourth = maps
        third_1 = self.DB3_1(_above(fourth, third))
        second_1 = self.DB2_1(_above(third, second))
        second_2 = self.DB2_2(_above(third_1, second, second_1))
        del third_1, third, fourth
        first_1 = self.DB1_1(_above(second, first))
        first_2 = self.DB1_2(_above(second_1, first, first_1))
        first_3 = self.DB1_3(_above(second_2, first, first_1, first_2))
        return self.conv_out(first_3)


def _above(deeper: Tensor, *row: Tensor) -> Tensor:
    """The maps of one level, then the deeper one doubled in size; an odd row or column is made up by reflection."""
    doubled = interpolate(deeper, scale_factor=2, mode="nearest")
    below, right = row[0].shape[-2] - doubled.shape[-2], row[0].shape[-1] - doubled.shape[-1]
    if below or right:
        doubled = pad(doubled, (right // 2, right - right // 2, below // 2, below - below // 2), "reflect")
    return torch.cat((*row, doubled), dim=1)
