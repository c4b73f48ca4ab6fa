"""SwinFusion: shifted-window attention inside each image, then across both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_, scaled_dot_product_attention

from ivif.fusion.method import FusionError
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.blocks import Perceptron
from ivif.fusion.registry import register
from ivif.fusion.weights.published import github

_CHANNELS, _HEADS, _WINDOW, _HIDDEN = 60, 6, 8, 120
_TOKENS = _WINDOW * _WINDOW
_WINDOWS_IN_CACHE = 16
"""Windows that training attends in at a time, whose logits stay in the cache from one operation to the next."""

_DROP_PATH = 0.1
"""Share of residual branches left out in training in the deepest block; it rises linearly from 0 with depth."""


class SwinFusion(nn.Module):
    """SwinFusion for infrared and visible images; 973,681 parameters.

    Shallow convolutions and four Swin blocks for each image, two stages of blocks within and across the images, four
    blocks and convolutions that draw the fused image. Depths are 4, 2 + 2 and 4: the published option file's other
    numbers never reach the network. The convolutions of the infrared path serve both images; those of a visible path
    exist in the authors' weights (`conv_first1_B`, `conv_first2_B`) but nothing reads them.

    Paper: Ma et al., SwinFusion: Cross-domain long-range learning for general image fusion via Swin transformer,
    IEEE/CAA JAS 2022.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_first1_A = nn.Conv2d(1, 30, 3, padding=1)
        self.conv_first1_B = nn.Conv2d(1, 30, 3, padding=1)
        self.conv_first2_A = nn.Conv2d(30, _CHANNELS, 3, padding=1)
        self.conv_first2_B = nn.Conv2d(30, 30, 3, padding=1)
        self.patch_embed = nn.ModuleDict({"norm": nn.LayerNorm(_CHANNELS)})
        rates = [_DROP_PATH * step / 3 for step in range(4)]
        self.layers_Ex_A = nn.ModuleList([Stage(rates)])
        self.norm_Ex_A = nn.LayerNorm(_CHANNELS)
        self.layers_Ex_B = nn.ModuleList([Stage(rates)])
        self.norm_Ex_B = nn.LayerNorm(_CHANNELS)
        self.layers_Fusion = nn.ModuleList([CrossStage(rates[:2]), CrossStage(rates[2:])])
        self.norm_Fusion_A = nn.LayerNorm(_CHANNELS)
        self.norm_Fusion_B = nn.LayerNorm(_CHANNELS)
        self.layers_Re = nn.ModuleList([Stage(rates)])
        self.norm_Re = nn.LayerNorm(_CHANNELS)
        self.conv_after_body_Fusion = nn.Conv2d(2 * _CHANNELS, _CHANNELS, 3, padding=1)
        self.conv_last1 = nn.Conv2d(_CHANNELS, 30, 3, padding=1)
        self.conv_last2 = nn.Conv2d(30, 15, 3, padding=1)
        self.conv_last3 = nn.Conv2d(15, 1, 3, padding=1)
        self.apply(_initialise)

    def forward(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Two images ``[B, 1, H, W]`` in 0..1 to one of that range, not clipped; sides are multiples of 8.

        Raises:
            FusionError: a side is no multiple of 8.
        """
        size = height, width = infrared.shape[-2:]
        if height % _WINDOW or width % _WINDOW:
            raise FusionError(f"SwinFusion takes multiples of {_WINDOW} pixels, found {width}x{height}; pad the images")
        x = self._features(infrared, self.layers_Ex_A, self.norm_Ex_A)
        y = self._features(visible, self.layers_Ex_B, self.norm_Ex_B)
        x, y = self._tokens(x), self._tokens(y)
        for stage in self.layers_Fusion:
            x, y = stage(x, y, size)
        joined = torch.cat((self.norm_Fusion_A(x), self.norm_Fusion_B(y)), dim=2)
        del x, y
        fused = leaky_relu_(self.conv_after_body_Fusion(_maps(joined, size)), 0.2)
        del joined
        fused = self.norm_Re(self.layers_Re[0](self._tokens(fused), size))
        fused = leaky_relu_(self.conv_last1(_maps(fused, size)), 0.2)
        return self.conv_last3(leaky_relu_(self.conv_last2(fused), 0.2))

    def _features(self, image: Tensor, layers: nn.ModuleList, norm: nn.Module) -> Tensor:
        maps = leaky_relu_(self.conv_first2_A(leaky_relu_(self.conv_first1_A(image), 0.2)), 0.2)
        size = image.shape[-2:]
        return _maps(norm(layers[0](self._tokens(maps), size)), size)

    def _tokens(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, H * W, C]`` through the one layer norm that serves every such place.

        Residual sums keep the parameters' precision where the layers between work in a lower one.
        """
        return self.patch_embed["norm"](maps.flatten(2).transpose(1, 2)).to(self.norm_Re.weight.dtype)


def _maps(tokens: Tensor, size: Sequence[int]) -> Tensor:
    return tokens.transpose(1, 2).unflatten(2, tuple(size))


class Stage(nn.Module):
    """Swin blocks in a row, every second one with shifted windows."""

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__()
        self.residual_group = BlockList([SwinBlock(_shift(index), rate) for index, rate in enumerate(rates)])

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Tokens ``[B, H * W, C]`` to the same."""
        return self.residual_group(x, size)


class CrossStage(nn.Module):
    """Swin blocks on each image, then blocks in which each image asks and the other one answers."""

    def __init__(self, rates: Sequence[float]) -> None:
        super().__init__()
        blocks = nn.ModuleList([CrossBlock(_shift(index), rate) for index, rate in enumerate(rates)])
        self.residual_group = nn.ModuleDict({"blocks": blocks})
        self.residual_group_A = BlockList([SwinBlock(_shift(index), rate) for index, rate in enumerate(rates)])
        self.residual_group_B = BlockList([SwinBlock(_shift(index), rate) for index, rate in enumerate(rates)])

    def forward(self, x: Tensor, y: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Tokens of both images, ``[B, H * W, C]`` each, to the same."""
        x, y = self.residual_group_A(x, size), self.residual_group_B(y, size)
        for block in self.residual_group["blocks"].children():
            x, y = block(x, y, size)
        return x, y


def _shift(index: int) -> int:
    return _WINDOW // 2 if index % 2 else 0


class BlockList(nn.Module):
    """Blocks on one image, one after the other."""

    def __init__(self, blocks: list[SwinBlock]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Tokens ``[B, H * W, C]`` to the same."""
        for block in self.blocks:
            x = block(x, size)
        return x


Update = Callable[..., tuple[Tensor, ...]]
"""New windows ``[B, n, 64, C]`` of each image from those of each image and the mask that their position asks for."""


class WindowBlock(nn.Module):
    """What blocks share: they treat each window of the image or images alone."""

    windows_at_once = 256
    """Windows handled together when no gradient is wanted, so that what lies between two maps stays in the cache."""

    def __init__(self, shift: int, drop_path: float) -> None:
        super().__init__()
        self.shift, self.drop_path = shift, drop_path

    def _update_windows(self, images: tuple[Tensor, ...], size: Sequence[int], update: Update) -> tuple[Tensor, ...]:
        """Replace the tokens ``[B, H * W, C]`` of every window by what `update` says, a few windows at a time."""
        training = torch.is_grad_enabled()
        targets = tuple(image.clone() for image in images) if training else images
        for windows, mask in _window_kinds(size[0], size[1], self.shift, images[0].device):
            for part in windows.split(len(windows) if training else self.windows_at_once):
                places = part.flatten()
                found = (image.index_select(1, places).unflatten(1, (-1, _TOKENS)) for image in images)
                for target, updated in zip(targets, update(*found, mask), strict=True):
                    target.index_copy_(1, places, updated.flatten(1, 2))
        return targets


class SwinBlock(WindowBlock):
    """Window attention and a two-layer perceptron, each on normalised tokens and added to them."""

    def __init__(self, shift: int, drop_path: float) -> None:
        super().__init__(shift, drop_path)
        self.norm1, self.attn = nn.LayerNorm(_CHANNELS), SelfAttention()
        self.norm2, self.mlp = nn.LayerNorm(_CHANNELS), Perceptron(_CHANNELS, _HIDDEN)

    def forward(self, x: Tensor, size: Sequence[int]) -> Tensor:
        """Tokens ``[B, H * W, C]`` to the same; overwrites them if no gradient is wanted."""
        kept = _kept_branches(2, x, self.drop_path if self.training else 0)
        bias = self.attn.bias()

        def update(windows: Tensor, mask: Tensor) -> tuple[Tensor]:
            windows = windows + kept[0] * self.attn(self.norm1(windows), bias + mask)
            return (windows + kept[1] * self.mlp(self.norm2(windows)),)

        return self._update_windows((x,), size, update)[0]


class CrossBlock(WindowBlock):
    """Window attention across two images: queries from the own tokens, keys and values from the other's."""

    def __init__(self, shift: int, drop_path: float) -> None:
        super().__init__(shift, drop_path)
        self.norm1_A, self.norm1_B = nn.LayerNorm(_CHANNELS), nn.LayerNorm(_CHANNELS)
        self.attn_A, self.attn_B = CrossAttention(), CrossAttention()
        self.norm2_A, self.norm2_B = nn.LayerNorm(_CHANNELS), nn.LayerNorm(_CHANNELS)
        self.mlp_A, self.mlp_B = Perceptron(_CHANNELS, _HIDDEN), Perceptron(_CHANNELS, _HIDDEN)

    def forward(self, x: Tensor, y: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Tokens of both images, ``[B, H * W, C]`` each, to the same; overwrites them if no gradient is wanted."""
        kept = _kept_branches(4, x, self.drop_path if self.training else 0)
        bias_x, bias_y = self.attn_A.bias(), self.attn_B.bias()

        def update(left: Tensor, right: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
            own, other = self.norm1_A(left), self.norm1_B(right)
            left = left + kept[0] * self.attn_A(own, other, bias_x + mask)
            right = right + kept[1] * self.attn_B(other, own, bias_y + mask)
            left = left + kept[2] * self.mlp_A(self.norm2_A(left))
            return left, right + kept[3] * self.mlp_B(self.norm2_B(right))

        updated_x, updated_y = self._update_windows((x, y), size, update)
        return updated_x, updated_y


class WindowAttention(nn.Module):
    """Attention of six heads among the 64 tokens of a window, with a learnt bias for every relative position."""

    relative_position_index: Tensor

    def __init__(self) -> None:
        super().__init__()
        reach = 2 * _WINDOW - 1
        self.relative_position_bias_table = nn.Parameter(torch.zeros(reach * reach, _HEADS))
        row, column = (axis.flatten() for axis in torch.meshgrid(*2 * [torch.arange(_WINDOW)], indexing="ij"))
        down, right = (axis[:, None] - axis[None, :] + _WINDOW - 1 for axis in (row, column))
        self.register_buffer("relative_position_index", down * reach + right)

    def bias(self) -> Tensor:
        """What is added to the logits, ``[heads, 64, 64]``."""
        return self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Windows ``[n, 64, C]`` each to ``[n, 64, C]``."""
        query, key, value = (_heads(part) for part in (query, key, value))
        bias = bias[None].to(query.dtype)
        if bias.requires_grad and query.device.type == "cpu":
            # The fused kernel gives no gradient of the bias; spelt out this is faster than what it falls back to.
            query = query * query.shape[3] ** -0.5
            parts = zip(*(part.split(_WINDOWS_IN_CACHE) for part in (query, key, value)), strict=True)
            attended = torch.cat([(q @ k.transpose(2, 3) + bias).softmax(3) @ v for q, k, v in parts])
        else:
            attended = scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return attended.transpose(1, 2).flatten(2)


def _heads(tokens: Tensor) -> Tensor:
    """``[n, 64, C]`` to ``[n, heads, 64, C / heads]``."""
    return tokens.unflatten(2, (_HEADS, -1)).transpose(1, 2)


class SelfAttention(WindowAttention):
    """Queries, keys and values from one image."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(_CHANNELS, 3 * _CHANNELS)
        self.proj = nn.Linear(_CHANNELS, _CHANNELS)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """Windows ``[B, n, 64, C]`` to the same."""
        query, key, value = self.qkv(tokens.flatten(0, 1)).chunk(3, dim=2)
        return self.proj(self.attend(query, key, value, bias)).view_as(tokens)


class CrossAttention(WindowAttention):
    """Queries from one image, keys and values from the other."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(_CHANNELS, _CHANNELS)
        self.kv = nn.Linear(_CHANNELS, 2 * _CHANNELS)
        self.proj = nn.Linear(_CHANNELS, _CHANNELS)

    def forward(self, own: Tensor, other: Tensor, bias: Tensor) -> Tensor:
        """Windows ``[B, n, 64, C]`` of each image to those of the own one."""
        key, value = self.kv(other.flatten(0, 1)).chunk(2, dim=2)
        return self.proj(self.attend(self.q(own.flatten(0, 1)), key, value, bias)).view_as(own)


def _kept_branches(count: int, x: Tensor, rate: float) -> Tensor:
    """A factor a branch and image, ``[count, B, 1, 1, 1]``: 0 with probability `rate`, else 1 / (1 - rate)."""
    ones = torch.ones(count, len(x), 1, 1, 1, device=x.device)
    return nn.functional.dropout(ones, rate) if rate else ones


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def _window_kinds(height: int, width: int, shift: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """The tokens of every window, ``[n, 64]``, and the mask ``[64, 64]`` of such windows, for each kind there is.

    Shifted windows go around the image's edges. A window that does holds parts from opposite sides, which must not see
    each other: -100 is added to their logits. There are four kinds: inside, around the right edge, around the bottom
    edge, around the corner. (Made outside of inference mode: training must be able to keep them for its gradients.)
    """
    places = torch.arange(height * width, device=device).view(height, width).roll((-shift, -shift), (0, 1))
    windows = places.unflatten(0, (-1, _WINDOW)).unflatten(2, (-1, _WINDOW)).transpose(1, 2)
    if not shift:
        return [(windows.reshape(-1, _TOKENS), torch.zeros(_TOKENS, _TOKENS, device=device))]
    wrapped = (torch.arange(_WINDOW, device=device) >= _WINDOW - shift).long()
    kinds = []
    for rows, below in ((slice(None, -1), 0), (slice(-1, None), 1)):
        for columns, right in ((slice(None, -1), 0), (slice(-1, None), 1)):
            part = (2 * below * wrapped[:, None] + right * wrapped[None, :]).flatten()
            mask = -100.0 * (part[:, None] != part[None, :])
            kinds.append((windows[rows, columns].reshape(-1, _TOKENS), mask))
    return [(windows, mask) for windows, mask in kinds if len(windows)]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
    elif isinstance(module, WindowAttention):
        nn.init.trunc_normal_(module.relative_position_bias_table, std=0.02)


@register
class SwinFusionMethod(NetworkMethod):
    """SwinFusion as its authors test it: padded by mirroring, edge pixels doubled, to the next multiple of 8.

    A side that is a multiple of 8 already gets eight more rows or columns. The result is cropped and clipped to 0..1.
    """

    name = "swinfusion"
    title = "SwinFusion"
    paper = "Ma, Tang, Fan, Huang, Mei, Ma, SwinFusion: Cross-domain long-range learning ..., IEEE/CAA JAS 2022"
    module = SwinFusion
    published = github(
        "Linfeng-Tang/SwinFusion",
        {"Model/Infrared_Visible_Fusion/Infrared_Visible_Fusion/models/10000_E.pth": None},
        trained_on=("msrs",),
    )
    slow = True

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Mirror, run the network, crop and clip."""
        height, width = visible.shape[-2:]
        return self.network(_mirror(infrared), _mirror(visible))[..., :height, :width].clamp(0, 1)


def _mirror(image: Tensor) -> Tensor:
    for axis in (2, 3):
        wanted = (image.shape[axis] // _WINDOW + 1) * _WINDOW
        image = torch.cat((image, image.flip(axis)), axis).narrow(axis, 0, wanted)
    return image
