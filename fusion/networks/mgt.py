"""MGT: convolution by shifting and attention in windows of three sizes, guided from each modality to the fused map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial, reduce
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, leaky_relu_, linear, scaled_dot_product_attention

from ivif._checkout import as_typed
from ivif.fusion.method import FusionError
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.registry import register
from ivif.fusion.weights.published import PublishedWeights

_CHANNELS, _HIDDEN = 60, 120
_WINDOWS = (4, 8, 16)
"""Side of the windows that each third of the channels attends in."""

_THIRD = _CHANNELS // len(_WINDOWS)
_LARGEST = max(_WINDOWS)

_ROWS_AT_ONCE = 16
"""Rows handled together when no gradient is wanted, so that what lies between two maps stays in the cache.

All that a row's or window's result depends on is at hand, so the result is that of the whole image at once.
"""

Attention = list[tuple[Tensor, Tensor]]
"""Queries and keys ``[windows, tokens, 20]``, some windows of a third of the channels at a time. Layers that reuse
attention start from them again: cheaper than to keep the attention itself, which takes 336 values a pixel."""


class ShiftConvolution(nn.Module):
    """A 1x1 convolution of shifted maps: four fifths of the channels come from the four neighbours.

    In order, the fifths are taken from the right, left, lower and upper pixel (0 outside of the image) and from the
    pixel itself. The shifts are constant kernels of a depth-wise convolution, stored with the weights.
    """

    weight: Tensor

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        fifth = channels // 5
        kernels = torch.zeros(channels, 1, 3, 3)
        for index, (row, column) in enumerate(((1, 2), (1, 0), (2, 1), (0, 1), (1, 1))):
            kernels[index * fifth : (index + 1) * fifth, 0, row, column] = 1
        self.register_buffer("weight", kernels)
        self.conv1x1 = nn.Conv2d(channels, out, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, H, W, channels]`` to ``[B, H, W, out]``."""
        shifted = conv2d(maps.permute(0, 3, 1, 2), self.weight, padding=1, groups=len(self.weight))
        return _pointwise(shifted.permute(0, 2, 3, 1), self.conv1x1)


def _pointwise(maps: Tensor, convolution: nn.Conv2d) -> Tensor:
    """A 1x1 convolution of maps whose channels come last."""
    return linear(maps, convolution.weight.flatten(1), convolution.bias)


