"""Drawing: pictures and films with boxes, identities and scores to look at."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.downstream.errors import DownstreamError

DEFAULT_RATE = 12.0
"""Frames a second of a film whose pictures say nothing of it."""

TRUE, IGNORED, FOUND = (255, 255, 255), (150, 150, 150), (60, 230, 80)
"""Outlines of true boxes, of ignore regions, and of detections without identity (red, green, blue)."""


def annotated(image: Tensor, found: Boxes, truth: Boxes | None = None) -> Tensor:
    """A picture with boxes.

    True boxes are thin and white, ignore regions thin and grey; what was found is thick, with its identity in that
    identity's colour, or with its score.

    Args:
        image: ``uint8 [1 or 3, H, W]``.
        found: detections or tracks.
        truth: labels, if there are any.

    Returns:
        ``uint8 [3, H, W]``.
    """
    canvas = np.ascontiguousarray(image.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy())
    if truth is not None:
        for row, ignored in zip(truth.xyxy, truth.ignore, strict=True):
            _outline(canvas, row, IGNORED if ignored else TRUE, 1)
    for row, identity, score in zip(found.xyxy, found.ids, found.scores, strict=True):
        colour = FOUND if identity < 0 else _colour(int(identity))
        _outline(canvas, row, colour, 2)
        text = f"{score:.2f}" if identity < 0 else str(identity)
        place = (round(row[0]), max(10, round(row[1]) - 3))
        cv2.putText(canvas, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return torch.from_numpy(canvas).permute(2, 0, 1).contiguous()


def _outline(canvas: np.ndarray, row: np.ndarray, colour: tuple[int, int, int], width: int) -> None:
    left, top, right, bottom = (round(float(value)) for value in row)
    cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), colour, width)


def _colour(identity: int) -> tuple[int, int, int]:
    """Colours of neighbouring identities lie far apart on the circle of hues (golden ratio)."""
    red, green, blue = colorsys.hsv_to_rgb(identity * 0.618034 % 1, 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def write_video(path: Path, frames: Iterable[Tensor], rate: float = DEFAULT_RATE) -> int:
    """An MPEG-4 film of pictures ``uint8 [3, H, W]`` of one size; complete or absent. Returns the number of frames.

    Raises:
        DownstreamError: no frame, or this build of OpenCV cannot write MPEG-4.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part.mp4")
    writer: cv2.VideoWriter | None = None
    count = 0
    try:
        for frame in frames:
            picture = frame.permute(1, 2, 0).numpy()[..., ::-1]
            # The codec takes even sizes only.
            height, width = (side // 2 * 2 for side in picture.shape[:2])
            if writer is None:
                writer = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
                if not writer.isOpened():
                    raise DownstreamError(f"{path}: this build of OpenCV cannot write MPEG-4; leave the film out")
            writer.write(np.ascontiguousarray(picture[:height, :width]))
            count += 1
        if writer is None:
            raise DownstreamError(f"{path}: no frame to make a film of")
        writer.release()
        temporary.replace(path)
    finally:
        if writer is not None:
            writer.release()
        temporary.unlink(missing_ok=True)
    return count
