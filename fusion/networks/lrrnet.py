"""LRRNet: low-rank and sparse parts of each source by an unrolled optimisation, fused apart."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import require_sides, truncate
from ivif.fusion.networks.densefuse import LinearConvolution
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_CODES = 256
"""Maps of each source's code, of which one half is low-rank and the other sparse."""

_ROWS_AT_ONCE = 8


class Iteration(nn.Module):
    """The two convolutions of a step: of a code to an image, and back."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_Wdz, self.conv_Wdtz = LinearConvolution(_CODES, 1), LinearConvolution(1, _CODES)


class Decomposition(nn.Module):
    """Learned iterative shrinkage: ``code = soft(mu code + Wt(image - W(code)), theta)``.

    ``soft(x, theta) = sign(x) max(|x| - theta, 0)`` with a trained threshold a map, which may be negative.
    """

    rows_at_once = _ROWS_AT_ONCE

    def __init__(self) -> None:
        super().__init__()
        self.conv_W00 = LinearConvolution(1, _CODES)
        self.lamj = nn.Parameter(torch.full((1, _CODES), 1e-3))
        self.lamz = nn.Parameter(torch.ones(1, 1))
        self.lrrblock0, self.lrrblock1, self.lrrblock2, self.lrrblock3 = (Iteration() for _ in range(4))

    def forward(self, image: Tensor) -> Tensor:
        """The code ``[B, 256, H, W]`` of an image ``[B, 1, H, W]``."""
        code = self._step(None, image, self.conv_W00.conv2d)
        for block in (self.lrrblock0, self.lrrblock1, self.lrrblock2, self.lrrblock3):
            code = self._step(code, image - convolve_to_image(code, block.conv_Wdz.conv2d), block.conv_Wdtz.conv2d)
        return code

    def _step(self, code: Tensor | None, residual: Tensor, layer: nn.Conv2d) -> Tensor:
        """The next code; a few rows at a time, and over the old one, if no gradient is wanted."""
        height, thresholds = residual.shape[2], self.lamj.view(1, -1, 1, 1)
        residual = pad(residual, (1, 1, 1, 1), "reflect")
        if torch.is_grad_enabled():
            change = conv2d(residual, layer.weight, layer.bias)
            return _soft(change if code is None else self.lamz * code + change, thresholds)
        result = residual.new_empty(len(residual), _CODES, height, residual.shape[3] - 2) if code is None else code
        for top in range(0, height, self.rows_at_once):
            rows = slice(top, min(top + self.rows_at_once, height))
            change = conv2d(residual[:, :, rows.start : rows.stop + 2], layer.weight, layer.bias)
            if code is not None:
                change.add_(self.lamz * code[:, :, rows])
            result[:, :, rows] = _soft(change, thresholds)
        return result


def _soft(values: Tensor, thresholds: Tensor) -> Tensor:
    return values.sign() * (values.abs() - thresholds).relu_()


def convolve_to_image(maps: Tensor, layer: nn.Conv2d) -> Tensor:
    """A 3x3 convolution, reflected at the edges, of many maps ``[B, C, H, W]`` to one.

    One product makes nine images, one for each place in the kernel, which are then moved and added; the maps are read
    once.
    """
    height, width = maps.shape[2:]
    kernel = layer.weight[0].permute(1, 2, 0).reshape(9, -1, 1, 1)
    images = pad(conv2d(maps, kernel), (1, 1, 1, 1), "reflect")
    fused = images.new_zeros(len(maps), 1, height, width)
    for index, (row, column) in enumerate(product(range(3), repeat=2)):
        fused = fused + images[:, [index], row : row + height, column : column + width]
    return fused if layer.bias is None else fused + layer.bias


class PartsDecoder(nn.Module):
    """An image of each part of each source, one of both low-rank ones, one of both sparse ones, and their sum."""

    def __init__(self) -> None:
        super().__init__()
        half = _CODES // 2
        self.conv_ReZx, self.conv_ReZy = LinearConvolution(half, 1), LinearConvolution(half, 1)
        self.conv_ReUx, self.conv_ReUy = LinearConvolution(half, 1), LinearConvolution(half, 1)
        self.conv_ReL, self.conv_ReH = LinearConvolution(2, 1), LinearConvolution(2, 1)

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Low-rank and sparse image of the infrared source, then of the visible one, to the fused image."""
        low_infrared, sparse_infrared, low_visible, sparse_visible = parts
        low = self.conv_ReL(torch.cat((low_infrared, low_visible), 1))
        return low + self.conv_ReH(torch.cat((sparse_infrared, sparse_visible), 1))

    def images(self, code: Tensor, low: LinearConvolution, sparse: LinearConvolution) -> list[Tensor]:
        """What the two halves of a code look like."""
        return [
            convolve_to_image(half, layer.conv2d) for half, layer in zip(code.chunk(2, 1), (low, sparse), strict=True)
        ]


class LRRNet(nn.Module):
    """A decomposition of each source and a decoder; 49,204 parameters.

    Images are grey, stretched to 0..1, of any size from 2x2; the result has a small range of its own.

    Paper:
        Li, Xu, Wu, Lu, Kittler, LRRNet: A Novel Representation Learning Guided Fusion Network for Infrared and Visible
        Images, IEEE TPAMI 45, 2023.
    """

    def __init__(self) -> None:
        super().__init__()
        self.get_ls1, self.get_ls2 = Decomposition(), Decomposition()
        self.decoder = PartsDecoder()

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` of two such."""
        decoder = self.decoder
        parts = decoder.images(self.get_ls1(infrared), decoder.conv_ReZx, decoder.conv_ReUx)
        return decoder(parts + decoder.images(self.get_ls2(visible), decoder.conv_ReZy, decoder.conv_ReUy))


@register
class LRRNetMethod(NetworkMethod):
    """LRRNet as its authors test it: each source stretched to 0..1, and the result too, cut down to grey levels."""

    name = "lrrnet"
    title = "LRRNet"
    paper = (
        "Li, Xu, Wu, Lu, Kittler, LRRNet: A Novel Representation Learning Guided Fusion Network for Infrared and "
        "Visible Images, IEEE TPAMI 2023"
    )
    module = LRRNet
    published_alone = True
    published = github(
        "hli1221/imagefusion-LRRNet",
        {
            "model/final_lrr_net_lam2_1.5_wir_3.0_lam3_gram_2000_epoch_4_block_4.model": (
                "1de9dd8dee9b650ce69c74ea53e3b9a6b749222f1059a689aabf28f68ee63e29"
            )
        },
        commit="e489fc325ea6acb9b7327b1de2c0cc4a09172ba4",
        trained_on=("kaist",),
    )

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Stretch, run the network, stretch."""
        require_sides(self.name, visible, 2)
        return truncate(_stretch(self.network(_stretch(infrared), _stretch(visible))))


def _stretch(image: Tensor) -> Tensor:
    low, high = image.amin((1, 2, 3), keepdim=True), image.amax((1, 2, 3), keepdim=True)
    return (image - low) / (high - low + 1e-5)
