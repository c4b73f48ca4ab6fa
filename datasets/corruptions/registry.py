"""Registry: every corruption with its facts, stated once.

A corruption has one amount, 0 for none, in a unit of its own (stops, pixels, a share). What is random in it is one
pattern, drawn from a seed and the pair's identity alone, that grows with the amount: a worse fault is the same fault,
worse. So it makes the same bytes in any process, in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivif.datasets.errors import PairError
from ivif.datasets.files import sha256_bytes
from ivif.spelling import did_you_mean

CameraName = Literal["infrared", "visible"]

FloatImage = NDArray[np.float32]
"""A picture ``float32 [H, W, 1 or 3]``, 0 black and 1 white; what leaves that range is cut off when it is rounded."""

Fault = Callable[[FloatImage, float, np.random.Generator], FloatImage]
"""(picture, amount, random numbers) to the corrupted picture."""


@dataclass(frozen=True)
class Corruption:
    """A fault of a camera, of the air before it, or of how two cameras stand together.

    Attributes:
        name: key on the command line and in files.
        title: for tables and plots.
        camera: whose picture it spoils. Misregistration moves the infrared picture; the visible one is the reference.
        unit: of the amount.
        function: what it does; None where scenes are rendered anew instead.
        steady: whether all frames of a sequence have the same pattern, as a detector's own faults have.
        moves: whether it displaces what is seen; its amount is the mean displacement in pixels then.
        most: an amount beyond which nothing new comes; calibration searches below.
    """

    name: str
    title: str
    camera: CameraName
    unit: str
    function: Fault | None = None
    steady: bool = False
    moves: bool = False
    most: float = 1.0

    def apply(self, image: Tensor, amount: float, seed: int, identity: str) -> Tensor:
        """The corrupted picture.

        Args:
            image: ``uint8 [1 or 3, H, W]``.
            amount: 0 or more, in the corruption's unit.
            seed: of all patterns.
            identity: what the pattern belongs to: a pair's name, or a sequence's where it is `steady`.

        Returns:
            ``uint8``, of the same shape.
        """
        assert self.function is not None, "rendered scenes are rendered anew, see `datasets.corruptions.corrupted`"
        if amount == 0:
            return image
        light = image.permute(1, 2, 0).numpy().astype(np.float32) / np.float32(255)
        pattern = int(sha256_bytes(f"{self.name} {identity}".encode())[:16], 16)
        random = np.random.default_rng(np.random.SeedSequence([seed, pattern]))
        spoilt = np.asarray(self.function(light, amount, random), np.float32).reshape(light.shape)
        levels = np.round(np.clip(spoilt, 0, 1) * np.float32(255)).astype(np.uint8)
        return torch.from_numpy(levels).permute(2, 0, 1).contiguous()


_CORRUPTIONS: dict[str, Corruption] = {}


def corruption(
    name: str,
    title: str,
    camera: CameraName,
    unit: str,
    most: float,
    *,
    steady: bool = False,
    moves: bool = False,
) -> Callable[[Fault], Fault]:
    """Decorator: registers a corruption and returns its function unchanged; see `Corruption`."""

    def register(function: Fault) -> Fault:
        add_corruption(Corruption(name, title, camera, unit, function, steady, moves, most))
        return function

    return register


def add_corruption(registered: Corruption) -> None:
    """Register a corruption; raises `ValueError` for a name that is taken."""
    if registered.name in _CORRUPTIONS:
        raise ValueError(f"two corruptions are called {registered.name!r}")
    _CORRUPTIONS[registered.name] = registered


def corruption_names() -> list[str]:
    """Names of all corruptions, in table order: of the visible camera, of the infrared one, of how both stand."""
    return sorted(_CORRUPTIONS, key=lambda name: (_CORRUPTIONS[name].moves, _CORRUPTIONS[name].camera != "visible"))


def find_corruption(name: str) -> Corruption:
    """The corruption called `name`; raises `PairError` with the nearest names."""
    if name not in _CORRUPTIONS:
        near = did_you_mean(name, _CORRUPTIONS) or f"there are {', '.join(_CORRUPTIONS)}"
        raise PairError(f"no corruption {name!r}; {near}")
    return _CORRUPTIONS[name]
