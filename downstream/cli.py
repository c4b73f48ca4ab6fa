"""The command line: detect, track, train a detector."""

from __future__ import annotations

import argparse
import csv
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

from datasets.boxes import Boxes, BoxesError, write_mot
from datasets.catalog import is_rendered
from datasets.files import write_atomic
from datasets.images import ImageError, write_png
from datasets.pairs import PairError, VideoFrame
from downstream.detection import WORKING_SCORE, DetectionScores, bootstrap_interval, check_classes, detection_scores
from downstream.detector import DEFAULT_WEIGHTS, SHIPPED, YoloDetector, default_weights
from downstream.drawing import annotated, write_video
from downstream.errors import DownstreamError
from downstream.findings import Findings, complete_sequence, find, read_detections
from downstream.inputs import Series, add_input_options, file_name, read_series
from downstream.labels import check_labels, read_sequence_labels
from downstream.pictures import Picture
from downstream.sort import Sort, track
from downstream.tracking import TrackingScores, combined, tracking_scores
from downstream.training import Budget, seen_by, train_detector, write_certificate
from downstream.ultralytics_map import ultralytics_map
from fusion import FusionError

EXIT_FAILURES, EXIT_ERROR = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0: all well, 1: some pictures or sequences failed and are named, 2: it could not be done."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except (DownstreamError, FusionError, PairError, ImageError, BoxesError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print("interrupted; what was detected is kept, the same command goes on from here", file=sys.stderr)
        return EXIT_ERROR


def _detect(options: argparse.Namespace) -> int:
    clock, failed = _Clock(), 0
    scores: dict[str, DetectionScores] = {}
    own: dict[str, dict[str, float]] = {}
    for series in _with_people(options, read_series(options, ordered=False)):
        found = Findings()
        try:
            for name, pictures in _parts(series):
                part = _find(options, series, name, pictures, clock)
                found.boxes |= part.boxes
                found.sizes |= part.sizes
                found.failures |= part.failures
        except DownstreamError as error:
            failed += _lost(options, series.method, error)
            continue
        truths = _truths(series.pictures, found)
        failed += _tell_failures(series.method, found)
        if truths:
            scores[series.method] = detection_scores(found.boxes, truths, options.label, options.score)
            if options.ultralytics:
                own[series.method] = ultralytics_map(found.boxes, truths, options.label)
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
        check_classes((picture.boxes for picture in series.pictures if picture.boxes is not None), options.label)
    return every


def _lost(options: argparse.Namespace, what: str, error: DownstreamError) -> int:
    """Tell of a series that failed where each has its own detector; raises where all would fail alike."""
    if "{method}" not in (options.weights or ""):
        raise error
    print(f"failed: {what}: {error}", file=sys.stderr)
    return 1


def _parts(series: Series) -> Iterable[tuple[str, list[Picture]]]:
    """Sequences, and single pictures under the name "pictures": each part has a file of detections."""
    yield from series.sequences()
    if single := [picture for picture in series.pictures if picture.sequence is None]:
        yield "pictures", single


def _find(options: argparse.Namespace, series: Series, name: str, pictures: list[Picture], clock: _Clock) -> Findings:
    """Detections of one part of a series, from the results of an earlier command where they still hold."""
    path = options.out / "detections" / series.file / f"{file_name(name)}.txt"
    weights = options.weights or default_weights(is_rendered(options.dataset or ""))
    weights = weights.replace("{method}", file_name(series.method))
    if known := {picture.name for picture in pictures} & seen_by(Path(weights), series.data):
        part = f"{len(known)} of {len(pictures)} pictures"
        print(f"warning: {series.method}, {name}: {weights} was trained on {part}, see --split", file=sys.stderr)
    detector = _detector(weights, options.image_size, options.label, options.device)
    with tqdm(total=len(pictures), desc=f"{series.method} {name}", disable=not sys.stderr.isatty()) as bar:
        found = find(detector, pictures, path, options.batch, bar.update)
    clock.add("reading and fusing", found.reading_seconds)
    clock.add("detecting", found.detecting_seconds)
    return found


@lru_cache(maxsize=1)
def _detector(weights: str, image_size: int | None, label: str, device: str) -> YoloDetector:
    """The detector; methods share it, unless each has its own weights."""
    return YoloDetector(weights, image_size=image_size, label=label, device=device)


def _truths(pictures: Sequence[Picture], found: Findings) -> dict[str, Boxes]:
    """Labels of the pictures that were looked at; labels that can't be true make a failure of their picture."""
    truths = {}
    for picture in pictures:
        if picture.boxes is not None and picture.name in found.boxes:
            try:
                check_labels(picture.boxes, found.sizes[picture.name])
                truths[picture.name] = picture.boxes
            except DownstreamError as error:
                found.failures[picture.name] = str(error)
    return truths


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
    folder = options.out / "annotated" / series.file
    for picture in series.pictures:
        if picture.name in found.boxes:
            boxes = found.boxes[picture.name]
            shown = annotated(picture.source.read(), boxes[boxes.scores >= options.score], picture.boxes)
            write_png(folder / f"{picture.name}.png", shown)
    print(f"annotated pictures in {folder}")


