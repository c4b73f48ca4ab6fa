"""The commands that look for people: detect, track, train a detector."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from ivif.command_line import EXIT_FAILURES
from ivif.datasets.boxes import Boxes, class_name
from ivif.datasets.catalog import is_rendered
from ivif.datasets.csv_cells import CsvWriter
from ivif.datasets.files import file_name, write_atomic
from ivif.datasets.images import write_png
from ivif.datasets.locking import alone_in
from ivif.datasets.mot_files import read_sequence_labels
from ivif.datasets.options import add_backend, chosen_workers
from ivif.datasets.sources import VideoFrame, frames_per_second
from ivif.datasets.workers import on_cluster
from ivif.downstream.detection import WORKING_SCORE, DetectionScores, bootstrap_interval, check_classes
from ivif.downstream.detector import (
    DEFAULT_DETECTOR,
    SHIPPED_DETECTOR,
    Detector,
    DetectorSettings,
    default_detector,
)
from ivif.downstream.drawing import DEFAULT_RATE, annotated, write_video
from ivif.downstream.errors import DownstreamError
from ivif.downstream.evaluation import Evaluation, Watcher, evaluate, follow, look_ahead, part_file
from ivif.downstream.findings import BATCH, Findings, read_detections
from ivif.downstream.inputs import add_input_options, read_series
from ivif.downstream.labelled_images import CONTROLS, LabelledImage
from ivif.downstream.loading import load_detector
from ivif.downstream.series import Series
from ivif.downstream.sort import Sort
from ivif.downstream.tracking import TrackingScores, combined, tracking_scores
from ivif.downstream.training import Budget, seen_by, train_detector, write_certificate
from ivif.downstream.ultralytics_map import ultralytics_map

DETECTOR_FLAGS = ("--detector", "--weights")
"""How the option for a detector's weights is spelled; the second is the one of older scripts."""


def _detect(options: argparse.Namespace) -> int:
    with alone_in(options.out):
        return _detect_alone(options)


def _detect_alone(options: argparse.Namespace) -> int:
    clock, failed = _Clock(), 0
    scores: dict[str, DetectionScores] = {}
    own: dict[str, dict[str, float]] = {}
    for series in _looked_at(options, _with_people(options, read_series(options, ordered=False))):
        try:
            done = _evaluate(options, series, None, clock)
        except DownstreamError as error:
            failed += _lost(options, series.method, error)
            continue
        found = done.found
        failed += _tell_failures(series.method, found)
        if score := done.detection(options.label, options.score):
            scores[series.method] = score
            if options.ultralytics:
                own[series.method] = ultralytics_map(found.boxes, done.truths, options.label)
        if options.save_images:
            _save_images(options, series, found)
        print(f"{series.method}: {_count(found.boxes.values(), options.score)} in {len(found.boxes)} pictures")
    if scores:
        _print_detection(scores, own, options)
    print(clock)
    return EXIT_FAILURES if failed else 0


def _with_people(options: argparse.Namespace, every: Sequence[Series]) -> Sequence[Series]:
    """The same series, once their labels are known to name the class."""
    for series in every:
        check_classes((image.boxes for image in series.images if image.boxes is not None), options.label)
    return every


def _looked_at(options: argparse.Namespace, every: Sequence[Series]) -> Sequence[Series]:
    """The same series, once the workers of a cluster have looked at them, if there are any."""
    with chosen_workers(options, options.out):
        if on_cluster():
            settings = _settings(options)
            watched = [(Watcher(_weights(options, one), settings, options.device), one) for one in every]
            look_ahead(watched, options.out, options.batch)
    return every


def _weights(options: argparse.Namespace, series: Series) -> str:
    """Whose detector looks at a series."""
    weights = options.detector or default_detector(is_rendered(options.dataset or ""))
    return weights.replace("{method}", file_name(series.method))


def _settings(options: argparse.Namespace) -> DetectorSettings:
    return DetectorSettings(options.image_size, label=options.label)


def _lost(options: argparse.Namespace, what: str, error: DownstreamError) -> int:
    """Tell of a series that failed where each has its own detector; raises where all would fail alike."""
    if "{method}" not in (options.detector or ""):
        raise error
    print(f"failed: {what}: {error}", file=sys.stderr)
    return 1


