"""Images: files to tensors and back, colour, and 8-bit against floating point.

Files become ``uint8`` tensors ``[C, H, W]`` with C = 1 (grey) or 3 (RGB). Everything that could be read in two ways
(more than 8 bit, several pages, transparency, CMYK) is refused with the reason and what to do, never guessed.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ivif.datasets.decoding import WHOLE, ImageError, Levels, Selection, decode, plain
from ivif.datasets.files import write_atomic

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".webp")

Range = tuple[float, float]
"""What is black and what is white in files of more than 8 bit."""


class DepthError(ImageError):
    """A file of more than 8 bit whose black and white nobody declared; `found` says what it holds."""

    def __init__(self, found: str, remedy: str = "--value-range LOW:HIGH, or auto") -> None:
        self.found = found
        super().__init__(f"{found}; declare the range that maps to black and white ({remedy}) or convert it to 8 bit")


def read_image(path: Path, value_range: Range | None = None, part: Selection = WHOLE) -> Tensor:
    """Read an image file as ``uint8 [1 or 3, H, W]``.

    Palettes are expanded, EXIF orientation is applied, an alpha channel that is opaque everywhere is dropped.

    Args:
        path: PNG, JPEG, BMP, TIFF, PNM or WebP.
        value_range: (low, high) of a file of more than 8 bit, in its own counts; mapped linearly to 0..255, rounded;
            where 0 is white (TIFF), low is. 8-bit files ignore it.
        part: page and bands, where the file has several.

    Raises:
        ImageError: unreadable or truncated file; more than 8 bit without `value_range`; several pages or bands and no
            `part`; real transparency; CMYK and other colour spaces.
    """
    return decode_image(_bytes(path), str(path), value_range, part)


def read_levels(path: Path, part: Selection = WHOLE) -> NDArray:
    """The levels of a file as they are stored, ``[H, W]`` or ``[H, W, 3]``; ``uint8`` where no range is needed."""
    return decode(_bytes(path), str(path), part).values


def _bytes(path: Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from error


def parse_range(text: str) -> Range | Literal["auto"]:
    """A value range as given on a command line, "LOW:HIGH" or "auto"; raises `ValueError` for anything else."""
    if text == "auto":
        return "auto"
    low, _, high = text.partition(":")
    return float(low), float(high)


def decode_image(data: bytes, name: str, value_range: Range | None = None, part: Selection = WHOLE) -> Tensor:
    """`read_image` on the bytes of a file; `name` is what error messages call it."""
    return _to_tensor(_scaled(decode(data, name, part), name, value_range))


def from_pillow(picture: Image.Image, name: str = "image") -> Tensor:
    """A Pillow image as `read_image` gives it from a file, ``uint8 [1 or 3, H, W]``; raises `ImageError` likewise."""
    return _to_tensor(_scaled(Levels(plain(picture, name)), name, None))


def _scaled(levels: Levels, name: str, value_range: Range | None) -> NDArray[np.uint8]:
    """Levels of 8 bit, or an `ImageError` that says why there are none."""
    if levels.values.dtype == np.uint8:
        return levels.values
    values = levels.values.astype(np.float64)
    if value_range is None:
        extent = f"values {values.min():g}..{values.max():g}" if values.size else "no values"
        raise DepthError(f"{name}: {levels.values.dtype} data with {extent} instead of 8 bit")
    low, high = value_range
    if low == high:
        raise ImageError(f"{name}: the declared range {low:g}:{high:g} has no extent")
    if not np.isfinite(values).all():
        raise ImageError(f"{name}: has NaN or infinite values; replace them first")
    scaled = np.clip(np.floor((values - low) / (high - low) * 255 + 0.5), 0, 255).astype(np.uint8)
    return 255 - scaled if levels.white_is_zero else scaled


def _to_tensor(array: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(array)[None] if array.ndim == 2 else torch.from_numpy(array).permute(2, 0, 1).contiguous()


def write_png(path: Path, image: Tensor) -> None:
    """Write ``uint8 [1 or 3, H, W]`` as PNG; the file appears whole or not at all."""
    write_atomic(path, encode_png(image))


def encode_png(image: Tensor) -> bytes:
    """The bytes of a PNG file that holds ``uint8 [1 or 3, H, W]`` without loss."""
    array = image.permute(1, 2, 0).cpu().numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[2] == 1 else array).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def luminance(image: Tensor) -> Tensor:
    """BT.601 luminance, ``0.299 R + 0.587 G + 0.114 B`` rounded: ``uint8 [..., 1 or 3, H, W]`` to ``[..., 1, H, W]``.

    Integer arithmetic, so that every machine rounds alike. Grey images pass unchanged.
    """
    if image.shape[-3] == 1:
        return image
    red, green, blue = image.to(torch.int32).unbind(-3)
    return ((299 * red + 587 * green + 114 * blue + 500) // 1000).to(torch.uint8).unsqueeze(-3)


def to_float(image: Tensor) -> Tensor:
    """``uint8`` 0..255 to ``float32`` 0..1."""
    return image.to(torch.float32) / 255


def to_uint8(image: Tensor) -> Tensor:
    """Float 0..1 to ``uint8`` 0..255: clipped, rounded to nearest."""
    return (image.clamp(0, 1) * 255).round().to(torch.uint8)


def rgb_to_ycbcr(image: Tensor) -> Tensor:
    """RGB to full-range YCbCr (ITU-R BT.601, as in JPEG); float ``[..., 3, H, W]`` in 0..1, chroma centred at 0.5."""
    red, green, blue = image.unbind(-3)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return torch.stack((luma, (blue - luma) / 1.772 + 0.5, (red - luma) / 1.402 + 0.5), dim=-3)


def ycbcr_to_rgb(image: Tensor) -> Tensor:
    """Inverse of `rgb_to_ycbcr`; not clipped."""
    luma, cb, cr = image.unbind(-3)
    red, blue = luma + 1.402 * (cr - 0.5), luma + 1.772 * (cb - 0.5)
    return torch.stack((red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue), dim=-3)
