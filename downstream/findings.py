"""Findings: what a detector found in many pictures, each looked at once, kept as MOTChallenge text.

A file begins with comments: the fingerprint of the detector, then one line a picture with its frame, fingerprint, size
and name. A picture is looked at again only if its fingerprint or the detector's has changed; pictures that a call does
not ask for stay. Rows are MOTChallenge's for detections: frame (from 1), -1, left, top, width, height, score, and three
unused columns. Single pictures count as frames in the order in which they were given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from torch import Tensor

from datasets.boxes import Boxes, BoxesError
from datasets.files import write_atomic
from datasets.images import ImageError
from datasets.pairs import PairError
from downstream.detector import Detector, detect
from downstream.errors import DownstreamError
from downstream.pictures import Picture
from fusion import FusionError

UNREADABLE = (ImageError, PairError, FusionError)
"""Errors of a single picture: they are recorded, the others go on."""

SAVED_EVERY = 8
"""Batches after which the file is brought up to date."""

LAST_FRAME = 10_000_000
"""Three days of 30 frames a second: a higher number is a mistake, and frames without detections take memory too."""


@dataclass
class Findings:
    """What was found in which picture, and what could not be looked at; all by the picture's name.

    Attributes:
        boxes: detections, best first.
        sizes: (width, height) of the pictures that were looked at.
        failures: reasons why the others were not.
        reused: pictures whose detections come from an earlier call.
        reading_seconds, detecting_seconds: spent on reading and fusing, and in the detector.
    """

    boxes: dict[str, Boxes] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    reading_seconds: float = 0.0
    detecting_seconds: float = 0.0


def find(
    detector: Detector,
    pictures: Sequence[Picture],
    path: Path | None = None,
    batch: int = 8,
    progress: Callable[[int], object] = lambda count: None,
) -> Findings:
    """Look at every picture that `path` does not tell about yet. One that cannot be read or fused is a failure.

    Scores and coordinates are rounded as in the file, so that all readers see the same. What was found is in the file
    even if the call is interrupted.

    Args:
        detector: any `Detector`.
        pictures: with names that are unique among them.
        path: the file to read and to write; None keeps nothing.
        batch: pictures that the detector gets at a time.
        progress: called with the number of pictures that are done since its last call.

    Raises:
        DownstreamError: the detector failed.
        BoxesError: the file at `path` is damaged.
    """
    marks = {picture.name: _mark(picture) for picture in pictures}
    numbers = _numbers(pictures)
    known = _read(path, detector.fingerprint()) if path is not None and path.is_file() else {}
    found = Findings()
    for name, mark in marks.items():
        if mark in known:
            found.boxes[name], found.sizes[name] = known[mark].boxes, known[mark].size
    found.reused = len(found.boxes)
    progress(found.reused)
    others = _others(known, marks, numbers)
    waiting = [picture for picture in pictures if picture.name not in found.boxes]

    def save() -> None:
        if path is not None and waiting and found.boxes:
            looked = (
                _Looked(numbers[name], marks[name], found.sizes[name], name, found.boxes[name]) for name in found.sizes
            )
            write_atomic(path, _text(detector, [*looked, *others]).encode())

    try:
        for turn, start in enumerate(range(0, len(waiting), batch), start=1):
            _look(detector, waiting[start : start + batch], found)
            progress(len(waiting[start : start + batch]))
            if turn % SAVED_EVERY == 0:
                save()
    finally:
        save()
    return found


def _look(detector: Detector, pictures: Sequence[Picture], found: Findings) -> None:
    images: dict[str, Tensor] = {}
    start = perf_counter()
    for picture in pictures:
        try:
            images[picture.name] = picture.source.read()
        except UNREADABLE as error:
            found.failures[picture.name] = str(error)
    middle = perf_counter()
    results = detect(detector, images.values(), max(1, len(images)))
    found.reading_seconds += middle - start
    found.detecting_seconds += perf_counter() - middle
    for (name, image), boxes in zip(images.items(), results, strict=True):
        found.boxes[name] = _rounded(boxes)
        found.sizes[name] = (image.shape[2], image.shape[1])


def _mark(picture: Picture) -> str:
    """The picture's fingerprint; one that cannot even be opened has none, and no detections to go with it."""
    try:
        return picture.source.fingerprint()
    except UNREADABLE:
        return "unreadable"


def _numbers(pictures: Sequence[Picture]) -> dict[str, int]:
    """0-based frame of each picture; its place, where it is no frame."""
    return {picture.name: index if picture.frame is None else picture.frame for index, picture in enumerate(pictures)}


class _Looked(NamedTuple):
    """A picture in the file: 0-based frame, fingerprint, (width, height), name, what was found."""

    number: int
    mark: str
    size: tuple[int, int]
    name: str
    boxes: Boxes