def _track(options: argparse.Namespace) -> int:
    clock, failed = _Clock(), 0
    Sort(**_parameters(options))  # wrong ones are refused before the long work
    scores: dict[tuple[str, str], TrackingScores] = {}
    if options.detections is not None:
        jobs = [_given_detections(options)]
    else:
        jobs = [
            (series, name, pictures)
            for series in _with_people(options, read_series(options, ordered=True))
            for name, pictures in _sequences(series)
        ]
    for series, name, pictures in jobs:
        try:
            tracks, truth = _follow(options, series, name, pictures, clock)
            identities = {int(identity) for boxes in tracks.values() for identity in boxes.ids}
            print(f"{series.method}, {name}: {len(identities)} tracks in {len(tracks)} frames")
            if options.save_video and pictures:
                _save_video(options, series, name, [p for p in pictures if (p.frame or 0) in tracks], tracks)
            if truth:
                start = perf_counter()
                scores[series.method, name] = tracking_scores(tracks, truth, options.label)
                clock.add("scoring", perf_counter() - start)
        except DownstreamError as error:
            if not pictures:
                raise
            failed += 1
            print(f"failed: {series.method}, {name}: {error}", file=sys.stderr)
    if scores:
        _print_tracking(scores, options)
    print(clock)
    return EXIT_FAILURES if failed else 0


def _sequences(series: Series) -> list[tuple[str, list[Picture]]]:
    sequences = list(series.sequences())
    if not sequences:
        raise DownstreamError(f"{series.data} has no sequence to track in; detect looks at single pictures")
    return sequences


def _given_detections(options: argparse.Namespace) -> tuple[Series, str, list[Picture]]:
    """A series without pictures, whose detections are in a file."""
    if options.images or options.dataset or options.infrared or options.visible or options.save_video:
        raise DownstreamError("--detections FILE is tracked without pictures; leave them and --save-video out")
    return Series("detections", options.detections.stem, []), options.detections.stem, []


def _follow(
    options: argparse.Namespace, series: Series, name: str, pictures: list[Picture], clock: _Clock
) -> tuple[dict[int, Boxes], dict[int, Boxes]]:
    """Tracks and truth of one sequence; the tracks are written."""
    if pictures:
        found = _find(options, series, name, pictures, clock)
        pictures = _without_end(pictures, found)
        named = _truths(pictures, found)
        detections = complete_sequence(found, pictures)
        truth = {p.frame: named[p.name] for p in pictures if p.frame is not None and p.name in named}
    else:
        detections = read_detections(options.detections, options.label)
        truth = read_sequence_labels(options.labels) if options.labels else {}
        nothing = Boxes(np.empty((0, 4)))
        detections = {
            frame: detections.get(frame, nothing) for frame in range(max([*detections, *truth], default=-1) + 1)
        }
    start = perf_counter()
    tracks = track(detections, **_parameters(options))
    clock.add("tracking", perf_counter() - start)
    write_atomic(options.out / "tracks" / series.file / f"{file_name(name)}.txt", write_mot(tracks).encode())
    return tracks, truth


def _without_end(pictures: list[Picture], found: Findings) -> list[Picture]:
    """The frames of a film up to the last that can be read: many announce more than they hold."""
    seen = [index for index, picture in enumerate(pictures) if picture.name in found.boxes]
    end = pictures[seen[-1] + 1 :] if seen else []
    if end and all(isinstance(picture.source, VideoFrame) for picture in end):
        reason = found.failures[end[0].name]
        print(f"left out: the last {len(end)} of {len(pictures)} frames can't be read ({reason})", file=sys.stderr)
        for picture in end:
            del found.failures[picture.name]
        return pictures[: -len(end)]
    return pictures


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "max_age": options.max_age,
        "min_hits": options.min_hits,
        "iou_threshold": options.iou,
        "min_score": options.score,
    }


def _save_video(
    options: argparse.Namespace, series: Series, name: str, pictures: list[Picture], tracks: Mapping[int, Boxes]
) -> None:
    path = options.out / "videos" / series.file / f"{file_name(name)}.mp4"
    write_video(path, (annotated(p.source.read(), tracks[p.frame or 0], p.boxes) for p in pictures), options.fps)
    print(path)


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
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_atomic(path, text.getvalue().encode())
    print(f"written to {path}")


