"""Exposure: how well the grey values of a picture use what an eye sees best, and whether it is a night scene."""

from __future__ import annotations

import torch
from torch import Tensor

NIGHT = 60
"""Median grey level of a visible picture below which the scene counts as a night one."""


def exposedness(levels: Tensor) -> Tensor:
    """Mean over the pixels of ``exp(-(x - 1/2)^2 / (2 0.2^2))``, x in 0..1: 1 for a mid-grey picture, .04 for a black.

    Mertens, Kautz, Van Reeth, "Exposure fusion", Pacific Graphics 2007.

    Args:
        levels: ``uint8 [B, 1, H, W]``.

    Returns:
        ``float64 [B]``.
    """
    table = torch.exp(-(((torch.arange(256, dtype=torch.float64, device=levels.device) / 255 - 0.5) / 0.2) ** 2) / 2)
    return table[levels.long()].mean((1, 2, 3))


def clipping(levels: Tensor) -> float:
    """Share of the pixels of a picture, ``uint8 [1, H, W]``, that are 0 or 255."""
    return float(((levels == 0) | (levels == 255)).double().mean())


def is_night(visible: Tensor) -> bool:
    """Whether a visible picture, ``uint8 [1, H, W]``, is so dark that the scene counts as a night one."""
    return float(visible.flatten().float().median()) < NIGHT