class LocalFeatures(nn.Module):
    """LFE: two shift convolutions, 60 to 120 channels and back, with ReLU between."""

    reach = 2
    """Rows above and below that a row depends on."""

    rows_at_once = _ROWS_AT_ONCE

    def __init__(self) -> None:
        super().__init__()
        # Under the names of the authors' weights.
        self.conv0 = nn.ModuleDict({"shift_conv": ShiftConvolution(_CHANNELS, _HIDDEN)})
        self.conv1 = nn.ModuleDict({"shift_conv": ShiftConvolution(_HIDDEN, _CHANNELS)})

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, H, W, 60]`` to the same."""
        return self.conv1["shift_conv"](self.conv0["shift_conv"](maps).relu_())

    def add_to(self, maps: Tensor, source: Tensor) -> Tensor:
        """``maps + forward(source)``; overwrites `maps`, which may be `source`, if no gradient is wanted."""
        if torch.is_grad_enabled():
            return maps + self(source)
        height, above = maps.shape[1], source[:, :0]
        for top in range(0, height, self.rows_at_once):
            bottom = min(top + self.rows_at_once, height)
            band = torch.cat((above, source[:, top : bottom + self.reach]), dim=1)
            first, above = above.shape[1], source[:, bottom - self.reach : bottom].clone()
            maps[:, top:bottom] += self(band)[:, first : first + bottom - top]
        return maps


class GroupAttention(nn.Module):
    """GMSA: each third of the channels attends in windows of its own size, without heads, scaling or bias.

    Args:
        reuse: a layer that takes the attention of another one has values alone to project, no queries.
        shift: windows are moved by half their side; they go around the edges of the image, unmasked.
    """

    rows_at_once = _ROWS_AT_ONCE

    def __init__(self, reuse: bool, shift: bool) -> None:
        super().__init__()
        self.shift, self.width = shift, _THIRD if reuse else 2 * _THIRD
        projected = self.width * len(_WINDOWS)
        self.project_inp = nn.Sequential(nn.Conv2d(_CHANNELS, projected, 1), nn.BatchNorm2d(projected))
        self.project_out = nn.Conv2d(_CHANNELS, _CHANNELS, 1)

    def calculate(self, maps: Tensor, other: Tensor | None = None) -> tuple[Tensor, Attention]:
        """``softmax(q_maps q_other^T) v_maps`` ``[B, H, W, 60]``, and q and k; `other` is `maps` itself if None."""
        mine = self._projected(maps)
        theirs = None if other is None else self._projected(other)
        attended, attention = torch.empty_like(maps), []
        for third, places in self._windows(maps):
            query, value = mine(third, places).split(_THIRD, dim=2)
            query = query.contiguous()
            attention.append((query, query if theirs is None else theirs(third, places)[..., :_THIRD].contiguous()))
            _attend(*attention[-1], value, attended, third, places)
        return attended, attention

    def apply_to(self, maps: Tensor, attention: Attention) -> Tensor:
        """The same for the queries and keys that another layer gave."""
        values, attended = self._projected(maps), torch.empty_like(maps)
        for (query, key), (third, places) in zip(attention, self._windows(maps), strict=True):
            _attend(query, key, values(third, places), attended, third, places)
        return attended

    def add_to(self, maps: Tensor, attended: Tensor) -> Tensor:
        """``maps + project_out(attended)``; overwrites `maps` if no gradient is wanted."""
        if torch.is_grad_enabled():
            return maps + _pointwise(attended, self.project_out)
        for target, part in zip(maps.split(self.rows_at_once, 1), attended.split(self.rows_at_once, 1), strict=True):
            target += _pointwise(part, self.project_out)
        return maps

    def _projected(self, maps: Tensor) -> Callable[[int, Tensor], Tensor]:
        """A function that gives the projection of a third at some windows, ``[windows, tokens, 20 or 40]``.

        Training normalises by statistics of the whole batch, hence projects all maps first. Otherwise normalisation
        is one with the convolution, and only what is asked for is projected.
        """
        convolution: Any
        norm: Any
        convolution, norm = self.project_inp
        if self.training:
            projected = norm(_pointwise(maps, convolution).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            thirds = projected.split(self.width, dim=3)
            return lambda third, places: _gather(thirds[third], places)
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weights = (convolution.weight.flatten(1) * scale[:, None]).split(self.width)
        biases = ((convolution.bias - norm.running_mean) * scale + norm.bias).split(self.width)
        return lambda third, places: linear(_gather(maps, places), weights[third], biases[third])

    def _windows(self, maps: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Windows of each third as pixel numbers ``[windows, tokens]``, all or some at a time."""
        height, width = maps.shape[1:3]
        for third, side in enumerate(_WINDOWS):
            windows = _window_pixels(height, width, side, self.shift, maps.device)
            count = len(windows) if torch.is_grad_enabled() else self.rows_at_once * width // side**2
            for places in windows.split(count):
                yield third, places


def _gather(maps: Tensor, places: Tensor) -> Tensor:
    """Windows ``[B * windows, tokens, C]`` of ``[B, H, W, C]``."""
    return maps.flatten(1, 2).index_select(1, places.flatten()).reshape(-1, places.shape[1], maps.shape[3])


