"""Transformer blocks of YDTR and DATFuse: what they call tokens are runs of neighbouring pixels of one map.

Their code reads the memory of maps ``[C, H, W]`` as rows of C numbers without transposing it, so that a row holds C
pixels side by side of one map instead of one pixel of C maps. Attention is in windows of one token, where a soft-max
over one key is 1: queries, keys and relative positions are stored, and have no effect. The weights belong to both
slips.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from ivif.fusion.networks.blocks import Perceptron

_TOKENS_AT_ONCE = 4096
"""Few enough for what lies between two products to stay in the cache."""


class OneKeyAttention(nn.Module):
    """Attention of tokens to themselves alone: the values, projected."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[B, N, C]`` to the same; both products are one, as nothing lies between them."""
        channels = tokens.shape[-1]
        values, bias = self.qkv.weight[2 * channels :], self.qkv.bias[2 * channels :]
        return linear(tokens, self.proj.weight @ values, linear(bias, self.proj.weight, self.proj.bias))


class PixelRunBlock(nn.Module):
    """Attention and perceptron, each of normalised tokens and added to them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attn = OneKeyAttention(channels)
        self.mlp = Perceptron(channels, 4 * channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """``[B, N, C]`` to the same."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))


class PixelRunTransformer(nn.Module):
    """Two blocks on all runs of C pixels."""

    tokens_at_once = _TOKENS_AT_ONCE

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([PixelRunBlock(channels), PixelRunBlock(channels)])

    def forward(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to the same."""
        first, second = self.blocks
        tokens = maps.reshape(len(maps), -1, maps.shape[1])
        if torch.is_grad_enabled():
            return second(first(tokens)).view(maps.shape)
        result = torch.empty_like(tokens)
        for part, target in zip(*(some.split(self.tokens_at_once, 1) for some in (tokens, result)), strict=True):
            target.copy_(second(first(part)))
        return result.view(maps.shape)
