"""Export: rendered pairs as folders of pictures with labels in the usual formats, and previews to look at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from datasets.boxes import Boxes, write_coco, write_mot, write_yolo
from datasets.files import write_atomic
from datasets.pairs import Pair
from datasets.synthetic.conditions import find_condition
from datasets.synthetic.suite import Item, as_pair, pair_items, render_items, sequence_items

SHEET_PAIRS = 12
"""Pairs shown on the contact sheet, at most."""

SHEET_WIDTH = 480
"""Width of one picture on the contact sheet, in pixels."""

GREEN, GREY = (80, 230, 60), (150, 150, 150)
"""Outline of people, and of people who don't count (blue, green, red)."""


def write_render(
    out: Path,
    condition: str = "night",
    pairs: int = 8,
    sequence: int = 0,
    size: tuple[int, int] = (640, 480),
    seed: int = 0,
    preview: bool = False,
) -> None:
    """Render pairs, and a sequence, of one condition into a folder.

    ``infrared/NAME.png`` and ``visible/NAME.png`` are the pictures. Labels come as MOTChallenge text
    (``labels/NAME.txt``), YOLO text (``yolo/NAME.txt``) and COCO instances (``coco.json``, all pictures); the tracks of
    the sequence as MOTChallenge text (``gt/SEQUENCE/gt.txt``). With `preview`, ``preview.png`` is a contact sheet and
    ``SEQUENCE.mp4`` the sequence, both bands side by side with boxes. Files of an earlier call are replaced where
    names meet.

    Args:
        out: the folder.
        condition: one of `datasets.synthetic.CONDITIONS`.
        pairs: number of single scenes.
        sequence: number of frames of the sequence, 12 a second; 0 for none.
        size: (width, height) in pixels.
        seed: decides all scenes.
        preview: whether to draw the previews.

    Raises:
        ValueError: see `datasets.synthetic.render_pair`.
        OSError: `out` cannot be written.
    """
    out = Path(out)
    find_condition(condition)
    items = pair_items((condition,), pairs, seed) + sequence_items(condition, sequence, seed)
    render_items(out, items, size, keep=False)
    rendered = [as_pair(out, item) for item in items]
    _write_labels(out, items, rendered, size)
    if preview:
        shown = rendered[: min(pairs, SHEET_PAIRS)] or rendered[:1]
        if shown:
            write_atomic(out / "preview.png", _contact_sheet(shown))
        frames = [pair for pair in rendered if pair.sequence]
        if frames:
            _write_video(out / f"{frames[0].sequence}.mp4", frames)


def _write_labels(out: Path, items: list[Item], pairs: list[Pair], size: tuple[int, int]) -> None:
    boxes = [pair.boxes or Boxes(np.empty((0, 4))) for pair in pairs]
    for item, found in zip(items, boxes, strict=True):
        write_atomic(out / "yolo" / f"{item.name}.txt", write_yolo(found, size).encode())
    images = {f"{item.name}.png": (size, found) for item, found in zip(items, boxes, strict=True)}
    write_atomic(out / "coco.json", write_coco(images).encode())
    tracks = {item.frame: found for item, found in zip(items, boxes, strict=True) if item.sequence}
    for name in {item.sequence for item in items if item.sequence}:
        write_atomic(out / "gt" / name / "gt.txt", write_mot(tracks).encode())


def side_by_side(pair: Pair, width: int | None = None) -> np.ndarray:
    """Both pictures of a pair with its boxes, ``uint8 [H, 2 W, 3]`` blue, green, red; scaled to `width` each."""
    images = pair.read()
    colour = images.visible.expand(3, -1, -1).permute(1, 2, 0).numpy()[..., ::-1]
    grey = images.infrared.expand(3, -1, -1).permute(1, 2, 0).numpy()
    scale = 1.0 if width is None else width / grey.shape[1]
    shape = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    halves = [np.ascontiguousarray(cv2.resize(half, shape, interpolation=cv2.INTER_AREA)) for half in (grey, colour)]
    if pair.boxes is not None:
        for row, ignored in zip(pair.boxes.xyxy * scale, pair.boxes.ignore, strict=True):
            left, top, right, bottom = (round(value) for value in row)
            for half in halves:
                cv2.rectangle(half, (left, top), (right - 1, bottom - 1), GREY if ignored else GREEN, 1)
    return np.hstack(halves)


def _contact_sheet(pairs: list[Pair]) -> bytes:
    """A PNG of pairs, two in a row."""
    tiles = [side_by_side(pair, SHEET_WIDTH) for pair in pairs]
    if len(tiles) > 1 and len(tiles) % 2:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[start : start + 2]) for start in range(0, len(tiles), 2)]
    return cv2.imencode(".png", np.vstack(rows))[1].tobytes()


def _write_video(path: Path, frames: list[Pair], frames_per_second: float = 12.0) -> None:
    """An MPEG-4 film of a sequence; complete or absent."""
    height, width = side_by_side(frames[0]).shape[:2]
    # The codec takes even sizes only.
    shape = width // 2 * 2, height // 2 * 2
    temporary = path.with_name(f".{path.stem}.part.mp4")
    writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), frames_per_second, shape)
    if not writer.isOpened():
        raise OSError(f"{path}: this build of OpenCV cannot write MPEG-4; leave the preview out")
    try:
        for frame in frames:
            writer.write(np.ascontiguousarray(side_by_side(frame)[: shape[1], : shape[0]]))
        writer.release()
        temporary.replace(path)
    finally:
        writer.release()
        temporary.unlink(missing_ok=True)
