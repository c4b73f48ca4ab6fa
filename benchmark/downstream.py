"""Downstream: people found and followed in a run's fused images, and in what each camera saw alone.

One detector looks at every labelled picture of every method once; what it says is kept in the run directory as
MOTChallenge text and holds as long as picture and detector stay the same. Scores are made anew from it each time.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmark.config import ConfigError, RunConfig
from benchmark.store import file_name
from benchmark.tasks import TaskBoard, TaskScores, plain, write_boards
from datasets.boxes import Boxes, write_mot
from datasets.catalog import is_rendered
from datasets.files import sha256_file, write_atomic
from datasets.pairs import PairDataset
from downstream import Detector, DownstreamError, Sort, TrackingScores, YoloDetector, combined, track, tracking_scores
from downstream.detection import check_classes, detection_scores
from downstream.detector import default_weights, find_weights
from downstream.errors import require
from downstream.findings import Findings, complete_sequence, find
from downstream.inputs import Series
from downstream.labels import check_labels
from downstream.pictures import CONTROLS, Picture, pictures_of_pairs, pictures_of_results
from fusion import FusedFolder

BATCH = 8
"""Pictures that the detector gets at a time."""

DETECTOR: dict[str, Any] = {"min_score": 0.001, "overlap": 0.7, "limit": 100, "label": "person"}
"""How the detector is asked, see `YoloDetector`."""

LOOKING, FOLLOWING = ("ultralytics", "pycocotools.cocoeval"), ("motmetrics", "lap")
"""What detection takes, and what tracking takes besides."""

LIBRARIES = ("ultralytics", "onnxruntime", "pycocotools", "motmetrics", "lap")
"""What can move these numbers beside the packages of every run."""


@dataclass(frozen=True)
class Observer:
    """Who looks: a detector, and a tracker's parameters where sequences are followed.

    Attributes:
        detector: any `Detector`.
        sort: parameters of `Sort`; None: nobody is followed.
        facts: both in words, for run.yaml.
    """

    detector: Detector
    sort: dict[str, Any] | None
    facts: dict[str, Any]


@dataclass
class Effort:
    """What the detector had to do: pictures looked at now, pictures known from before, and its seconds."""

    looked: int = 0
    reused: int = 0
    seconds: float = 0.0


def intention(config: RunConfig, sets: Sequence[PairDataset]) -> tuple[RunConfig, str]:
    """A checked configuration that says whether people are looked for; and why not, where they would have been.

    Where a configuration leaves it open, people are looked for in rendered scenes, whose detector comes with this
    project and whose labels are exact.
    """
    if config.detect is not None:
        return replace(config, track=bool(config.track)), ""
    labelled = [data for data in map(_labelled, sets) if data]
    if not labelled or not _all_rendered(config):
        return config, ""
    followed = any(_sequences(data) for data in labelled) and config.track is not False
    try:
        for library in (*LOOKING, *(FOLLOWING if followed else ())):
            require(library)
    except DownstreamError as error:
        return config, str(error)
    return replace(config, detect=True, track=followed), ""


def _all_rendered(config: RunConfig) -> bool:
    return bool(config.datasets) and all(map(is_rendered, config.datasets))


def prepare(config: RunConfig, sets: Sequence[PairDataset], device: str) -> Observer:
    """The observer a configuration asks for, everything it will need loaded.

    Raises:
        ConfigError: no pair with labels, no person among them, no sequence to follow, a library that is not
            installed, or a file that is no detector.
    """
    labelled = [data for data in map(_labelled, sets) if data]
    if not labelled:
        names = ", ".join(data.name for data in sets)
        raise ConfigError(f"no pair of {names} has labels to compare detections with; own pairs get them by --labels")
    if config.track and not any(_sequences(data) for data in labelled):
        names = ", ".join(data.name for data in labelled)
        raise ConfigError(f"no labels of {names} tell who is who in a sequence: leave --track out")
    try:
        for data in labelled:
            check_classes((pair.boxes for pair in data if pair.boxes is not None), DETECTOR["label"])
        for library in LOOKING:
            require(library)
        sort = _tracker_parameters() if config.track else None
        weights = find_weights(config.detector or default_weights(_all_rendered(config)))
        detector = YoloDetector(weights, image_size=config.image_size, device=device, **DETECTOR)
    except DownstreamError as error:
        raise ConfigError(str(error)) from error
    facts = {
        "detector": {
            "name": detector.name,
            "file": str(weights),
            "sha256": sha256_file(weights),
            "image_size": detector.image_size,
            **DETECTOR,
        },
        "sort": sort,
        "packages": _versions(),
    }
    return Observer(detector, sort, facts)


def _versions() -> dict[str, str]:
    found = {}
    for package in LIBRARIES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _tracker_parameters() -> dict[str, Any]:
    """What `Sort` does by default; raises `DownstreamError` where a library that tracking needs is missing."""
    for library in FOLLOWING:
        require(library)
    tracker = Sort()
    return {name: getattr(tracker, name) for name in ("max_age", "min_hits", "iou_threshold", "min_score")}


def _labelled(data: PairDataset) -> PairDataset:
    return replace(data, pairs=tuple(pair for pair in data if pair.boxes is not None))


def _sequences(data: PairDataset) -> list[str]:
    """Sequences whose labels tell who is who; those without anybody count too."""
    identities: dict[str, list[int]] = {}
    for pair in data:
        if pair.sequence is not None and pair.boxes is not None:
            identities.setdefault(pair.sequence, []).extend(pair.boxes.ids[~pair.boxes.ignore].tolist())
    return [name for name, known in identities.items() if not known or max(known) >= 0]


def blank_boards(observer: Observer, sets: Sequence[PairDataset]) -> dict[str, TaskBoard]:
    """What is to be scored on each data set with labels, and no scores yet."""
    labelled = [data for data in map(_labelled, sets) if data]
    return {data.name: TaskBoard(len(data), len(_sequences(data)) if observer.sort else 0) for data in labelled}


def observe(
    observer: Observer, out: Path, sets: Sequence[PairDataset], methods: Mapping[str, FusedFolder | None]
) -> Effort:
    """Look at all labelled pictures of a run, and write the scores into its directory.

    Args:
        observer: who looks.
        out: run directory.
        sets: data sets, those without labels are passed over.
        methods: where the fused images of each method are, None: in the run directory; both cameras come besides.

    Raises:
        DownstreamError: the detector failed.
        BoxesError: a file of detections is damaged.
        OSError: the disk cannot be written.
    """
    boards, effort = blank_boards(observer, sets), Effort()
    total = sum(board.images for board in boards.values()) * (len(CONTROLS) + len(methods))
    quiet = 0.1 if sys.stderr.isatty() else 30
    with tqdm(total=total, unit="picture", desc="detecting", mininterval=quiet) as bar:
        for data in map(_labelled, sets):
            for name in (*CONTROLS, *methods) if data else ():
                series = Series(data.name, name, _pictures(out, data, name, methods.get(name)))
                watch = _Watch(observer, out, series, _sequences(data), effort, bar.update)
                boards[data.name].scores[name] = watch.scores()
                write_boards(out, boards)
    return effort


def _pictures(out: Path, data: PairDataset, name: str, folder: FusedFolder | None) -> list[Picture]:
    if name in CONTROLS:
        return pictures_of_pairs(data, name)
    made_here = FusedFolder(name, str(out / "fused" / file_name(data.name) / file_name(name) / "{pair}.png"))
    return pictures_of_results(data, folder or made_here)


class _Watch:
    """All pictures of one method or camera on one data set, being looked at.

    Args:
        observer, out: see `observe`.
        series: the pictures, all with labels.
        followed: sequences that have identities to compare tracks with.
        effort: is added to.
        progress: called with the number of pictures that are done since its last call.
    """

    def __init__(
        self,
        observer: Observer,
        out: Path,
        series: Series,
        followed: Sequence[str],
        effort: Effort,
        progress: Callable[[int], object],
    ) -> None:
        self.observer, self.out, self.series, self.followed = observer, out, series, followed
        self.effort, self.progress = effort, progress
        self._found: dict[str, Boxes] = {}
        self._truths: dict[str, Boxes] = {}
        self._tracking: dict[str, TrackingScores] = {}
        self._result = TaskScores()

    def scores(self) -> TaskScores:
        """Look at everything."""
        single = [picture for picture in self.series.pictures if picture.sequence is None]
        if single:
            self._look(single, f"{self._place}.txt")
        for name, pictures in self.series.sequences():
            found = self._look(pictures, f"{self._place}/{file_name(name)}.txt")
            if self.observer.sort is not None:
                self._follow(name, pictures, found)
        result = self._result
        if self._truths:
            result.detection = plain(detection_scores(self._found, self._truths, DETECTOR["label"]).as_row())
        if self._tracking:
            result.tracking = plain(combined(self._tracking.values()).as_row())
            result.by_sequence = {name: plain(scores.as_row()) for name, scores in self._tracking.items()}
        result.images, result.sequences = len(self._truths), len(self._tracking)
        return result

    @property
    def _place(self) -> str:
        return f"{file_name(self.series.data)}/{file_name(self.series.method)}"

    def _look(self, pictures: list[Picture], file: str) -> Findings:
        found = find(self.observer.detector, pictures, self.out / "detections" / file, BATCH, self.progress)
        self.effort.looked += len(found.boxes) - found.reused
        self.effort.reused += found.reused
        self.effort.seconds += found.detecting_seconds
        for picture in pictures:
            if picture.boxes is not None and picture.name in found.boxes:
                try:
                    check_labels(picture.boxes, found.sizes[picture.name])
                    self._truths[picture.name] = picture.boxes
                except DownstreamError as error:
                    found.failures[picture.name] = str(error)
        self._found |= found.boxes
        self._result.failures |= found.failures
        return found

    def _follow(self, name: str, pictures: list[Picture], found: Findings) -> None:
        """Tracks of one sequence, and their scores where there is a truth; without all frames it is lost."""
        path = self.out / "tracks" / self._place / f"{file_name(name)}.txt"
        try:
            tracks = track(complete_sequence(found, pictures), **(self.observer.sort or {}))
            write_atomic(path, write_mot(tracks).encode())
            if name in self.followed:
                truth = {p.frame: p.boxes for p in pictures if p.frame is not None and p.boxes is not None}
                self._tracking[name] = tracking_scores(tracks, truth)
        except DownstreamError as error:
            path.unlink(missing_ok=True)  # tracks of earlier pictures must not pass for those of these
            self._result.lost[name] = str(error)
