"""U2Fusion: one dense network for several fusion tasks, led by how much each source tells a classifier."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_

from ivif.datasets.images import rgb_to_ycbcr, ycbcr_to_rgb
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import (
    ROWS_AT_ONCE,
    convolve_in_bands,
    empty_maps,
    is_channels_last,
    require_sides,
    truncate,
)
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_GROWTH = 44
"""Maps that each layer of the encoder adds."""


def _conv(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, padding_mode="reflect")


def _convolve(layer: nn.Conv2d, maps: Tensor, into: Tensor | None = None) -> Tensor:
    return leaky_relu_(convolve_in_bands(maps, layer.weight, layer.bias, border=1, into=into), 0.2)


class U2Fusion(nn.Module):
    """Dense encoder of both sources together, decoder of four layers; 659,217 parameters, no normalisation.

    Images are grey, in 0..1, of any size from 2x2. New maps come before old ones where maps are joined. Without
    gradients all share one piece of memory from the start.

    Paper:
        Xu, Ma, Jiang, Guo, Ling, U2Fusion: A Unified Unsupervised Image Fusion Network, IEEE TPAMI 44, 2022.
    """

    rows_at_once = ROWS_AT_ONCE

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"conv1_1": _conv(2, _GROWTH)})
        for index in range(1, 6):
            self.encoder[f"dense_block_conv{index}"] = _conv(index * _GROWTH, _GROWTH)
        sizes = (6 * _GROWTH, 128, 64, 32, 1)
        self.decoder = nn.ModuleDict(
            {f"conv2_{index}": _conv(*sizes[index - 1 : index + 1]) for index in range(1, len(sizes))}
        )

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in 0..1 of two such; inside, the visible one comes first."""
        small = infrared.shape[2] <= self.rows_at_once
        if small or torch.is_grad_enabled() or torch.compiler.is_exporting():
            return self._at_once(infrared, visible)
        first, *dense = (layer for layer in self.encoder.values() if isinstance(layer, nn.Conv2d))
        size = len(infrared), len(self.encoder) * _GROWTH, *infrared.shape[2:]
        maps = empty_maps(size, infrared, is_channels_last(dense[0].weight))
        new = maps.split(_GROWTH, 1)[::-1]
        _convolve(first, torch.cat((visible, infrared), 1), new[0])
        for index, layer in enumerate(dense, 1):
            _convolve(layer, maps[:, -index * _GROWTH :], new[index])
        del new
        *hidden, last = (layer for layer in self.decoder.values() if isinstance(layer, nn.Conv2d))
        for layer in hidden:
            maps = _convolve(layer, maps)
        return torch.tanh(convolve_in_bands(maps, last.weight, last.bias, border=1)) / 2 + 0.5

    def _at_once(self, infrared: Tensor, visible: Tensor) -> Tensor:
        first, *dense = self.encoder.values()
        maps = leaky_relu_(first(torch.cat((visible, infrared), 1)), 0.2)
        for layer in dense:
            maps = torch.cat((leaky_relu_(layer(maps), 0.2), maps), 1)
        *hidden, last = self.decoder.values()
        for layer in hidden:
            maps = leaky_relu_(layer(maps), 0.2)
        return torch.tanh(last(maps)) / 2 + 0.5


@register
class U2FusionMethod(NetworkMethod):
    """U2Fusion as its authors test it: chroma put back, the whole image divided by its largest value."""

    name = "u2fusion"
    title = "U2Fusion"
    paper = "Xu, Ma, Jiang, Guo, Ling, U2Fusion: A Unified Unsupervised Image Fusion Network, IEEE TPAMI 2022"
    module = U2Fusion
    published_alone = True
    renaming = (
        (r"Generator(?:_1)?/(encoder|decoder)/(\w+)/kernel", r"\1.\2.weight"),
        (r"Generator(?:_1)?/(encoder|decoder)/(\w+)/bias", r"\1.\2.bias"),
    )
    published = github(
        "hanna-xu/U2Fusion",
        {
            "model/model.ckpt.index": "15b7d283a1de8f616cc42978346bd24d47a9c380d624370368b956beb593014e",
            "model/model.ckpt.data-00000-of-00001": "e50cada8d4ec92f2577ad5db5d212fba521dffb35d04e00a20364b43512c64c8",
        },
        commit="0a5882140df67b3e0b588e1f2233e18cf944f1a4",
    )
    channels_last = True
    input = "rgb"

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse the luminance, put the chroma back, stretch to the largest value; black stays where it is."""
        require_sides(self.name, visible, 2)
        luma, chroma = rgb_to_ycbcr(visible).split((1, 2), dim=1)
        fused = ycbcr_to_rgb(torch.cat((self.network(infrared, luma), chroma), 1))
        largest = fused.amax((1, 2, 3), keepdim=True)
        return truncate(fused / largest + 0.5 / 255)
