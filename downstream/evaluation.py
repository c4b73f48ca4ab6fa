"""Evaluation: people found in the images of a series, followed through its sequences, and compared with its labels.

Whoever wants to know what images are good for goes this way: find, check the labels, follow, score. What was found and
followed is kept, so that the next command that asks for the same, whichever it is, looks at nothing twice::

    OUT/detections/DATASET/METHOD/SEQUENCE.txt    what the detector found, see `downstream.findings`
    OUT/tracks/DATASET/METHOD/SEQUENCE.txt        who is who (MOTChallenge)

Single images share a file that is called like a sequence ``pictures``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any

from ivif.datasets.boxes import Boxes, write_mot
from ivif.datasets.files import file_name, write_atomic
from ivif.datasets.labels import LabelError, check_labels
from ivif.datasets.pairs import VideoFrame
from ivif.datasets.progress import progress
from ivif.datasets.workers import in_workers
from ivif.downstream.detection import WORKING_SCORE, DetectionScores, detection_scores
from ivif.downstream.detector import Detector, DetectorSettings
from ivif.downstream.errors import DownstreamError
from ivif.downstream.findings import BATCH, Findings, complete_sequence, find_in_images, known_findings
from ivif.downstream.labelled_images import LabelledImage
from ivif.downstream.loading import load_detector
from ivif.downstream.series import Series
from ivif.downstream.sort import track
from ivif.downstream.tracking import TrackingScores, tracking_scores


@dataclass
class Evaluation:
    """What came of a series.

    Attributes:
        found: detections by image, and images that could not be looked at or whose labels can't be true.
        truths: labels of the images that were looked at, in the order of the series.
        tracks: by sequence, then by frame.
        tracking: scores of sequences.
        lost: sequences that could not be followed or scored, with the reason.
        left_out: notes on films that end before they said.
        following_seconds, scoring_seconds: spent on tracks, and on their scores.
    """

    found: Findings = field(default_factory=Findings)
    truths: dict[str, Boxes] = field(default_factory=dict)
    tracks: dict[str, dict[int, Boxes]] = field(default_factory=dict)
    tracking: dict[str, TrackingScores] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    following_seconds: float = 0.0
    scoring_seconds: float = 0.0
    _detection: dict[tuple[str, float], DetectionScores] = field(default_factory=dict, repr=False, compare=False)

    def detection(self, label: str = "person", working_score: float = WORKING_SCORE) -> DetectionScores | None:
        """Scores of what was found, see `detection_scores`, compared once; None where no image has labels."""
        asked = label, working_score
        if self.truths and asked not in self._detection:
            self._detection[asked] = detection_scores(self.found.boxes, self.truths, label, working_score)
        return self._detection.get(asked)


def evaluate(
    series: Series,
    detector: Detector,
    sort: Mapping[str, Any] | None,
    out: Path,
    *,
    label: str = "person",
    scored: Collection[str] | None = None,
    batch: int = BATCH,
    progress: Callable[[int], object] = lambda count: None,
) -> Evaluation:
    """Find people in every image of a series, follow them through its sequences, and score the tracks.

    An image that cannot be read, a label that can't be true or a sequence with a hole is told in the result, and the
    rest goes on.

    Args:
        series: images of one method or camera.
        detector: any `Detector`; images that were looked at by it before are known.
        sort: parameters of `Sort`; None: nobody is followed.
        out: folder of detections and tracks.
        label: the class that is scored.
        scored: sequences whose tracks are compared with their labels; None: all that have any.
        batch: images that the detector gets at a time.
        progress: called with the number of images that are done since its last call.

    Raises:
        DownstreamError: the detector failed.
        BoxesError: a file of detections is damaged.
        OSError: `out` cannot be written.
    """

    def find(name: str, images: Sequence[LabelledImage]) -> Findings:
        return find_in_images(detector, images, part_file(out, "detections", series, name), batch, progress)

    return _evaluated(series, find, sort, label, scored, out)


@dataclass(frozen=True)
class Watcher:
    """A detector by its name, for processes that load it themselves; see `load_detector`."""

    name: str
    settings: DetectorSettings
    device: str


def look_ahead(every: Iterable[tuple[Watcher, Series]], out: Path, batch: int = BATCH) -> tuple[int, float]:
    """Have the workers of a cluster find people, a part of a series at a time; `evaluate` then knows what they found.

    Args:
        every: series, and who looks at each.
        out: folder of detections and tracks, which the workers share.
        batch: images that the detector gets at a time.

    Returns:
        How many images were looked at now, and the seconds it took detectors.

    Raises:
        BoxesError: a file of detections is damaged.
        WorkersError: see `in_workers`.
    """
    calls = [
        (watcher, images, part_file(out, "detections", series, name), batch)
        for watcher, series in every
        for name, images in series.parts()
    ]
    work, looked, seconds = in_workers(_look_at, calls, processes=1, ordered=False), 0, 0.0
    with progress(len(calls), "detecting", "parts") as bar:
        for count, spent in work:
            looked, seconds = looked + count, seconds + spent
            bar.update()
    return looked, seconds


def _look_at(watcher: Watcher, images: Sequence[LabelledImage], path: Path, batch: int) -> tuple[int, float]:
    try:
        found = find_in_images(_loaded(watcher), images, path, batch)
    except DownstreamError:
        return 0, 0.0  # `evaluate` meets the same error and tells it
    return len(found.boxes) - found.reused, found.detecting_seconds


@lru_cache(maxsize=4)
def _loaded(watcher: Watcher) -> Detector:
    return load_detector(watcher.name, watcher.settings, watcher.device)


def evaluate_again(
    series: Series, sort: Mapping[str, Any] | None, out: Path, label: str, scored: Collection[str] | None = None
) -> Evaluation:
    """What `evaluate` gives, from the detections that it left in `out`: nothing is looked at, nothing is written.

    Args:
        series, sort, out, label, scored: as they were then.

    Raises:
        BoxesError: a file of detections is damaged.
    """

    def find(name: str, images: Sequence[LabelledImage]) -> Findings:
        return known_findings(images, part_file(out, "detections", series, name))

    return _evaluated(series, find, sort, label, scored, None)


def _evaluated(
    series: Series,
    find: Callable[[str, Sequence[LabelledImage]], Findings],
    sort: Mapping[str, Any] | None,
    label: str,
    scored: Collection[str] | None,
    out: Path | None,
) -> Evaluation:
    result, truths = Evaluation(), dict[str, Boxes]()
    for name, images in series.parts():
        found = find(name, images)
        shown = _readable(images, found, result.left_out)
        true = _truths(shown, found)
        if sort is not None and images[0].sequence is not None:
            compared = true if scored is None or name in scored else {}
            path = part_file(out, "tracks", series, name) if out else None
            _follow(result, name, shown, found, compared, sort, path, label)
        result.found.add(found)
        truths |= true
    result.truths = {image.name: truths[image.name] for image in series.images if image.name in truths}
    return result


def part_file(out: Path, kind: str, series: Series, name: str, suffix: str = ".txt") -> Path:
    """The file of one part of a series below ``detections``, ``tracks`` ..."""
    return out / kind / series.folder / f"{file_name(name)}{suffix}"


def _readable(images: Sequence[LabelledImage], found: Findings, notes: list[str]) -> Sequence[LabelledImage]:
    """The frames of a film up to the last that can be read: many announce more than they hold."""
    seen = [index for index, image in enumerate(images) if image.name in found.boxes]
    end = images[seen[-1] + 1 :] if seen else []
    if not end or not all(isinstance(image.source, VideoFrame) for image in end):
        return images
    reason = found.failures[end[0].name]
    notes.append(f"left out: the last {len(end)} of {len(images)} frames can't be read ({reason})")
    for image in end:
        del found.failures[image.name]
    return images[: -len(end)]


def _truths(images: Sequence[LabelledImage], found: Findings) -> dict[str, Boxes]:
    """Labels of the images that were looked at; labels that can't be true make a failure of their image."""
    truths = {}
    for image in images:
        if image.boxes is not None and image.name in found.boxes:
            try:
                check_labels(image.boxes, found.sizes[image.name])
                truths[image.name] = image.boxes
            except LabelError as error:
                found.failures[image.name] = str(error)
    return truths


