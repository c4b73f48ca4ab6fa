"""Pictures: whatever people hold images in, as the 8-bit luminance that metrics are defined on."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ivif.datasets.images import ImageError, from_pillow, luminance, read_image, to_uint8

Images = Any
"""A path, Pillow image, NumPy array or tensor; or a list of these, all of one size, which is a batch."""


def as_levels(images: Images, name: str = "image") -> Tensor:
    """Images as ``uint8 [B, 1, H, W]``; tensors stay on their device.

    Arrays and tensors are ``[H, W]``, ``[H, W, 1 or 3]``, ``[1 or 3, H, W]`` or a batch of the latter two, ``uint8`` in
    0..255 or floats in 0..1, which are rounded as results are when they are saved. Colour becomes BT.601 luminance.

    Args:
        images: see `Images`.
        name: what messages call them.

    Raises:
        ImageError: a file that cannot be read, an ambiguous shape, another type, or floats outside 0..1.

    Examples:
        >>> as_levels(np.zeros((6, 8, 3), np.uint8)).shape
        torch.Size([1, 1, 6, 8])
        >>> as_levels(torch.tensor([[0.0, 0.5, 1.0]]))
        tensor([[[[  0, 128, 255]]]], dtype=torch.uint8)
        >>> as_levels(np.zeros((2, 2)) + 7)
        Traceback (most recent call last):
        ivif.datasets.decoding.ImageError: image: floats are to be in 0..1, found 7..7; scale them
    """
    return luminance(as_uint8(images, name))


def as_uint8(images: Images, name: str = "image") -> Tensor:
    """As `as_levels`, colours kept: ``uint8 [B, 1 or 3, H, W]``."""
    if isinstance(images, list | tuple):
        parts = [as_uint8(image, f"{name} {number}") for number, image in enumerate(images, 1)]
        if len({part.shape[2:] for part in parts}) != 1:
            sizes = sorted({f"{part.shape[3]}x{part.shape[2]}" for part in parts})
            raise ImageError(f"{name}: a batch has one size, found {', '.join(sizes) or 'no image'}")
        return torch.cat([part if len({p.shape[1] for p in parts}) == 1 else luminance(part) for part in parts])
    if isinstance(images, str | PathLike):
        return read_image(Path(images))[None]
    if isinstance(images, Image.Image):
        return from_pillow(images, name)[None]
    if isinstance(images, np.ndarray):
        images = torch.from_numpy(np.require(images, requirements=("C", "W")))  # Pillow's arrays are read-only
    if not isinstance(images, Tensor):
        raise ImageError(f"{name}: expected a path, Pillow image, array or tensor, found {type(images).__name__}")
    return _batched(_rounded(images.detach(), name), name)


def _rounded(image: Tensor, name: str) -> Tensor:
    if image.dtype == torch.uint8:
        return image
    if not image.is_floating_point():
        raise ImageError(f"{name}: {image.dtype} has no unique black and white; give uint8, or floats in 0..1")
    low, high = (float(image.min()), float(image.max())) if image.numel() else (0.0, 0.0)
    if not (low >= 0 and high <= 1):
        raise ImageError(f"{name}: floats are to be in 0..1, found {low:.4g}..{high:.4g}; scale them")
    return to_uint8(image)


def _batched(image: Tensor, name: str) -> Tensor:
    """``[B, 1 or 3, H, W]`` from any of the shapes that are told apart."""
    shape = list(image.shape)
    if image.ndim == 2:
        return image[None, None]
    if image.ndim in (3, 4):
        first, last = shape[-3] in (1, 3), shape[-1] in (1, 3)
        if first and last:
            raise ImageError(f"{name}: in {shape} channels may stand first or last; say it by larger images")
        if first or last:
            channels_first = image if first else image.movedim(-1, -3)
            return channels_first if image.ndim == 4 else channels_first[None]
    raise ImageError(f"{name}: expected [H, W], [H, W, 1 or 3], [1 or 3, H, W] or a batch of them, found {shape}")
