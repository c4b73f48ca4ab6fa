"""People in a run: found and followed in its fused images, and in what each camera saw alone.

One detector looks at every labelled image of every method once, see `downstream.evaluation`; what it says is kept in
the run directory. Scores are made anew from it each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ivif.benchmark.config import CheckedConfig, ConfigError, named_like_a_camera
from ivif.benchmark.people import (
    PeopleBoard,
    PeopleEntry,
    identified_sequences,
    json_numbers,
    labelled_sets,
    series_of_camera,
    series_of_results,
    write_people,
)
from ivif.datasets.catalog import is_rendered
from ivif.datasets.pairs import PairDataset
from ivif.datasets.progress import progress
from ivif.datasets.software import versions
from ivif.datasets.workers import on_cluster
from ivif.downstream.detection import check_classes
from ivif.downstream.detector import Detector, DetectorSettings, default_detector, load_ultralytics
from ivif.downstream.errors import DownstreamError, require
from ivif.downstream.evaluation import Evaluation, Watcher, evaluate, look_ahead
from ivif.downstream.findings import Findings
from ivif.downstream.labelled_images import CONTROLS
from ivif.downstream.loading import detector_facts, is_plugged_in, load_detector
from ivif.downstream.series import Series
from ivif.downstream.sort import Sort
from ivif.downstream.tracking import combined
from ivif.fusion.results import Results

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
        watcher: the detector, for workers of a cluster.
    """

    detector: Detector
    sort: dict[str, Any] | None
    facts: dict[str, Any]
    watcher: Watcher | None = None


@dataclass
class Effort:
    """What the detector had to do: images looked at now, images known from before, and its seconds."""

    looked: int = 0
    reused: int = 0
    seconds: float = 0.0

    def add(self, found: Findings) -> None:
        """Count what it took to find this."""
        self.looked += len(found.boxes) - found.reused
        self.reused += found.reused
        self.seconds += found.detecting_seconds


def resolve_detection(config: CheckedConfig, sets: Sequence[PairDataset]) -> tuple[CheckedConfig, str]:
    """A configuration that says whether people are looked for; and why not, where they would have been.

    Where a configuration leaves it open, people are looked for in rendered scenes, whose detector comes with this
    project and whose labels are exact.
    """
    if config.detect is not None:
        return config.but(track=bool(config.track)), ""
    labelled = labelled_sets(sets)
    if config.labels:
        return config, "labels were given, but not who looks: add --detect, or --detector FILE"
    if not labelled or not _all_rendered(config):
        return config, ""
    if reason := named_like_a_camera(results.name for results in config.results()):
        return config, reason
    followed = any(identified_sequences(data) for data in labelled) and config.track is not False
    try:
        for library in (*LOOKING, *(FOLLOWING if followed else ())):
            _load(library)
    except DownstreamError as error:
        return config, str(error)
    return config.but(detect=True, track=followed), ""


def _load(library: str) -> None:
    """Import a library; ultralytics as it is told to keep its files with ours and its messages to itself."""
    if library == "ultralytics":
        load_ultralytics()
    else:
        require(library)


def _all_rendered(config: CheckedConfig) -> bool:
    return bool(config.datasets) and all(map(is_rendered, config.datasets))


