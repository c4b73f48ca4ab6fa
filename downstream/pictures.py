"""Pictures: what goes into a detector, from a folder, a video, or pairs seen by a camera or a fusion method."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from datasets.boxes import Boxes
from datasets.files import sha256_bytes
from datasets.images import SUFFIXES, ImageError, to_float, to_uint8
from datasets.pairs import ImageFile, Pair, PairError, Source, VideoFrame, video_length
from downstream.errors import DownstreamError
from fusion import FusedFolder, FusionMethod, load

CONTROLS = ("infrared", "visible")
"""What each camera saw alone: names that stand beside those of methods."""

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".webm")
"""Suffixes of files that are read as videos."""


@dataclass(frozen=True)
class Picture:
    """One picture for a detector.

    Attributes:
        name: unique among the pictures it is processed with.
        source: where it comes from.
        boxes: labelled objects, None where it has no labels.
        sequence: the video it is a frame of, if any.
        frame: its 0-based index there.
    """

    name: str
    source: Source
    boxes: Boxes | None = None
    sequence: str | None = None
    frame: int | None = None


@dataclass(frozen=True)
class _OneCamera:
    """A pair's infrared or visible picture, checked and made grey as fusion would see it."""

    pair: Pair
    name: str

    def read(self) -> Tensor:
        return getattr(self.pair.read(), self.name)

    def fingerprint(self) -> str:
        return getattr(self.pair, self.name).fingerprint()


@dataclass(frozen=True)
class _Fused:
    """A pair fused by a method, rounded to 8 bits as if it had been on disk."""

    pair: Pair
    method: FusionMethod
    method_fingerprint: str
    device: str

    def read(self) -> Tensor:
        infrared, visible = (to_float(image)[None].to(self.device) for image in self.pair.read())
        return to_uint8(self.method.fuse(infrared, visible))[0].cpu()

    def fingerprint(self) -> str:
        return sha256_bytes(f"{self.pair.fingerprint()} {self.method_fingerprint}".encode())


@dataclass(frozen=True)
class _FusedElsewhere:
    """A pair's fused image in a folder of results."""

    pair: Pair
    folder: FusedFolder

    def read(self) -> Tensor:
        image = self._file().read()
        size, expected = (image.shape[-1], image.shape[-2]), _size(self.pair.infrared)
        if size != expected:
            sizes = " and ".join(f"{width}x{height}" for width, height in (size, expected))
            raise PairError(f"sizes differ: {sizes} (fused, sources); labels are pixels of the sources")
        return image

    def fingerprint(self) -> str:
        return self._file().fingerprint()

    def _file(self) -> ImageFile:
        return ImageFile(self.folder.find(self.pair.name))


@lru_cache(maxsize=4096)
def _size(source: Source) -> tuple[int, int]:
    """(width, height) of a source, which all methods' results are to have."""
    image = source.read()
    return image.shape[-1], image.shape[-2]


def pictures_of_results(pairs: Iterable[Pair], folder: FusedFolder) -> list[Picture]:
    """Fused images of pairs that were made elsewhere; a missing one is an error when it is read."""
    return [_picture(pair, _FusedElsewhere(pair, folder)) for pair in pairs]


def pictures_of_pairs(pairs: Iterable[Pair], method: str, device: str = "cpu") -> list[Picture]:
    """Pairs as one camera or a fusion method shows them; fused when read.

    Args:
        pairs: labels, sequence and frame are taken over.
        method: "infrared", "visible", or what `fusion.load` takes.
        device: for the method.

    Raises:
        FusionError: no such method.
    """
    if method in CONTROLS:
        return [_picture(pair, _OneCamera(pair, method)) for pair in pairs]
    loaded = load(method).to(device)
    fingerprint = loaded.fingerprint()
    return [_picture(pair, _Fused(pair, loaded, fingerprint, device)) for pair in pairs]


def _picture(pair: Pair, source: Source) -> Picture:
    return Picture(pair.name, source, pair.boxes, pair.sequence, pair.frame)


def pictures_of_video(path: Path) -> list[Picture]:
    """All frames of a video file, one sequence called like the file; raises `ImageError` if it is no video."""
    count = video_length(path)
    if count < 1:
        raise ImageError(f"{path}: announces {count} frames; convert it to MPEG-4")
    return [Picture(f"{path.stem}-{i:06d}", VideoFrame(path, i), sequence=path.stem, frame=i) for i in range(count)]


def pictures_of_folder(folder: Path) -> list[Picture]:
    """The images of a folder by name, as single pictures; see `as_sequence`.

    Raises:
        DownstreamError: no such folder, no image in it, or two images with the same stem.
    """
    if not folder.is_dir():
        raise DownstreamError(f"{folder}: neither a folder nor a video ({', '.join(VIDEOS)})")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not files:
        raise DownstreamError(f"{folder}: holds no image ({', '.join(SUFFIXES)})")
    stems = [path.stem for path in files]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise DownstreamError(f"{folder}: two images are called {twice[0]}; labels could not tell them apart")
    return [Picture(path.stem, ImageFile(path)) for path in files]


def as_sequence(pictures: list[Picture], name: str, numbered: bool = False) -> list[Picture]:
    """Single pictures as frames of one sequence, in order of the last number in their names.

    The lowest number is frame 0, so that a number that is missing leaves a gap for `track` to complain about. Pictures
    without numbers, or that share one, can't be put in order.

    Args:
        pictures: the frames.
        name: of the sequence.
        numbered: labels tell of frames by number, as MOTChallenge text does: then number 1 is frame 0, whether there is
            a picture of that number or not; or number 0 is, if there is one.
    """
    numbers = []
    for picture in pictures:
        digits = re.findall(r"\d+", picture.name)
        if not digits:
            raise DownstreamError(f"{picture.name}: no number in the name, so its place in the sequence is unknown")
        numbers.append(int(digits[-1]))
    if len(set(numbers)) != len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise DownstreamError(f"two pictures have the number {twice}: a sequence needs one folder of its own")
    first = min(numbers, default=0)
    first = min(first, 1) if numbered else first
    ordered = sorted(zip(numbers, pictures, strict=True), key=lambda item: item[0])
    return [Picture(picture.name, picture.source, picture.boxes, name, number - first) for number, picture in ordered]
