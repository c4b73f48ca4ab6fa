"""LUT-Fuse: luminance from a table of four coordinates, one of them a context that a small network sees."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ivif.datasets.images import rgb_to_ycbcr, ycbcr_to_rgb
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import truncate
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_CELLS = 16
"""Entries of the table along each of its axes."""


def _layers(*channels: int) -> list[nn.Module]:
    """Convolution, leaky ReLU and normalisation, in this order, from each number of channels to the next."""
    layers: list[nn.Module] = []
    for before, after in pairwise(channels):
        norm = nn.InstanceNorm2d(after, affine=True)
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.2, inplace=True), norm]
    return layers


class LUTFuse(nn.Module):
    """A context network of 7,825 parameters, and a table of 16 x 16 x 16 x 16 grey values.

    The visible image is RGB, both are in 0..1, of any size but single pixels, which cannot be normalised. The table is
    read between its entries, at (luminance, gradient of the luminance, context, infrared).

    Paper:
        Yi et al., LUT-Fuse: Towards Extremely Fast Infrared and Visible Image Fusion via Distillation to Learnable
        Look-Up Tables, ICCV 2025.
    """

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(*_layers(4, 16))
        self.mid_layer = nn.Sequential(*_layers(16, 16, 16, 16))
        self.output_layer = nn.Sequential(nn.Identity(), nn.Conv2d(16, 1, 3, padding=1), nn.Sigmoid())
        grey = torch.arange(_CELLS) / (_CELLS - 1)
        average = (grey.view(-1, 1, 1, 1) + grey.view(1, 1, 1, -1)) / 2
        self.lut = nn.Parameter(average.repeat(1, _CELLS, _CELLS, 1)[..., None])

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused RGB image ``[B, 3, H, W]`` of ``[B, 1, H, W]`` and ``[B, 3, H, W]``; may leave 0..1 by far."""
        first = self.input_layer(255 * torch.cat((visible, infrared), 1))
        context = self.output_layer(first + self.mid_layer(first))
        luma, chroma = rgb_to_ycbcr(visible).split((1, 2), dim=1)
        fused = self._look_up(torch.cat((luma, _relative_gradient(luma), context, infrared), 1))
        return ycbcr_to_rgb(torch.cat((fused, chroma), 1))

    def _look_up(self, coordinates: Tensor) -> Tensor:
        """Values ``[B, 1, H, W]`` at ``[B, 4, H, W]`` in 0..1, linear between the 16 entries around each."""
        coordinates = coordinates * (255 / _CELLS)
        lower = coordinates.floor()
        share = coordinates - lower
        index = lower.long()
        steps = torch.tensor([_CELLS**3, _CELLS**2, _CELLS, 1], device=index.device).view(1, 4, 1, 1)
        start = (index * steps).sum(1)
        step = ((index + 1).clamp_(max=_CELLS - 1) - index) * steps
        return _between(self.lut.flatten(), start, step.unbind(1), share.unbind(1))[:, None]


def _between(table: Tensor, start: Tensor, steps: tuple[Tensor, ...], shares: tuple[Tensor, ...]) -> Tensor:
    """A table's values at places, interpolated along the first of the axes between those along the others."""
    if not steps:
        return table[start]
    low, high = (_between(table, place, steps[1:], shares[1:]) for place in (start, start + steps[0]))
    return torch.lerp(low, high, shares[0])


def _relative_gradient(luma: Tensor) -> Tensor:
    """Magnitude of Sobel's gradient of ``[B, 1, H, W]``, black outside, stretched to 0..1."""
    across = luma.new_tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    magnitude = conv2d(luma, torch.stack((across, across.T))[:, None], padding=1).norm(dim=1, keepdim=True)
    low, high = magnitude.amin((1, 2, 3), keepdim=True), magnitude.amax((1, 2, 3), keepdim=True)
    return (magnitude - low) / (high - low + 1e-8)


@register
class LUTFuseMethod(NetworkMethod):
    """LUT-Fuse as its authors test it, but for the size, which they first reduce to multiples of 16."""

    name = "lutfuse"
    title = "LUT-Fuse"
    paper = (
        "Yi, Zhang, Xiang, Yan, Xu, Ma, LUT-Fuse: Towards Extremely Fast Infrared and Visible Image Fusion via "
        "Distillation to Learnable Look-Up Tables, ICCV 2025"
    )
    module = LUTFuse
    published_alone = True
    renaming = (
        (r"((?:input|mid|output)_layer\..+)", r"\1"),
        (r"(?:fine_tuned_)?lut", "lut"),
    )
    published = github(
        "zyb5/LUT-Fuse",
        {
            "ckpts/generator_context.pth": "e79da8ecfdc3512a1c9f55efc1d47238154b596df2db48b6f01b235fdf575900",
            "ckpts/fine_tuned_lut.npy": "e237e9807915e2252b3a3f5905e7badefdb89c07ac1e80dbc390a526e31ed6a0",
        },
        commit="ab5878e2465520bd20711e7d793d97253b8b7a70",
        licence="MIT",
    )
    input = "rgb"

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Run the network, clip, cut down to grey levels."""
        return truncate(self.network(infrared, visible))
