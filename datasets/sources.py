"""Sources: where one picture comes from, a file or a frame of a film, read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import cv2
import torch
from PIL import Image
from torch import Tensor

from ivif.datasets.decoding import WHOLE, Selection
from ivif.datasets.files import sha256_bytes, sha256_file
from ivif.datasets.images import ImageError, Range, read_image

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".webm")
"""Suffixes of files that are read as films."""


class Source(Protocol):
    """Where one picture comes from."""

    def read(self) -> Tensor:
        """The picture, ``uint8 [1 or 3, H, W]``; raises `ImageError`."""

    def fingerprint(self) -> str:
        """A hash that changes when the picture's content does."""

    def __hash__(self) -> int:
        """Sources are values, and may be keys."""


def _content_hash(path: Path) -> str:
    try:
        return sha256_file(path)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from error


@dataclass(frozen=True)
class ImageFile:
    """A picture in an image file. `value_range`, `part`: see `datasets.images.read_image`."""

    path: Path
    value_range: Range | None = None
    part: Selection = WHOLE

    def read(self) -> Tensor:
        """The picture, ``uint8 [1 or 3, H, W]``."""
        return read_image(self.path, self.value_range, self.part)

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes, and of how it is read where that was declared."""
        said = [str(said) for said in (self.value_range, self.part) if said not in (None, WHOLE)]
        content = _content_hash(self.path)
        return sha256_bytes(" ".join([content, *said]).encode()) if said else content

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class VideoFrame:
    """Frame `index` (from 0) of a video file."""

    path: Path
    index: int

    def read(self) -> Tensor:
        """The frame, ``uint8 [3, H, W]``."""
        return _open_video(self.path).frame(self.index)

    def fingerprint(self) -> str:
        """SHA-256 of the video's bytes and the frame's index."""
        return sha256_bytes(f"{_video_hash(self.path)} {self.index}".encode())

    def __str__(self) -> str:
        return f"{self.path}[{self.index}]"


class _Video:
    """An open video that reads on without seeking while frames are asked for in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.capture = cv2.VideoCapture(str(path))
        self.next = 0
        if not self.capture.isOpened():
            raise ImageError(f"{path}: not a video that OpenCV can open")

    def frame(self, index: int) -> Tensor:
        if index < 0:
            raise ImageError(f"{self.path}: frame {index} cannot be decoded, frames count from 0")
        if index < self.next:
            self.capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            self.next = 0
        while self.next < index:
            self.capture.grab()
            self.next += 1
        good, picture = self.capture.read()
        self.next += 1
        if not good:
            raise ImageError(f"{self.path}: frame {index} cannot be decoded")
        return torch.from_numpy(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)).permute(2, 0, 1).contiguous()


@lru_cache(maxsize=4)
def _open_video(path: Path) -> _Video:
    return _Video(path)


@lru_cache(maxsize=64)
def _video_hash(path: Path) -> str:
    return _content_hash(path)


def video_length(path: Path) -> int:
    """Number of frames a video file announces; raises `ImageError` if it cannot be opened."""
    return int(_open_video(path).capture.get(cv2.CAP_PROP_FRAME_COUNT))


def frames_per_second(path: Path) -> float | None:
    """The rate at which a film says it is to be shown; None where it says nothing of use."""
    rate = float(_open_video(path).capture.get(cv2.CAP_PROP_FPS))
    return rate if 0 < rate < 1000 else None


def picture_size(source: Source) -> tuple[int, int]:
    """(width, height) of a picture, from the head of its file where that says it; raises `ImageError`."""
    if isinstance(source, ImageFile):
        try:
            with Image.open(source.path) as image:
                turned = image.getexif().get(0x0112, 1) >= 5
                return image.size[::-1] if turned else image.size
        except Exception:  # whoever reads the whole file says what is wrong with it, or knows more kinds of files  # nosec B110
            pass
    picture = source.read()
    return picture.shape[-1], picture.shape[-2]
