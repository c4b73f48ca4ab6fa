"""Previews: contact sheets and films of rendered pairs, both bands side by side with boxes, to be looked at."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ivif.datasets.pairs import Pair

SHEET_WIDTH = 480
"""Width of one picture on a contact sheet, in pixels."""

GREEN, GREY = (80, 230, 60), (150, 150, 150)
"""Outline of people, and of people who don't count (blue, green, red)."""


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


def preview_sheet(pairs: list[Pair]) -> bytes:
    """A PNG of pairs with their conditions, two in a row."""
    tiles = [_captioned(side_by_side(pair, SHEET_WIDTH), " ".join(pair.tags)) for pair in pairs]
    if len(tiles) > 1 and len(tiles) % 2:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[start : start + 2]) for start in range(0, len(tiles), 2)]
    return cv2.imencode(".png", np.vstack(rows))[1].tobytes()


def _captioned(tile: np.ndarray, text: str) -> np.ndarray:
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, text, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, thickness, cv2.LINE_AA)
    return tile


def write_film(path: Path, frames: list[Pair], frames_per_second: float = 12.0) -> None:
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
