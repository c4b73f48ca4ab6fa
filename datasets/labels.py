"""Labels: the formats that boxes are published in, and which boxes belong to which picture.

Labels are a folder with ``NAME.xml`` (Pascal VOC) or ``NAME.txt`` (YOLO; an empty file is a picture without objects),
a ``.json`` file (COCO instances), or a ``.txt`` file (MOTChallenge) for the frames of one sequence.
"""

from __future__ import annotations

import configparser
import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ivif.datasets.boxes import Boxes, BoxesError
from ivif.datasets.images import ImageError
from ivif.datasets.pairs import Pair, PairDataset, PairError, pair_folders

PERSONS = ("person",)
"""Classes of labels in which numbers stand for names, where nothing else is said."""


class LabelError(BoxesError):
    """Labels that are not those of the pictures they were given to; the message says what was found and expected."""


class Unlabelled(NamedTuple):
    """A picture whose labels are looked for.

    Attributes:
        name: what its label file is called, without suffix.
        frame: its 0-based index in a sequence, None for a single picture.
        read: gives the picture, ``uint8 [1 or 3, H, W]``; called where labels are shares of its size.
    """

    name: str
    frame: int | None
    read: Callable[[], Tensor]


def own_pairs(
    infrared: Path,
    visible: Path,
    labels: Path | None = None,
    classes: Sequence[str] = PERSONS,
    ordered: bool = False,
    value_range: tuple[float, float] | None = None,
) -> PairDataset:
    """The pairs of two folders of a user's own, called like the folder that holds them, with labels of their own.

    MOTChallenge text makes them the frames of one sequence of that name.

    Args:
        infrared, visible: the folders.
        labels: see `read_labels`; None: there are none.
        classes: see `read_labels`.
        ordered: whether they are a sequence anyhow.
        value_range: see `PairDataset.with_range`.

    Raises:
        PairError: no pairs; a sequence whose order is unknown.
        BoxesError: see `read_labels`.
    """
    name = Path(infrared).resolve().parent.name or "folders"
    ordered = ordered or (labels is not None and is_mot(labels))
    pairs = pair_folders(infrared, visible, name).with_range(value_range)  # before labels ask for a picture's size
    return label_pairs(pairs, labels, name if ordered else None, classes)


def label_pairs(
    pairs: PairDataset, path: Path | None, sequence: str | None = None, classes: Sequence[str] = PERSONS
) -> PairDataset:
    """Pairs with the boxes that `path` holds for their visible pictures, and as frames of a sequence.

    Args:
        pairs: of two folders.
        path: see `read_labels`; None: they keep what they have.
        sequence: name of the one that they are; None: they stay what they are.
        classes: see `read_labels`.

    Raises:
        PairError: see `frame_numbers`.
        BoxesError: see `read_labels`.
    """
    if sequence is not None:
        numbers = frame_numbers([pair.name for pair in pairs], from_one=path is not None and is_mot(path))
        frames = (replace(pair, sequence=sequence, frame=n) for pair, n in zip(pairs, numbers, strict=True))
        pairs = replace(pairs, pairs=tuple(frames))
    if path is None:
        return pairs
    boxes = read_labels(path, [Unlabelled(pair.name, pair.frame, partial(_visible, pair)) for pair in pairs], classes)
    labelled = (replace(pair, boxes=own) for pair, own in zip(pairs, boxes, strict=True))
    return replace(pairs, pairs=tuple(labelled))


def _visible(pair: Pair) -> Tensor:
    """A pair's visible picture, of a pair that fits together."""
    return pair.read().visible


def frame_numbers(names: Sequence[str], from_one: bool = False) -> list[int]:
    """The 0-based place of each picture in a sequence, by the last number in its name.

    The lowest number is frame 0, so that a number that is missing leaves a gap.

    Args:
        names: of the pictures.
        from_one: labels tell of frames by number, as MOTChallenge text does: then number 1 is frame 0, whether there is
            a picture of that number or not; or number 0 is, if there is one.

    Raises:
        PairError: a name without a number, or two with the same.
    """
    numbers = []
    for name in names:
        digits = re.findall(r"\d+", name)
        if not digits:
            raise PairError(f"{name}: no number in the name, so its place in the sequence is unknown")
        numbers.append(int(digits[-1]))
    if len(set(numbers)) != len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise PairError(f"two pictures have the number {twice}: a sequence needs one folder of its own")
    first = min(numbers, default=0)
    first = min(first, 1) if from_one else first
    return [number - first for number in numbers]


def is_mot(path: Path) -> bool:
    """Whether labels are MOTChallenge text, which tells of frames by number."""
    return path.suffix.lower() == ".txt" and not path.is_dir()


