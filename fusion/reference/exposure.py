"""Exposure: how well the grey values of a picture use what an eye sees best, and what kind of scene it shows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

DARK, BRIGHT = 26, 229
"""Grey levels below and above which a pixel counts as dark or bright: a tenth of the range from either end."""

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


@dataclass(frozen=True)
class Exposure:
    """What a tone curve depends on.

    Attributes:
        median: grey level that half of the pixels don't exceed, 0..255.
        dark, bright: shares of dark and of bright pixels.
        clipped: share of pixels that are 0 or 255.
        low, high: grey levels that 1 % of the pixels lie below and above.
    """

    median: float
    dark: float
    bright: float
    clipped: float
    low: float
    high: float


def exposure(levels: Tensor) -> Exposure:
    """Exposure of one picture, ``uint8 [1, H, W]``."""
    flat = levels.flatten().cpu().float()
    low, median, high = torch.quantile(flat, torch.tensor([0.01, 0.5, 0.99]), interpolation="nearest").tolist()
    dark, bright = (float(hit.double().mean()) for hit in (flat < DARK, flat > BRIGHT))
    return Exposure(median, dark, bright, clipping(levels), low, high)


def clipping(levels: Tensor) -> float:
    """Share of the pixels of a picture, ``uint8 [1, H, W]``, that are 0 or 255."""
    return float(((levels == 0) | (levels == 255)).double().mean())


def is_night(visible: Tensor) -> bool:
    """Whether a visible picture, ``uint8 [1, H, W]``, is so dark that the scene counts as a night one."""
    return exposure(visible).median < NIGHT