def _follow(
    result: Evaluation,
    name: str,
    images: Sequence[LabelledImage],
    found: Findings,
    truths: Mapping[str, Boxes],
    sort: Mapping[str, Any],
    path: Path | None,
    label: str,
) -> None:
    """Tracks of one sequence, and their scores where there is a truth; without all frames it is lost."""
    start = perf_counter()
    try:
        tracks = follow(complete_sequence(found, images), sort, path)
    except DownstreamError as error:
        if path:
            path.unlink(missing_ok=True)  # tracks of earlier images must not pass for those of these
        result.lost[name] = str(error)
        return
    result.tracks[name] = tracks
    middle = perf_counter()
    result.following_seconds += middle - start
    truth = {image.frame: truths[image.name] for image in images if image.frame is not None and image.name in truths}
    if truth:
        try:
            result.tracking[name] = tracking_scores(tracks, truth, label)
        except DownstreamError as error:
            result.lost[name] = str(error)
        result.scoring_seconds += perf_counter() - middle


def follow(detections: Mapping[int, Boxes], sort: Mapping[str, Any], path: Path | None) -> dict[int, Boxes]:
    """Tracks of one sequence, see `track`; they are written to `path`, if there is one."""
    tracks = track(detections, **sort)
    if path:
        write_atomic(path, write_mot(tracks).encode())
    return tracks
