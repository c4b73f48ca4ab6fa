"""Sheet: sources and fused images of a run side by side, because a number has not seen a picture."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from ivif.benchmark.config import ConfigError
from ivif.benchmark.run_directory import Run
from ivif.datasets.files import write_atomic
from ivif.datasets.images import ImageError, write_png
from ivif.datasets.pairs import Pair, PairDataset, PairError
from ivif.fusion import FusionError, Results
from ivif.fusion.contact_sheet import GAP, wrapped_sheet
from ivif.fusion.reference.supervision import References, weighted_mean

DEFAULT_ROWS = 4

SCREEN = 1920
"""Pixels of a screen's width."""

PDF_RESOLUTION = 300
"""Pixels an inch of a sheet in a PDF."""

REFERENCE_COLUMNS = "reference", "enhanced", "mean of all"


def run_sheet(
    run: Run,
    pairs: Sequence[str] = (),
    methods: Sequence[str] = (),
    width: int = 240,
    references: Path | None = None,
    columns: int = 0,
) -> Tensor:
    """Contact sheet of a run directory: pair by pair infrared, visible, then the methods.

    Args:
        run: the run.
        pairs: names of pairs; none: four, spread over the first data set.
        methods: names of methods; none: all.
        width: of one picture in pixels.
        references: folder of ``python -m fusion references``; the best reference of each pair, what enhancement made of
            it, and the weighted mean of all follow the sources.
        columns: images beside one another before they wrap; 0: as many as a screen shows (`SCREEN`).

    Returns:
        ``uint8 [3, H, W]``; a method's cell stays empty where it has no image.

    Raises:
        ConfigError: unknown pair or method, a data set that is gone, or references of none of the pairs.
        FusionError: no folder of references, or a folder of fused images that is gone.
    """
    run.check_methods(methods)
    data = _with_pairs(run.datasets(), pairs)
    results = {name: run.results(name, data.name) for name in methods or run.methods}
    referenced = None if references is None else reference_pictures(references, data)
    rows = []
    for pair in data:
        cells = _sources(pair)
        white = torch.full_like(cells[0][:1], 255)
        if referenced is not None:
            cells += referenced.get(pair.name) or [white] * len(REFERENCE_COLUMNS)
        for own in results.values():
            image = _image(own, pair)
            cells.append(white if image is None else image)
        rows.append(cells)
    titles = ["infrared", "visible", *(REFERENCE_COLUMNS if referenced else ()), *results]
    beside = columns or max(1, SCREEN // (width + GAP))
    return wrapped_sheet(rows, titles, [pair.name for pair in data], beside, width)


def write_sheet(path: Path, sheet: Tensor) -> None:
    """Write a sheet as PNG, or as PDF where the file is called so; raises `ConfigError` for another suffix."""
    match path.suffix.lower():
        case ".png":
            write_png(path, sheet)
        case ".pdf":
            buffer = io.BytesIO()
            Image.fromarray(sheet.permute(1, 2, 0).numpy()).save(buffer, "PDF", resolution=PDF_RESOLUTION)
            write_atomic(path, buffer.getvalue())
        case suffix:
            raise ConfigError(f"{path}: a sheet is written as .png or .pdf, not {suffix or 'without a suffix'}")


def _with_pairs(sets: Sequence[PairDataset], pairs: Sequence[str]) -> PairDataset:
    if not pairs:
        step = max(1, len(sets[0]) // DEFAULT_ROWS)
        return sets[0][::step][:DEFAULT_ROWS]
    for data in sets:
        if set(pairs) <= {pair.name for pair in data}:
            return data.select(pairs)
    raise ConfigError(f"no data set of the run has all of {', '.join(pairs)}")


def _sources(pair: Pair) -> list[Tensor]:
    """Infrared and visible, white where the pair cannot be read."""
    try:
        return list(pair.read())
    except (ImageError, PairError):
        return [torch.full((1, 3, 4), 255, dtype=torch.uint8)] * 2


def reference_pictures(folder: Path, data: PairDataset) -> dict[str, list[Tensor]]:
    """By pair, `REFERENCE_COLUMNS`: the best reference, what enhancement made of it, and the weighted mean of all."""
    references, found = References(folder), {}
    for pair in data:
        try:
            images, weights = references.read(pair.name)
        except (FusionError, ImageError) as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        try:
            before = references.candidate(pair.name)
        except ImageError as error:
            print(f"left out: {error}", file=sys.stderr)
            before = torch.full_like(images[:1], 255)
        found[pair.name] = [before, images[:1], weighted_mean(images[:, None], weights.tolist())]
    if not found:
        raise ConfigError(f"{folder} has references of none of these pairs")
    return found


def _image(results: Results, pair: Pair) -> Tensor | None:
    try:
        return results.image(pair)
    except (ImageError, FusionError):
        return None