def prepare(config: CheckedConfig, sets: Sequence[PairDataset], device: str) -> Observer:
    """The observer a configuration asks for, everything it will need loaded.

    Raises:
        ConfigError: no pair with labels, no person among them, no sequence to follow, a library that is not
            installed, or a file that is no detector.
    """
    labelled = labelled_sets(sets)
    if not labelled:
        names = ", ".join(data.name for data in sets)
        raise ConfigError(f"no pair of {names} has labels to compare detections with; own pairs get them by --labels")
    if config.track and not any(identified_sequences(data) for data in labelled):
        names = ", ".join(data.name for data in labelled)
        raise ConfigError(f"no labels of {names} tell who is who in a sequence: leave --track out")
    settings = DetectorSettings(config.image_size)
    try:
        for data in labelled:
            check_classes((pair.boxes for pair in data if pair.boxes is not None), settings.label)
        name = config.detector or default_detector(_all_rendered(config))
        for library in () if is_plugged_in(name) else LOOKING:
            _load(library)
        sort = _tracker_parameters() if config.track else None
        detector = load_detector(name, settings, device)
        looks = detector_facts(name, detector) | asdict(settings)
    except DownstreamError as error:
        raise ConfigError(str(error)) from error
    looks["image_size"] = getattr(detector, "image_size", settings.image_size)
    facts = {"detector": looks, "sort": sort, "packages": versions(LIBRARIES)}
    return Observer(detector, sort, facts, Watcher(name, settings, device))


def _tracker_parameters() -> dict[str, Any]:
    """What `Sort` does by default; raises `DownstreamError` where a library that tracking needs is missing."""
    for library in FOLLOWING:
        _load(library)
    tracker = Sort()
    return {name: getattr(tracker, name) for name in ("max_age", "min_hits", "iou_threshold", "min_score")}


def blank_boards(observer: Observer, sets: Sequence[PairDataset]) -> dict[str, PeopleBoard]:
    """What is to be scored on each data set with labels, and no scores yet."""
    return {
        data.name: PeopleBoard(len(data), len(identified_sequences(data)) if observer.sort else 0)
        for data in labelled_sets(sets)
    }


def observe(
    observer: Observer, out: Path, sets: Sequence[PairDataset], methods: Mapping[str, Sequence[Results]]
) -> tuple[Effort, dict[tuple[str, str], Evaluation]]:
    """Look at all labelled images of a run, and write the scores into its directory.

    Args:
        observer: who looks.
        out: run directory.
        sets: data sets, those without labels are passed over.
        methods: what each method made, by the name of the data set; both cameras come besides.

    Returns:
        What it took, and what came of it, by data set and method or camera.

    Raises:
        DownstreamError: the detector failed.
        BoxesError: a file of detections is damaged.
        WorkersError: see `in_workers`.
        OSError: the disk cannot be written.
    """
    boards, effort, labelled = blank_boards(observer, sets), Effort(), labelled_sets(sets)
    known: dict[tuple[str, str], Evaluation] = {}
    if on_cluster() and observer.watcher:
        every = (series for data in labelled for series in _every_series(data, methods[data.name]))
        looked, effort.seconds = look_ahead(((observer.watcher, series) for series in every), out)
        effort.looked, effort.reused = looked, -looked
    total = sum(len(data) * (len(CONTROLS) + len(methods[data.name])) for data in labelled)
    with progress(total, "detecting", "pictures") as bar:
        for data in labelled:
            scored, label = identified_sequences(data), DetectorSettings().label
            for series in _every_series(data, methods[data.name]):
                done = evaluate(
                    series, observer.detector, observer.sort, out, label=label, scored=scored, progress=bar.update
                )
                effort.add(done.found)
                boards[data.name].scores[series.method] = people_entry(done, label)
                known[data.name, series.method] = done
                write_people(out, boards)
    return effort, known


def _every_series(data: PairDataset, methods: Sequence[Results]) -> Iterator[Series]:
    """What each camera saw alone, and what each method made of both."""
    for camera in CONTROLS:
        yield series_of_camera(data, camera)
    for results in methods:
        yield series_of_results(data, results)


def people_entry(done: Evaluation, label: str) -> PeopleEntry:
    """The scores of a series as a run directory keeps them."""
    detection = done.detection(label)
    return PeopleEntry(
        json_numbers(detection.as_row()) if detection else {},
        json_numbers(combined(done.tracking.values()).as_row()) if done.tracking else {},
        len(done.truths),
        len(done.tracking),
        {name: json_numbers(scores.as_row()) for name, scores in done.tracking.items()},
        done.found.failures,
        done.lost,
    )
