"""Sheet: sources and fused images of a run side by side, because a number has not seen a picture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmark.config import ConfigError
from benchmark.runner import load_datasets
from benchmark.store import file_name
from benchmark.tables import read_description
from datasets.images import ImageError, read_image
from datasets.pairs import Pair, PairDataset, PairError
from fusion import FusedFolder, FusionError
from fusion.contact_sheet import contact_sheet
from fusion.reference.supervision import References, weighted_mean

DEFAULT_ROWS = 4
TAUGHT = "reference", "enhanced", "mean of all"


def run_sheet(
    run: Path,
    pairs: Sequence[str] | None,
    methods: Sequence[str] | None,
    width: int,
    references: Path | None = None,
) -> Tensor:
    """Contact sheet of a run directory: a row a pair; columns infrared, visible, then the methods.

    Args:
        run: run directory.
        pairs: names of pairs; None: four, spread over the first data set.
        methods: names of methods; None: all.
        width: of one picture in pixels.
        references: folder of ``python -m fusion references``; the best reference of each pair, what enhancement made of
            it, and the weighted mean of all follow the sources.

    Returns:
        ``uint8 [3, H, W]``; a method's cell stays empty where it has no image.

    Raises:
        ConfigError: unknown pair or method, no run directory, or references of none of the pairs.
        FusionError: no folder of references.
    """
    config, description = read_description(run)
    chosen = list(methods or description["methods"])
    unknown = sorted(set(chosen) - set(description["methods"]))
    if unknown:
        raise ConfigError(f"{run} has no method {', '.join(unknown)}; it has {', '.join(description['methods'])}")
    folders = {folder.name: folder for folder in map(FusedFolder.parse, config.fused)}
    data = _with_pairs(load_datasets(config), pairs)
    taught = None if references is None else _references(references, data)
    rows = []
    for pair in data:
        cells = _sources(pair)
        if taught is not None:
            cells += taught.get(pair.name) or [torch.full_like(cells[0][:1], 255)] * len(TAUGHT)
        for method in chosen:
            own = run / "fused" / file_name(data.name) / file_name(method) / f"{pair.name}.png"
            image = _image(folders.get(method), own, pair.name)
            cells.append(torch.full_like(cells[0][:1], 255) if image is None else image)
        rows.append(cells)
    titles = ["infrared", "visible", *(TAUGHT if taught else ()), *chosen]
    return contact_sheet(rows, titles, [pair.name for pair in data], width)


def _with_pairs(sets: Sequence[PairDataset], pairs: Sequence[str] | None) -> PairDataset:
    if pairs is None:
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


def _references(folder: Path, data: PairDataset) -> dict[str, list[Tensor]]:
    """By pair: the best reference before and after enhancement, and the weighted mean of all; see `TAUGHT`."""
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


def _image(folder: FusedFolder | None, own: Path, pair: str) -> Tensor | None:
    try:
        return read_image(folder.find(pair) if folder else own)
    except (ImageError, FusionError):
        return None
