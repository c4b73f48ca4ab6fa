"""Calibration: how much of each corruption makes a severity, so that severities mean the same on all.

A severity is a mean SSIM of clean and corrupted source, see `datasets.corruptions.severities`. For every corruption the
mean over pairs is measured at an amount that lies between two others, where a straight line over the logarithm of
amounts has the target, until it is met within `TOLERANCE`. What displaces has its pixels, and their SSIM is told.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from joblib import cpu_count
from skimage.metrics import structural_similarity
from tabulate import tabulate
from torch import Tensor

from ivif.datasets.corruptions import (
    PIXELS,
    SEVERITIES,
    TARGETS,
    Corruption,
    CorruptionLevel,
    amounts,
    corrupted,
    corruption_names,
    find_corruption,
)
from ivif.datasets.corruptions.corrupted import clean_image
from ivif.datasets.corruptions.infrared import CROSSOVER
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairDataset
from ivif.datasets.progress import progress
from ivif.datasets.workers import in_workers

TOLERANCE = 0.005
"""How far a severity's mean SSIM may be from its target where calibration stops."""

STEPS = 24
"""Amounts tried for a target at most."""


def source_ssim(clean: Tensor, spoilt: Tensor) -> float:
    """Mean SSIM of two pictures' luminance, ``uint8 [1 or 3, H, W]`` each, by scikit-image as in the original paper.

    Wang, Bovik, Sheikh, Simoncelli: Image quality assessment, IEEE TIP 13, 2004: Gaussian window of deviation 1.5.
    """
    first, second = (luminance(image)[0].numpy() for image in (clean, spoilt))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    return float(structural_similarity(first, second, **settings))


@dataclass(frozen=True)
class Calibrated:
    """A corruption's amounts by severity, and the mean SSIM that was met with them."""

    corruption: str
    amounts: tuple[float, ...]
    ssim: tuple[float, ...]


def calibrate(data: PairDataset, seed: int = 0, jobs: int = 0) -> list[Calibrated]:
    """Amounts of all corruptions of single cameras by severity; corruptions in parallel.

    Args:
        data: pairs that no results will be told of.
        seed: of the patterns.
        jobs: processes; 0: one a processor core.
    """
    names = [name for name in corruption_names() if name != CROSSOVER.name]
    found = in_workers(_calibrate, ((tuple(data), name, seed) for name in names), jobs or cpu_count())
    done: list[Calibrated] = []
    with progress(len(names), "calibrating", "corruptions") as bar:
        for one in found:
            done.append(one)
            bar.update()
    return done


def _calibrate(pairs: Sequence[Pair], name: str, seed: int) -> Calibrated:
    found = find_corruption(name)
    pictures = [(pair.name, clean_image(getattr(pair, found.camera), found.camera)) for pair in pairs]

    @cache
    def similarity(amount: float) -> float:
        spoilt = ((image, found.apply(image, amount, seed, pair)) for pair, image in pictures)
        return float(np.mean([source_ssim(*both) for both in spoilt]))

    if found.moves:
        chosen = list(PIXELS.values())
    else:
        chosen = amounts_for(similarity, [TARGETS[severity] for severity in SEVERITIES], found.most)
    return Calibrated(name, tuple(chosen), tuple(map(similarity, chosen)))


def amounts_for(similarity: Callable[[float], float], targets: Sequence[float], most: float) -> list[float]:
    """The amounts at which a falling function comes to each target, to three digits; `most` where it never does.

    Looked for from a ten thousandth of the most on, below which the function is taken to be 1.
    """
    known = {most / 1e4: 1.0, most: similarity(most)}
    chosen = []
    for target in targets:
        best = most
        for _ in range(STEPS if known[most] < target else 0):
            low = max(amount for amount, met in known.items() if met > target)
            high = min(amount for amount, met in known.items() if amount > low)
            share = (known[low] - target) / (known[low] - known[high])
            between = low * (high / low) ** min(max(share, 0.1), 0.9)
            best = float(f"{between:.3g}")
            if best in known:
                break
            known[best] = similarity(best)
            if abs(known[best] - target) <= TOLERANCE:
                break
        chosen.append(best)
    return chosen


def severities_text(found: Sequence[Calibrated], command: str) -> str:
    """The text of ``severities.csv``; crossover's severities are fifths."""
    buffer = io.StringIO()
    buffer.write("# amounts of each corruption by severity, see datasets/corruptions/severities.py; written by\n")
    buffer.write(f"# {command}\n")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["corruption", "unit", *SEVERITIES, *(f"ssim {severity}" for severity in SEVERITIES)])
    for own in found:
        unit = find_corruption(own.corruption).unit
        writer.writerow([own.corruption, unit, *(f"{a:g}" for a in own.amounts), *(f"{s:.3f}" for s in own.ssim)])
    fifths = [f"{severity / len(SEVERITIES):g}" for severity in SEVERITIES]
    writer.writerow([CROSSOVER.name, CROSSOVER.unit, *fifths, *[""] * len(SEVERITIES)])
    return buffer.getvalue()


def severity_similarities(data: PairDataset, levels: Sequence[CorruptionLevel], seed: int, jobs: int = 0) -> np.ndarray:
    """SSIM of clean and corrupted source, ``float64 [pairs, levels]``; that of clean sources is 1."""
    calls = ((pair, levels, data.name, seed) for pair in data)
    return np.array(list(in_workers(_similarities, calls, jobs or cpu_count())))


def _similarities(pair: Pair, levels: Sequence[CorruptionLevel], data: str, seed: int) -> list[float]:
    clean, found = pair.read(), []
    for level in levels:
        images = corrupted(pair, level, data, seed).read()
        camera = find_corruption(level.corruption).camera if level.severity else "visible"
        found.append(source_ssim(getattr(clean, camera), getattr(images, camera)))
    return found


def similarities_table(levels: Sequence[CorruptionLevel], means: Sequence[float]) -> str:
    """Mean SSIM by corruption and severity, with the amounts, for a terminal."""
    by = dict(zip(levels, means, strict=True))
    names = dict.fromkeys(level.corruption for level in levels if level.severity)
    severities = sorted({level.severity for level in levels if level.severity})
    rows = [_row(find_corruption(name), severities, by) for name in names]
    head = ["corruption", "camera", "unit", *(f"{severity}: amount" for severity in severities)]
    return tabulate(rows, [*head, *(f"{severity}: SSIM" for severity in severities)], disable_numparse=True)


def _row(found: Corruption, severities: Sequence[int], by: dict[CorruptionLevel, float]) -> list[str]:
    known = [f"{amounts(found.name)[severity]:g}" for severity in severities]
    return [
        found.name,
        found.camera,
        found.unit,
        *known,
        *(f"{by[CorruptionLevel(found.name, severity)]:.3f}" for severity in severities),
    ]
