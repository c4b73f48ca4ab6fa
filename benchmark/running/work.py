"""Work: what one process does with one pair: read it, fuse it with each method, write, measure.

The pair is read once and what metrics compute on its sources is shared by all methods. Whatever goes wrong with a
pair or a method becomes a row with its reason; only a full disk stops the run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import torch
from torch import Tensor

from ivif.benchmark.metrics import Picture, get
from ivif.benchmark.metrics.picture import shares_terms
from ivif.benchmark.store import Row, finite_or_none
from ivif.datasets.files import is_disk_error, reason, sha256_file
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairImages
from ivif.fusion.results import ResultFiles, StoredResults


@dataclass(frozen=True)
class MethodTask:
    """One method on one pair.

    Attributes:
        results: the method's, on disk.
        ready: whether the file already holds this method's image of this pair.
        fuse_key: hash of the sources and of the method.
        metrics: keys still to be measured, with the hash of each metric's code.
    """

    results: ResultFiles
    ready: bool
    fuse_key: str
    metrics: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PairTask:
    """One pair of a data set with the methods that have something left to do on it.

    Attributes:
        dataset, pair: what it is.
        methods: what is to be done.
        device: where networks and metrics run.
        threads: how many a method may use.
        made_by: key of the software and machine in run.yaml.
    """

    dataset: str
    pair: Pair
    methods: tuple[MethodTask, ...]
    device: str
    threads: int
    made_by: str


class Fused(NamedTuple):
    """A fused image as it lies on disk: ``uint8 [1 or 3, H, W]``, its hash, and the seconds fusing took."""

    image: Tensor
    sha256: str
    seconds: float | None


def do_pair(task: PairTask) -> list[Row]:
    """Everything `task` asks for, as rows; raises `OSError` when the disk can't be written (see `is_disk_error`)."""
    cv2.setNumThreads(task.threads)
    try:
        images = task.pair.read()
        sources = [_picture(image, task) for image in images] if shares_terms(images.infrared) else None
    except Exception as error:
        return [row for method in task.methods for row in _failed(task, method, error)]
    return [row for method in task.methods for row in _do_method(task, method, images, sources)]


def _picture(image: Tensor, task: PairTask) -> Picture:
    return Picture(luminance(image)[None].to(task.device))


def _do_method(task: PairTask, method: MethodTask, images: PairImages, sources: Sequence[Picture] | None) -> list[Row]:
    """Fuse and measure; `sources` are None where they are too large to be kept while a method fuses."""
    try:
        with torch_threads(task.threads):
            fused = _fused_image(task, method, images)
        sources = sources or [_picture(image, task) for image in images]
        picture = _picture(fused.image, task)
    except Exception as error:
        if is_disk_error(error):
            raise
        return _failed(task, method, error)
    # One thread, so that sums are formed in the same order however many processes share the machine.
    with torch_threads(1):
        return [_measured(task, method, fused, key, code, [*sources, picture]) for key, code in method.metrics]


def _fused_image(task: PairTask, method: MethodTask, images: PairImages) -> Fused:
    results = method.results
    if method.ready or not isinstance(results, StoredResults):
        return Fused(results.image(task.pair), sha256_file(results.file(task.pair)), None)
    _ = results.results.method  # loaded before the clock starts
    start = time.perf_counter()
    fused = results.results.fuse(images)
    seconds = time.perf_counter() - start
    return Fused(fused, results.write(task.pair, fused), seconds)


def _measured(
    task: PairTask, method: MethodTask, fused: Fused, key: str, code: str, pictures: Sequence[Picture]
) -> Row:
    return _row(task, method, fused, key, code, *metric_value(key, pictures))


class MetricValue(NamedTuple):
    """What a row says of one metric on one image: see `benchmark.store.Row`."""

    value: float | None
    status: Literal["ok", "flagged", "failed"]
    reason: str


def metric_value(key: str, pictures: Sequence[Picture]) -> MetricValue:
    """A metric of infrared, visible and fused picture; whatever goes wrong is its reason."""
    try:
        with torch.inference_mode():
            measured = get(key)(*pictures)
    except Exception as error:
        return MetricValue(None, "failed", reason(error))
    value, flag = finite_or_none(measured.values.item()), measured.flags[0]
    if value is None:
        return MetricValue(None, "failed", flag or "the metric gave NaN")
    return MetricValue(value, "flagged" if flag else "ok", flag)


def _failed(task: PairTask, method: MethodTask, error: Exception) -> list[Row]:
    if isinstance(method.results, StoredResults):  # an image of the method as it was must not pass for its result
        method.results.file(task.pair).unlink(missing_ok=True)
    return [_row(task, method, None, key, code, None, "failed", reason(error)) for key, code in method.metrics]


def _row(
    task: PairTask,
    method: MethodTask,
    fused: Fused | None,
    key: str,
    code: str,
    value: float | None,
    status: Literal["ok", "flagged", "failed"],
    reason: str,
) -> Row:
    return Row(
        dataset=task.dataset,
        method=method.results.name,
        pair=task.pair.name,
        metric=key,
        value=value,
        status=status,
        reason=reason,
        seconds=fused.seconds if fused else None,
        fuse_key=method.fuse_key,
        fused_sha256=fused.sha256 if fused else "",
        metric_key=code,
        made_by=task.made_by,
    )


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let PyTorch use `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
