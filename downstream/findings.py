"""Findings: what a detector found in many images, each looked at once, kept as MOTChallenge text.

A file begins with comments: the fingerprint of the detector, then one line an image with its frame, its mark (the
fingerprint of its source: of what decides the image, not of the file that holds it), size and name. An image is looked
at again only if its mark or the detector's fingerprint has changed, whichever command looked before; images that a call
does not ask for stay. Rows are MOTChallenge's for detections: frame (from 1), -1, left, top, width, height, score, and
three unused columns. Single images count as frames in the order in which they were given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ivif.datasets.boxes import Boxes, BoxesError
from ivif.datasets.files import write_atomic
from ivif.datasets.frames import LAST_FRAME
from ivif.datasets.images import ImageError
from ivif.datasets.label_files import read_text
from ivif.datasets.pairs import PairError
from ivif.downstream.detector import Detector, detect
from ivif.downstream.errors import DownstreamError
from ivif.downstream.labelled_images import LabelledImage
from ivif.fusion import FusionError

UNREADABLE = (ImageError, PairError, FusionError)
"""Errors of a single image: they are recorded, the others go on."""

SAVED_EVERY = 8
"""Batches after which the file is brought up to date."""

UNKNOWN_SCORE = -1.0
"""What MOTChallenge writes where a detector gives no score."""

BATCH = 8
"""Images that a detector gets at a time, where nothing else is said."""


@dataclass
class Findings:
    """What was found in which image, and what could not be looked at; all by the image's name.

    Attributes:
        boxes: detections, best first.
        sizes: (width, height) of the images that were looked at.
        failures: reasons why the others were not.
        reused: images whose detections come from an earlier call.
        reading_seconds, detecting_seconds: spent on reading and fusing, and in the detector.
    """

    boxes: dict[str, Boxes] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    reading_seconds: float = 0.0
    detecting_seconds: float = 0.0

    def add(self, other: Findings) -> None:
        """Take in what was found in other images."""
        self.boxes |= other.boxes
        self.sizes |= other.sizes
        self.failures |= other.failures
        self.reused += other.reused
        self.reading_seconds += other.reading_seconds
        self.detecting_seconds += other.detecting_seconds


def find_in_images(
    detector: Detector,
    images: Sequence[LabelledImage],
    path: Path | None = None,
    batch: int = BATCH,
    progress: Callable[[int], object] = lambda count: None,
) -> Findings:
    """Look at every image that `path` does not tell about yet. One that cannot be read or fused is a failure.

    Scores and coordinates are rounded as in the file, so that all readers see the same. What was found is in the file
    even if the call is interrupted.

    Args:
        detector: any `Detector`.
        images: with names that are unique among them.
        path: the file to read and to write; None keeps nothing.
        batch: images that the detector gets at a time.
        progress: called with the number of images that are done since its last call.

    Raises:
        DownstreamError: the detector failed.
        BoxesError: the file at `path` is damaged.
    """
    marks = {image.name: mark for image in images if (mark := _mark(image))}
    numbers = _numbers(images)
    head = f"# detector {detector.fingerprint()} {detector.name}\n"
    stored = list(_looked(path)) if path is not None and path.is_file() and _head(path) == head else []
    known = {looked.mark: looked for looked in stored}
    found = Findings()
    for name, mark in marks.items():
        if mark in known:
            found.boxes[name], found.sizes[name] = known[mark].boxes, known[mark].size
    found.reused = len(found.boxes)
    progress(found.reused)
    others = _others(known, marks, numbers)
    waiting = [image for image in images if image.name not in found.boxes]
    places = {(looked.mark, looked.number, looked.name) for looked in stored}
    moved = not places.issuperset((marks[name], numbers[name], name) for name in found.boxes)

    def save() -> None:
        if path is not None and (waiting or moved) and found.boxes:
            looked = (
                _Looked(numbers[name], marks[name], found.sizes[name], name, found.boxes[name])
                for name in found.sizes
                if name in marks
            )
            write_atomic(path, _text(head, [*looked, *others]).encode())

    try:
        for turn, start in enumerate(range(0, len(waiting), batch), start=1):
            _look(detector, waiting[start : start + batch], found)
            progress(len(waiting[start : start + batch]))
            if turn % SAVED_EVERY == 0:
                save()
    finally:
        save()
    return found


def known_findings(images: Sequence[LabelledImage], path: Path) -> Findings:
    """What `find_in_images` left about these images in a file; those that it does not tell about are failures.

    An image is known by its place and its name: whether the file is still of the same picture can't be told without
    its source.

    Raises:
        BoxesError: the file cannot be read or is damaged.
    """
    known = {(looked.number, looked.name): looked for looked in _looked(path)} if path.is_file() else {}
    found, numbers = Findings(), _numbers(images)
    for image in images:
        if looked := known.get((numbers[image.name], image.name)):
            found.boxes[image.name], found.sizes[image.name] = looked.boxes, looked.size
        else:
            found.failures[image.name] = f"{path} has no detections of it"
    found.reused = len(found.boxes)
    return found


def _look(detector: Detector, images: Sequence[LabelledImage], found: Findings) -> None:
    read: dict[str, Tensor] = {}
    start = perf_counter()
    for image in images:
        try:
            read[image.name] = image.source.read()
        except UNREADABLE as error:
            found.failures[image.name] = str(error)
    middle = perf_counter()
    results = detect(detector, read.values(), max(1, len(read)))
    found.reading_seconds += middle - start
    found.detecting_seconds += perf_counter() - middle
    for (name, pixels), boxes in zip(read.items(), results, strict=True):
        found.boxes[name] = _rounded(boxes)
        found.sizes[name] = (pixels.shape[2], pixels.shape[1])


def _mark(image: LabelledImage) -> str | None:
    """The fingerprint of an image's source; none where a file of it cannot be opened: nothing is kept of that image."""
    try:
        return image.source.fingerprint()
    except (*UNREADABLE, OSError):
        return None


