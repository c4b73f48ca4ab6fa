"""Contact sheet: images side by side in a labelled grid, to look at results."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

GAP = 4
"""Pixels of background around every cell."""

_BACKGROUND, _INK = (255, 255, 255), (0, 0, 0)


def contact_sheet(
    rows: Sequence[Sequence[Tensor]],
    column_titles: Sequence[str],
    row_titles: Sequence[str],
    width: int = 240,
) -> Tensor:
    """Lay images out in rows and columns, titles above and to the left.

    Every image is scaled to `width` with its aspect ratio kept, by area averaging, which adds no ringing that could
    be mistaken for a method's own; a row is as high as its highest image. Titles that don't fit are shortened.

    Args:
        rows: ``uint8 [1 or 3, H, W]`` images; each row has one image a column.
        column_titles: one a column.
        row_titles: one a row.
        width: of a cell in pixels.

    Returns:
        ``uint8 [3, H, W]``.

    Raises:
        ValueError: no image, titles and images differ in number, or a tensor that is no 8-bit image.
    """
    _check(rows, column_titles, row_titles)
    cells = [[_scaled(image, width) for image in row] for row in rows]
    font, line = _font(width)
    names = [_shortened(title, font, width) for title in row_titles]
    left = GAP + max(round(font.getlength(name)) for name in names)
    heights = [max(cell.height for cell in row) for row in cells]
    size = left + GAP + len(column_titles) * (width + GAP), line + 2 * GAP + sum(height + GAP for height in heights)

    sheet = Image.new("RGB", size, _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    columns = [left + GAP + index * (width + GAP) for index in range(len(column_titles))]
    for x, title in zip(columns, column_titles, strict=True):
        draw.text((x, GAP), _shortened(title, font, width), _INK, font)
    top = line + 2 * GAP
    for row, name, height in zip(cells, names, heights, strict=True):
        draw.text((GAP, top), name, _INK, font)
        for x, cell in zip(columns, row, strict=True):
            sheet.paste(cell, (x, top))
        top += height + GAP
    return _pixels(sheet)


def wrapped_sheet(
    rows: Sequence[Sequence[Tensor]],
    column_titles: Sequence[str],
    row_titles: Sequence[str],
    columns: int,
    width: int = 240,
) -> Tensor:
    """Lay images out in a grid that fits a screen: each row's images wrap, a name above each of them.

    Args:
        rows, column_titles, row_titles, width: see `contact_sheet`.
        columns: images beside one another at most.

    Returns:
        ``uint8 [3, H, W]``: the rows below one another, each under its title.

    Raises:
        ValueError: see `contact_sheet`; fewer than one column.
    """
    _check(rows, column_titles, row_titles)
    if columns < 1:
        raise ValueError(f"{columns} columns: a sheet takes 1 or more")
    font, line = _font(width)
    columns = min(columns, len(column_titles))
    cells = [[_scaled(image, width) for image in row] for row in rows]
    lines = [[row[start : start + columns] for start in range(0, len(row), columns)] for row in cells]
    title = line + GAP
    height = sum(title + sum(line + max(cell.height for cell in part) + 2 * GAP for part in row) for row in lines)
    sheet = Image.new("RGB", (GAP + columns * (width + GAP), height + GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    top = GAP
    for row, name in zip(lines, row_titles, strict=True):
        draw.text((GAP, top), _shortened(name, font, sheet.width - 2 * GAP), _INK, font, stroke_width=0.4)
        top += title
        names = iter(column_titles)
        for part in row:
            for place, cell in enumerate(part):
                x = GAP + place * (width + GAP)
                draw.text((x, top), _shortened(next(names), font, width), _INK, font)
                sheet.paste(cell, (x, top + line))
            top += line + max(cell.height for cell in part) + 2 * GAP
    return _pixels(sheet)


def _font(width: int) -> tuple[ImageFont.ImageFont | ImageFont.FreeTypeFont, int]:
    """For images of this width, and the height of a line."""
    font = ImageFont.load_default(size=max(10, min(18, width // 12)))
    return font, math.ceil(font.getbbox("Ág")[3])


def _pixels(sheet: Image.Image) -> Tensor:
    pixels = torch.frombuffer(bytearray(sheet.tobytes()), dtype=torch.uint8)
    return pixels.reshape(sheet.height, sheet.width, 3).permute(2, 0, 1).contiguous()


def _check(rows: Sequence[Sequence[Tensor]], column_titles: Sequence[str], row_titles: Sequence[str]) -> None:
    if not (rows and column_titles):
        raise ValueError("a contact sheet needs at least one image")
    if len(rows) != len(row_titles) or any(len(row) != len(column_titles) for row in rows):
        found = f"rows of {[len(row) for row in rows]} images"
        raise ValueError(f"{len(row_titles)} row titles and {len(column_titles)} column titles, but {found}")
    for image in (image for row in rows for image in row):
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3):
            raise ValueError(f"expected uint8 [1 or 3, H, W], found {image.dtype} {list(image.shape)}")


def _scaled(image: Tensor, width: int) -> Image.Image:
    picture = Image.fromarray(image.expand(3, -1, -1).permute(1, 2, 0).contiguous().cpu().numpy())
    return picture.resize((width, max(1, round(width * picture.height / picture.width))), Image.Resampling.BOX)


def _shortened(title: str, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """`title` on one line, cut from its end until it is at most `width` pixels long."""
    text = " ".join(title.split())
    kept = len(text)
    while kept and font.getlength(text) > width:
        kept -= 1
        text = f"{text[:kept].rstrip()}..." if kept else ""
    return text
