"""Decoding: the bytes of an image file to levels as they are stored, whatever their depth.

Pillow reads files of 8 bits a channel. What it would round, scale or drop is read by what keeps it: other TIFFs by
tifffile, PNGs of 16 bits a colour channel by OpenCV, PNMs of more than 8 bits here. A file of several pictures or
bands is read by page and band; where none is asked for, it is refused.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ivif.errors import IvifError

MAX_PIXELS = 100_000_000
"""Pixels from which a file is taken for a mistake or an attack, not for a picture."""

Image.MAX_IMAGE_PIXELS = MAX_PIXELS

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG = b"\x89PNG\r\n\x1a\n"
_ALPHA = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
_HIDDEN = tifffile.FILETYPE.REDUCEDIMAGE | tifffile.FILETYPE.MASK

RGBT = "'PATH#band=4' is the infrared picture, 'PATH#band=1-3' the visible one"
"""How a file of four channels is read whose last is a thermal picture."""


class ImageError(IvifError, ValueError):
    """An image that cannot be used; the message names the file, what was found and what to do."""


class Selection(NamedTuple):
    """What is read of a file.

    Attributes:
        page: of a file with several pictures, from 1 on; None: it has one.
        bands: one or three channels, from 1 on; empty: grey or RGB as the file says.
    """

    page: int | None = None
    bands: tuple[int, ...] = ()


WHOLE = Selection()


class Levels(NamedTuple):
    """A picture as it is stored.

    Attributes:
        values: ``[H, W]`` grey or ``[H, W, 3]`` RGB; ``uint8`` are ready, other types need a range.
        white_is_zero: whether the lowest value of `values` that are no ``uint8`` is white.
    """

    values: NDArray
    white_is_zero: bool = False


def decode(data: bytes, name: str, part: Selection = WHOLE) -> Levels:
    """The picture in the bytes of a file; `name` is what error messages call it.

    Raises:
        ImageError: damaged, no known format, several pictures or bands of which none was asked for, real transparency,
            colour spaces without unique RGB.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes); fetch or export it again")
    try:
        if data[:4] in _TIFF:
            return _tiff(data, name, part)
        if depth := _pnm_depth(data):
            return _pnm(data, name, part, depth)
        _check_single_pnm(data, name)
        if _is_deep_colour_png(data):
            return _deep_png(data, name, part)
        return Levels(_by_pillow(data, name, part))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not an image in a known format (PNG, JPEG, BMP, TIFF, PNM, WebP)") from error
    except Exception as error:  # readers raise whatever a damaged file makes of their code
        reason = str(error) or type(error).__name__
        raise ImageError(f"{name}: damaged or truncated ({reason}); fetch or export it again") from error


def _by_pillow(data: bytes, name: str, part: Selection) -> NDArray:
    """A picture of 8 bits a channel, or whatever depth in one grey channel."""
    if data.startswith(_PNG) and data[25:26] == b"\3" and b"PLTE" not in data:
        raise ValueError("its palette is missing")  # Pillow shows black
    with Image.open(io.BytesIO(data)) as image:
        # The further pictures of a camera's JPEG (MPO) are its previews and views; the first is the picture.
        count = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        image.seek(_page(count, name, part) if image.format != "MPO" else 0)
        image.load()
        picture = ImageOps.exif_transpose(image)
    return plain(picture, name, part.bands)


def _has_clear_level(picture: Image.Image) -> bool:
    """Whether a grey picture has pixels of the one level that its file calls transparent."""
    return "transparency" in picture.info and bool((np.asarray(picture) == picture.info["transparency"]).any())


def plain(picture: Image.Image, name: str, bands: Sequence[int] = ()) -> NDArray:
    """A Pillow image's grey or RGB levels, or an `ImageError` that says why there are none."""
    if bands:
        return select_bands(np.asarray(picture.convert("RGB") if picture.mode == "P" else picture), bands, name)
    if "transparency" in picture.info and picture.mode in ("1", "L", "RGB", "P"):
        picture = picture.convert("LA" if picture.mode in ("1", "L") else "RGBA")
    elif picture.mode == "P":
        picture = picture.convert("RGB")
    elif picture.mode.startswith("I") and _has_clear_level(picture):
        raise _transparent(name, 1)
    if picture.mode in ("LA", "RGBA", "PA"):
        if picture.getchannel("A").getextrema() != (255, 255):
            raise _transparent(name, len(picture.getbands()))
        picture = picture.convert("L" if picture.mode == "LA" else "RGB")
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode in ("L", "RGB", "F") or picture.mode.startswith("I"):
        return np.array(picture)
    raise ImageError(f"{name}: colour space {picture.mode} has no unique RGB meaning; convert it to RGB or grey")


