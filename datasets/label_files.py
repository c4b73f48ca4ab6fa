"""Label files: the formats that boxes are published in, one reader each.

Class names become lower case, and whatever a format calls people is ``person``.
"""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree  # see `_voc_root`  # nosec B405
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import Boxes, BoxesError, class_name

PERSONS = ("person",)
"""Classes of labels in which numbers stand for names, where nothing else is said."""

Size = tuple[int, int]
"""Width and height in pixels."""

LAST_CLASS = 100_000
"""The highest number of a class in YOLO's text."""

_OVER_THE_BORDER = 1.5
"""How far corners of YOLO's polygons may reach, in shares of the picture; visibilities of key points are up to 2."""


class Labels(NamedTuple):
    """The boxes of one picture.

    Attributes:
        boxes: in pixels.
        size: of the picture that they were drawn in, where the file says it.
    """

    boxes: Boxes
    size: Size | None = None


def read_text(path: Path) -> str:
    """A label file's text: UTF-8, or UTF-16 where a byte-order mark says so; raises `BoxesError`."""
    try:
        data = Path(path).read_bytes()
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        return data.decode("utf-16" if wide else "utf-8-sig")
    except OSError as error:
        raise BoxesError(f"{path}: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BoxesError(f"{path}: cannot be read as text ({error})") from error


def read_voc(path: Path) -> Boxes:
    """Pascal VOC XML (one file an image). Corners are taken as written; difficult objects become ignore regions.

    Polygons (DroneVehicle) and turned boxes (roLabelImg) become the boxes around them.
    """
    return read_voc_sized(path).boxes


def read_voc_sized(path: Path) -> Labels:
    """What `read_voc` gives, and the size of the picture that the file states."""
    try:
        root = _voc_root(path)
        if root.tag != "annotation":
            raise BoxesError(f"expected <annotation>, found <{root.tag}>")
        objects = [item for item in root.iter("object") if not _is_set(item, "deleted")]
        boxes = Boxes(
            np.array([_corners(item) for item in objects]),
            tuple(map(_voc_class, objects)),
            ignore=np.array([_is_set(item, "difficult") for item in objects], dtype=np.bool_),
        )
        sides = [int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height")]
        return Labels(boxes, (sides[0], sides[1]) if min(sides) > 0 else None)
    except (OSError, ElementTree.ParseError, ValueError, LookupError, OverflowError) as error:
        raise BoxesError(f"{path}: not a Pascal VOC annotation ({error})") from error


def _voc_root(path: Path) -> ElementTree.Element:
    """The root of an XML file; entities, which can grow without end, are refused, and nothing outside is asked for."""
    data = Path(path).read_bytes()
    if b"<!ENTITY" in data.replace(b"\0", b""):  # in UTF-16 too
        raise BoxesError("it declares entities, which no annotation needs")
    return ElementTree.fromstring(data)  # without entities  # nosec B314


def _is_set(item: ElementTree.Element, flag: str) -> bool:
    return item.findtext(flag, "").strip().lower() in ("1", "true", "yes")


def _voc_class(item: ElementTree.Element) -> str:
    """The name of an object's class; files that name none are of persons."""
    name = class_name(item.findtext("name", "person"))
    if not name:
        raise BoxesError("an object whose <name> is empty")
    return name


def _corners(item: ElementTree.Element) -> list[float]:
    if item.find("bndbox") is not None:
        return [float(item.findtext(f"bndbox/{key}", "")) for key in ("xmin", "ymin", "xmax", "ymax")]
    if (turned := item.find("robndbox")) is not None:
        x, y, width, height, angle = (float(turned.findtext(key, "")) for key in ("cx", "cy", "w", "h", "angle"))
        across = abs(width / 2 * math.cos(angle)) + abs(height / 2 * math.sin(angle))
        down = abs(width / 2 * math.sin(angle)) + abs(height / 2 * math.cos(angle))
        return [x - across, y - down, x + across, y + down]
    if (polygon := item.find("polygon")) is not None:
        points = [(part.tag[:1], float(part.text or "")) for part in polygon.iter() if part.tag[:1] in ("x", "y")]
        across, down = ([value for axis, value in points if axis == own] for own in ("x", "y"))  # type: ignore[assignment]
        return _around(across, down)  # type: ignore[arg-type]
    raise BoxesError(f"an object {item.findtext('name', '')!r} without <bndbox> or <polygon>")


def _around(across: Sequence[float], down: Sequence[float]) -> list[float]:
    """The box around points."""
    if len(across) < 2 or len(across) != len(down):
        raise BoxesError(f"a polygon of {len(across)} and {len(down)} coordinates")
    return [min(across), min(down), max(across), max(down)]


def is_kaist(text: str) -> bool:
    """Whether text is an annotation of KAIST's: ``person left top width height ...`` below a header."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    words = head.split()
    return "bbGt" in head or (len(words) == 12 and not _is_float(words[0]) and all(map(_is_float, words[1:])))


def _is_float(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def read_kaist(path: Path) -> Boxes:
    """KAIST's annotation text (bbGt version 3): class, left, top, width, height, occlusion, visible box, ignore, angle.

    As in its own evaluation, ``people`` (a group), ``person?`` (unsure) and ``cyclist`` are ignore regions.
    """
    rows, labels, ignore = [], [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words or line.lstrip().startswith(("%", "#")):
            continue
        try:
            left, top, width, height = (float(word) for word in words[1:5])
            ignored = len(words) > 10 and float(words[10]) != 0
        except ValueError:
            raise BoxesError(f"{path}, line {number}: expected KAIST's class and numbers, found {line!r}") from None
        if min(width, height) < 0:
            raise BoxesError(f"{path}, line {number}: negative width or height")
        unsure = words[0].lower() in ("people", "person?", "person?a", "cyclist")
        rows.append([left, top, left + width, top + height])
        labels.append("person" if unsure else class_name(words[0]))
        ignore.append(ignored or unsure)
    return named_boxes(path, lambda: Boxes(np.array(rows), tuple(labels), ignore=np.array(ignore, dtype=np.bool_)))


def read_yolo(path: Path, size: Size, names: Sequence[str] = PERSONS) -> Boxes:
    """What `read_yolo_told` gives, without what there is to tell."""
    return read_yolo_told(path, size, names)[0]


def read_yolo_told(path: Path, size: Size, names: Sequence[str] = PERSONS) -> tuple[Boxes, list[str]]:
    """YOLO text: a line a box, ``class centre-x centre-y width height`` as shares of `size` = (width, height).

    Lines of a class and at least three points, ``class x1 y1 x2 y2 x3 y3 ...``, are polygons (segments, turned boxes):
    the boxes around them count.

    Returns:
        the boxes, and what was not used, or could mean another thing: a sixth number, polygons.
    """
    boxes, classes, told = [], [], []
    for number, row in number_rows(read_text(path), path, separator=None):
        check_row(path, number, row, columns=5, first="class", lowest=0, highest=LAST_CLASS)
        where = f"{path}, line {number}"
        if len(row) > 6 and len(row) % 2 == 0:
            raise BoxesError(f"{where}: {len(row)} numbers a row are neither a box (5) nor a polygon (7, 9, 11 ...)")
        if len(row) == 6:
            told.append("a sixth number in the rows (a score, an identity) is not used")
        if len(row) > 6:
            if max(row[1:]) > _OVER_THE_BORDER:
                raise BoxesError(
                    f"{where}: {len(row)} numbers, of which one is {max(row[1:]):g}, are no polygon in shares of the "
                    "picture; of labels of poses, leave class and box, 5 numbers a row; of pixels, make shares"
                )
            told.append("rows of more than 6 numbers are taken for polygons, the boxes around them count")
            left, top, right, bottom = _around(row[1::2], row[2::2])
        else:
            x, y, width, height = row[1:5]
            if min(width, height) < 0:
                raise BoxesError(f"{where}: negative width or height")
            left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        boxes.append([left, top, right, bottom])
        classes.append(int(row[0]))
    labels = tuple(class_name(names[index]) if index < len(names) else str(index) for index in classes)
    found = named_boxes(path, lambda: Boxes(np.array(boxes).reshape(-1, 4) * [*size, *size], labels))
    return found, [*dict.fromkeys(told)]


def read_coco(path: Path) -> dict[str, Boxes]:
    """COCO instances JSON to boxes by image file stem; ``iscrowd`` rows are ignore regions."""
    return {name: labels.boxes for name, labels in read_coco_sized(path)[0].items()}


def read_coco_sized(path: Path) -> tuple[dict[str, Labels], int]:
    """What `read_coco` gives with the sizes of the images, and how many annotations are of images it doesn't name."""
    try:
        content = json.loads(read_text(path))
        if not isinstance(content, dict) or not {"images", "annotations"} <= content.keys():
            raise BoxesError('expected an object with "images" and "annotations"; lists of detections are no labels')
        categories = content.get("categories") or []
        classes = {_identity(item["id"]): class_name(item["name"]) for item in categories}
        if len(classes) != len(categories):
            raise BoxesError("two categories share an id")
        images = {_identity(item["id"]): item for item in content["images"]}
        stems = {key: Path(str(item["file_name"]).replace("\\", "/")).stem for key, item in images.items()}
        if len(set(stems.values())) != len(content["images"]):
            raise BoxesError("two images share an id or a file stem")
        rows: dict[str, list[dict[str, Any]]] = {key: [] for key in stems}
        orphans = 0
        for item in content["annotations"]:
            if (key := _identity(item["image_id"])) in rows:
                rows[key].append(item)
            else:
                orphans += 1
        if orphans and not any(rows.values()):
            raise BoxesError(f"all {orphans} annotations are of images that it doesn't name, such as {key}")
        found = {
            stems[key]: Labels(_coco_boxes(items, classes), _coco_size(images[key])) for key, items in rows.items()
        }
        return found, orphans
    except BoxesError as error:
        raise BoxesError(f"{path}: not a COCO instances file ({error})") from error
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BoxesError(f"{path}: not a COCO instances file ({error!r})") from error


def _identity(value: Any) -> str:
    """An id as text: some tools write numbers, some text, for the same thing."""
    if isinstance(value, bool) or not isinstance(value, int | str | float) or len(str(value)) > 100:
        raise BoxesError(f"an id is a number or a text, found {str(value)[:40]!r}")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _coco_size(image: Mapping[str, Any]) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (int(width), int(height)) if width and height else None


def _coco_boxes(items: list[dict[str, Any]], classes: Mapping[str, str]) -> Boxes:
    corner_extent = np.array([_coco_box(item) for item in items], dtype=np.float64).reshape(-1, 4)
    return Boxes(
        np.hstack((corner_extent[:, :2], corner_extent[:, :2] + corner_extent[:, 2:])),
        tuple(_coco_class(_identity(item["category_id"]), classes) for item in items),
        ids=np.array([int(item.get("track_id") or -1) if item.get("track_id") != 0 else 0 for item in items], np.int64),
        ignore=np.array([bool(item.get("iscrowd") or item.get("ignore")) for item in items], dtype=np.bool_),
    )


def _coco_box(item: Mapping[str, Any]) -> Sequence[float]:
    """Left, top, width, height; of annotations that have outlines alone, the box around them."""
    outlines = item.get("segmentation")
    if not item.get("bbox") and isinstance(outlines, list) and outlines:
        across, down = ([value for line in outlines for value in line[start::2]] for start in (0, 1))
        left, top, right, bottom = _around(across, down)
        return left, top, right - left, bottom - top
    box = item.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise BoxesError(f"annotation {item.get('id')!r}: expected a bbox of four numbers, found {str(box)[:40]}")
    return box


def _coco_class(number: str, classes: Mapping[str, str]) -> str:
    """The name of a category; files that name none are of persons."""
    if classes and number not in classes:
        known = ", ".join(f"{key} {name}" for key, name in classes.items())
        raise BoxesError(f"category {number} has no name; there are {known}")
    return classes.get(number, "person")


def number_rows(text: str, path: Path, separator: str | None) -> Iterator[tuple[int, list[float]]]:
    """Line number and numbers of each row; blank and # lines are skipped, and so is what a last separator ends."""
    for number, line in enumerate(text.splitlines(), start=1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        try:
            yield number, [float(word) for word in plain.rstrip(separator).split(separator)]
        except ValueError as error:
            raise BoxesError(f"{path}, line {number}: expected numbers, found {line[:200]!r}") from error


def check_row(
    path: Path, number: int, row: Sequence[float], columns: int, first: str, lowest: int, highest: int
) -> None:
    """Both text formats begin with a whole number and have so many columns or more."""
    where = f"{path}, line {number}"
    if len(row) < columns:
        raise BoxesError(f"{where}: expected {columns} columns, found {len(row)}")
    if not all(map(math.isfinite, row)):
        raise BoxesError(f"{where}: NaN or infinite numbers")
    if not lowest <= row[0] <= highest or not row[0].is_integer():
        raise BoxesError(f"{where}: expected a {first}, a whole number from {lowest} to {highest:,}, found {row[0]:g}")


def named_boxes(path: Path, make: Callable[[], Boxes]) -> Boxes:
    """Boxes of a file; what contradicts itself is told with the file's name."""
    try:
        with np.errstate(over="ignore"):  # what overflows is infinite, and told
            return make()
    except (ValueError, OverflowError) as error:
        raise BoxesError(f"{path}: {error}") from error


def unique_boxes(boxes: Boxes) -> tuple[Boxes, int]:
    """Boxes without those that stand there twice, with one label and identity, and how many those were."""
    rows = zip(map(tuple, boxes.xyxy.tolist()), boxes.labels, boxes.ids.tolist(), boxes.ignore.tolist(), strict=True)
    first: dict[object, int] = {}
    for place, row in enumerate(rows):
        first.setdefault(row, place)
    return (boxes, 0) if len(first) == len(boxes) else (boxes[np.array([*first.values()])], len(boxes) - len(first))


def scaled_boxes(boxes: Boxes, factor: NDArray[np.float64]) -> Boxes:
    """Boxes of a picture of another size; `factor` is (across, down)."""
    corners = boxes.xyxy * np.tile(factor, 2)
    return Boxes(corners, boxes.labels, boxes.ids, boxes.scores, boxes.ignore, boxes.visibility)