def _evaluate(options: argparse.Namespace, series: Series, sort: Mapping[str, Any] | None, clock: _Clock) -> Evaluation:
    """What comes of a series, from the results of an earlier command where they still hold."""
    weights = _weights(options, series)
    parts = list(series.parts())
    for name, images in parts:
        if known := {image.name for image in images} & seen_by(Path(weights), series.data):
            part = f"{len(known)} of {len(images)} pictures"
            print(f"warning: {series.method}, {name}: {weights} was trained on {part}, see --split", file=sys.stderr)
    detector = _detector(weights, _settings(options), options.device)
    what = f"{series.method} {parts[0][0]}" if len(parts) == 1 else series.method
    with tqdm(total=len(series.images), desc=what, disable=not sys.stderr.isatty()) as bar:
        done = evaluate(
            series, detector, sort, options.out, label=options.label, batch=options.batch, progress=bar.update
        )
    for note in done.left_out:
        print(note, file=sys.stderr)
    looked = len(done.found.boxes) - done.found.reused
    clock.add("reading and fusing", done.found.reading_seconds, looked)
    clock.add("detecting", done.found.detecting_seconds, looked)
    if done.tracks:
        clock.add("tracking", done.following_seconds)
    if done.scoring_seconds:
        clock.add("scoring", done.scoring_seconds)
    return done


@lru_cache(maxsize=1)
def _detector(weights: str, settings: DetectorSettings, device: str) -> Detector:
    """The detector; methods share it, unless each has its own weights."""
    return load_detector(weights, settings, device)


def _tell_failures(method: str, found: Findings) -> int:
    for name, reason in list(found.failures.items())[:10]:
        print(f"failed: {method}, {name}: {reason}", file=sys.stderr)
    if len(found.failures) > 10:
        print(f"failed: {method}: {len(found.failures) - 10} more", file=sys.stderr)
    return len(found.failures)


def _count(found: Iterable[Boxes], score: float) -> str:
    return f"{sum(int((boxes.scores >= score).sum()) for boxes in found)} detections with a score of {score:g} or more"


def _print_detection(
    scores: Mapping[str, DetectionScores], own: Mapping[str, Mapping[str, float]], options: argparse.Namespace
) -> None:
    rows = []
    for method, score in scores.items():
        low, high = bootstrap_interval(score, "ap50")
        row: dict[str, Any] = {"method": method, "images": len(score.images), "objects": score.objects}
        row |= score.as_row() | {"AP50 low": low, "AP50 high": high} | {**own.get(method, {})}
        rows.append(row)
    print(_table(rows, dict.fromkeys(("images", "objects"), ".0f")))
    print(
        f"AP50 low, high: 95 % of bootstrap samples of the images; precision, recall: score {options.score:g} or more"
    )
    _write_csv(options.out / "detection.csv", rows)


def _save_images(options: argparse.Namespace, series: Series, found: Findings) -> None:
    folder = options.out / "annotated" / series.folder
    for image in series.images:
        if image.name in found.boxes:
            boxes = found.boxes[image.name]
            shown = annotated(image.source.read(), boxes[boxes.scores >= options.score], image.boxes)
            write_png(folder / f"{image.name}.png", shown)
    print(f"annotated pictures in {folder}")


def _track(options: argparse.Namespace) -> int:
    with alone_in(options.out):
        return _track_alone(options)


def _track_alone(options: argparse.Namespace) -> int:
    clock, failed = _Clock(), 0
    Sort(**_parameters(options))  # wrong ones are refused before the long work
    scores: dict[tuple[str, str], TrackingScores] = {}
    if options.detections is not None:
        scores = _track_given(options, clock)
    else:
        every = _looked_at(options, _with_people(options, read_series(options, ordered=True)))
        for series, name in [(replace(one, images=images), name) for one in every for name, images in _sequences(one)]:
            try:
                lost = _track_sequence(options, series, name, scores, clock)
            except DownstreamError as error:
                lost = str(error)
            if lost:
                failed += 1
                print(f"failed: {series.method}, {name}: {lost}", file=sys.stderr)
    if scores:
        _print_tracking(scores, options)
    print(clock)
    return EXIT_FAILURES if failed else 0


def _sequences(series: Series) -> list[tuple[str, list[LabelledImage]]]:
    sequences = list(series.sequences())
    if not sequences:
        raise DownstreamError(f"{series.data} has no sequence to track in; detect looks at single pictures")
    return sequences


def _track_sequence(
    options: argparse.Namespace, series: Series, name: str, scores: dict[tuple[str, str], TrackingScores], clock: _Clock
) -> str:
    """Follow people through a series of one sequence, and add its scores; why there are none, or ""."""
    done = _evaluate(options, series, _parameters(options), clock)
    if name in done.tracks:
        print(f"{series.method}, {name}: {_tracks(done.tracks[name])}")
        if options.save_video:
            _save_video(options, series, name, done.tracks[name])
    if name in done.tracking:
        scores[series.method, name] = done.tracking[name]
    return done.lost.get(name, "")


def _tracks(tracks: Mapping[int, Boxes]) -> str:
    identities = {int(identity) for boxes in tracks.values() for identity in boxes.ids}
    return f"{len(identities)} tracks in {len(tracks)} frames"


