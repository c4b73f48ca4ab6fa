"""Export: rendered pairs as folders of pictures with labels in the usual formats, and previews to look at."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import Boxes, write_coco, write_mot, write_yolo
from ivif.datasets.files import write_atomic
from ivif.datasets.synthetic.conditions import BY_NAME, CONDITIONS, find_condition
from ivif.datasets.synthetic.optics.misalignment import draw_misalignment
from ivif.datasets.synthetic.preview import preview_sheet, write_film
from ivif.datasets.synthetic.scene import Rendered
from ivif.datasets.synthetic.suite import Item, as_pair, forget, pair_items, render_item, sequence_items, write_pair

EVERY_CONDITION = "all"
"""The word for all conditions."""

FARTHEST = 655.0
"""Depths from here on are written as this, in metres."""


def write_render(
    out: Path,
    condition: str = "night",
    pairs: int = 8,
    sequence: int = 0,
    size: tuple[int, int] = (640, 480),
    seed: int = 0,
    preview: bool = False,
) -> None:
    """Render pairs, and a sequence, of one condition or of each into a folder.

    - ``infrared/NAME.png``, ``visible/NAME.png``: the pictures.
    - ``instances/NAME.png``: identity of the person seen at each pixel, 16 bit, 0 where nobody is.
    - ``depth/NAME.png``: depth in centimetres, 16 bit; 65500 is 655 m or more.
    - ``labels/NAME.txt`` (MOTChallenge), ``yolo/NAME.txt`` (YOLO), ``coco.json`` (COCO instances with run-length
      masks, boxes of the visible part and visibility): people as wholes; ``seen/NAME.txt`` (MOTChallenge): what is
      seen of them.
    - ``gt/SEQUENCE/gt.txt``: tracks of a sequence (MOTChallenge).
    - ``misregistration.json`` and ``labels_visible/NAME.txt``, for misregistered pairs: how the visible camera is
      displaced (see `datasets.synthetic.optics.misalignment`), and where people are in its picture.
    - With `preview`: ``preview.png``, a contact sheet (a row a condition), and ``SEQUENCE.mp4``, both bands side by
      side with boxes.

    Files of an earlier call are replaced where names meet.

    Args:
        out: the folder.
        condition: one of `datasets.synthetic.CONDITIONS`, or "all".
        pairs: number of single scenes of each condition.
        sequence: number of frames of one sequence of each condition, 12 a second; 0 for none.
        size: (width, height) in pixels.
        seed: decides all scenes.
        preview: whether to draw the previews.

    Raises:
        ValueError: see `datasets.synthetic.render_pair`.
        OSError: `out` cannot be written.
    """
    out = Path(out)
    conditions = CONDITIONS if condition == EVERY_CONDITION else (find_condition(condition).name,)
    images: dict[str, dict[str, Any]] = {}
    misalignments: dict[str, dict[str, float]] = {}
    boxes: dict[str, tuple[tuple[int, int], Boxes]] = {}
    for name in conditions:
        items = pair_items((name,), pairs, seed) + sequence_items(name, sequence, seed)
        tracks: dict[int, Boxes] = {}
        for item in items:
            rendered = render_item(item, size)
            _write_pair(out, item, rendered, size)
            boxes[f"{item.name}.png"] = size, rendered.boxes
            images[f"{item.name}.png"] = {"masks": rendered.instances.numpy(), "seen": rendered.seen}
            if BY_NAME[name].misaligned:
                misalignments[item.name] = asdict(draw_misalignment(item.seed))
                labels = write_mot({item.frame: rendered.visible_boxes})
                write_atomic(out / "labels_visible" / f"{item.name}.txt", labels.encode())
            if item.sequence:
                tracks[item.frame] = rendered.boxes
        if tracks:
            write_atomic(out / "gt" / f"walk-{name}" / "gt.txt", write_mot(tracks).encode())
        if preview and tracks:
            write_film(out / f"walk-{name}.mp4", [as_pair(out, item) for item in items if item.sequence])
    forget()
    write_atomic(out / "coco.json", _with_masks(write_coco(boxes), images).encode())
    if misalignments:
        write_atomic(out / "misregistration.json", json.dumps(misalignments, indent=1).encode())
    if preview:
        shown = [as_pair(out, item) for name in conditions for item in _shown(name, pairs, sequence, seed)]
        if shown:
            write_atomic(out / "preview.png", preview_sheet(shown))


def _shown(condition: str, pairs: int, sequence: int, seed: int) -> list[Item]:
    """What the contact sheet shows of a condition: its first scenes, else the sequence's first frame."""
    return pair_items((condition,), min(pairs, 12), seed) or sequence_items(condition, min(sequence, 1), seed)


def _write_pair(out: Path, item: Item, rendered: Rendered, size: tuple[int, int]) -> None:
    write_pair(out, item, rendered)
    write_atomic(out / "yolo" / f"{item.name}.txt", write_yolo(rendered.boxes, size).encode())
    write_atomic(out / "seen" / f"{item.name}.txt", write_mot({item.frame: rendered.seen}).encode())
    masks = rendered.instances.numpy().astype(np.uint16)
    centimetres = np.round(np.minimum(rendered.depth.numpy(), FARTHEST) * 100).astype(np.uint16)
    for kind, values in (("instances", masks), ("depth", centimetres)):
        write_atomic(out / kind / f"{item.name}.png", cv2.imencode(".png", values)[1].tobytes())


def _with_masks(coco: str, images: dict[str, dict[str, Any]]) -> str:
    """COCO instances with masks, boxes of the seen part (``visible_bbox``) and visibility added to each row."""
    content = json.loads(coco)
    names = {image["id"]: image["file_name"] for image in content["images"]}
    row: dict[int, int] = {}
    for annotation in content["annotations"]:
        image = annotation["image_id"]
        number = row[image] = row.get(image, -1) + 1
        truth = images[names[image]]
        left, top, right, bottom = (float(value) for value in truth["seen"].xyxy[number])
        annotation["visible_bbox"] = [left, top, right - left, bottom - top]
        annotation["visibility"] = round(float(truth["seen"].visibility[number]), 4)
        if annotation["track_id"] > 0:
            mask = truth["masks"] == annotation["track_id"]
            annotation["area"] = int(mask.sum())
            annotation["segmentation"] = {"size": list(mask.shape), "counts": run_lengths(mask)}
    return json.dumps(content)


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's uncompressed run-length code: lengths of runs of 0 and 1 in turn, column by column, 0 first."""
    flat = np.concatenate(([False], mask.ravel(order="F"), [not mask.ravel(order="F")[-1]]))
    ends = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate(([0], ends))).tolist()