def _attend(query: Tensor, key: Tensor, value: Tensor, attended: Tensor, third: int, places: Tensor) -> None:
    """Write ``softmax(query key^T) value`` to the pixels `places` and the channels of `third`."""
    windows = scaled_dot_product_attention(query[:, None], key[:, None], value[:, None], scale=1.0)
    target = attended.flatten(1, 2).narrow(2, third * _THIRD, _THIRD)
    target.index_copy_(1, places.flatten(), windows.reshape(len(attended), -1, _THIRD).to(attended.dtype))


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _window_pixels(height: int, width: int, side: int, shift: bool, device: torch.device) -> Tensor:
    """Pixel numbers window by window, ``[windows, side * side]`` (made for training too: not in inference mode)."""
    pixels = torch.arange(height * width, device=device).view(height, width)
    if shift:
        pixels = pixels.roll((-(side // 2), -(side // 2)), (0, 1))
    return pixels.unflatten(0, (-1, side)).unflatten(2, (-1, side)).transpose(1, 2).reshape(-1, side * side)


class LocalPair(nn.Module):
    """The two layers of local features in a block."""

    def __init__(self) -> None:
        super().__init__()
        self.lfe_0, self.lfe_1 = LocalFeatures(), LocalFeatures()


class AttentionPair(nn.Module):
    """The two attention layers of a block: the first calculates, the second reuses."""

    def __init__(self, shift: bool) -> None:
        super().__init__()
        self.gmsa_0, self.gmsa_1 = GroupAttention(False, shift), GroupAttention(True, shift)


def _elab(maps: Tensor, local: LocalPair, attend: AttentionPair) -> Tensor:
    """ELAB: local features, attention, local features, the same attention again; each is added to the maps.

    Overwrites the maps if no gradient is wanted.
    """
    maps = local.lfe_0.add_to(maps, maps)
    attended, attention = attend.gmsa_0.calculate(maps)
    maps = attend.gmsa_0.add_to(maps, attended)
    del attended
    maps = local.lfe_1.add_to(maps, maps)
    return attend.gmsa_1.add_to(maps, attend.gmsa_1.apply_to(maps, attention))


class AttentionBlock(nn.Module):
    """ELAB on one image's maps."""

    def __init__(self, shift: bool) -> None:
        super().__init__()
        self.modules_lfe = LocalPair()
        self.modules_gmsa = AttentionPair(shift)

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, H, W, 60]`` to the same; overwrites it if no gradient is wanted."""
        return _elab(maps, self.modules_lfe, self.modules_gmsa)


class GuidedBlock(nn.Module):
    """CELAB: infrared and visible maps (X and Z, the authors' letters) guide the fused ones (Y).

    After an ELAB each, twice: local features are added to each; then attention of infrared to fused maps, and of
    visible to fused maps, are both added to the fused ones. The local features added to the visible maps are those of
    the fused maps: a slip in the authors' code, kept because the weights belong to it.
    """

    def __init__(self, shift: bool) -> None:
        super().__init__()
        self.modules_lfe_X, self.modules_gmsa_X = LocalPair(), AttentionPair(shift)
        self.modules_lfe_Y, self.modules_gmsa_Y = LocalPair(), AttentionPair(shift)
        self.modules_lfe_Z, self.modules_gmsa_Z = LocalPair(), AttentionPair(shift)
        self.modules_lfe_XYZ_X = LocalPair()
        self.modules_lfe_XYZ_Y = LocalPair()
        self.modules_lfe_XYZ_Z = LocalPair()
        self.modules_gmsa_XY = AttentionPair(shift)
        self.modules_gmsa_YZ = AttentionPair(shift)

    def forward(self, infrared: Callable[[], Tensor], fused: Tensor, visible: Callable[[], Tensor]) -> Tensor:
        """``[B, H, W, 60]`` each to new fused maps; overwrites all three if no gradient is wanted.

        Infrared maps never depend on the others, so both their turns are taken at once and their memory is free
        before the visible ones are asked for.
        """
        local_x, local_y, local_z = self.modules_lfe_XYZ_X, self.modules_lfe_XYZ_Y, self.modules_lfe_XYZ_Z
        attend_x, attend_z = self.modules_gmsa_XY, self.modules_gmsa_YZ
        y = local_y.lfe_0.add_to(*2 * [_elab(fused, self.modules_lfe_Y, self.modules_gmsa_Y)])
        x = local_x.lfe_0.add_to(*2 * [_elab(infrared(), self.modules_lfe_X, self.modules_gmsa_X)])
        from_x, attention = attend_x.gmsa_0.calculate(x, y)
        from_x_again = attend_x.gmsa_1.apply_to(local_x.lfe_1.add_to(x, x), attention)
        del x, attention

        z = local_z.lfe_0.add_to(_elab(visible(), self.modules_lfe_Z, self.modules_gmsa_Z), y)
        from_z, attention = attend_z.gmsa_0.calculate(z, y)
        y = attend_z.gmsa_0.add_to(attend_x.gmsa_0.add_to(y, from_x), from_z)
        del from_x, from_z
        y = local_y.lfe_1.add_to(y, y)
        z = local_z.lfe_1.add_to(z, y)
        y = attend_x.gmsa_1.add_to(y, from_x_again)
        return attend_z.gmsa_1.add_to(y, attend_z.gmsa_1.apply_to(z, attention))


def _apply(maps: Tensor, block: nn.Module) -> Tensor:
    return block(maps)


class MGT(nn.Module):
    """Modality-guided transformer; 1,467,211 parameters, and 87,480 constants of its shifts.

    Shallow convolutions shared by both images, three attention blocks each, three guided blocks that fuse what these
    blocks gave, three attention blocks and convolutions that draw the fused image.

    Paper: none of its own; the network of the code that was published with the reference-then-supervision framework.
    """

    rows_at_once = _ROWS_AT_ONCE
    kept_pixels = 800 * 600
    """Of larger images, what the extraction blocks gave is computed again when it is asked for: six maps fewer at a
    time for half as much work again. (Tiles are no way out: attention goes around the edges of the image.)"""

    def __init__(self) -> None:
        super().__init__()
        self.conv_first1_A = nn.Conv2d(1, 30, 3, padding=1)
        self.conv_first2_A = nn.Conv2d(30, _CHANNELS, 3, padding=1)
        self.layers_Ex_A = nn.ModuleList([AttentionBlock(bool(index % 2)) for index in range(3)])
        self.norm_Ex_A = nn.LayerNorm(_CHANNELS)
        self.layers_Ex_B = nn.ModuleList([AttentionBlock(bool(index % 2)) for index in range(3)])
        self.norm_Ex_B = nn.LayerNorm(_CHANNELS)
        self.conv_before_cross_attention1 = nn.Conv2d(2 * _CHANNELS, 2 * _CHANNELS, 3, padding=1)
        self.conv_before_cross_attention2 = nn.Conv2d(2 * _CHANNELS, _CHANNELS, 3, padding=1)
        self.layers_Fusion = nn.ModuleList([GuidedBlock(bool(index % 2)) for index in range(3)])
        self.norm_Fusion = nn.LayerNorm(_CHANNELS)
        self.layers_Re = nn.ModuleList([AttentionBlock(bool(index % 2)) for index in range(3)])
        self.norm_Re = nn.LayerNorm(_CHANNELS)
        self.conv_last1 = nn.Conv2d(_CHANNELS, 30, 3, padding=1)
        self.conv_last2 = nn.Conv2d(30, 15, 3, padding=1)
        self.conv_last3 = nn.Conv2d(15, 1, 3, padding=1)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Two images ``[B, 1, H, W]`` in 0..1 to one of that range, not clipped; sides are multiples of 16.

        Raises:
            FusionError: a side is no multiple of 16.
        """
        height, width = infrared.shape[-2:]
        if height % _LARGEST or width % _LARGEST:
            raise FusionError(f"MGT takes multiples of {_LARGEST} pixels, found {width}x{height}; pad the images")
        x, y = self._extracted(infrared, self.layers_Ex_A), self._extracted(visible, self.layers_Ex_B)
        fused = self._joined(torch.cat((self.norm_Ex_A(x(2)), self.norm_Ex_B(y(2))), dim=3))
        for index, block in enumerate(self.layers_Fusion):
            fused = fused + block(partial(x, index), fused.clone(), partial(y, index))
        fused = self.norm_Fusion(fused)
        for block in self.layers_Re:
            fused = block(fused)
        fused = self.norm_Re(fused).permute(0, 3, 1, 2)
        fused = leaky_relu_(self.conv_last2(leaky_relu_(self.conv_last1(fused), 0.2)), 0.2)
        return self.conv_last3(fused)

    def _joined(self, both: Tensor) -> Tensor:
        """What both images' maps ``[B, H, W, 120]`` come to, ``[B, H, W, 60]``."""
        height, reach, parts = both.shape[1], 2, []
        rows = height if torch.is_grad_enabled() else min(4 * self.rows_at_once, height)
        for top in range(0, height, rows):
            first = max(0, top - reach)
            band = both[:, first : top + rows + reach].permute(0, 3, 1, 2)
            band = leaky_relu_(self.conv_before_cross_attention1(band), 0.2)
            band = self._channels_last(leaky_relu_(self.conv_before_cross_attention2(band), 0.2))
            parts.append(band[:, top - first : top - first + rows])
        return torch.cat(parts, dim=1)

    def _channels_last(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, H, W, C]``; residual sums keep the parameters' precision."""
        return maps.permute(0, 2, 3, 1).contiguous().to(self.norm_Re.weight.dtype)

    def _extracted(self, image: Tensor, blocks: nn.ModuleList) -> Callable[[int], Tensor]:
        """A function that gives what a block says about an image, ``[B, H, W, 60]``; see `kept_pixels`."""
        if image.shape[-2] * image.shape[-1] > self.kept_pixels and not torch.is_grad_enabled():
            return lambda index: reduce(_apply, blocks[: index + 1], self._shallow(image))
        said = accumulate(blocks, lambda maps, block: block(maps.clone()), initial=self._shallow(image))
        return list(said)[1:].__getitem__

    def _shallow(self, image: Tensor) -> Tensor:
        """What the blocks start from."""
        return self._channels_last(leaky_relu_(self.conv_first2_A(leaky_relu_(self.conv_first1_A(image), 0.2)), 0.2))


@register
class MGTMethod(NetworkMethod):
    """MGT as its authors test it: padded by reflection to a multiple of 16, cropped, saturated."""

    name = "mgt"
    title = "MGT"
    paper = "MGT: Modality-Guided Transformer for Infrared and Visible Image Fusion (code published with RtS)"
    module = MGT
    published = PublishedWeights(
        "https://github.com/zhenglab/ReferenceSupervisionIVIF",
        manual=f"Its authors publish the code without weights; train it: {as_typed('fusion train mgt')}",
    )
    slow = True
    multiple = _LARGEST

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Run the network and clip."""
        return self.network(infrared, visible).clamp(0, 1)
