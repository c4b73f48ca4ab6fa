"""Labels: which boxes belong to which picture.

Labels are a folder with ``NAME.xml`` (Pascal VOC) or ``NAME.txt`` (YOLO, or KAIST's; an empty file is a picture without
objects), a ``.json`` file (COCO instances), a ``.txt`` file or a MOTChallenge folder (``gt/gt.txt``) for the frames of
one sequence, or a folder of these called like the sequences. The formats are read by `datasets.label_files` and
`datasets.mot_files`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import yaml

from ivif.datasets.boxes import Boxes, BoxesError, class_name
from ivif.datasets.frames import frame_numbers
from ivif.datasets.images import ImageError, Range
from ivif.datasets.label_files import (
    LAST_CLASS,
    PERSONS,
    Labels,
    Size,
    is_kaist,
    read_coco_sized,
    read_kaist,
    read_text,
    read_voc_sized,
    read_yolo_told,
    scaled_boxes,
    unique_boxes,
)
from ivif.datasets.locations import Location, Note, Unmatched, composed
from ivif.datasets.mot_files import mot_text, read_sequence_labels, sequence_info
from ivif.datasets.pairs import PairDataset, PairError, pair_folders
from ivif.datasets.sources import VIDEOS, picture_size


class LabelError(BoxesError):
    """Labels that are not those of the pictures they were given to; the message says what was found and expected."""


class Unlabelled(NamedTuple):
    """A picture whose labels are looked for.

    Attributes:
        name: what its label file is called, without suffix.
        frame: its 0-based index in a sequence, None for a single picture.
        sequence: the name of that sequence.
        size: gives its width and height; called where labels are shares of them, or say which they expect.
    """

    name: str
    frame: int | None
    size: Callable[[], Size]
    sequence: str | None = None


def own_pairs(
    infrared: Path,
    visible: Path,
    labels: Path | None = None,
    classes: Sequence[str] = (),
    ordered: bool = False,
    value_range: Range | Literal["auto"] | None = None,
) -> PairDataset:
    """The pairs of two folders or films of a user's own, with labels of their own.

    They are called like the folder that holds them, two films of one name (``ir/street.mp4``, ``vis/street.mp4``) like
    these. MOTChallenge text makes them the frames of one sequence of that name.

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
    own, other = Path(infrared).resolve(), Path(visible).resolve()
    is_a_name = own.stem == other.stem and own.suffix.lower() in VIDEOS
    name = own.stem if is_a_name else own.parent.name or "folders"
    ordered = ordered or (labels is not None and is_mot(labels))
    pairs = pair_folders(infrared, visible, name).with_range(value_range)  # before labels ask for a picture's size
    return label_pairs(pairs, labels, name if ordered else None, classes)