def _numbers(images: Sequence[LabelledImage]) -> dict[str, int]:
    """0-based frame of each image; its place, where it is no frame."""
    return {image.name: index if image.frame is None else image.frame for index, image in enumerate(images)}


class _Looked(NamedTuple):
    """An image in the file: 0-based frame, mark, (width, height), name, what was found."""

    number: int
    mark: str
    size: tuple[int, int]
    name: str
    boxes: Boxes


def _others(known: Mapping[str, _Looked], marks: Mapping[str, str], numbers: Mapping[str, int]) -> list[_Looked]:
    """Images of the file that are not asked for, and whose place none takes that is."""
    asked, taken = set(marks.values()), set(numbers.values())
    return [looked for mark, looked in known.items() if mark not in asked and looked.number not in taken]


def _text(first: str, images: Iterable[_Looked]) -> str:
    images = sorted(images, key=lambda looked: looked[:4])
    head = [first]
    for number, mark, (width, height), name, _ in images:
        head.append(f"# picture {number + 1} {mark} {width}x{height} {name}\n")
    return "".join(head) + write_detections({looked.number: looked.boxes for looked in images})


def _head(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline()


def join_findings(path: Path, target: Path) -> None:
    """Add what a file tells of other images to another file of the same detector, or put it in the place of another's.

    Images keep their frames, unless these are taken; `find_in_images` puts them in order.

    Raises:
        BoxesError: a file is damaged.
        OSError: a file cannot be read or written.
    """
    head = _head(path)
    known = list(_looked(target)) if target.is_file() and _head(target) == head else []
    there, taken = {(looked.mark, looked.name) for looked in known}, {looked.number for looked in known}
    free = max(taken, default=-1) + 1
    for looked in _looked(path):
        if (looked.mark, looked.name) not in there:
            number = looked.number if looked.number not in taken else free
            taken.add(number)
            free = max(free, number + 1)
            known.append(looked._replace(number=number))
    write_atomic(target, _text(head, known).encode())


def _looked(path: Path) -> Iterator[_Looked]:
    """The images of a file."""
    try:
        rows = read_detections(path)
    except BoxesError as error:
        raise BoxesError(f"{error}; delete the file, and its pictures are looked at again") from error
    nothing = Boxes(np.empty((0, 4)))
    for line in path.read_text(encoding="utf-8").split("\n"):
        if m := re.match(r"# picture (\d+) (\S+) (\d+)x(\d+) (.*)", line):
            yield _Looked(int(m[1]) - 1, m[2], (int(m[3]), int(m[4])), m[5], rows.get(int(m[1]) - 1, nothing))


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
    """Detections by 0-based frame from MOTChallenge text; all get the class `label`.

    Detections without scores, in six columns or with -1 in all rows, have the score 1.

    Raises:
        BoxesError: the file cannot be read, or a row is not as described.
    """
    rows = [
        _row(line, f"{path}, line {number}")
        for number, line in enumerate(read_text(path).splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    table = np.array(rows).reshape(-1, 7)
    if (table[:, 6] == UNKNOWN_SCORE).all():
        table[:, 6] = 1.0
    table = table[np.argsort(table[:, 0], kind="stable")]
    frames, starts = np.unique(table[:, 0], return_index=True)
    parts = np.split(table, starts[1:])
    return {
        int(frame) - 1: _from_rows(part, (label,) * len(part)) for frame, part in zip(frames, parts, strict=bool(rows))
    }


def _row(line: str, where: str) -> list[float]:
    expected = "expected frame, id, left, top, width, height, score"
    try:
        row = [float(word) for word in line.strip().rstrip(",").split(",")]
    except ValueError:
        raise BoxesError(f"{where}: {expected}, found {line!r}") from None
    row = [*row, UNKNOWN_SCORE] if len(row) == 6 else row
    if len(row) < 7 or not all(map(isfinite, row[:7])) or not row[0].is_integer() or row[0] < 1 or min(row[4:6]) < 0:
        raise BoxesError(f"{where}: {expected}; frames count from 1, sizes are not negative; found {line!r}")
    if row[0] > LAST_FRAME:
        raise BoxesError(f"{where}: frames up to {LAST_FRAME:,}, found {line!r}")
    return row[:7]


def _from_rows(rows: np.ndarray, labels: Sequence[str]) -> Boxes:
    corners = np.hstack((rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]))
    return Boxes(corners, tuple(labels), scores=rows[:, 6])


def complete_sequence(found: Findings, images: Sequence[LabelledImage]) -> dict[int, Boxes]:
    """Detections of one sequence by frame.

    Raises:
        DownstreamError: a frame of it failed: what stands before and after can't be joined without it.
    """
    if found.failures:
        name, reason = next(iter(found.failures.items()))
        raise DownstreamError(f"{len(found.failures)} of {len(images)} frames are missing, such as {name}: {reason}")
    numbers = _numbers(images)
    return {numbers[image.name]: found.boxes[image.name] for image in images}
