"""Colour: whether fused images have colours that their visible images do not have, which no metric sees.

Metrics look at luminance, where a magenta street scores as well as a grey one. What is measured here is this project's
own: no paper defines it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ivif.benchmark.run_directory import Run
from ivif.datasets.files import write_atomic
from ivif.datasets.images import ImageError, rgb_to_ycbcr, to_float
from ivif.datasets.pairs import Pair, PairDataset, PairError
from ivif.fusion import FusionError
from ivif.fusion.results import ResultFiles

COLOURS_FILE = "colours.json"
"""What was measured, in the run directory, with the hashes of the fused files."""

STRANGE = 10.0
"""Foreign chroma from which the colours of an image are called strange; results that put the visible image's chroma
back stay below 2."""

SAMPLED = 4
"""Every so many rows and columns are looked at."""


@dataclass(frozen=True)
class Colours:
    """The colours of one method on one data set.

    Attributes:
        chroma: foreign chroma by pair, see `foreign_chroma`.
    """

    chroma: Mapping[str, float]

    @property
    def strange(self) -> list[str]:
        """Pairs whose fused images have strange colours, the worst first."""
        return sorted((name for name, value in self.chroma.items() if value > STRANGE), key=lambda n: -self.chroma[n])


def foreign_chroma(fused: Tensor, visible: Tensor) -> float:
    """Mean distance of each pixel's chroma from what the visible image has there, or a paler shade of it.

    ``mean min over 0 <= t <= 1 of |f - t v|``, f and v: (Cb, Cr) of BT.601 in levels, 0 for grey. A grey or pale result
    has none.

    Args:
        fused, visible: ``uint8 [1 or 3, H, W]`` of one size.
    """
    own, true = (_chroma(image) for image in (fused, visible))
    share = ((own * true).sum(0) / (true * true).sum(0).clamp_min(1e-9)).clamp(0, 1)
    return float((own - share * true).norm(dim=0).mean())


def _chroma(image: Tensor) -> Tensor:
    """``float32 [2, H, W]``, -127.5..127.5."""
    sampled = to_float(image[:, ::SAMPLED, ::SAMPLED].expand(3, -1, -1))
    return (rgb_to_ycbcr(sampled[None])[0, 1:] - 0.5) * 255


def colours_of(run: Run, sets: Sequence[PairDataset]) -> dict[str, dict[str, Colours]]:
    """The colours of a run's fused images by data set and method; those that cannot be read have none.

    What was measured before is kept in the run directory, and holds as long as the files are the same.

    Args:
        run: the run.
        sets: its data sets, see `Run.datasets`.
    """
    path = run.folder / COLOURS_FILE
    known, hashes = _read(path), _file_hashes(run)
    before = len(known)
    found: dict[str, dict[str, Colours]] = {}
    for data in sets:
        files = {name: own for name in run.methods if (own := results_or_none(run, name, data.name))}
        chroma: dict[str, dict[str, float]] = {name: {} for name in files}
        for pair in data:
            keys = {name: f"{data.name}/{pair.name}/{hashes.get((data.name, name, pair.name), '')}" for name in files}
            known |= _measured(pair, {keys[name]: own for name, own in files.items() if keys[name] not in known})
            for name, key in keys.items():
                if key in known:
                    chroma[name][pair.name] = known[key]
        found[data.name] = {name: Colours(own) for name, own in chroma.items()}
    if len(known) > before:
        write_atomic(path, json.dumps(known, indent=0).encode())
    return found


def _file_hashes(run: Run) -> dict[tuple[str, str, str], str]:
    return {(row.dataset, row.method, row.pair): row.fused_sha256 for row in run.rows()}


def _read(path: Path) -> dict[str, float]:
    """What was measured before; nothing where the file is missing or damaged, for all can be measured again."""
    try:
        return {str(key): float(value) for key, value in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def results_or_none(run: Run, method: str, dataset: str) -> ResultFiles | None:
    """What a method made of a data set; None where its folder is gone."""
    try:
        return run.results(method, dataset)
    except FusionError:
        return None


def _measured(pair: Pair, due: Mapping[str, ResultFiles]) -> dict[str, float]:
    """Foreign chroma of a pair's results by key; what cannot be read or compared is left out."""
    if not due:
        return {}
    try:
        visible = pair.read().visible
    except (ImageError, PairError):
        return {}
    found = {}
    for key, own in due.items():
        try:
            image = own.image(pair)
        except (ImageError, FusionError):
            continue
        if image.shape[1:] == visible.shape[1:]:
            found[key] = foreign_chroma(image, visible)
    return found