def label_pairs(
    pairs: PairDataset, path: Path | None, sequence: str | None = None, classes: Sequence[str] = ()
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
    if sequence is not None and any(pair.sequence is None for pair in pairs):
        numbers = frame_numbers([pair.name for pair in pairs], from_one=path is not None and is_mot(path))
        frames = (replace(pair, sequence=sequence, frame=n) for pair, n in zip(pairs, numbers, strict=True))
        pairs = replace(pairs, pairs=tuple(frames))
    if path is None:
        return pairs
    asked = [Unlabelled(pair.name, pair.frame, partial(picture_size, pair.visible), pair.sequence) for pair in pairs]
    found = read_labels(path, asked, classes)
    labelled = (replace(pair, boxes=own) for pair, own in zip(pairs, found.boxes, strict=True))
    return replace(pairs, pairs=tuple(labelled), unmatched=(*pairs.unmatched, *found.notes))


def is_mot(path: Path) -> bool:
    """Whether labels are MOTChallenge text, or its folder, which tells of frames by number."""
    return mot_text(path) is not None


@dataclass
class LabelsFound:
    """What labels hold for some pictures.

    Attributes:
        boxes: of each picture, None for those that nothing is said about.
        notes: what was not used, or not as it was written, with the reason.
    """

    boxes: list[Boxes | None]
    notes: list[Unmatched] = field(default_factory=list)


def read_labels(path: Path, pictures: Sequence[Unlabelled], classes: Sequence[str] = ()) -> LabelsFound:
    """The boxes that `path` holds for each picture. Of rows that stand there twice one counts.

    Args:
        path: labels, see the module's docstring; for MOTChallenge text see `datasets.mot_files`.
        pictures: single ones, or those of sequences.
        classes: names of YOLO's class numbers; where nothing is said, files that tools leave beside the labels or
            above them may name them (``classes.txt``, ``obj.names``, ``data.yaml``), else there is `PERSONS`.

    Raises:
        LabelError: nothing there, or labels of none of the pictures, also if a sequence's rows are all of other frames;
            labels of pictures of another shape.
        BoxesError: a file that cannot be read, or a class number without a name.
    """
    by_sequence = _texts_of_sequences(path, pictures)
    if by_sequence:
        found = _from_sequences(pictures, by_sequence)
    elif (text := mot_text(path)) is not None:
        found = _from_mot(pictures, text)
    elif path.is_dir():
        found = _from_folder(pictures, path, classes)
    elif path.suffix.lower() == ".json":
        found = _from_coco(pictures, path)
    else:
        raise LabelError(f"{path}: expected labels: a folder with .xml or .txt files, a .json or a .txt file")
    without = [picture.name for picture, boxes in zip(pictures, found.boxes, strict=True) if boxes is None]
    if pictures and len(without) == len(pictures):
        raise LabelError(f"{path}: has labels of none of the {len(pictures)} pictures, such as {pictures[0].name}")
    if without:
        found.notes.append(
            Note(path, f"says nothing of {len(without)} of {len(pictures)} pictures, such as {without[0]}")
        )
    return found


class _Reader:
    """Fits labels to their pictures, and remembers what there is to tell of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, Path] = {}

    def fitted(self, labels: Labels, size: Callable[[], Size], path: Path, what: str) -> Boxes:
        """Boxes in pixels of the picture as it is, each once.

        Raises:
            LabelError: they are of a picture of another shape.
        """
        boxes, twice = unique_boxes(labels.boxes)
        if twice:
            self.tell(f"{twice} rows of {what} stand there twice and count once" if twice > 1 else _TWICE, path)
        if not (boxes.width * boxes.height).all():
            self.tell("a box without width or height, which nothing can meet", path)
        if labels.size is None:
            return boxes
        try:
            actual = size()
        except ImageError:
            return boxes  # who looks at the picture finds out why
        if max(abs(own - other) for own, other in zip(labels.size, actual, strict=True)) <= 1:
            return boxes
        factor = np.array(actual) / np.array(labels.size)
        sizes = "{}x{}, but {} is {}x{}".format(*labels.size, what, *actual)
        inside = not len(boxes) or bool((boxes.xyxy.max(axis=0)[2:] <= np.array(labels.size) * 1.05).all())
        if abs(factor[0] / factor[1] - 1) > 0.02 or not inside:
            raise LabelError(f"{path}: labels of a picture of {sizes}; give labels of this very picture")
        self.tell("{}x{} pixels in the labels, {}x{} in the picture: scaled".format(*labels.size, *actual), path)
        return scaled_boxes(boxes, factor)

    def tell(self, text: str, path: Path) -> None:
        """Remember what there is to tell of a file."""
        self.counts[text] += 1
        self.examples.setdefault(text, path)

    def notes(self) -> list[Unmatched]:
        """One note a kind, with the first file of it."""
        return [
            Note(self.examples[text], text if count == 1 else f"{text} (and so in {count - 1} more)")
            for text, count in self.counts.items()
        ]


_TWICE = "a row stands there twice and counts once"


def _from_folder(pictures: Sequence[Unlabelled], folder: Path, classes: Sequence[str]) -> LabelsFound:
    try:
        listed = [Location(folder).files((suffix,)).files for suffix in (".xml", ".txt")]
    except OSError as error:
        raise LabelError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    by_case = [{name.casefold(): path for name, path in files.items()} for files in listed]
    reader, used = _Reader(), set[Path]()
    names = _ClassNames(folder, classes, reader)
    boxes: list[Boxes | None] = []
    for picture in pictures:
        name = composed(picture.name)
        paths = (files.get(name) or alike.get(name.casefold()) for files, alike in zip(listed, by_case, strict=True))
        path = next(filter(None, paths), None)
        boxes.append(_of_picture(picture, path, names, reader) if path else None)
        used |= {path} if path else set()
    lone = [path for files in listed for path in files.values() if path not in used and path.stem not in _NO_LABELS]
    rivals = {path.stem for path in used}
    lone = [path for path in lone if path.stem not in rivals]
    notes = [Unmatched(lone[0], f"labels of no picture ({len(lone)} such files)")] if lone else []
    return LabelsFound(boxes, [*reader.notes(), *notes])


_NO_LABELS = ("classes", "labels", "readme", "README", "notes", "predefined_classes", "train", "val", "test")
"""Stems of files that stand beside labels and are none."""


@dataclass(frozen=True)
class _ClassNames:
    """Names of YOLO's class numbers, looked for when the first file that needs them is read.

    Attributes:
        folder: of the labels.
        said: by the user.
        reader: who is told where they were found.
    """

    folder: Path
    said: Sequence[str]
    reader: _Reader

    @cached_property
    def found(self) -> Sequence[str]:
        """The names; raises `BoxesError` for a file beside the labels that cannot be read."""
        if self.said:
            return self.said
        if named := _named_classes(self.folder):
            names, source = named
            self.reader.tell(f"names YOLO's classes: {', '.join(names[:5])}{', ...' * (len(names) > 5)}", source)
            return names
        return PERSONS


def _named_classes(folder: Path) -> tuple[tuple[str, ...], Path] | None:
    """Names of classes that tools leave beside YOLO's labels, or above them, and where; None where there are none.

    Raises:
        BoxesError: a file beside the labels that cannot be read; above them may be others'.
    """
    above = folder.resolve().parents[:2]
    for place in (folder, *above[:1]):
        for name in ("classes.txt", "obj.names"):
            path = place / name
            if path.is_file() and (lines := [line.strip() for line in read_text(path).splitlines() if line.strip()]):
                return tuple(lines), path
    for place in (folder, *above):
        for name in ("data.yaml", "dataset.yaml"):
            if (path := place / name).is_file():
                try:
                    names = _names_of_yaml(path)
                except BoxesError:
                    if place == folder:
                        raise
                    continue
                if names:
                    return names, path
    return None


def _names_of_yaml(path: Path) -> tuple[str, ...]:
    """``names`` of a data set's description as ultralytics has it: a list, or names by number; none if it has none."""
    try:
        content = yaml.safe_load(read_text(path))
        names = content.get("names") or [] if isinstance(content, dict) else []
        by_number = names if isinstance(names, dict) else dict(enumerate(names))
        if not all(isinstance(key, int) and 0 <= key <= LAST_CLASS for key in by_number):
            raise ValueError(f"expected whole numbers from 0 to {LAST_CLASS:,} and a name for each")
        if not all(isinstance(name, str | int | float) for name in by_number.values()):
            raise ValueError("a name is no text")
        return tuple(str(by_number.get(number, number)) for number in range(max(by_number, default=-1) + 1))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise BoxesError(f"{path}: names of classes cannot be read ({str(error).splitlines()[0]})") from error


def _of_picture(picture: Unlabelled, path: Path, names: _ClassNames, reader: _Reader) -> Boxes:
    if path.suffix.lower() == ".xml":
        return reader.fitted(read_voc_sized(path), picture.size, path, picture.name)
    if is_kaist(read_text(path)):
        return reader.fitted(Labels(read_kaist(path)), picture.size, path, picture.name)
    try:
        size = picture.size()
    except (ImageError, PairError):
        # It has labels, but no size to make pixels of them. Who looks at the picture finds out why.
        return Boxes(np.empty((0, 4)))
    classes = names.found
    boxes, told = read_yolo_told(path, size, classes)
    if unknown := sorted(set(boxes.labels) - set(map(class_name, classes))):
        raise BoxesError(
            f"{path}: class {unknown[0]}, but names are known of {len(classes)} only ({', '.join(classes)}); "
            "name all, as in --names person car"
        )
    for text in told:
        reader.tell(text, path)
    return reader.fitted(Labels(boxes), picture.size, path, picture.name)


def _from_coco(pictures: Sequence[Unlabelled], path: Path) -> LabelsFound:
    by_name, orphans = read_coco_sized(path)
    known = {composed(name).casefold(): labels for name, labels in by_name.items()}
    reader = _Reader()
    boxes: list[Boxes | None] = []
    for picture in pictures:
        labels = known.get(composed(picture.name).casefold())
        boxes.append(None if labels is None else reader.fitted(labels, picture.size, path, picture.name))
    asked = {composed(picture.name).casefold() for picture in pictures}
    notes = reader.notes()
    if lone := sorted(known.keys() - asked):
        notes.append(
            Unmatched(path, f"labels of {len(lone)} images that are not among the pictures, such as {lone[0]}")
        )
    if orphans:
        notes.append(Unmatched(path, f"{orphans} annotations of images that it doesn't name"))
    return LabelsFound(boxes, notes)


def _texts_of_sequences(path: Path, pictures: Iterable[Unlabelled]) -> dict[str, Path]:
    """MOTChallenge text of each sequence, in a folder that holds one for each."""
    names = {picture.sequence for picture in pictures if picture.sequence is not None}
    if not path.is_dir() or mot_text(path):
        return {}
    texts = {name: mot_text(path / name) or mot_text(path / f"{name}.txt") for name in names}
    return {name: text for name, text in texts.items() if text is not None and text.is_file()}


def _from_sequences(pictures: Sequence[Unlabelled], texts: dict[str, Path]) -> LabelsFound:
    boxes: dict[str, Boxes | None] = {}
    notes: list[Unmatched] = []
    for name, text in texts.items():
        own = [picture for picture in pictures if picture.sequence == name]
        found = _from_mot(own, text)
        boxes |= {picture.name: its for picture, its in zip(own, found.boxes, strict=True)}
        notes += found.notes
    return LabelsFound([boxes.get(picture.name) for picture in pictures], notes)


def _from_mot(pictures: Sequence[Unlabelled], path: Path) -> LabelsFound:
    frames = sorted((picture.frame, picture.name) for picture in pictures if picture.frame is not None)
    if len(frames) < len(pictures):
        raise LabelError(f"{path}: MOTChallenge text labels the frames of a sequence, these are single pictures")
    truth, info, reader = read_sequence_labels(path), sequence_info(path), _Reader()
    if not truth:  # as an empty file of YOLO's is a picture without people
        return LabelsFound([Boxes(np.empty((0, 4))) for _ in pictures])
    rows = [frame for frame, boxes in truth.items() if len(boxes)]
    labels = [truth.get(picture.frame or 0) for picture in pictures]
    if frames and rows and not any(labels):
        (first, its_name), (last, other_name) = frames[0], frames[-1]
        raise LabelError(
            f"{path}: has rows of frames {rows[0] + 1} to {rows[-1] + 1}, of none of the {len(pictures)} pictures; "
            f"{its_name} is frame {first + 1}, {other_name} is frame {last + 1}; "
            "give the pictures the numbers that the labels count in"
        )
    size = info.size if info else None
    boxes = [
        None if own is None else reader.fitted(Labels(own, size), picture.size, path, picture.name)
        for picture, own in zip(pictures, labels, strict=True)
    ]
    shown = {frame for frame, _ in frames}
    lone = [frame for frame in rows if frame not in shown]
    notes = reader.notes()
    if lone:
        notes.append(Unmatched(path, f"rows of {len(lone)} frames of which there is no picture, such as {lone[0] + 1}"))
    return LabelsFound(boxes, notes)


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
