"""Projection: what a large run takes, from what one pair takes here."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import mean, median
from tempfile import TemporaryDirectory

import torch
from tabulate import tabulate

from ivif.benchmark.metrics import Picture, get
from ivif.datasets.images import luminance
from ivif.datasets.pairs import PairDataset
from ivif.fusion.results import PAIR, MethodResults, StoredResults

_HOUR = 3600.0


@dataclass(frozen=True)
class UnitCosts:
    """Seconds that one core takes for one pair, medians over pairs, and bytes.

    Attributes:
        size: (width, height) of the first pair.
        pairs: how many were measured.
        reading: both pictures.
        sources: what metrics compute of the sources alone, once for all methods.
        fusing: by method, loaded before.
        writing: a fused file, written and read back.
        measuring: by metric, of one fused picture.
        file: bytes of a fused file, the mean.
    """

    size: tuple[int, int]
    pairs: int
    reading: float
    sources: float
    fusing: dict[str, float]
    writing: float
    measuring: dict[str, float]
    file: float


def measure_units(data: PairDataset, methods: Sequence[MethodResults], metrics: Sequence[str]) -> UnitCosts:
    """Do what a run does with each pair, on one thread, and time its parts.

    Raises:
        FusionError, ImageError, PairError: a pair cannot be fused or read.
    """
    spent: dict[str, list[float]] = {}
    sizes: list[int] = []
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with TemporaryDirectory() as folder, torch.inference_mode():
            for results in methods:
                results.fuse(data[0].read())  # loaded and warm before any clock starts
            for pair in data:
                with _timed(spent, "reading"):
                    images = pair.read()
                pictures = [Picture(luminance(image)[None]) for image in images]
                for results in methods:
                    with _timed(spent, f"fusing {results.name}"):
                        fused = results.fuse(images)
                    stored = StoredResults(results, f"{folder}/{results.name}/{PAIR}.png")
                    with _timed(spent, "writing"):
                        stored.write(pair, fused)
                        image = stored.image(pair)
                    sizes.append(stored.file(pair).stat().st_size)
                    if results is methods[0]:  # only it meets sources of which nothing is known yet
                        with _timed(spent, "first"):
                            _measure({}, metrics, pictures, image)
                    with _timed(spent, "later"):
                        _measure(spent, metrics, pictures, image)
            height, width = images.infrared.shape[1:]
    finally:
        torch.set_num_threads(before)
    typical = {what: median(seconds) for what, seconds in spent.items()}
    return UnitCosts(
        (width, height),
        len(data),
        typical["reading"],
        max(0.0, typical["first"] - typical["later"]),
        {results.name: typical[f"fusing {results.name}"] for results in methods},
        typical["writing"],
        {key: typical[f"measuring {key}"] for key in metrics},
        mean(sizes),
    )


def _measure(
    spent: dict[str, list[float]], metrics: Sequence[str], pictures: Sequence[Picture], image: torch.Tensor
) -> None:
    infrared, visible = pictures
    fused = Picture(luminance(image)[None])
    for key in metrics:
        with _timed(spent, f"measuring {key}"):
            get(key)(infrared, visible, fused)


@contextmanager
def _timed(spent: dict[str, list[float]], what: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    spent.setdefault(what, []).append(time.perf_counter() - start)


def core_hours(costs: UnitCosts, pairs: int, methods: int) -> float:
    """Hours of one core for so many pairs and methods, each as dear as the measured ones on average."""
    each = mean(costs.fusing.values()) + costs.writing + sum(costs.measuring.values())
    return pairs * (costs.reading + costs.sources + methods * each) / _HOUR


def projection_text(costs: UnitCosts, pairs: int, methods: int, workers: Sequence[int]) -> str:
    """Unit costs, and what they make of so many pairs and methods, for people."""
    width, height = costs.size
    rows = [("read a pair", costs.reading), ("metrics, of the sources alone", costs.sources)]
    rows += [(f"fuse, {name}", seconds) for name, seconds in costs.fusing.items()]
    rows += [("write and read a fused file", costs.writing)]
    rows += [(f"measure, {key}", seconds) for key, seconds in costs.measuring.items()]
    table = tabulate([(name, f"{1000 * seconds:.3g}") for name, seconds in rows], ("unit", "ms"), disable_numparse=True)
    total = core_hours(costs, pairs, methods)
    names = ", ".join(f"{total / count:,.1f} h with {count:,}" for count in workers)
    disk = pairs * methods * costs.file / 1e9
    return (
        f"one core, medians of {costs.pairs} pairs of {width}x{height}\n{table}\n\n"
        f"{pairs:,} pairs x {methods:,} methods: {total:,.0f} core hours ({names} workers of one core), "
        f"{disk:,.0f} GB of fused files"
    )
