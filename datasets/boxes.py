"""Boxes: labelled rectangles of one image, and the text that others read them from; `datasets.label_files` reads it.

Coordinates are pixels from the top-left corner of the image, ``(left, top, right, bottom)``, right and bottom
exclusive: a box that covers the first pixel alone is (0, 0, 1, 1).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivif.errors import IvifError

DISTRACTOR = "distractor"
"""The label of what may be taken for a person and is none: finding it is no hit and no mistake."""

MOT_CROWD = 13
"""MOTChallenge's number of the class of crowds, which ignore regions are written as."""

_PEOPLE = ("person", "persons", "people", "pedestrian", "pedestrians", "human", "humans")


class BoxesError(IvifError, ValueError):
    """Boxes that contradict themselves, or a label file that cannot be read; the message names file and line."""


def class_name(text: str) -> str:
    """The name of a class as this project writes it: lower case, and ``person`` for all that data sets call people."""
    name = " ".join(str(text).split()).lower()
    return "person" if name in _PEOPLE else name


@dataclass(frozen=True)
class Boxes:
    """N labelled boxes of one image.

    Attributes:
        xyxy: ``float64 [N, 4]`` left, top, right, bottom in pixels.
        labels: N class names.
        ids: ``int64 [N]`` track identity, -1 where there is none.
        scores: ``float64 [N]`` confidence in 0..1; 1 for ground truth.
        ignore: ``bool [N]`` regions in which neither hits nor misses count.
        visibility: ``float64 [N]`` visible share of the object in 0..1.

    Examples:
        >>> boxes = Boxes(np.array([[10, 20, 14, 30], [0, 0, 5, 5]]), scores=np.array([0.9, 0.2]))
        >>> boxes.labels, boxes.width.tolist(), boxes.height.tolist()
        (('person', 'person'), [4.0, 5.0], [10.0, 5.0])
        >>> len(boxes[boxes.scores > 0.5])
        1
        >>> Boxes(np.array([[14, 20, 10, 30]]))
        Traceback (most recent call last):
        ivif.datasets.boxes.BoxesError: a box ends before it begins: coordinates are (left, top, right, bottom)
    """

    xyxy: NDArray[np.float64]
    labels: tuple[str, ...] = ()
    ids: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    scores: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    ignore: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))
    visibility: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        set_ = object.__setattr__
        set_(self, "xyxy", np.asarray(self.xyxy, dtype=np.float64).reshape(-1, 4))
        count = len(self.xyxy)
        set_(self, "labels", tuple(self.labels) or ("person",) * count)
        for name, kind, default in (
            ("ids", np.int64, -1),
            ("scores", np.float64, 1.0),
            ("ignore", np.bool_, False),
            ("visibility", np.float64, 1.0),
        ):
            values = np.asarray(getattr(self, name), dtype=kind)
            set_(self, name, values if values.size else np.full(count, default, dtype=kind))
        lengths = {name: len(getattr(self, name)) for name in ("labels", "ids", "scores", "ignore", "visibility")}
        if any(length != count for length in lengths.values()):
            raise BoxesError(f"{count} boxes, but {lengths}: every field needs one entry a box")
        if not np.isfinite(self.xyxy).all():
            raise BoxesError("a box has NaN or infinite coordinates")
        if count and not (self.xyxy[:, 2:] >= self.xyxy[:, :2]).all():
            raise BoxesError("a box ends before it begins: coordinates are (left, top, right, bottom)")

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, index: slice | NDArray) -> Boxes:
        """A selection of boxes by slice, boolean mask or index array."""
        labels = tuple(np.asarray(self.labels, dtype=object)[index])
        return Boxes(
            self.xyxy[index], labels, self.ids[index], self.scores[index], self.ignore[index], self.visibility[index]
        )

    @property
    def width(self) -> NDArray[np.float64]:
        """Widths in pixels, ``[N]``."""
        return self.xyxy[:, 2] - self.xyxy[:, 0]

    @property
    def height(self) -> NDArray[np.float64]:
        """Heights in pixels, ``[N]``."""
        return self.xyxy[:, 3] - self.xyxy[:, 1]


def write_yolo(boxes: Boxes, size: tuple[int, int], names: Sequence[str] = ("person",)) -> str:
    """The text `datasets.label_files.read_yolo` reads; without ignore regions, for which the format has no word.

    Examples:
        >>> print(write_yolo(Boxes(np.array([[10, 20, 30, 40]])), size=(100, 80)), end="")
        0 0.200000 0.375000 0.200000 0.250000
    """
    kept = boxes[~boxes.ignore]
    unknown = sorted(set(kept.labels) - set(names))
    if unknown:
        raise BoxesError(f"no class {unknown[0]!r} to write, there are {', '.join(names)}")
    centre = (kept.xyxy[:, :2] + kept.xyxy[:, 2:]) / 2 / size
    extent = np.stack((kept.width, kept.height), axis=1) / size
    return "".join(
        f"{names.index(label)} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\n"
        for label, (x, y), (w, h) in zip(kept.labels, centre, extent, strict=True)
    )


def write_mot(frames: Mapping[int, Boxes]) -> str:
    """The text `datasets.mot_files.read_mot` reads: class 1 (pedestrian), ignore regions are crowds flagged 0.

    Examples:
        >>> print(write_mot({0: Boxes(np.array([[10, 20, 30, 45]]), ids=np.array([7]))}), end="")
        1,7,10.00,20.00,20.00,25.00,1,1,1.000
    """
    lines = []
    for frame in sorted(frames):
        boxes = frames[frame]
        for row, identity, ignored, visible in zip(boxes.xyxy, boxes.ids, boxes.ignore, boxes.visibility, strict=True):
            left, top, right, bottom = row
            lines.append(
                f"{frame + 1},{identity},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
                f"{int(not ignored)},{MOT_CROWD if ignored else 1},{visible:.3f}\n"
            )
    return "".join(lines)


def write_coco(images: Mapping[str, tuple[tuple[int, int], Boxes]]) -> str:
    """COCO instances JSON of ``file name -> ((width, height), boxes)``; ignore regions become ``iscrowd`` rows."""
    classes = sorted({label for _, boxes in images.values() for label in boxes.labels} | {"person"})
    content: dict[str, list] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(classes)],
    }
    for number, (name, ((width, height), boxes)) in enumerate(images.items(), start=1):
        content["images"].append({"id": number, "file_name": name, "width": width, "height": height})
        for index, row in enumerate(boxes.xyxy):
            left, top, right, bottom = (float(value) for value in row)
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": number,
                    "category_id": classes.index(boxes.labels[index]) + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": (right - left) * (bottom - top),
                    "iscrowd": int(boxes.ignore[index]),
                    "track_id": int(boxes.ids[index]),
                }
            )
    return json.dumps(content)