def read_labels(path: Path, pictures: Sequence[Unlabelled], classes: Sequence[str] = PERSONS) -> list[Boxes | None]:
    """The boxes that `path` holds for each picture, None for those it says nothing about.

    Args:
        path: labels in one of the four formats; for MOTChallenge text see `read_sequence_labels`.
        pictures: single ones, or those of one sequence.
        classes: names of YOLO's class numbers.

    Raises:
        LabelError: nothing there, or labels of none of the pictures, also if a sequence's rows are all of other frames.
        BoxesError: a file that cannot be read, or a class number without a name.
    """
    if path.is_dir():
        found = [_from_folder(picture, path, classes) for picture in pictures]
    elif path.suffix.lower() == ".json":
        by_name = read_coco(path)
        found = [by_name.get(picture.name) for picture in pictures]
    elif is_mot(path):
        found = _from_mot(pictures, path)
    else:
        raise LabelError(f"{path}: expected labels: a folder with .xml or .txt files, a .json or a .txt file")
    if pictures and all(boxes is None for boxes in found):
        raise LabelError(f"{path}: has labels of none of the {len(pictures)} pictures, such as {pictures[0].name}")
    return found


def _from_folder(picture: Unlabelled, folder: Path, classes: Sequence[str]) -> Boxes | None:
    voc, yolo = (folder / f"{picture.name}{suffix}" for suffix in (".xml", ".txt"))
    if voc.is_file():
        return read_voc(voc)
    if not yolo.is_file():
        return None
    try:
        height, width = picture.read().shape[-2:]
    except (ImageError, PairError):
        # It has labels, but no size to make pixels of them. Who looks at the picture finds out why.
        return Boxes(np.empty((0, 4)))
    boxes = read_yolo(yolo, (width, height), classes)
    if unknown := sorted(set(boxes.labels) - set(classes)):
        raise BoxesError(
            f"{yolo}: class {unknown[0]}, but names are known of {len(classes)} only ({', '.join(classes)}); "
            "name all, as in --names person car"
        )
    return boxes


def _from_mot(pictures: Sequence[Unlabelled], path: Path) -> list[Boxes | None]:
    frames = sorted((picture.frame, picture.name) for picture in pictures if picture.frame is not None)
    if len(frames) < len(pictures):
        raise LabelError(f"{path}: MOTChallenge text labels the frames of a sequence, these are single pictures")
    truth = read_sequence_labels(path)
    if not truth:  # as an empty file of YOLO's is a picture without people
        return [Boxes(np.empty((0, 4))) for _ in pictures]
    found = [truth.get(picture.frame or 0) for picture in pictures]
    rows = [frame for frame, boxes in truth.items() if len(boxes)]
    if frames and rows and not any(found):
        (first, its_name), (last, other_name) = frames[0], frames[-1]
        raise LabelError(
            f"{path}: has rows of frames {rows[0] + 1} to {rows[-1] + 1}, of none of the {len(pictures)} pictures; "
            f"{its_name} is frame {first + 1}, {other_name} is frame {last + 1}; "
            "give the pictures the numbers that the labels count in"
        )
    return found


def check_labels(boxes: Boxes, size: tuple[int, int]) -> None:
    """Refuse labels that lie outside their picture: they are in other units or belong to another picture.

    Boxes that reach over the border are fine, as labels of people who walk out of the image do. `size` is (width,
    height). Raises `LabelError`.
    """
    left, top, right, bottom = boxes.xyxy.T
    outside = (right <= 0) | (bottom <= 0) | (left >= size[0]) | (top >= size[1])
    if outside.any():
        box = ", ".join(f"{value:g}" for value in boxes.xyxy[outside][0])
        raise LabelError(
            f"{outside.sum()} of {len(outside)} labels lie outside the {size[0]}x{size[1]} picture, "
            f"such as ({box}); labels are pixels of this very picture (YOLO text: shares of it)"
        )


def read_sequence_labels(path: Path) -> dict[int, Boxes]:
    """MOTChallenge ground truth of every labelled frame (0-based); frames without rows have empty boxes.

    Labels reach as far as ``seqLength`` in ``seqinfo.ini`` beside the file says, else to the last row. Raises
    `BoxesError` for a file that cannot be read.
    """
    frames, nothing = read_mot(path), Boxes(np.empty((0, 4)))
    length = _announced_length(path.with_name("seqinfo.ini")) or max(frames, default=-1) + 1
    return {frame: frames.get(frame, nothing) for frame in range(length)}


def _announced_length(path: Path) -> int | None:
    """``seqLength`` of a MOTChallenge ``seqinfo.ini``, None if the file or the key is missing."""
    if not path.is_file():
        return None
    reader = configparser.ConfigParser()
    try:
        reader.read(path, encoding="utf-8")
        return reader.getint("Sequence", "seqLength", fallback=None)
    except (configparser.Error, ValueError) as error:
        raise BoxesError(f"{path}: not a MOTChallenge seqinfo.ini ({error})") from error


