"""FusionMethod: what a fusion method declares about itself, and the one call `fuse`.

Colour, padding to a network's multiple and tiling of large images happen here, once; a method sees planes it can
digest and nothing else.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import lcm
from pathlib import Path
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from ivif.datasets.files import sha256_bytes
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import rgb_to_ycbcr, to_float, to_uint8, ycbcr_to_rgb
from ivif.errors import IvifError
from ivif.fusion.tiles import tiles

RANGE_SLACK = 1e-4
"""How far results may leave 0..1: what rounding may do, and far less than a grey level."""


class FusionError(IvifError, ValueError):
    """A method that cannot be used, or images that it cannot fuse; the message says what to do."""


class FusionMethod(ABC):
    """Base of all fusion methods. A subclass sets the facts and implements `fuse_planes`.

    Attributes:
        name: the key on the command line and in tables, lower case.
        title: the method's name as its paper writes it.
        family: what it is built on, e.g. "pyramid", "wavelet", "network".
        paper: author(s), title, venue, year of the publication it follows.
        venue, year: of the paper, read from its end unless the class states them; "" and None where there is none.
        input: "luminance" methods get the visible image's Y (the visible chroma is put back onto what they
            return); "rgb" methods get three channels.
        multiple: height and width are padded (reflected) to a multiple of this.
        tile: largest side fused in one piece, None if the method needs the whole image (global statistics).
        margin: context in pixels each tile gets on every side; at least the receptive field's radius.
        grid: tiles start at its multiples, where the method goes by steps and pads by itself.
        clips: whether values outside 0..1 are cut off, as the overshoot of filters may be; a user's own class that does
            not say so gets an error instead: they may mean another scale.
        slow: takes many seconds a pair on a CPU; runs that name no methods leave it out.
    """

    name: str
    title: str
    family: ClassVar[str]
    paper: ClassVar[str]
    venue: ClassVar[str] = ""
    year: ClassVar[int | None] = None
    input: ClassVar[Literal["luminance", "rgb"]] = "luminance"
    multiple: ClassVar[int] = 1
    tile: ClassVar[int | None] = None
    margin: ClassVar[int] = 0
    grid: ClassVar[int] = 1
    clips: ClassVar[bool] = True
    slow: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        """Read venue and year from the end of a paper that a class names: ``..., IEEE TIP 28, 2019``."""
        super().__init_subclass__()
        stated = vars(cls)
        if found := re.fullmatch(r"(?:.*, )?([^,\d]+?)(?: \d+)?,? (\d{4})", str(stated.get("paper", ""))):
            if "venue" not in stated:
                cls.venue = found[1]
            if "year" not in stated:
                cls.year = int(found[2])

    @abstractmethod
    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse ``float32 [B, 1, H, W]`` and ``[B, C, H, W]`` in 0..1 to ``[B, C, H, W]``; C is 3 for rgb, else 1."""

    def to(self, device: torch.device | str) -> Self:
        """Move what the method holds to `device`: attributes that are modules or tensors."""
        for name, value in vars(self).items():
            if isinstance(value, torch.nn.Module | Tensor):
                setattr(self, name, value.to(device))
        return self

    def state(self) -> str:
        """What besides code decides the result: attributes that are modules, tensors or plain values."""
        parts = [f"{name} {part}" for name, value in sorted(vars(self).items()) if (part := _state_of(value))]
        return "\n".join(parts)

    def code(self) -> tuple[object, ...]:
        """The classes and functions that decide the result, and how pictures get in and out."""
        return type(self), to_float, to_uint8

    def fingerprint(self) -> str:
        """A hash that changes when the method's code, parameters or weights do."""
        return sha256_bytes(f"{self.name} {code_fingerprint(self.code())} {self.state()}".encode())

    @torch.inference_mode()
    def fuse(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """Fuse a batch of aligned pairs.

        Args:
            infrared: ``float32 [B, 1, H, W]`` in 0..1.
            visible: ``float32 [B, 1 or 3, H, W]`` in 0..1, on the same device.

        Returns:
            ``float32 [B, 1 or 3, H, W]`` in 0..1, with as many channels as `visible`.

        Raises:
            FusionError: wrong shape, type or range, or the method returned something that is no image.
        """
        _check_sources(infrared, visible)
        if self.input == "rgb":
            fused = self._fuse_any_size(infrared, visible.expand(-1, 3, -1, -1))
            fused = fused if visible.shape[1] == 3 else rgb_to_ycbcr(fused)[:, :1]
        elif visible.shape[1] == 3:
            fused = self._fuse_any_size(infrared, rgb_to_ycbcr(visible)[:, :1].clone())
            channels = rgb_to_ycbcr(visible)  # once more, as large images take much memory while they are fused
            channels[:, :1] = fused
            fused = ycbcr_to_rgb(channels)
        else:
            fused = self._fuse_any_size(infrared, visible)
        if not torch.isfinite(fused).all():
            raise FusionError(f"{self.name} returned NaN or infinite values")
        return fused.clamp(0, 1)

    def _fuse_any_size(self, infrared: Tensor, visible: Tensor) -> Tensor:
        height, width = infrared.shape[-2:]
        if self.tile is None or max(height, width) <= self.tile:
            return self._fuse_padded(infrared, visible)
        fused = torch.empty_like(visible)
        for inner, outer, offset in tiles(height, width, self.tile, self.margin, lcm(self.multiple, self.grid)):
            part = self._fuse_padded(infrared[..., *outer], visible[..., *outer])
            fused[..., *inner] = part[..., *offset]
        return fused

    def _fuse_padded(self, infrared: Tensor, visible: Tensor) -> Tensor:
        height, width = infrared.shape[-2:]
        below, right = -height % self.multiple, -width % self.multiple
        if below or right:
            mode = "reflect" if below < height and right < width else "replicate"
            infrared, visible = (pad(image, (0, right, 0, below), mode) for image in (infrared, visible))
        fused = self.fuse_planes(infrared, visible)
        if fused.shape != visible.shape or not fused.is_floating_point():
            found = f"{fused.dtype} {list(fused.shape)}"
            raise FusionError(f"{self.name} returned {found} for sources of {visible.dtype} {list(visible.shape)}")
        fused = fused[..., :height, :width].to(visible.dtype)
        if not self.clips:
            self._check_range(fused)
        return fused

    def _check_range(self, fused: Tensor) -> None:
        low, high = float(fused.min()), float(fused.max())
        if low < -RANGE_SLACK or high > 1 + RANGE_SLACK:
            raise FusionError(
                f"{self.name} gave values from {low:.4g} to {high:.4g}, expected 0 to 1: scale them in fuse_planes "
                "(from -1..1: (x + 1) / 2), or state clips = True in the class if cutting them off is meant"
            )


def _state_of(value: object) -> str:
    """The hash of a module's or tensor's content, a plain value's text, "" for anything else."""
    if isinstance(value, torch.nn.Module):
        return hash_of_tensors(value.state_dict())
    if isinstance(value, Tensor):
        return hash_of_tensors({"": value})
    return repr(value) if isinstance(value, bool | int | float | str | Path) else ""


def hash_of_tensors(tensors: Mapping[str, object]) -> str:
    """SHA-256 of names, types, shapes and contents of a module's parameters and buffers."""
    parts = []
    for name, tensor in sorted(tensors.items()):
        if isinstance(tensor, Tensor):
            content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            parts.append(f"{name} {tensor.dtype} {list(tensor.shape)} {sha256_bytes(content)}")
    return sha256_bytes("\n".join(parts).encode())


def resolve_device(device: str) -> str:
    """ "auto" to "cuda" where there is one, else "cpu"; raises `FusionError` for a device that is not there."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise FusionError(f"device {device!r} cannot be used ({reason}); try --device cpu") from error
    return device


def _check_sources(infrared: Tensor, visible: Tensor) -> None:
    if infrared.ndim != 4 or infrared.shape[1] != 1 or visible.ndim != 4 or visible.shape[1] not in (1, 3):
        found = f"{list(infrared.shape)} and {list(visible.shape)}"
        raise FusionError(f"expected infrared [B, 1, H, W] and visible [B, 1 or 3, H, W], found {found}")
    if infrared.shape[0] != visible.shape[0] or infrared.shape[2:] != visible.shape[2:]:
        raise FusionError(f"the sources differ in size: {list(infrared.shape)} and {list(visible.shape)}")
    for role, image in (("infrared", infrared), ("visible", visible)):
        if image.dtype != torch.float32 or not bool(((image >= 0) & (image <= 1)).all()):
            raise FusionError(f"{role} must be float32 in 0..1 (datasets.images.to_float makes it so)")
