"""People under corruption: found in fused images of spoilt sources, and in what each camera saw.

A task is one corruption of one data set: its pairs' sources are spoilt once and kept in memory while every method fuses
them and the detector looks. What it found is kept as in a run, so that nothing is looked at twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
from torch import Tensor

from ivif.benchmark.config import CheckedConfig, ConfigError, named_like_a_camera
from ivif.benchmark.experiments.robustness.plan import RobustnessPlan
from ivif.benchmark.people import PeopleBoard, labelled_sets, series_of_camera, series_of_results
from ivif.benchmark.reports.robustness.directory import at_level
from ivif.benchmark.running.people import LOOKING, Effort, people_entry
from ivif.benchmark.running.work import torch_threads
from ivif.datasets.catalog import is_rendered
from ivif.datasets.corruptions import CLEAN, CorruptionLevel, corrupted, find_corruption
from ivif.datasets.pairs import PairDataset
from ivif.datasets.sources import Source
from ivif.downstream.detection import check_classes
from ivif.downstream.detector import Detector, DetectorSettings, default_detector
from ivif.downstream.errors import DownstreamError, require
from ivif.downstream.evaluation import evaluate
from ivif.downstream.labelled_images import CONTROLS
from ivif.downstream.loading import is_plugged_in, load_detector
from ivif.downstream.series import Series
from ivif.fusion.results import MethodResults

KEPT_PICTURES = 512
"""Spoilt pictures that a process keeps while all methods fuse them."""


@dataclass(frozen=True)
class KeptSource:
    """A source that is read once a task."""

    source: Source

    def read(self) -> Tensor:
        """The picture."""
        return _kept_picture(self.source)

    def fingerprint(self) -> str:
        """The source's."""
        return _kept_fingerprint(self.source)


@lru_cache(maxsize=KEPT_PICTURES)
def _kept_picture(source: Source) -> Tensor:
    return source.read()


@lru_cache(maxsize=KEPT_PICTURES)
def _kept_fingerprint(source: Source) -> str:
    return source.fingerprint()


@dataclass(frozen=True)
class SightTask:
    """All labelled pairs of a data set under one corruption.

    Attributes:
        data: the clean pairs.
        level: what their sources go through.
        entrants: whose fused images are looked at.
        detector: its name.
        settings: how it is asked.
        device: where methods fuse and the detector looks.
        out: folder of what was found.
        seed: of random patterns.
    """

    data: PairDataset
    level: CorruptionLevel
    entrants: tuple[MethodResults, ...]
    detector: str
    settings: DetectorSettings
    device: str
    out: Path
    seed: int


def sight_tasks(plan: RobustnessPlan, device: str, out: Path) -> tuple[list[SightTask], str]:
    """What is to be looked at, and why nobody is looked for where people would have been.

    If nothing is said, people are looked for in rendered scenes, whose detector comes with this project.

    Raises:
        ConfigError: detection was asked for and can't be done; the message says why.
    """
    config, names = plan.config, [results.name for results in plan.entrants]
    asked = bool(config.detect)
    if config.detect is False:
        return [], ""
    sets = [data for data in labelled_sets(plan.sets) if asked or is_rendered(data.name)]
    if not sets:
        if asked:
            raise ConfigError("no pair has labels to compare detections with; own pairs get them by --labels")
        return [], ""
    why_not = named_like_a_camera(names) or _unready(config, sets)
    if why_not and asked:
        raise ConfigError(why_not)
    settings = DetectorSettings(config.image_size)
    tasks = [
        SightTask(data, level, plan.entrants, _detector_name(config, data), settings, device, out, config.seed)
        for data in ([] if why_not else sets)
        for level in plan.levels[data.name]
    ]
    return tasks, why_not


def _detector_name(config: CheckedConfig, data: PairDataset) -> str:
    return config.detector or default_detector(is_rendered(data.name))


def _unready(config: CheckedConfig, sets: Sequence[PairDataset]) -> str:
    """Why a detector can't look at these; "" where it can."""
    settings = DetectorSettings(config.image_size)
    try:
        for data in sets:
            check_classes((pair.boxes for pair in data if pair.boxes is not None), settings.label)
            name = _detector_name(config, data)
            for library in () if is_plugged_in(name) else LOOKING:
                require(library)
            _loaded_detector(name, settings, "cpu")
    except DownstreamError as error:
        return str(error)
    return ""


@lru_cache(maxsize=2)
def _loaded_detector(name: str, settings: DetectorSettings, device: str) -> Detector:
    return load_detector(name, settings, device)


@dataclass(frozen=True)
class Sight:
    """What came of a task."""

    name: str
    board: PeopleBoard
    effort: Effort


def look(task: SightTask) -> Sight:
    """Look at what every method makes of the spoilt pairs, and at the cameras' own pictures that are spoilt.

    Raises:
        DownstreamError: the detector failed.
        BoxesError: a file of detections is damaged.
        OSError: the disk cannot be written.
    """
    cv2.setNumThreads(1)
    for kept in (_kept_picture, _kept_fingerprint):
        kept.cache_clear()
    spoilt = [corrupted(pair, task.level, task.data.name, task.seed) for pair in task.data]
    pairs = (replace(pair, infrared=KeptSource(pair.infrared), visible=KeptSource(pair.visible)) for pair in spoilt)
    name = at_level(task.data.name, task.level)
    data = replace(task.data, name=name, pairs=tuple(pairs))
    board, effort = PeopleBoard(len(data), 0), Effort()
    with torch_threads(1):
        detector = _loaded_detector(task.detector, task.settings, task.device)
        for series in _every_series(data, task):
            done = evaluate(series, detector, None, task.out, label=task.settings.label)
            board.scores[series.method] = people_entry(done, task.settings.label)
            effort.add(done.found)
    return Sight(name, board, effort)


def _every_series(data: PairDataset, task: SightTask) -> list[Series]:
    spoilt = CONTROLS if task.level == CLEAN else (find_corruption(task.level.corruption).camera,)
    cameras = [series_of_camera(data, camera) for camera in CONTROLS if camera in spoilt]
    return [*cameras, *(series_of_results(data, results) for results in task.entrants)]


def complete_boards(plan: RobustnessPlan, boards: dict[str, PeopleBoard]) -> dict[str, PeopleBoard]:
    """The same boards; a camera that a corruption leaves alone has its clean scores."""
    for data in plan.sets:
        clean = boards.get(at_level(data.name, CLEAN))
        for level in plan.levels[data.name]:
            board = boards.get(at_level(data.name, level))
            if clean and board:
                board.scores = {name: clean.scores[name] for name in CONTROLS} | board.scores
    return boards


def detectors_of(tasks: Sequence[SightTask]) -> dict[str, Detector]:
    """What looks at which data set."""
    return {
        task.data.name: _loaded_detector(task.detector, task.settings, task.device)
        for task in tasks
        if task.level == CLEAN
    }
