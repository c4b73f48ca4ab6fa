"""Sheet of faults: one pair under every corruption, at severities side by side, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ivif.datasets.corruptions import CorruptionLevel, corrupted, find_corruption
from ivif.datasets.pairs import Pair
from ivif.fusion.contact_sheet import contact_sheet
from ivif.fusion.results import parse


def faults_sheet(
    pair: Pair, levels: Sequence[CorruptionLevel], data: str, seed: int = 0, width: int = 240, method: str = ""
) -> Tensor:
    """Rows of corruptions, columns of severities: the camera's picture that is spoilt, and what a method makes of it.

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
    severities = sorted({level.severity for level in levels})
    results = parse(method) if method else None
    rows = []
    for name in names:
        pairs = [corrupted(pair, CorruptionLevel(name, severity), data, seed) for severity in severities if severity]
        pairs = [pair, *pairs]
        camera = find_corruption(name).camera
        row = [getattr(shown.read(), camera) for shown in pairs]
        row += [results.image(shown) for shown in pairs] if results else []
        rows.append(row)
    titles = ["clean" if severity == 0 else f"severity {severity}" for severity in severities]
    titles += [f"{method}, {title}" for title in titles] if results else []
    return contact_sheet(rows, titles, names, width)
