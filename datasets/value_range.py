"""Value ranges: black and white of files of more than 8 bit, measured where nobody declares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from ivif.datasets.images import ImageError, Range, read_levels
from ivif.datasets.sources import ImageFile, Source

PERCENTILES = (0.5, 99.5)
"""Shares of the levels, in percent, that become black and white."""

_FILES, _LEVELS = 50, 20_000
"""So many files of a camera are looked at, evenly spaced, and so many levels of each."""


def measured_range(sources: Sequence[Source]) -> Range | None:
    """The `PERCENTILES` of all pictures of one camera together, so that one temperature keeps one grey level.

    Returns:
        None where no file has more than 8 bit, or none can be read.
    """
    files = [source for source in sources if isinstance(source, ImageFile) and source.value_range is None]
    chosen = [files[place] for place in np.unique(np.linspace(0, len(files) - 1, _FILES).astype(int))] if files else []
    levels = []
    for file in chosen:
        try:
            values = read_levels(file.path, file.part)
        except ImageError:
            continue  # who reads it as a picture finds out why
        if values.dtype != np.uint8:
            flat = values.astype(np.float64).ravel()
            flat = flat[np.isfinite(flat)]
            levels.append(flat[:: max(1, flat.size // _LEVELS)])
    if not levels or not sum(map(len, levels)):
        return None
    low, high = (float(value) for value in np.percentile(np.concatenate(levels), PERCENTILES))
    return (low, high) if low < high else (low, low + 1)


def with_range(sources: Sequence[Source], value_range: Range | Literal["auto"] | None) -> list[Source]:
    """The pictures of one camera, files of more than 8 bit read with a range, or with `measured_range`.

    Files that have a range of their own keep it.
    """
    known = measured_range(sources) if value_range == "auto" else value_range
    return [
        replace(source, value_range=known) if isinstance(source, ImageFile) and source.value_range is None else source
        for source in sources
    ]