def _train(options: argparse.Namespace) -> int:
    budget = Budget(options.weights, options.epochs, options.image_size, options.batch, options.seed, options.device)
    every = read_series(options, ordered=False)
    if options.mixed:
        pictures = [
            replace(picture, name=f"{file_name(series.method)}-{picture.name}")
            for series in every
            for picture in series.pictures
        ]
        _train_one(pictures, every, options.out / "mixed.pt", budget, options.label)
        return 0
    for series in every:
        _train_one(series.pictures, [series], options.out / f"{file_name(series.method)}.pt", budget, options.label)
    return 0


def _train_one(pictures: Sequence[Picture], every: Sequence[Series], out: Path, budget: Budget, label: str) -> None:
    """Train on pictures, which are those of these series."""
    with tqdm(total=budget.epochs, desc=out.stem, unit="epoch", disable=not sys.stderr.isatty()) as bar:
        train_detector(pictures, out, budget, label, bar.update)
    names: dict[str, list[str]] = {}
    for series in every:
        names.setdefault(series.data, []).extend(picture.name for picture in series.pictures)
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

    def add(self, what: str, seconds: float) -> None:
        """Count `seconds` for `what`."""
        self.seconds[what] = self.seconds.get(what, 0.0) + seconds

    def __str__(self) -> str:
        total = sum(self.seconds.values()) or 1.0
        parts = (f"{what} {value:.1f} s ({value / total:.0%})" for what, value in self.seconds.items())
        return f"time: {', '.join(parts)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m downstream", description="What fused images are good for.")
    commands = parser.add_subparsers(required=True, metavar="command")

    detect = commands.add_parser("detect", help="find people in pictures, and score what is found")
    add_input_options(detect)
    _add_detector_options(detect)
    detect.add_argument("--ultralytics", action="store_true", help="also average precision as ultralytics computes it")
    detect.add_argument("--save-images", action="store_true", help="also write the pictures with boxes")
    detect.set_defaults(command=_detect)

    follow = commands.add_parser("track", help="follow people through sequences, and score the tracks")
    add_input_options(follow)
    _add_detector_options(follow)
    follow.add_argument("--detections", type=Path, metavar="FILE", help="MOTChallenge detections instead of pictures")
    follow.add_argument("--max-age", type=int, default=1, metavar="N", help="frames a track may be missed (default: 1)")
    follow.add_argument(
        "--min-hits", type=int, default=3, metavar="N", help="detections that make a track (default: 3)"
    )
    follow.add_argument("--iou", type=float, default=0.3, help="least overlap with the prediction (default: 0.3)")
    follow.add_argument("--save-video", action="store_true", help="also write films with boxes and identities")
    follow.add_argument("--fps", type=float, default=12.0, metavar="N", help="of these films (default: 12)")
    follow.set_defaults(command=_track)

    train = commands.add_parser("train-detector", help="train a small detector a method: the protocol 'retrained'")
    add_input_options(train)
    train.add_argument(
        "--weights", default=DEFAULT_WEIGHTS, metavar="FILE", help=f"to start from (default: {DEFAULT_WEIGHTS})"
    )
    train.add_argument("--mixed", action="store_true", help="one detector for the pictures of all methods")
    train.add_argument("--epochs", type=_whole, default=Budget.epochs, help=f"default: {Budget.epochs}")
    train.add_argument("--batch", type=_whole, default=Budget.batch, help=f"pictures a step (default: {Budget.batch})")
    train.add_argument("--seed", type=int, default=Budget.seed, help=f"default: {Budget.seed}")
    train.add_argument(
        "--out", type=Path, default=Path("runs/detectors"), metavar="DIR", help="default: runs/detectors"
    )
    train.add_argument(
        "--image-size", type=_whole, default=Budget.image_size, help=f"pixels it sees (default: {Budget.image_size})"
    )
    _add_network_options(train)
    train.set_defaults(command=_train)
    return parser


def _add_detector_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("detector")
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="anything ultralytics loads; {method} becomes the method's name "
        f"(default: {DEFAULT_WEIGHTS}; for rendered scenes: {SHIPPED})",
    )
    group.add_argument("--image-size", type=_whole, help="pixels the network sees (default: what it was trained for)")
    group.add_argument(
        "--score", type=_share, default=WORKING_SCORE, help=f"working point, least score (default: {WORKING_SCORE})"
    )
    group.add_argument("--batch", type=_whole, default=8, help="pictures at a time (default: 8)")
    group.add_argument(
        "--out",
        type=Path,
        default=Path("runs/downstream"),
        metavar="DIR",
        help="detections (used again by the next command), tracks, tables (default: runs/downstream)",
    )
    _add_network_options(command)


def _add_network_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--label", default="person", help="the class (default: person)")
    command.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1 (default: auto)")
