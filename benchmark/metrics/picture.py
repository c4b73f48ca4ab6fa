"""Picture: an 8-bit image batch that remembers what has been computed from it, as does any plane derived from it.

Most metrics compare a fused image with the same two sources as all other fused images of that scene. What depends on
one picture alone (its histogram, gradients, local statistics) is therefore a `term`: a plain function of a picture
whose result is kept with the picture, so that metrics share it and every further fused image finds it ready. Large
pictures keep the latest few.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor

from ivif.errors import IvifError

SMALL_PICTURE_PIXELS = 2**20
"""Pictures up to this size keep all terms: up to 30 numbers of 8 bytes a pixel where all metrics are measured."""

KEPT_TERMS = 1
"""How many terms larger pictures keep, so that all metrics of 1280x1024 pixels fit into a gigabyte with PyTorch."""


class MetricError(IvifError, ValueError):
    """Images that a metric is not defined on; the message says what was found and expected."""


class Plane:
    """A batch of any numbers, one a pixel: grey values, or what is derived from them (a coarser scale, edges).

    Attributes:
        values: ``float64 [B, 1, H, W]``.
        terms: what has been computed from it, by function.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.terms: dict[Any, Any] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.values.shape[2], self.values.shape[3]

    @property
    def pixels(self) -> int:
        """Number of pixels of one image."""
        return self.values.shape[2] * self.values.shape[3]


class Picture(Plane):
    """A batch of grey images.

    Attributes:
        levels: ``uint8 [B, 1, H, W]``, the grey values a user has on disk; `values` holds the same numbers 0..255.
    """

    def __init__(self, levels: Tensor) -> None:
        if levels.dtype != torch.uint8 or levels.ndim != 4 or levels.shape[1] != 1:
            raise MetricError(
                f"expected uint8 [B, 1, H, W] (luminance, 0..255), found {levels.dtype} {list(levels.shape)}"
            )
        super().__init__(levels.double())
        self.levels = levels


Result = TypeVar("Result")
One = TypeVar("One", bound=Plane)
Other = TypeVar("Other", bound=Plane)


def term(function: Callable[[One], Result]) -> Callable[[One], Result]:
    """Decorator for a function of one picture or plane: its result is computed once and kept with it."""

    @wraps(function)
    def kept(picture: One) -> Result:
        return _kept(picture, function, lambda: function(picture))

    return kept


def pair_term(function: Callable[[One, Other], Result]) -> Callable[[One, Other], Result]:
    """Decorator for a function of two pictures or planes: its result is computed once and kept with the second one."""

    @wraps(function)
    def kept(first: One, second: Other) -> Result:
        return _kept(second, (function, first), lambda: function(first, second))

    return kept


def shares_terms(image: Tensor) -> bool:
    """Whether a picture of this size, ``[..., H, W]``, keeps all that is computed from it."""
    return image.shape[-2] * image.shape[-1] <= SMALL_PICTURE_PIXELS


def _kept(picture: Plane, key: Any, compute: Callable[[], Result]) -> Result:
    """What is kept under a key, computed if nothing is; large pictures forget what was not asked for longest."""
    terms = picture.terms
    terms[key] = terms.pop(key) if key in terms else compute()
    large = not shares_terms(picture.values)
    while large and len(terms) > KEPT_TERMS:
        del terms[next(iter(terms))]
    return terms[key]


def total(image: Tensor) -> Tensor:
    """Sum over all pixels of each image: ``[B, 1, H, W]`` to ``[B]``."""
    return image.sum(dim=(1, 2, 3))


def centred(image: Tensor) -> Tensor:
    """Integers ``[B, 1, H, W]`` (exact in any number type) minus each image's mean, in float64.

    The sum is exact, so a constant image becomes exactly 0.
    """
    values = image.double()
    return values - (total(values) / (image.shape[2] * image.shape[3])).view(-1, 1, 1, 1)


@term
def deviations(picture: Picture) -> Tensor:
    """Grey values minus their mean, ``float64 [B, 1, H, W]``."""
    return centred(picture.levels)


@term
def is_constant(plane: Plane) -> Tensor:
    """Whether all pixels of an image are equal, ``bool [B]``."""
    numbers = plane.levels if isinstance(plane, Picture) else plane.values  # bytes are compared six times as fast
    flat = numbers.flatten(1)
    return flat.amin(1) == flat.amax(1)


@term
def stretched(picture: Picture) -> Picture:
    """The picture with its grey values stretched to 0..255 by its own extremes, halves rounded up; constant ones: 0."""
    flat = picture.levels.flatten(1)
    low, high = (level.double().unsqueeze(1) for level in (flat.amin(1), flat.amax(1)))
    extent = torch.where(high > low, high - low, 1.0)
    every = torch.arange(256, dtype=torch.float64, device=flat.device)
    becomes = ((every - low).clamp(min=0) / extent * 255 + 0.5).floor().to(torch.uint8)
    return Picture(becomes.gather(1, flat.long()).view_as(picture.levels))


@term
def histogram(picture: Picture) -> Tensor:
    """Share of each grey value, ``float64 [B, 256]``; rows sum to 1."""
    return counts(picture.levels.flatten(1).int(), 256) / picture.pixels


def counts(codes: Tensor, bins: int) -> Tensor:
    """How often each code 0..bins-1 occurs in each row of ``int [B, N]``: ``float64 [B, bins]``."""
    rows = torch.arange(len(codes), device=codes.device, dtype=codes.dtype).unsqueeze(1) * bins
    return torch.bincount((codes + rows).flatten(), minlength=len(codes) * bins).view(len(codes), bins).double()