def read_voc(path: Path) -> Boxes:
    """Pascal VOC XML (one file an image). Corners are taken as written; difficult objects become ignore regions."""
    try:
        root = ElementTree.parse(path).getroot()
        rows = []
        for item in root.iter("object"):
            corners = [float(item.findtext(f"bndbox/{key}", "")) for key in ("xmin", "ymin", "xmax", "ymax")]
            rows.append((corners, item.findtext("name", "person"), item.findtext("difficult", "0") == "1"))
        return Boxes(
            np.array([row[0] for row in rows]),
            tuple(row[1] for row in rows),
            ignore=np.array([row[2] for row in rows], dtype=np.bool_),
        )
    except (OSError, ElementTree.ParseError, ValueError) as error:
        raise BoxesError(f"{path}: not a Pascal VOC annotation ({error})") from error


def read_yolo(path: Path, size: tuple[int, int], names: Sequence[str] = PERSONS) -> Boxes:
    """YOLO text: a line a box, ``class centre-x centre-y width height`` as shares of `size` = (width, height)."""
    rows = _number_rows(path, separator=None, columns=5, first="class", lowest=0, width=5)
    centre, extent = rows[:, 1:3] * size, rows[:, 3:5] * size
    classes = rows[:, 0].astype(int)
    labels = tuple(names[index] if index < len(names) else str(index) for index in classes)
    return Boxes(np.hstack((centre - extent / 2, centre + extent / 2)), labels)


def read_mot(path: Path) -> dict[int, Boxes]:
    """MOTChallenge text to boxes by 0-based frame index (the file counts frames from 1).

    Columns: frame, id, left, top, width, height, confidence, class, visibility. Ground-truth rows with confidence
    0 are ignore regions. Coordinates are taken as written. Frames without a row are absent.
    """
    rows = _number_rows(path, separator=",", columns=6, first="frame", lowest=1, width=9)
    frames = rows[:, 0].astype(int) - 1
    result = {}
    for frame in np.unique(frames):
        part = rows[frames == frame]
        result[int(frame)] = Boxes(
            np.hstack((part[:, 2:4], part[:, 2:4] + part[:, 4:6])),
            ids=part[:, 1].astype(np.int64),
            ignore=part[:, 6] == 0,
            visibility=part[:, 8],
        )
    return result


def read_coco(path: Path) -> dict[str, Boxes]:
    """COCO instances JSON to boxes by image file stem; ``iscrowd`` rows are ignore regions."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        classes = {item["id"]: item["name"] for item in content.get("categories", [])}
        stems = {item["id"]: Path(item["file_name"]).stem for item in content["images"]}
        if len(set(stems.values())) != len(content["images"]):
            raise BoxesError("two images share an id or a file stem")
        rows: dict[str, list[dict]] = {stem: [] for stem in stems.values()}
        for item in content["annotations"]:
            rows[stems[item["image_id"]]].append(item)
        return {stem: _coco_boxes(items, classes) for stem, items in rows.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BoxesError(f"{path}: not a COCO instances file ({error!r})") from error


def _coco_boxes(items: list[dict], classes: Mapping[int, str]) -> Boxes:
    corner_extent = np.array([item["bbox"] for item in items], dtype=np.float64).reshape(-1, 4)
    return Boxes(
        np.hstack((corner_extent[:, :2], corner_extent[:, :2] + corner_extent[:, 2:])),
        tuple(_coco_class(item["category_id"], classes) for item in items),
        ids=np.array([item.get("track_id", -1) for item in items], dtype=np.int64),
        ignore=np.array([bool(item.get("iscrowd") or item.get("ignore")) for item in items], dtype=np.bool_),
    )


def _coco_class(number: int, classes: Mapping[int, str]) -> str:
    """The name of a category; files that name none are of persons."""
    if classes and number not in classes:
        known = ", ".join(f"{key} {name}" for key, name in classes.items())
        raise BoxesError(f"category {number} has no name; there are {known}")
    return classes.get(number, "person")


def _number_rows(
    path: Path, separator: str | None, columns: int, first: str, lowest: int, width: int
) -> NDArray[np.float64]:
    """Rows of `columns` numbers or more, cut or filled with ones to `width`; blank and # lines are skipped.

    Both text formats begin with a whole number (called `first`, from `lowest` on) and have a box's width and height in
    the last two of their `columns`.
    """
    rows = []
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BoxesError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            rows.append([float(word) for word in line.split(separator)])
        except ValueError as error:
            raise BoxesError(f"{path}, line {number}: expected numbers, found {line!r}") from error
        problem = _problem(rows[-1], columns, first, lowest)
        if problem:
            raise BoxesError(f"{path}, line {number}: {problem}")
    return np.array([(row + [1.0] * width)[:width] for row in rows]).reshape(-1, width)


def _problem(row: list[float], columns: int, first: str, lowest: int) -> str | None:
    if len(row) < columns:
        return f"expected {columns} columns, found {len(row)}"
    if not np.isfinite(row).all():
        return "NaN or infinite numbers"
    if row[0] < lowest or not row[0].is_integer():
        return f"expected a {first}, a whole number from {lowest} on, found {row[0]:g}"
    if min(row[columns - 2 : columns]) < 0:
        return "negative width or height"
    return None
