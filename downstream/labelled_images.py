"""Labelled images: what goes into a detector, from a folder, a video, or pairs seen by a camera or a fusion method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.datasets.frames import frame_numbers
from ivif.datasets.images import SUFFIXES, ImageError, Range
from ivif.datasets.labels import Unlabelled, read_labels
from ivif.datasets.locations import Location, Unmatched
from ivif.datasets.pairs import Pair, PairError
from ivif.datasets.sources import VIDEOS, Source, VideoFrame, picture_size, video_length
from ivif.datasets.value_range import with_range
from ivif.downstream.errors import DownstreamError
from ivif.fusion.results import MethodResults, Results

CONTROLS = ("infrared", "visible")
"""What each camera saw alone: names that stand beside those of methods."""


@dataclass(frozen=True)
class LabelledImage:
    """One image for a detector.

    Attributes:
        name: unique among the images it is processed with.
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
class _Shown:
    """A pair as some results show it, of its sources' size."""

    pair: Pair
    results: Results

    def read(self) -> Tensor:
        image = self.results.image(self.pair)
        if not isinstance(self.results, MethodResults):  # what fuses now gives its sources' size, or an error
            size, expected = (image.shape[-1], image.shape[-2]), _size(self.pair.infrared)
            if size != expected:
                sizes = " and ".join(f"{width}x{height}" for width, height in (size, expected))
                raise PairError(f"sizes differ: {sizes} (fused, sources); labels are pixels of the sources")
        return image

    def fingerprint(self) -> str:
        return self.results.fingerprint(self.pair)


@lru_cache(maxsize=4096)
def _size(source: Source) -> tuple[int, int]:
    """(width, height) of a source, which all methods' results are to have."""
    image = source.read()
    return image.shape[-1], image.shape[-2]


def images_of_results(pairs: Iterable[Pair], results: Results) -> list[LabelledImage]:
    """Pairs as a method shows them, with their labels; what cannot be fused or is missing is an error when read."""
    return [_image(pair, _Shown(pair, results)) for pair in pairs]


def images_of_camera(pairs: Iterable[Pair], camera: str) -> list[LabelledImage]:
    """Pairs as one camera alone shows them, one of `CONTROLS`, with their labels."""
    return [_image(pair, _OneCamera(pair, camera)) for pair in pairs]


def _image(pair: Pair, source: Source) -> LabelledImage:
    return LabelledImage(pair.name, source, pair.boxes, pair.sequence, pair.frame)


def images_of_video(path: Path) -> list[LabelledImage]:
    """All frames of a video file, one sequence called like the file; raises `ImageError` if it is no video."""
    count = video_length(path)
    if count < 1:
        raise ImageError(f"{path}: announces {count} frames; convert it to MPEG-4")
    frames = ((f"{path.stem}-{index:06d}", VideoFrame(path, index), index) for index in range(count))
    return [LabelledImage(name, source, sequence=path.stem, frame=index) for name, source, index in frames]


def images_of_folder(folder: Path, value_range: Range | Literal["auto"] | None = None) -> list[LabelledImage]:
    """The images of a folder by name, as single images; see `as_sequence`.

    Args:
        folder: holds image files; see `datasets.locations`.
        value_range: of files of more than 8 bit, see `datasets.pairs.PairDataset.with_range`.

    Raises:
        DownstreamError: no such folder, no image in it, or two images with the same stem.
    """
    location = Location.parse(folder)
    if not location.folder.is_dir():
        raise DownstreamError(f"{folder}: neither a folder nor a video ({', '.join(VIDEOS)})")
    listing = location.files()
    if not listing.files:
        raise DownstreamError(f"{folder}: holds no image ({', '.join(SUFFIXES)})")
    twice = [item.path for item in listing.rest if item.path.suffix.lower() in SUFFIXES]
    if twice:
        raise DownstreamError(f"{folder}: two images are called {twice[0].stem}; labels could not tell them apart")
    sources = with_range([location.source(path) for path in listing.files.values()], value_range)
    return [LabelledImage(name, source) for name, source in sorted(zip(listing.files, sources, strict=True))]


def as_sequence(images: Sequence[LabelledImage], name: str, from_one: bool = False) -> list[LabelledImage]:
    """Single images as frames of one sequence, in order of the last number in their names.

    Args:
        images: the frames.
        name: of the sequence.
        from_one: see `datasets.frames.frame_numbers`.

    Raises:
        PairError: images without numbers, or that share one, can't be put in order.
    """
    numbers = frame_numbers([image.name for image in images], from_one)
    frames = (replace(image, sequence=name, frame=number) for image, number in zip(images, numbers, strict=True))
    return sorted(frames, key=lambda image: image.frame or 0)


def label_images(
    images: Sequence[LabelledImage],
    path: Path,
    classes: Sequence[str] = (),
    tell: Callable[[Sequence[Unmatched]], object] = lambda notes: None,
) -> list[LabelledImage]:
    """Images with the boxes that `path` holds for them, see `datasets.labels.read_labels`; raises `BoxesError`.

    What there is to tell of the labels is given to `tell`.
    """
    asked = [
        Unlabelled(image.name, image.frame, partial(picture_size, image.source), image.sequence) for image in images
    ]
    found = read_labels(path, asked, classes)
    tell(found.notes)
    return [replace(image, boxes=boxes) for image, boxes in zip(images, found.boxes, strict=True)]