def _track_given(options: argparse.Namespace, clock: _Clock) -> dict[tuple[str, str], TrackingScores]:
    """Follow people through detections that are in a file; scores by method and sequence, both called like the file."""
    if options.images or options.dataset or options.infrared or options.visible or options.save_video:
        raise DownstreamError("--detections FILE is tracked without pictures; leave them and --save-video out")
    name, nothing = options.detections.stem, Boxes(np.empty((0, 4)))
    found = read_detections(options.detections, options.label)
    truth = read_sequence_labels(options.labels) if options.labels else {}
    _tell_scores(found.values(), options.score)
    found = {frame: found.get(frame, nothing) for frame in range(max([*found, *truth], default=-1) + 1)}
    start = perf_counter()
    tracks = follow(found, _parameters(options), part_file(options.out, "tracks", Series("detections", name, []), name))
    clock.add("tracking", perf_counter() - start, len(found))
    print(f"{name}, {name}: {_tracks(tracks)}")
    if not truth:
        return {}
    start = perf_counter()
    score = tracking_scores(tracks, truth, options.label)
    clock.add("scoring", perf_counter() - start)
    return {(name, name): score}


def _tell_scores(found: Iterable[Boxes], least: float) -> None:
    """Say so where scores are on another scale than the least one that counts, or too low for it."""
    scores = np.concatenate([boxes.scores for boxes in found] or [np.empty(0)])
    if low := int((scores < least).sum()):
        text = f"{low} of {len(scores)} detections have a score below {least:g} and don't count; see --score"
        print(f"note: {text}", file=sys.stderr)
    if len(scores) and scores.max() > 1:
        print(f"note: scores reach {scores.max():g}, so they are no probabilities; see --score", file=sys.stderr)


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "max_age": options.max_age,
        "min_hits": options.min_hits,
        "iou_threshold": options.iou,
        "min_score": options.score,
    }


def _save_video(options: argparse.Namespace, series: Series, name: str, tracks: Mapping[int, Boxes]) -> None:
    path = part_file(options.out, "videos", series, name, ".mp4")
    shown = ((image, tracks[image.frame or 0]) for image in series.images if (image.frame or 0) in tracks)
    rate = options.fps or _own_rate(series.images) or DEFAULT_RATE
    write_video(path, (annotated(image.source.read(), boxes, image.boxes) for image, boxes in shown), rate)
    print(path)


def _own_rate(images: Sequence[LabelledImage]) -> float | None:
    """Frames a second of the film that images are of, or show a fusion of."""
    for image in images[:1]:
        source = image.source
        for frame in (source, *(getattr(getattr(source, "pair", None), camera, None) for camera in CONTROLS)):
            if isinstance(frame, VideoFrame):
                return frames_per_second(frame.path)
    return None


def _print_tracking(scores: Mapping[tuple[str, str], TrackingScores], options: argparse.Namespace) -> None:
    rows: list[dict[str, Any]] = [
        {"method": method, "sequence": name, "frames": score.frames} | score.as_row()
        for (method, name), score in scores.items()
    ]
    for method in dict.fromkeys(method for method, _ in scores):
        own = [score for (its, _), score in scores.items() if its == method]
        if len(own) > 1:
            total = combined(own)
            rows.append({"method": method, "sequence": "all", "frames": total.frames} | total.as_row())
    print(_table(rows, dict.fromkeys(("frames", "FP", "FN", "IDs", "Frag", "MT", "ML", "GT"), ".0f")))
    _write_csv(options.out / "tracking.csv", rows)


def _table(rows: list[dict[str, Any]], formats: Mapping[str, str]) -> str:
    return tabulate(rows, headers="keys", floatfmt=[formats.get(key, ".3f") for key in rows[0]])


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    text = io.StringIO()
    table = CsvWriter(text)
    table.writerow(rows[0])
    for row in rows:
        table.writerow(row[key] for key in rows[0])
    write_atomic(path, text.getvalue().encode())
    print(f"written to {path}")


def _train(options: argparse.Namespace) -> int:
    budget = Budget(options.detector, options.epochs, options.image_size, options.batch, options.seed, options.device)
    every = read_series(options, ordered=False)
    if options.mixed:
        images = [
            replace(image, name=f"{file_name(series.method)}-{image.name}")
            for series in every
            for image in series.images
        ]
        _train_one(images, every, options.out / "mixed.pt", budget, options.label)
        return 0
    for series in every:
        _train_one(series.images, [series], options.out / f"{file_name(series.method)}.pt", budget, options.label)
    return 0


