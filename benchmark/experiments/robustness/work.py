"""Work: what one process does with one pair under one corruption: spoil its sources once, fuse, measure.

Fused images are compared with the clean sources, since they are to show the scene and not the fault. They are rounded
to 8 bit as in a run, measured in memory and not kept: there would be tens of thousands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
from torch import Tensor

from ivif.benchmark.metrics import Picture
from ivif.benchmark.running.work import MetricValue, metric_value, torch_threads
from ivif.benchmark.store import Row
from ivif.datasets.files import reason, sha256_bytes
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairImages
from ivif.fusion.results import MethodResults


@dataclass(frozen=True)
class MethodOnLevel:
    """One method on one pair under one corruption.

    Attributes:
        results: what fuses.
        fuse_key: hash of the spoilt sources and of the method.
        metrics: keys still to be measured, with the hash of each metric's code.
    """

    results: MethodResults
    fuse_key: str
    metrics: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LevelTask:
    """One pair under one corruption with the methods that have something left to do on it.

    Attributes:
        dataset, name: what rows call it; the name is the pair's and the corruption's.
        clean, spoilt: what fused images are compared with, and what is fused.
        methods: what is to be done.
        device: where networks and metrics run.
        made_by: key of the software and machine.
    """

    dataset: str
    name: str
    clean: Pair
    spoilt: Pair
    methods: tuple[MethodOnLevel, ...]
    device: str
    made_by: str


def do_level(task: LevelTask) -> list[Row]:
    """Everything `task` asks for, as rows. One thread, so that all sums are formed in one order."""
    cv2.setNumThreads(1)
    with torch_threads(1):
        try:
            sources = [Picture(_grey(image, task.device)) for image in task.clean.read()]
            images = task.spoilt.read()
        except Exception as error:
            return [row for method in task.methods for row in _failures(task, method, error)]
        return [row for method in task.methods for row in _do_method(task, method, images, sources)]


def _grey(image: Tensor, device: str) -> Tensor:
    return luminance(image)[None].to(device)


def _do_method(task: LevelTask, method: MethodOnLevel, images: PairImages, sources: Sequence[Picture]) -> list[Row]:
    try:
        _ = method.results.method  # loaded before the clock starts
        start = time.perf_counter()
        fused = method.results.fuse(images)
        seconds = time.perf_counter() - start
        pictures = [*sources, Picture(_grey(fused, task.device))]
    except Exception as error:
        return _failures(task, method, error)
    content = sha256_bytes(fused.numpy().tobytes())
    return [
        _level_row(task, method, key, code, metric_value(key, pictures), seconds, content)
        for key, code in method.metrics
    ]


def _failures(task: LevelTask, method: MethodOnLevel, error: Exception) -> list[Row]:
    lost = MetricValue(None, "failed", reason(error))
    return [_level_row(task, method, key, code, lost) for key, code in method.metrics]


def _level_row(
    task: LevelTask,
    method: MethodOnLevel,
    key: str,
    code: str,
    found: MetricValue,
    seconds: float | None = None,
    content: str = "",
) -> Row:
    return Row(
        task.dataset,
        method.results.name,
        task.name,
        key,
        *found,
        seconds=seconds,
        fuse_key=method.fuse_key,
        fused_sha256=content,
        metric_key=code,
        made_by=task.made_by,
    )
