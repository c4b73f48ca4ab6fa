"""GIFNet: two fusion tasks that interact in windows; what one of them learnt beside the other fuses all kinds."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, scaled_dot_product_attention

from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import convolve_in_bands, empty_maps, is_channels_last, require_sides
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github
from ivif.fusion.weights.renaming import Rules

_CHANNELS, _HEADS, _WINDOW = 98, 2, 8
_REACH = 2
"""Pixels on each side that a branch's convolution sees."""

_ROWS_AT_ONCE = 4 * _WINDOW


class RescaledNorm(nn.Module):
    """Normalisation by mean and deviation of the whole image, of which it tells a scale and a shift for later."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, _CHANNELS, 1, 1))
        self.bias = nn.Parameter(torch.zeros(1, _CHANNELS, 1, 1))
        self.meta1, self.meta2 = nn.Conv2d(1, _CHANNELS, 1), nn.Conv2d(1, _CHANNELS, 1)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, 98, H, W]`` normalised; scale and shift, ``[B, 98, 1, 1]``."""
        factor, offset, scale, shift = self.factors(maps)
        return maps * factor + offset, scale, shift

    def factors(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """By what maps are multiplied and what is added to normalise them; scale and shift: ``[B, 98, 1, 1]`` each."""
        variance, mean = torch.var_mean(maps, (1, 2, 3), correction=0, keepdim=True)
        deviation = (variance + 1e-5).sqrt()
        factor = self.weight / deviation
        return factor, self.bias - mean * factor, self.meta1(deviation), self.meta2(mean)


class Branch(nn.Module):
    """What a block does to the maps of one task, but for the attention."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = RescaledNorm()
        self.qk, self.v = nn.Conv2d(_CHANNELS, 2 * _CHANNELS, 1), nn.Conv2d(_CHANNELS, _CHANNELS, 1)
        self.conv = nn.Conv2d(_CHANNELS, _CHANNELS, 2 * _REACH + 1, groups=_CHANNELS)
        self.proj = nn.Conv2d(_CHANNELS, _CHANNELS, 1)
        wide = 2 * _CHANNELS
        self.mlp = nn.Sequential(nn.Conv2d(_CHANNELS, wide, 1), nn.ReLU(inplace=True), nn.Conv2d(wide, _CHANNELS, 1))

    def queries(self, normal: Tensor) -> Tensor:
        """``[B, 98, H, W]`` to the same."""
        return conv2d(normal, self.qk.weight[:_CHANNELS], self.qk.bias[:_CHANNELS])  # type: ignore[index]

    def keys(self, normal: Tensor) -> Tensor:
        """``[B, 98, H, W]`` to the same."""
        return conv2d(normal, self.qk.weight[_CHANNELS:], self.qk.bias[_CHANNELS:])  # type: ignore[index]

    def convolved(self, values: Tensor, first: bool, last: bool) -> Tensor:
        """Values convolved, mirrored at the sides, and above and below where rows are the first or last of an image."""
        mirrored = pad(values, (_REACH, _REACH, _REACH * first, _REACH * last), "reflect")
        return conv2d(mirrored, self.conv.weight, self.conv.bias, groups=_CHANNELS)

    def add(self, maps: Tensor, convolved: Tensor, attended: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Maps with what was attended, and with what a perceptron makes of both."""
        maps = torch.addcmul(maps + shift, self.proj(convolved + attended), scale)
        return maps + self.mlp(maps)


class Positions(nn.Sequential):
    """Attention's bias by how far apart two pixels of a window are, on a logarithmic scale."""

    relative: Tensor

    def __init__(self) -> None:
        super().__init__(nn.Linear(2, 256), nn.ReLU(), nn.Linear(256, _HEADS))
        places = torch.cartesian_prod(*2 * [torch.arange(float(_WINDOW))])
        apart = places[:, None] - places[None]
        self.register_buffer("relative", apart.sign() * apart.abs().log1p(), persistent=False)

    def bias(self) -> Tensor:
        """``[heads, 64, 64]`` by query and key."""
        return self(self.relative).permute(2, 0, 1)


class TaskBlock(nn.Module):
    """Attention in windows for the task that is followed (many focal planes) and, before, the one that helps it.

    The helping task looks for what the other one asks: the queries are the other's.

    Args:
        shift: of the windows, in pixels.
        helped: whether there is a helping task; in the last block it would have no effect.
    """

    rows_at_once = _ROWS_AT_ONCE

    def __init__(self, shift: int, helped: bool) -> None:
        super().__init__()
        self.shift = shift
        self.mfif = Branch()
        if helped:
            self.ivif = Branch()
        self.positions = Positions()

    def forward(self, followed: Tensor, helping: Tensor) -> tuple[Tensor, Tensor]:
        """Maps ``[B, 98, H, W]`` of both tasks to new ones; without help the helping ones stay what they are.

        Overwrites them if no gradient is wanted.
        """
        small = followed.shape[2] <= self.rows_at_once
        if not (small or torch.is_grad_enabled() or torch.compiler.is_exporting()):
            return self._in_bands(followed, helping)
        bias = self.positions.bias()
        normal, scale, shift = self.mfif.norm(followed)
        queries, values = self.mfif.queries(normal), self.mfif.v(normal)
        attended = self._attend(queries, self.mfif.keys(normal), values, bias, self.shift)
        del normal
        followed = self.mfif.add(followed, self.mfif.convolved(values, True, True), attended, scale, shift)
        if hasattr(self, "ivif"):
            normal, scale, shift = self.ivif.norm(helping)
            values = self.ivif.v(normal)
            attended = self._attend(queries, self.ivif.keys(normal), values, bias, self.shift)
            helping = self.ivif.add(helping, self.ivif.convolved(values, True, True), attended, scale, shift)
        return followed, helping

    def _in_bands(self, followed: Tensor, helping: Tensor) -> tuple[Tensor, Tensor]:
        """The same some rows of windows at a time, written over what was there: only statistics are of all rows."""
        bias, height = self.positions.bias(), followed.shape[2]
        tasks = [(self.mfif, followed), (self.ivif, helping)] if hasattr(self, "ivif") else [(self.mfif, followed)]
        factors = [branch.norm.factors(maps) for branch, maps in tasks]
        above = [maps[:, :, :0] for _, maps in tasks]
        tops = [0, *range(self.rows_at_once - self.shift, height - _WINDOW + 1, self.rows_at_once)]
        for top, bottom in pairwise([*tops, height]):
            own = slice(above[0].shape[2], above[0].shape[2] + bottom - top)
            queries = None
            for index, ((branch, maps), (factor, offset, *later)) in enumerate(zip(tasks, factors, strict=True)):
                old = torch.cat((above[index], maps[:, :, top : bottom + _REACH]), 2)
                above[index] = old[:, :, own][:, :, -_REACH:]
                normal = old * factor + offset
                values, normal = branch.v(normal), normal[:, :, own]
                queries = branch.queries(normal) if queries is None else queries
                edge = self.shift if top == 0 else 0
                attended = self._attend(queries, branch.keys(normal), values[:, :, own], bias, edge)
                convolved = branch.convolved(values, top == 0, bottom == height)
                maps[:, :, top:bottom] = branch.add(old[:, :, own], convolved, attended, *later)
        return followed, helping

    def _attend(self, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor, above: int) -> Tensor:
        """Attention in windows of 8x8 pixels, of which the first begin `above` rows before the first."""
        height, width = values.shape[2:]
        left = self.shift
        sides = (left, -(width + left) % _WINDOW, above, -(height + above) % _WINDOW)
        queries, keys, values = (pad(maps, sides, "reflect") for maps in (queries, keys, values))
        attended = _attend_windows(queries, keys, values, bias)
        return attended[:, :, above : above + height, left : left + width]


def _attend_windows(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
    batch, channels, height, width = values.shape
    down, across = height // _WINDOW, width // _WINDOW

    def windows(maps: Tensor) -> Tensor:
        parts = maps.reshape(batch, _HEADS, channels // _HEADS, down, _WINDOW, across, _WINDOW)
        return parts.permute(0, 3, 5, 1, 4, 6, 2).reshape(-1, _HEADS, _WINDOW**2, channels // _HEADS)

    attended = scaled_dot_product_attention(windows(queries), windows(keys), windows(values), attn_mask=bias)
    parts = attended.view(batch, down, across, _HEADS, _WINDOW, _WINDOW, channels // _HEADS)
    return parts.permute(0, 3, 6, 1, 4, 2, 5).reshape(values.shape)


def _reflecting(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, padding=1, padding_mode="reflect")


def _convolve(layer: nn.Module, maps: Tensor) -> Tensor:
    """A convolution that mirrors the edges; of large maps in bands, if no gradient is wanted."""
    assert isinstance(layer, nn.Conv2d)
    if torch.is_grad_enabled() or torch.compiler.is_exporting():
        return layer(maps)
    return convolve_in_bands(maps, layer.weight, layer.bias, border=1)


class GIFNet(nn.Module):
    """Dense features of both sources, two interacting tasks, a decoder; 662,378 parameters.

    The authors' class holds 160,402 more, for training alone: a decoder that reconstructs the sources, and what
    the helping task does in the last block. Images are grey, in 0..1, with sides of at least 16 pixels.

    Paper:
        Cheng, Xu, Feng, Wu, Tang, Li, Zhang, Atito, Awais, Kittler, One Model for ALL: Low-Level Task Interaction Is a
        Key to Task-Agnostic Image Fusion, CVPR 2025.
    """

    rows_at_once = _ROWS_AT_ONCE

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.ModuleList([_reflecting(channels, 32) for channels in (2, 34, 66)])
        self.embed = nn.ModuleDict({task: _reflecting(_CHANNELS, _CHANNELS) for task in ("ivif", "mfif")})
        self.blocks = nn.ModuleList([TaskBlock(0, helped=True), TaskBlock(_WINDOW // 2, helped=False)])
        self.help = nn.Parameter(torch.ones(1))
        self.unembed = _reflecting(_CHANNELS, _CHANNELS)
        self.join = nn.Sequential(
            nn.Conv2d(2 * _CHANNELS, _CHANNELS, 1, bias=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(_CHANNELS, 128, 1, bias=False),
        )
        self.decoder = nn.ModuleList([_reflecting(*sizes) for sizes in ((128, 64), (64, 32), (32, 16), (16, 1))])

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fused image ``[B, 1, H, W]`` in 0..1 of two such."""
        height, width = infrared.shape[2:]
        features = torch.cat((infrared, visible), 1)
        for layer in self.shared:
            features = torch.cat((features, layer(features).relu_()), 1)
        sides = (0, -width % 4, 0, -height % 4)
        padded = pad(features, sides, "reflect") if torch.compiler.is_exporting() or any(sides) else features
        followed, helping = _convolve(self.embed["mfif"], padded), _convolve(self.embed["ivif"], padded)
        del padded
        first, last = self.blocks
        followed, helping = first(followed, helping)
        helped = followed.clone() if torch.is_grad_enabled() else followed
        followed, _ = last(helped.addcmul_(helping, self.help), helping)
        del helping, helped
        task = _convolve(self.unembed, followed)[:, :, :height, :width]
        del followed
        maps = self._joined(features, task)
        del features, task
        *hidden, output = self.decoder
        for layer in hidden:
            maps = _convolve(layer, maps).relu_()
        return torch.tanh(_convolve(output, maps)) / 2 + 0.5

    def _joined(self, features: Tensor, task: Tensor) -> Tensor:
        """What features and the followed task come to, ``[B, 128, H, W]``, some rows at a time if that can be."""
        if torch.is_grad_enabled() or torch.compiler.is_exporting():
            return self.join(torch.cat((features, task), 1))
        joined = empty_maps((len(task), 128, *task.shape[2:]), task, is_channels_last(task))
        for *band, target in zip(*(maps.split(self.rows_at_once, 2) for maps in (features, task, joined)), strict=True):
            target.copy_(self.join(torch.cat(band, 1)))
        return joined


def _renaming() -> Rules:
    """Of the authors' names, in which a suffix tells the task, to those of branches."""
    start = r"extractor_multask\.SwinTransformerSpecific\."
    block = start + r"layer1\.blocks\.(\d)\."
    rules = [
        (r"getSharedFeatures\.conv_1\.conv2d\.(\w+)", r"shared.0.\1"),
        (r"getSharedFeatures\.conv_2\.conv2d\.(\w+)", r"shared.1.\1"),
        (r"getSharedFeatures\.conv_3\.conv2d\.(\w+)", r"shared.2.\1"),
        (start + r"patch_embed_(ivif|mfif)\.proj\.(\w+)", r"embed.\1.\2"),
        (start + r"layer1\.weights_mfif\.0", "help"),
        (start + r"patch_unembed\.proj\.0\.(\w+)", r"unembed.\1"),
        (r"cnnDecoder\.fuseComplementFeatures\.mlp\.(\d)\.weight", r"join.\1.weight"),
        *((rf"cnnDecoder\.decoder\.{3 * index + 1}\.(\w+)", rf"decoder.{index}.\1") for index in range(4)),
        (block + r"attn\.attn\.meta\.(\d)\.(\w+)", r"blocks.\1.positions.\2.\3"),
    ]
    for suffix, task in (("", "ivif"), ("_mfif", "mfif")):
        rules += [
            (block + rf"norm1{suffix}\.([\w.]+)", rf"blocks.\1.{task}.norm.\2"),
            (block + rf"attn\.QK{suffix}\.(\w+)", rf"blocks.\1.{task}.qk.\2"),
            (block + rf"attn\.V{suffix}\.(\w+)", rf"blocks.\1.{task}.v.\2"),
            (block + rf"attn\.(conv|proj){suffix}\.(\w+)", rf"blocks.\1.{task}.\2.\3"),
            (block + rf"mlp{suffix}\.mlp\.(\d)\.(\w+)", rf"blocks.\1.{task}.mlp.\2.\3"),
        ]
    return tuple(rules)


@register
class GIFNetMethod(NetworkMethod):
    """GIFNet as its authors test it, but for the visible luminance, which they cut down to grey levels before."""

    name = "gifnet"
    title = "GIFNet"
    paper = (
        "Cheng, Xu, Feng, Wu, Tang, Li, Zhang, Atito, Awais, Kittler, One Model for ALL: Low-Level Task Interaction Is "
        "a Key to Task-Agnostic Image Fusion, CVPR 2025"
    )
    module = GIFNet
    published_alone = True
    renaming = _renaming()
    published = github(
        "AWCXV/GIFNet",
        {"model/Final.model": "bfc1dfef0d5b386b0c04f172daf8f6af52ba395f26dc3dd5757425fd32eb1038"},
        commit="c8ad04ae3bfefcebfa9abe94d1d5895c8db56a44",
    )
    slow = True

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """The network's output as it is."""
        require_sides(self.name, visible, _WINDOW)
        return self.network(infrared, visible)