def _train_one(images: Sequence[LabelledImage], every: Sequence[Series], out: Path, budget: Budget, label: str) -> None:
    """Train on images, which are those of these series."""
    with tqdm(total=budget.epochs, desc=out.stem, unit="epoch", disable=not sys.stderr.isatty()) as bar:
        train_detector(images, out, budget, label, bar.update)
    names: dict[str, list[str]] = {}
    for series in every:
        names.setdefault(series.data, []).extend(image.name for image in series.images)
    write_certificate(out, budget, label, names)
    print(out)


def _whole(text: str) -> int:
    """A number of things, for the argument parser: 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _share(text: str) -> float:
    """A number from 0 to 1, for the argument parser."""
    try:
        if 0 <= (value := float(text)) <= 1:
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 1")


class _Clock:
    """Where the time goes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.frames: dict[str, int] = {}

    def add(self, what: str, seconds: float, frames: int = 0) -> None:
        """Count `seconds` for `what`, in which so many frames were done."""
        self.seconds[what] = self.seconds.get(what, 0.0) + seconds
        self.frames[what] = self.frames.get(what, 0) + frames

    def __str__(self) -> str:
        total = sum(self.seconds.values()) or 1.0
        return "time: " + ", ".join(
            f"{what} {value:.1f} s ({value / total:.0%}{self._rate(what)})" for what, value in self.seconds.items()
        )

    def _rate(self, what: str) -> str:
        frames, seconds = self.frames[what], self.seconds[what]
        return f", {frames / seconds:.1f} frames a second" if frames and seconds else ""


def fill_detect(parser: argparse.ArgumentParser) -> None:
    """Add what ``detect`` takes."""
    add_input_options(parser)
    _add_detector_options(parser)
    parser.add_argument("--ultralytics", action="store_true", help="also average precision as ultralytics computes it")
    parser.add_argument("--save-images", action="store_true", help="also write the pictures with boxes")
    add_backend(parser)
    parser.set_defaults(command=_detect)


def fill_track(parser: argparse.ArgumentParser) -> None:
    """Add what ``track`` takes."""
    add_input_options(parser)
    _add_detector_options(parser)
    add = parser.add_argument
    add("--detections", type=Path, metavar="FILE", help="MOTChallenge detections instead of pictures")
    add("--max-age", type=int, default=1, metavar="N", help="frames a track may be missed (default: 1)")
    add("--min-hits", type=int, default=3, metavar="N", help="detections that make a track (default: 3)")
    add("--iou", type=float, default=0.3, help="least overlap with the prediction (default: 0.3)")
    add("--save-video", action="store_true", help="also write films with boxes and identities")
    rate = f"of these films (default: that of the film looked at, else {DEFAULT_RATE:g})"
    add("--fps", type=float, metavar="N", help=rate)
    add_backend(parser)
    parser.set_defaults(command=_track)


def fill_train_detector(parser: argparse.ArgumentParser) -> None:
    """Add what ``train-detector`` takes."""
    add_input_options(parser)
    add = parser.add_argument
    start = f"weights to start from (default: {DEFAULT_DETECTOR})"
    add(*DETECTOR_FLAGS, dest="detector", metavar="FILE", default=DEFAULT_DETECTOR, help=start)
    add("--mixed", action="store_true", help="one detector for the pictures of all methods")
    add("--epochs", type=_whole, default=Budget.epochs, help=f"default: {Budget.epochs}")
    add("--batch", type=_whole, default=Budget.batch, help=f"pictures a step (default: {Budget.batch})")
    add("--seed", type=int, default=Budget.seed, help=f"default: {Budget.seed}")
    add("--out", type=Path, default=Path("runs/detectors"), metavar="DIR", help="default: runs/detectors")
    sees = f"pixels it sees (default: {Budget.image_size})"
    add("--image-size", type=_whole, default=Budget.image_size, help=sees)
    _add_network_options(parser)
    parser.set_defaults(command=_train)


def _add_detector_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("detector")
    weights = (
        "weights that ultralytics loads; {method} becomes the method's name "
        f"(default: {DEFAULT_DETECTOR}; for rendered scenes: {SHIPPED_DETECTOR})"
    )
    group.add_argument(*DETECTOR_FLAGS, dest="detector", metavar="FILE", help=weights)
    group.add_argument("--image-size", type=_whole, help="pixels the network sees (default: what it was trained for)")
    group.add_argument(
        "--score", type=_share, default=WORKING_SCORE, help=f"working point, least score (default: {WORKING_SCORE})"
    )
    group.add_argument("--batch", type=_whole, default=BATCH, help=f"pictures at a time (default: {BATCH})")
    group.add_argument(
        "--out",
        type=Path,
        default=Path("runs/downstream"),
        metavar="DIR",
        help="detections (used again by the next command), tracks, tables (default: runs/downstream)",
    )
    _add_network_options(command)


def _add_network_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--label",
        type=class_name,
        default=DetectorSettings.label,
        help=f"the class (default: {DetectorSettings.label})",
    )
    command.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