def _others(known: Mapping[str, _Looked], marks: Mapping[str, str], numbers: Mapping[str, int]) -> list[_Looked]:
    """Pictures of the file that are not asked for, and whose place none takes that is."""
    asked, taken = set(marks.values()), set(numbers.values())
    return [looked for mark, looked in known.items() if mark not in asked and looked.number not in taken]


def _text(detector: Detector, pictures: Iterable[_Looked]) -> str:
    pictures = sorted(pictures)
    head = [f"# detector {detector.fingerprint()} {detector.name}\n"]
    for number, mark, (width, height), name, _ in pictures:
        head.append(f"# picture {number + 1} {mark} {width}x{height} {name}\n")
    return "".join(head) + write_detections({looked.number: looked.boxes for looked in pictures})


def _read(path: Path, detector: str) -> dict[str, _Looked]:
    """The pictures of a file by fingerprint; none if it is another detector's."""
    with path.open(encoding="utf-8", errors="replace") as file:
        comments = [line for line in file if line.startswith("# ")]
    if not comments or comments[0].split()[:3] != ["#", "detector", detector]:
        return {}
    try:
        rows = read_detections(path)
    except BoxesError as error:
        raise BoxesError(f"{error}; delete the file, and its pictures are looked at again") from error
    described = (re.match(r"# picture (\d+) (\S+) (\d+)x(\d+) (.*)", line) for line in comments[1:])
    nothing = Boxes(np.empty((0, 4)))
    return {
        m[2]: _Looked(int(m[1]) - 1, m[2], (int(m[3]), int(m[4])), m[5], rows.get(int(m[1]) - 1, nothing))
        for m in described
        if m
    }


def write_detections(frames: Mapping[int, Boxes]) -> str:
    """MOTChallenge text of detections by 0-based frame; frames without any leave no trace."""
    return "".join(f"{','.join(row)}\n" for frame in sorted(frames) for row in _rows(frame, frames[frame]))


def _rows(frame: int, boxes: Boxes) -> list[tuple[str, ...]]:
    extents = np.column_stack((boxes.xyxy[:, :2], boxes.width, boxes.height))
    return [
        (str(frame + 1), "-1", *(f"{value:.2f}" for value in extent), f"{score:.6f}", "-1", "-1", "-1")
        for extent, score in zip(extents, boxes.scores, strict=True)
    ]


def _rounded(boxes: Boxes) -> Boxes:
    rows = np.array(_rows(0, boxes), dtype=np.float64).reshape(-1, 10)
    return _from_rows(rows, boxes.labels)


def read_detections(path: Path, label: str = "person") -> dict[int, Boxes]:
    """Detections by 0-based frame from MOTChallenge text, at least seven columns; all get the class `label`.

    Raises:
        BoxesError: the file cannot be read, or a row is not as described.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BoxesError(f"{path}: cannot be read ({error})") from error
    rows = [
        _row(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    table = np.array(rows).reshape(-1, 7)
    parts = {int(frame) - 1: table[table[:, 0] == frame] for frame in np.unique(table[:, 0])}
    return {frame: _from_rows(part, (label,) * len(part)) for frame, part in parts.items()}


def _row(line: str, where: str) -> list[float]:
    expected = "expected frame, id, left, top, width, height, score"
    try:
        row = [float(word) for word in line.split(",")]
    except ValueError:
        raise BoxesError(f"{where}: {expected}, found {line!r}") from None
    if len(row) < 7 or not np.isfinite(row[:7]).all() or not row[0].is_integer() or row[0] < 1 or min(row[4:6]) < 0:
        raise BoxesError(f"{where}: {expected}; frames count from 1, sizes are not negative; found {line!r}")
    if row[0] > LAST_FRAME:
        raise BoxesError(f"{where}: frames up to {LAST_FRAME:,}, found {line!r}")
    return row[:7]


def _from_rows(rows: np.ndarray, labels: Sequence[str]) -> Boxes:
    corners = np.hstack((rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]))
    return Boxes(corners, tuple(labels), scores=rows[:, 6])


def complete_sequence(found: Findings, pictures: Sequence[Picture]) -> dict[int, Boxes]:
    """Detections of one sequence by frame.

    Raises:
        DownstreamError: a frame of it failed: what stands before and after can't be joined without it.
    """
    if found.failures:
        name, reason = next(iter(found.failures.items()))
        raise DownstreamError(f"{len(found.failures)} of {len(pictures)} frames are missing, such as {name}: {reason}")
    numbers = _numbers(pictures)
    return {numbers[picture.name]: found.boxes[picture.name] for picture in pictures}
