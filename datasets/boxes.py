"""Boxes: labelled rectangles of one image, and the four text formats they come in.

Coordinates are pixels from the top-left corner of the image, ``(left, top, right, bottom)``, right and bottom
exclusive: a box that covers the first pixel alone is (0, 0, 1, 1).
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class BoxesError(ValueError):
    """A label file that cannot be read; the message names the file, the line and what was expected."""


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


def read_yolo(path: Path, size: tuple[int, int], names: Sequence[str] = ("person",)) -> Boxes:
    """YOLO text: a line a box, ``class centre-x centre-y width height`` as shares of `size` = (width, height)."""
    rows = _number_rows(path, separator=None, columns=5, first="class", lowest=0, width=5)
    centre, extent = rows[:, 1:3] * size, rows[:, 3:5] * size
    classes = rows[:, 0].astype(int)
    labels = tuple(names[index] if index < len(names) else str(index) for index in classes)
    return Boxes(np.hstack((centre - extent / 2, centre + extent / 2)), labels)


def write_yolo(boxes: Boxes, size: tuple[int, int], names: Sequence[str] = ("person",)) -> str:
    """The text `read_yolo` reads; ignore regions are left out, as the format has no word for them."""
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


def write_mot(frames: Mapping[int, Boxes]) -> str:
    """The text `read_mot` reads: confidence 0 marks ignore regions, every class is 1 (pedestrian)."""
    lines = []
    for frame in sorted(frames):
        boxes = frames[frame]
        for row, identity, ignored, visible in zip(boxes.xyxy, boxes.ids, boxes.ignore, boxes.visibility, strict=True):
            left, top, right, bottom = row
            lines.append(
                f"{frame + 1},{identity},{left:.2f},{top:.2f},{right - left:.2f},{bottom - top:.2f},"
                f"{int(not ignored)},1,{visible:.3f}\n"
            )
    return "".join(lines)


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
