"""Labels of pictures: which file belongs to which picture, and whether its boxes can be true."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from datasets.boxes import Boxes, BoxesError, read_coco, read_mot, read_voc, read_yolo
from datasets.images import ImageError
from datasets.pairs import PairDataset, PairError
from downstream.errors import DownstreamError
from downstream.pictures import Picture, as_sequence, pictures_of_pairs


def is_mot(path: Path) -> bool:
    """Whether labels are MOTChallenge text, which tells of frames by number."""
    return path.suffix.lower() == ".txt" and not path.is_dir()


def with_labels(pictures: Sequence[Picture], path: Path, classes: Sequence[str] = ("person",)) -> list[Picture]:
    """Pictures with the boxes that `path` holds for them; those it says nothing about stay unlabelled.

    Args:
        pictures: single pictures, or one sequence.
        path: a folder with ``NAME.xml`` (Pascal VOC) or ``NAME.txt`` (YOLO; an empty file is a picture without
            objects), a ``.json`` file (COCO instances), or a ``.txt`` file (MOTChallenge) for a sequence, see
            `read_sequence_labels`.
        classes: names of YOLO's class numbers.

    Raises:
        DownstreamError: nothing there, or labels of none of the pictures, also if a sequence's rows are all of other
            frames.
        BoxesError: a file that cannot be read, or a class number without a name.
    """
    if path.is_dir():
        labelled = [replace(picture, boxes=_from_folder(picture, path, classes)) for picture in pictures]
    elif path.suffix.lower() == ".json":
        by_name = read_coco(path)
        labelled = [replace(picture, boxes=by_name.get(picture.name)) for picture in pictures]
    elif is_mot(path):
        labelled = _from_mot(pictures, path)
    else:
        raise DownstreamError(f"{path}: expected labels: a folder with .xml or .txt files, a .json or a .txt file")
    if pictures and all(picture.boxes is None for picture in labelled):
        raise DownstreamError(f"{path}: has labels of none of the {len(pictures)} pictures, such as {pictures[0].name}")
    return labelled


def label_pairs(
    pairs: PairDataset, path: Path | None, sequence: str | None, classes: Sequence[str] = ("person",)
) -> PairDataset:
    """Pairs with the boxes that `path` holds for their visible pictures, and as frames of a sequence.

    Args:
        pairs: of two folders.
        path: see `with_labels`; None: no labels.
        sequence: name of the one that they are; None: they are single pictures.
        classes: see `with_labels`.

    Raises:
        DownstreamError, BoxesError: see `with_labels` and `as_sequence`.
    """
    pictures = pictures_of_pairs(pairs, "visible")
    if sequence is not None:
        pictures = as_sequence(pictures, sequence, numbered=path is not None and is_mot(path))
    if path is not None:
        pictures = with_labels(pictures, path, classes)
    found = {picture.name: picture for picture in pictures}
    known = (
        replace(pair, boxes=own.boxes, sequence=own.sequence, frame=own.frame)
        for pair in pairs
        for own in (found[pair.name],)
    )
    return replace(pairs, pairs=tuple(known))


def _from_folder(picture: Picture, folder: Path, classes: Sequence[str]) -> Boxes | None:
    voc, yolo = (folder / f"{picture.name}{suffix}" for suffix in (".xml", ".txt"))
    if voc.is_file():
        return read_voc(voc)
    if not yolo.is_file():
        return None
    try:
        height, width = picture.source.read().shape[-2:]
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


def _from_mot(pictures: Sequence[Picture], path: Path) -> list[Picture]:
    if any(picture.frame is None for picture in pictures):
        raise DownstreamError(f"{path}: MOTChallenge text labels the frames of a sequence, these are single pictures")
    truth = read_sequence_labels(path)
    if not truth:  # as an empty file of YOLO's is a picture without people
        return [replace(picture, boxes=Boxes(np.empty((0, 4)))) for picture in pictures]
    labelled = [replace(picture, boxes=truth.get(picture.frame or 0)) for picture in pictures]
    rows = [frame for frame, boxes in truth.items() if len(boxes)]
    if labelled and rows and not any(picture.boxes for picture in labelled):
        first, last = labelled[0], labelled[-1]
        raise DownstreamError(
            f"{path}: has rows of frames {rows[0] + 1} to {rows[-1] + 1}, of none of the {len(labelled)} pictures; "
            f"{first.name} is frame {(first.frame or 0) + 1}, {last.name} is frame {(last.frame or 0) + 1}; "
            "give the pictures the numbers that the labels count in"
        )
    return labelled


def read_sequence_labels(path: Path) -> dict[int, Boxes]:
    """MOTChallenge ground truth of every labelled frame (0-based); frames without rows have empty boxes.

    Labels reach as far as ``seqLength`` in ``seqinfo.ini`` beside the file says, else to the last row. Raises
    `BoxesError` for a file that cannot be read.
    """
    frames, nothing = read_mot(path), Boxes(np.empty((0, 4)))
    length = _announced_length(path.with_name("seqinfo.ini")) or max(frames, default=-1) + 1
    return {frame: frames.get(frame, nothing) for frame in range(length)}


def _announced_length(path: Path) -> int | None:
    if not path.is_file():
        return None
    reader = configparser.ConfigParser()
    try:
        reader.read(path, encoding="utf-8")
        return reader.getint("Sequence", "seqLength", fallback=None)
    except (configparser.Error, ValueError) as error:
        raise BoxesError(f"{path}: not a MOTChallenge seqinfo.ini ({error})") from error


def check_labels(boxes: Boxes, size: tuple[int, int]) -> None:
    """Refuse labels that lie outside their picture: they are in other units or belong to another picture.

    Boxes that reach over the border are fine, as labels of people who walk out of the image do. `size` is (width,
    height). Raises `DownstreamError`.
    """
    left, top, right, bottom = boxes.xyxy.T
    outside = (right <= 0) | (bottom <= 0) | (left >= size[0]) | (top >= size[1])
    if outside.any():
        box = ", ".join(f"{value:g}" for value in boxes.xyxy[outside][0])
        raise DownstreamError(
            f"{outside.sum()} of {len(outside)} labels lie outside the {size[0]}x{size[1]} picture, "
            f"such as ({box}); labels are pixels of this very picture (YOLO text: shares of it)"
        )
