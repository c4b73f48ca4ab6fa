"""MOTChallenge: labels of sequences as text, and the ``seqinfo.ini`` that belongs to them."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ivif.datasets.boxes import DISTRACTOR, MOT_CROWD, Boxes, BoxesError
from ivif.datasets.frames import LAST_FRAME
from ivif.datasets.label_files import Size, check_row, named_boxes, number_rows, read_text

_MOT_CLASSES = {
    1: "person",
    2: DISTRACTOR,
    3: "car",
    4: "bicycle",
    5: "motorbike",
    6: "non-motorised vehicle",
    7: DISTRACTOR,
    8: DISTRACTOR,
    9: "occluder",
    10: "occluder",
    11: "occluder",
    12: DISTRACTOR,
    MOT_CROWD: "crowd",
}
"""MOTChallenge's classes: those on vehicles, who stand still and reflections are no targets, and no mistakes either."""


def read_mot(path: Path) -> dict[int, Boxes]:
    """MOTChallenge text to boxes by 0-based frame index (the file counts frames from 1).

    Columns: frame, id, left, top, width, height, flag, class, visibility. As in MOTChallenge's toolkit, rows flagged 0
    don't count and those of class 2, 7, 8 and 12 are `DISTRACTOR`; flagged 0, a crowd (13) is an ignore region. In ten
    columns (2015) the last three are no class. Coordinates are taken as written. Frames without a row are absent.
    """
    rows: list[tuple[int, list[float]]] = []
    for number, row in number_rows(read_text(path), path, separator=","):
        check_row(path, number, row, columns=6, first="frame", lowest=1, highest=LAST_FRAME)
        if min(row[4:6]) < 0:
            raise BoxesError(f"{path}, line {number}: negative width or height")
        if not row[1].is_integer() or abs(row[1]) > 2**53:
            raise BoxesError(f"{path}, line {number}: expected an identity, a whole number, found {row[1]:g}")
        if row[1] < 0 and len(row) > 6 and 0 < row[6] < 1:
            raise BoxesError(f"{path}, line {number}: no identity, and a score of {row[6]:g}: detections, no labels")
        is_plain = len(row) >= 10 or len(row) < 8 or row[7] == -1
        if not is_plain and row[7] not in _MOT_CLASSES:
            raise BoxesError(
                f"{path}, line {number}: class {row[7]:g}, but MOTChallenge's are 1 to {max(_MOT_CLASSES)}"
            )
        kind = 1.0 if is_plain else row[7]
        rows.append((number, [*row[:6], *(row[6:7] or [1.0]), kind, *(row[8:9] if not is_plain else [])]))
    _check_identities(path, rows)
    return _mot_frames(path, [row for _, row in rows])


def _mot_frames(path: Path, rows: Sequence[list[float]]) -> dict[int, Boxes]:
    by_frame: dict[int, list[list[float]]] = {}
    for row in rows:
        own = by_frame.setdefault(int(row[0]) - 1, [])
        kind, flag = _MOT_CLASSES[int(row[7])], row[6]
        if kind == DISTRACTOR or flag or int(row[7]) == MOT_CROWD:
            own.append(row)
    return {frame: named_boxes(path, partial(_mot_boxes, own)) for frame, own in sorted(by_frame.items())}


def _mot_boxes(rows: list[list[float]]) -> Boxes:
    corner_extent = np.array([row[2:6] for row in rows]).reshape(-1, 4)
    kinds = [int(row[7]) for row in rows]
    region = [kind == MOT_CROWD and not row[6] for kind, row in zip(kinds, rows, strict=True)]
    return Boxes(
        np.hstack((corner_extent[:, :2], corner_extent[:, :2] + corner_extent[:, 2:])),
        tuple("person" if own else _MOT_CLASSES[kind] for kind, own in zip(kinds, region, strict=True)),
        ids=np.array([row[1] for row in rows], dtype=np.int64),
        ignore=np.array([own or _MOT_CLASSES[kind] == DISTRACTOR for kind, own in zip(kinds, region, strict=True)]),
        visibility=np.array([row[8] if len(row) > 8 else 1.0 for row in rows]),
    )


def _check_identities(path: Path, rows: Sequence[tuple[int, list[float]]]) -> None:
    seen: dict[tuple[float, float], int] = {}
    for number, row in rows:
        if row[1] >= 0 and (first := seen.setdefault((row[0], row[1]), number)) != number:
            raise BoxesError(
                f"{path}, line {number}: identity {row[1]:g} stands twice in frame {row[0]:g}, also in line {first}"
            )


def mot_text(path: Path) -> Path | None:
    """The text of MOTChallenge labels: the file itself, or ``gt/gt.txt`` or ``gt.txt`` in a folder; else None."""
    if not path.is_dir():
        return path if path.suffix.lower() == ".txt" else None
    return next((text for text in (path / "gt" / "gt.txt", path / "gt.txt") if text.is_file()), None)


def read_sequence_labels(path: Path) -> dict[int, Boxes]:
    """MOTChallenge ground truth of every labelled frame (0-based); frames without rows have empty boxes.

    Labels reach as far as ``seqLength`` says in a ``seqinfo.ini`` beside the file, or beside the folder ``gt`` that
    holds it; else to the last row. Raises `BoxesError` for files that cannot be read, or contradict each other.
    """
    path = mot_text(path) or path
    frames, nothing = read_mot(path), Boxes(np.empty((0, 4)))
    info, last = sequence_info(path), max(frames, default=-1) + 1
    length = last if info is None or info.length is None else info.length
    if info and length < last:
        raise BoxesError(f"{info.path}: seqLength is {length}, but {path} has rows of frame {last}; mend one of them")
    return {frame: frames.get(frame, nothing) for frame in range(length)}


class SequenceInfo(NamedTuple):
    """What a ``seqinfo.ini`` says: frames, frames a second, size of the pictures; None where it doesn't."""

    path: Path
    length: int | None
    rate: float | None
    size: Size | None


def sequence_info(labels: Path) -> SequenceInfo | None:
    """The ``seqinfo.ini`` of MOTChallenge labels, None where there is none; raises `BoxesError` for a damaged one."""
    places = [labels.with_name("seqinfo.ini")]
    if labels.parent.name.lower() in ("gt", "det"):
        places.append(labels.parent.with_name("seqinfo.ini"))
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return None
    reader = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        reader.read_string(read_text(path))
        numbers = [
            reader.getfloat("Sequence", key, fallback=0.0) for key in ("seqLength", "frameRate", "imWidth", "imHeight")
        ]
    except (configparser.Error, ValueError) as error:
        raise BoxesError(f"{path}: not a MOTChallenge seqinfo.ini ({error})") from error
    length, rate, width, height = numbers
    if not all(0 <= number <= LAST_FRAME for number in numbers) or not length.is_integer():
        raise BoxesError(f"{path}: not a MOTChallenge seqinfo.ini ({numbers} are no length, rate and size)")
    has_length = reader.has_option("Sequence", "seqLength")
    return SequenceInfo(
        path,
        int(length) if has_length else None,
        rate or None,
        (int(width), int(height)) if width and height else None,
    )
