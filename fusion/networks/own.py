"""A user's own network: a plain PyTorch module becomes a fusion method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ivif._checkout import as_typed
from ivif.fusion.method import RANGE_SLACK, FusionError, hash_of_tensors
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.weights import read_weights

_DECLARED = ("name", "title", "paper", "multiple", "tile", "margin", "slow")
"""Facts of a method (see `FusionMethod`) that a module may state as class attributes."""

_CONTRAST = 0.25
"""Range of grey values, of 0..1, in sources from which something must be seen in results."""


class ModuleMethod(NetworkMethod):
    """A module with ``forward(infrared, visible)``, which takes and gives luminance, ``float32 [B, 1, H, W]``.

    Class attributes of the module say what differs from the usual, beside those in `_DECLARED`:

    * ``value_range = (low, high)``: of what it takes and gives, if not 0..1. Results outside are an error: clipping
      them without a word would hide a mistake of scale.
    * ``loads_own_weights = True``: it has its weights as soon as it is made, so none need be given. Where it calls
      `load_state_dict` when it is made, and no random numbers are left, that is seen without it.

    Args:
        weights: a safetensors file. None only where there is nothing to load: modules without parameters, or with
            ``loads_own_weights``.

    Raises:
        FusionError: no weights where some are needed, or weights that don't fit.
    """

    family = "own"
    _tensors = ""

    def __init__(self, weights: str | Path | None = None) -> None:
        self.network = self.module()
        if weights is not None:
            self.weights_file = _existing(Path(weights).expanduser())
            read_weights(self.network, self.weights_file)
        else:
            if not _is_complete(self.network):
                raise FusionError(
                    f"{self.title} would fuse with random weights: name a file of them (--weights FILE, or NAME=FILE "
                    "where methods are listed), or state loads_own_weights = True in the class if it brings them along"
                )
            self._tensors = hash_of_tensors(self.network.state_dict())
        self._settle()

    @classmethod
    def of(cls, module: type[nn.Module]) -> type[ModuleMethod]:
        """The method class of a module class."""
        place = {"__module__": module.__module__, "__qualname__": module.__qualname__, "__doc__": module.__doc__}
        facts = {"name": module.__name__.lower(), "title": module.__name__, "paper": "", "module": module}
        facts |= {fact: getattr(module, fact) for fact in _DECLARED if hasattr(module, fact)}
        return type(module.__name__, (cls,), {**place, **facts})

    def _settle(self) -> None:
        """Make the module ready for inference, and change nothing: what its layers are called says nothing of them."""
        self.network.eval()

    def state(self) -> str:
        """SHA-256 of the weights file, or of the parameters and buffers where there is none."""
        return super().state() or self._tensors

    def code(self) -> tuple[object, ...]:
        """The module's too."""
        return ModuleMethod, self.module, *super().code()[1:]

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Scale to what the module takes, run it, scale back.

        Raises:
            FusionError: the result is no image of the sources' size, or leaves the range.
        """
        low, high = value_range(self.module)
        fused = require_image(self.title, self.network(*to_range(self.module, infrared, visible)), visible)
        darkest, brightest = float(fused.min()), float(fused.max())
        slack = RANGE_SLACK * (high - low)
        if darkest < low - slack or brightest > high + slack:
            raise FusionError(
                f"{self.title} gave values from {darkest:.4g} to {brightest:.4g}, expected {low:g} to {high:g}: let "
                "forward end in a sigmoid or clamp, or state value_range = (low, high) in the class if it takes and "
                "gives another range"
            )
        if (brightest - darkest) * 127 < high - low and float(visible.max() - visible.min()) > _CONTRAST:
            raise FusionError(
                f"{self.title} gave values from {darkest:.4g} to {brightest:.4g}, fewer than three grey levels of the "
                f"{low:g} to {high:g} expected, for sources full of contrast: does it divide by 255 what is in 0 to 1 "
                "already, or is it untrained?"
            )
        return (fused - low) / (high - low)


def value_range(module: type[nn.Module]) -> tuple[float, float]:
    """Black and white of the images that a module takes and gives; raises `FusionError` if its statement is none."""
    stated = getattr(module, "value_range", (0.0, 1.0))
    try:
        low, high = map(float, stated)
    except (TypeError, ValueError):
        low = high = 0.0
    if not low < high:
        raise FusionError(f"{module.__name__}: expected value_range = (low, high), found {stated!r}")
    return low, high


def to_range(module: type[nn.Module], *images: Tensor) -> tuple[Tensor, ...]:
    """Images in 0..1 on the scale that a module takes."""
    low, high = value_range(module)
    return images if (low, high) == (0, 1) else tuple((high - low) * image + low for image in images)


def require_image(name: str, fused: object, source: Tensor) -> Tensor:
    """`fused` itself, if it is one luminance image for each source ``[B, 1, H, W]``; else `FusionError`."""
    if isinstance(fused, Tensor) and fused.shape == source.shape and fused.is_floating_point():
        return fused
    found = f"{fused.dtype} {list(fused.shape)}" if isinstance(fused, Tensor) else type(fused).__name__
    raise FusionError(f"{name}: forward(infrared, visible) gave {found} for sources of {list(source.shape)}")


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FusionError(f"there is no weights file {path}; {as_typed('fusion train')} makes one by your recipe")
    return path


def _is_complete(network: nn.Module) -> bool:
    """Whether a new module has its weights: it says so, has none, or loads them when it is made, all of them."""
    if getattr(network, "loads_own_weights", False) or not any(True for _ in network.parameters()):
        return True
    again, loaded = _made_again(type(network))
    return loaded and hash_of_tensors(again.state_dict()) == hash_of_tensors(network.state_dict())


def _made_again(module: type[nn.Module]) -> tuple[nn.Module, bool]:
    """A module made with other random numbers, and whether it, or a part of it, loaded a state."""
    loads = 0

    def counted(self: nn.Module, *arguments: Any, **options: Any) -> Any:
        nonlocal loads
        loads += 1
        return load(self, *arguments, **options)

    load = nn.Module.load_state_dict
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch.initial_seed() + 1)
        nn.Module.load_state_dict = counted  # type: ignore[method-assign]
        try:
            return module(), loads > 0
        finally:
            nn.Module.load_state_dict = load  # type: ignore[method-assign]
