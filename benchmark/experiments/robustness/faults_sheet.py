"""Sheet of faults: one pair under every corruption, at severities side by side, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ivif.datasets.corruptions import Corruption, CorruptionLevel, corrupted, find_corruption
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairImages
from ivif.fusion.contact_sheet import contact_sheet
from ivif.fusion.results import parse


def faults_sheet(
    pair: Pair, levels: Sequence[CorruptionLevel], data: str, seed: int = 0, width: int = 240, method: str = ""
) -> Tensor:
    """Rows of corruptions, columns of severities: the spoilt source, and beside them what a method makes of them.

    Of misregistered pairs both sources are shown as one picture: the infrared in red, the visible in the other colours.

    Args:
        pair: the clean pair.
        levels: see `datasets.corruptions.levels_of`; the clean one becomes the first column.
        data: the data set's name.
        seed: of the patterns.
        width: of one picture in pixels.
        method: whose fused images stand beside the sources; "": none.

    Returns:
        ``uint8 [3, H, W]``.
    """
    names = list(dict.fromkeys(level.corruption for level in levels if level.severity))
    severities = sorted({level.severity for level in levels if level.severity})
    results = parse(method) if method else None
    rows = []
    for name in names:
        spoilt = [corrupted(pair, CorruptionLevel(name, severity), data, seed) for severity in severities]
        pairs = [pair, *spoilt]
        row = [_shown(own.read(), find_corruption(name)) for own in pairs]
        rows.append(row + ([results.image(own) for own in pairs] if results else []))
    titles = ["clean", *(f"severity {severity}" for severity in severities)]
    titles += [f"{method}, {title}" for title in titles] if results else []
    return contact_sheet(rows, titles, names, width)


def _shown(images: PairImages, corruption: Corruption) -> Tensor:
    """The source that a corruption spoils; both upon one another where they are displaced."""
    if not corruption.moves:
        return images.infrared if corruption.camera == "infrared" else images.visible
    visible = luminance(images.visible)
    return torch.cat((images.infrared, visible, visible))
