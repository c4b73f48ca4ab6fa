"""Pairs: one scene in infrared and visible, and data sets as sequences of pairs.

A `Pair` knows where its two pictures are and reads them when asked; a `PairDataset` is an ordered list of pairs
with the reasons for every file that found no partner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import torch
from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.datasets.errors import PairError
from ivif.datasets.files import sha256_bytes, sha256_file
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import SUFFIXES, ImageError, luminance, read_image


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
    """A picture in an image file. `value_range`: see `datasets.images.read_image`."""

    path: Path
    value_range: tuple[float, float] | None = None

    def read(self) -> Tensor:
        """The picture, ``uint8 [1 or 3, H, W]``."""
        return read_image(self.path, self.value_range)

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes, and of the declared range."""
        content = _content_hash(self.path)
        return content if self.value_range is None else sha256_bytes(f"{content} {self.value_range}".encode())

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


class PairImages(NamedTuple):
    """The pictures of a pair: infrared ``uint8 [1, H, W]`` and visible ``uint8 [1 or 3, H, W]``, same size."""

    infrared: Tensor
    visible: Tensor


@dataclass(frozen=True)
class Pair:
    """An aligned infrared-visible pair.

    Attributes:
        name: unique in its data set; the file stem of its results.
        infrared, visible: where the pictures are.
        boxes: labelled objects, None where the pair has no labels.
        tags: conditions such as "night".
        sequence: the video this pair is a frame of, if any.
        frame: 0-based index in that video.
    """

    name: str
    infrared: Source
    visible: Source
    boxes: Boxes | None = None
    tags: tuple[str, ...] = ()
    sequence: str | None = None
    frame: int | None = None

    def read(self) -> PairImages:
        """Both pictures; a grey scene stored as colour (equal channels) counts as grey.

        Raises:
            ImageError: a picture cannot be read.
            PairError: the two differ in size.
        """
        infrared, visible = luminance(self.infrared.read()), _drop_equal_channels(self.visible.read())
        if infrared.shape[1:] != visible.shape[1:]:
            sizes = [f"{image.shape[2]}x{image.shape[1]}" for image in (infrared, visible)]
            raise PairError(
                f"{self.name}: infrared is {sizes[0]}, visible {sizes[1]}; register and crop them to one size"
            )
        return PairImages(infrared, visible)

    def fingerprint(self) -> str:
        """A hash that changes when either picture does, in its file or by the code that reads it."""
        code = _reading_code(type(self.infrared), type(self.visible))
        return sha256_bytes(f"{self.infrared.fingerprint()} {self.visible.fingerprint()} {code}".encode())


@cache
def _reading_code(*sources: type[Source]) -> str:
    return code_fingerprint((Pair.read, *sources))


def _drop_equal_channels(image: Tensor) -> Tensor:
    if image.shape[0] == 3 and torch.equal(image[0], image[1]) and torch.equal(image[1], image[2]):
        return image[:1]
    return image


class Unmatched(NamedTuple):
    """A file that is in no pair, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class PairDataset(Sequence[Pair]):
    """Named, ordered pairs; slicing, iteration and `select` give what one expects of a list."""

    name: str
    pairs: tuple[Pair, ...]
    unmatched: tuple[Unmatched, ...] = ()

    def __post_init__(self) -> None:
        names = [pair.name for pair in self.pairs]
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise PairError(f"{self.name}: pair names must be unique, found twice: {', '.join(twice[:5])}")

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        """A pair by position, or a shorter data set by slice."""
        return replace(self, pairs=self.pairs[index]) if isinstance(index, slice) else self.pairs[index]

    def select(self, names: Sequence[str]) -> PairDataset:
        """The pairs called `names`, in that order; raises `PairError` for an unknown one."""
        known = {pair.name: pair for pair in self.pairs}
        missing = [name for name in names if name not in known]
        if missing:
            raise PairError(f"{self.name} has no pair {', '.join(missing)}; it has {', '.join(sorted(known)[:10])} ...")
        return replace(self, pairs=tuple(known[name] for name in names))

    def with_range(self, value_range: tuple[float, float] | None) -> PairDataset:
        """The same pairs, files of more than 8 bit read with `value_range` (see `datasets.images.read_image`)."""
        pairs = (
            replace(
                pair,
                infrared=_with_range(pair.infrared, value_range),
                visible=_with_range(pair.visible, value_range),
            )
            for pair in self.pairs
        )
        return replace(self, pairs=tuple(pairs))

    def fingerprint(self) -> str:
        """A hash of the split: every pair's name, in order."""
        return sha256_bytes("\n".join(pair.name for pair in self.pairs).encode())


def _with_range(source: Source, value_range: tuple[float, float] | None) -> Source:
    return replace(source, value_range=value_range) if isinstance(source, ImageFile) else source


def pair_folders(infrared: Path, visible: Path, name: str = "folders") -> PairDataset:
    """Pair the images of two folders by file stem.

    Args:
        infrared: folder of infrared images.
        visible: folder of visible images.
        name: what tables call the data set.

    Raises:
        PairError: a folder is missing or unreadable, or not one pair was found.
    """
    left, left_rest = _images_by_stem(Path(infrared))
    right, right_rest = _images_by_stem(Path(visible))
    pairs = tuple(
        Pair(stem, ImageFile(left[stem]), ImageFile(right[stem])) for stem in sorted(left.keys() & right.keys())
    )
    unmatched = [*left_rest, *right_rest]
    for mine, other, folder in ((left, right, visible), (right, left, infrared)):
        unmatched += [
            Unmatched(mine[stem], f"no image called {stem!r} in {folder}")
            for stem in sorted(mine.keys() - other.keys())
        ]
    if not pairs:
        found = f"{len(left)} images in {infrared}, {len(right)} in {visible}"
        raise PairError(f"no pairs: {found}, none with the same file stem; give the two files of a pair one name")
    return PairDataset(name, pairs, tuple(unmatched))


def _is_text(name: str) -> bool:
    """False for a file name in another encoding than the system's, which no table or file could hold."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _images_by_stem(folder: Path) -> tuple[dict[str, Path], list[Unmatched]]:
    """Image files of a folder by stem, and what was left aside with the reason; hidden files don't count."""
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise PairError(f"{folder}: cannot be listed ({error.strerror or error})") from error
    images: dict[str, Path] = {}
    rest = []
    for path in files:
        if not _is_text(path.name):
            rest.append(Unmatched(path, "its name is not valid text in this system's encoding; rename it"))
        elif path.suffix.lower() not in SUFFIXES:
            rest.append(Unmatched(path, f"not an image ({', '.join(SUFFIXES)})"))
        elif path.stem in images:
            rest.append(Unmatched(path, f"same stem as {images[path.stem].name}, which is taken"))
        else:
            images[path.stem] = path
    return images, rest