def _transparent(name: str, channels: int) -> ImageError:
    thermal = f"; or, if its fourth channel is a thermal picture (RGBT, as in MFNet), read it by bands: {RGBT}"
    more = thermal if channels == 4 else ""
    return ImageError(f"{name}: has transparent pixels; flatten it onto a background first{more}")


def _page(count: int, name: str, part: Selection) -> int:
    """The 0-based page that is asked for."""
    if part.page is None:
        if count > 1:
            raise ImageError(
                f"{name}: holds {count} pictures (pages); say which is meant: 'PATH#page=1' to 'PATH#page={count}'"
            )
        return 0
    if not 1 <= part.page <= count:
        raise ImageError(f"{name}: has no page {part.page}; pages are 1 to {count}")
    return part.page - 1


def select_bands(values: NDArray, bands: Sequence[int], name: str) -> NDArray:
    """The channels that are asked for, from 1 on, of ``[H, W]`` or ``[H, W, C]``."""
    values = values[..., None] if values.ndim == 2 else values
    if not all(1 <= band <= values.shape[2] for band in bands):
        raise ImageError(f"{name}: has {values.shape[2]} bands, of which {', '.join(map(str, bands))} were asked for")
    if len(bands) not in (1, 3):
        raise ImageError(f"{name}: a picture is made of 1 band or 3, asked for were {len(bands)}")
    chosen = values[..., [band - 1 for band in bands]]
    return np.ascontiguousarray(chosen[..., 0] if len(bands) == 1 else chosen)


def _tiff(data: bytes, name: str, part: Selection) -> Levels:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        pages = [page for page in _pages(file) if not page.subfiletype & _HIDDEN]
        if not pages:
            raise ImageError(f"{name}: a TIFF without a picture")
        first = pages[0]
        in_one = file.series[0].size // max(1, first.size) if len(pages) == 1 else 1  # ImageJ's way of a stack
        index = _page(max(len(pages), in_one), name, part)
        page = first if in_one > 1 else pages[index]
        if page.imagewidth * page.imagelength * page.samplesperpixel > MAX_PIXELS:
            raise ImageError(f"{name}: announces {page.imagewidth}x{page.imagelength} pixels; too large for a picture")
        if in_one == 1 and not part.bands and _is_plain(page):
            return Levels(_by_pillow(data, name, Selection(page.index + 1)))
        _check_segments(page, len(data))
        values = file.series[0].asarray().reshape(in_one, *page.shape)[index] if in_one > 1 else page.asarray()
    return _tiff_levels(values, page, name, part.bands)


def _pages(file: tifffile.TiffFile) -> Iterator[tifffile.TiffPage]:
    """All pages, of which each says where the next one is: in a damaged file, before it."""
    seen: set[int] = set()
    for page in file.pages:
        whole = page.aspage()
        if whole.offset in seen:
            raise ValueError("its pages go round in a circle")
        seen.add(whole.offset)
        yield whole


def _is_plain(page: tifffile.TiffPage) -> bool:
    """Whether Pillow reads the page as it is: up to 8 bits, grey or colour, at most with transparency besides."""
    kind, more = tifffile.PHOTOMETRIC, len(page.extrasamples)
    channels = {kind.MINISWHITE: 1, kind.MINISBLACK: 1, kind.PALETTE: 1, kind.RGB: 3, kind.YCBCR: 3, kind.SEPARATED: 4}
    return (
        page.bitspersample <= 8
        and page.sampleformat == tifffile.SAMPLEFORMAT.UINT
        and page.imagedepth == 1
        and page.samplesperpixel == channels.get(kind(page.photometric), 0) + more
        and (not more or (more == 1 and page.extrasamples[0] in _ALPHA))
    )


def _check_segments(page: tifffile.TiffPage, size: int) -> None:
    """Refuse pages whose data is not all there: tifffile would fill them with zeros."""
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        if not count or offset + count > size:
            raise ValueError("a part of the picture is missing")


