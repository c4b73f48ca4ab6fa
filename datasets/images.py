"""Images: files to tensors and back, colour, and 8-bit against floating point.

Files become ``uint8`` tensors ``[C, H, W]`` with C = 1 (grey) or 3 (RGB). Everything that could be read
in two ways (16 bit, transparency, CMYK) is refused with the reason and what to do, never guessed.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ivif.datasets.files import write_atomic
from ivif.errors import IvifError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".pgm", ".ppm", ".webp")

Image.MAX_IMAGE_PIXELS = 100_000_000


class ImageError(IvifError, ValueError):
    """An image that cannot be used; the message names the file, what was found and what to do."""


def read_image(path: Path, value_range: tuple[float, float] | None = None) -> Tensor:
    """Read an image file as ``uint8 [1 or 3, H, W]``.

    Palettes are expanded, EXIF orientation is applied, an alpha channel that is opaque everywhere is dropped.

    Args:
        path: PNG, JPEG, BMP, TIFF, PNM or WebP.
        value_range: (low, high) of a 16-bit, 32-bit or float file; mapped linearly to 0..255, rounded.
            8-bit files ignore it.

    Raises:
        ImageError: unreadable or truncated file; more than 8 bit without `value_range`; real transparency; CMYK
            and other colour spaces.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from error
    return decode_image(data, str(path), value_range)


def parse_range(text: str) -> tuple[float, float]:
    """A value range as given on a command line, "LOW:HIGH"; raises `ValueError` for anything else."""
    low, _, high = text.partition(":")
    return float(low), float(high)


def decode_image(data: bytes, name: str, value_range: tuple[float, float] | None = None) -> Tensor:
    """`read_image` on the bytes of a file; `name` is what error messages call it."""
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes); fetch or export it again")
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            picture = ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not an image in a known format (PNG, JPEG, BMP, TIFF, PNM, WebP)") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"{name}: damaged or truncated ({error}); fetch or export it again") from error
    if picture.mode not in ("L", "I;16", "I") and _png_bit_depth(data) == 16:
        raise ImageError(f"{name}: 16 bits per colour channel; convert it to 8 bits")
    return _to_tensor(_to_plain(picture, name, value_range))


def from_pillow(picture: Image.Image, name: str = "image") -> Tensor:
    """A Pillow image as `read_image` gives it from a file, ``uint8 [1 or 3, H, W]``; raises `ImageError` likewise."""
    return _to_tensor(_to_plain(picture, name, None))


def _png_bit_depth(data: bytes) -> int | None:
    """Bits per channel of a PNG (Pillow silently keeps the high byte of 16-bit colour), None for other formats."""
    return data[24] if data.startswith(b"\x89PNG\r\n\x1a\n") else None


def _to_plain(picture: Image.Image, name: str, value_range: tuple[float, float] | None) -> Image.Image:
    """An 8-bit grey ('L') or RGB image, or an `ImageError` that says why there is none."""
    if "transparency" in picture.info and picture.mode in ("1", "L", "RGB", "P"):
        picture = picture.convert("LA" if picture.mode in ("1", "L") else "RGBA")
    elif picture.mode == "P":
        picture = picture.convert("RGB")
    if picture.mode in ("LA", "RGBA", "PA"):
        if picture.getchannel("A").getextrema() != (255, 255):
            raise ImageError(f"{name}: has transparent pixels; flatten it onto a background first")
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _scaled(picture, name, value_range)
    raise ImageError(f"{name}: colour space {picture.mode} has no unique RGB meaning; convert it to RGB or grey")


def _scaled(picture: Image.Image, name: str, value_range: tuple[float, float] | None) -> Image.Image:
    values = np.asarray(picture, dtype=np.float64)
    if value_range is None:
        raise ImageError(
            f"{name}: {picture.mode} data with values {values.min():g}..{values.max():g} instead of 8 bit; "
            "declare the range that maps to black and white (--value-range LOW:HIGH) or convert it to 8 bit"
        )
    low, high = value_range
    if low == high:
        raise ImageError(f"{name}: the declared range {low:g}:{high:g} has no extent")
    if not np.isfinite(values).all():
        raise ImageError(f"{name}: has NaN or infinite values; replace them first")
    levels = np.clip(np.floor((values - low) / (high - low) * 255 + 0.5), 0, 255)
    return Image.fromarray(levels.astype(np.uint8))


def _to_tensor(picture: Image.Image) -> Tensor:
    array = np.array(picture, dtype=np.uint8)
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