def _tiff_levels(values: NDArray, page: tifffile.TiffPage, name: str, bands: Sequence[int]) -> Levels:
    kind, samples, more = tifffile.PHOTOMETRIC, page.samplesperpixel, len(page.extrasamples)
    if values.ndim != (2 if samples == 1 else 3) or values.dtype.kind not in "uifb":
        raise ImageError(f"{name}: {values.dtype} data of shape {list(values.shape)} is no picture; convert it")
    if samples > 1 and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values, 0, -1)
    if bands:
        values = select_bands(values, bands, name)
    elif samples == 4 and more == 1 and page.photometric == kind.RGB and page.extrasamples[0] in _ALPHA:
        if (values[..., 3] != _white(values.dtype)).any():
            raise _transparent(name, 4)
        values = values[..., :3]
    elif samples != {kind.MINISWHITE: 1, kind.MINISBLACK: 1, kind.RGB: 3}.get(kind(page.photometric)):
        raise ImageError(
            f"{name}: {samples} bands ({kind(page.photometric).name}) make no unique picture; say which are meant: "
            + (RGBT if samples == 4 else "'PATH#band=1', or three as in #band=1-3")
        )
    values = _turned(values, int(page.tags.valueof(274, default=1)))
    if page.bitspersample < 8 and values.dtype.kind in "ub":
        values = (values.astype(np.float64) * 255 / (2**page.bitspersample - 1) + 0.5).astype(np.uint8)
    white_is_zero = page.photometric == kind.MINISWHITE
    if values.dtype == np.uint8 and white_is_zero:
        return Levels(255 - values)
    return Levels(values, white_is_zero)


def _white(kind: np.dtype) -> float:
    return 1.0 if kind.kind == "f" else float(np.iinfo(kind).max)


_TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
"""What the EXIF orientations ask for."""


def _turned(values: NDArray, orientation: int) -> NDArray:
    return np.ascontiguousarray(_TURNS.get(orientation, lambda a: a)(values))


def _is_deep_colour_png(data: bytes) -> bool:
    """Whether a PNG has 16 bits a channel and more than one channel: Pillow keeps the high byte of these."""
    return data.startswith(_PNG) and len(data) > 25 and data[24] == 16 and data[25] != 0


def _deep_png(data: bytes, name: str, part: Selection) -> Levels:
    with Image.open(io.BytesIO(data)) as image:
        _page(getattr(image, "n_frames", 1), name, part)
        image.load()  # Pillow looks at checksums and the end of the file, OpenCV doesn't
        orientation = image.getexif().get(0x0112, 1)
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.ndim != 3:
        raise ValueError("OpenCV cannot decode it")
    values = values[..., [2, 1, 0, *range(3, values.shape[2])]]
    if not part.bands and values.shape[2] == 4:
        if (values[..., 3] != _white(values.dtype)).any():
            raise _transparent(name, 4)
        values = values[..., :3]
    return Levels(_turned(select_bands(values, part.bands or (1, 2, 3), name), orientation))


_PNM_HEADER = re.compile(rb"P([2356])((?:\s|#[^\n]*\n)+(\d+)){3}\s")


def _pnm_depth(data: bytes) -> int:
    """The highest value of a PGM or PPM of more than 8 bits; 0 for other files."""
    head = _PNM_HEADER.match(data[:4096])
    highest = int(head[3]) if head and len(head[3]) < 6 else 0
    return highest if 255 < highest < 65536 else 0


def _check_single_pnm(data: bytes, name: str) -> None:
    """Refuse binary PGMs and PPMs of 8 bits that hold several pictures: Pillow reads the first one."""
    head = _PNM_HEADER.match(data[:4096])
    if head is not None and head[1] in b"56":
        width, height = _pnm_size(head)
        end = head.end() + width * height * (3 if head[1] == b"6" else 1)
        if _PNM_HEADER.match(data[end : end + 4096].lstrip()):
            raise _several_pnms(name)


def _several_pnms(name: str) -> ImageError:
    return ImageError(f"{name}: holds several pictures; write each to a file of its own")


def _pnm_size(head: re.Match[bytes]) -> tuple[int, int]:
    """Width and height."""
    width, height = (int(text) for text in re.sub(rb"#[^\n]*\n", b" ", head[0]).split()[1:3])
    return width, height


def _pnm(data: bytes, name: str, part: Selection, highest: int) -> Levels:
    """A PGM or PPM in its own counts, which Pillow stretches to 0..65535 or cuts to 8 bits."""
    head = _PNM_HEADER.match(data)
    assert head is not None
    width, height = _pnm_size(head)
    channels = 3 if head[1] in b"36" else 1
    count = width * height * channels
    if not 0 < count <= MAX_PIXELS:
        raise ImageError(f"{name}: announces {width}x{height} pixels; no picture has that size")
    if head[1] in b"56":
        rest = data[head.end() + 2 * count :]
        if rest.lstrip()[:1] == b"P":
            raise _several_pnms(name)
        values = np.frombuffer(data, ">u2", count, head.end()).astype(np.uint16)
    else:
        words = re.sub(rb"#[^\n]*", b"", data[head.end() - 1 :]).split()[:count]
        values = np.array([int(word) for word in words], dtype=np.uint16)
    if values.size != count or (values > highest).any():
        raise ValueError("its values are not those that it announces")
    _page(1, name, part)
    values = values.reshape((height, width, 3) if channels == 3 else (height, width))
    return Levels(select_bands(values, part.bands, name) if part.bands else values)
