"""Series: the images of one camera or method, in parts that have files of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ivif.datasets.files import file_name
from ivif.downstream.labelled_images import LabelledImage

SINGLE = "pictures"
"""What the part of a series is called that holds its single images."""


@dataclass(frozen=True)
class Series:
    """The images of one camera or method.

    Attributes:
        data: the data set's name.
        method: the camera's or method's name; "images" for images that are not made of pairs.
        images: all of them, sequences in one piece.
    """

    data: str
    method: str
    images: list[LabelledImage]

    @property
    def folder(self) -> Path:
        """Where files of this series belong, below a folder of detections, of tracks ..."""
        return Path(file_name(self.data), file_name(self.method))

    def parts(self) -> Iterator[tuple[str, list[LabelledImage]]]:
        """The single images, called `SINGLE`, then name and images of each sequence."""
        if single := [image for image in self.images if image.sequence is None]:
            yield SINGLE, single
        yield from self.sequences()

    def sequences(self) -> Iterator[tuple[str, list[LabelledImage]]]:
        """Name and images of each sequence; single images are left out."""
        frames = sorted(
            (image for image in self.images if image.sequence is not None),
            key=lambda image: (image.sequence or "", image.frame or 0),
        )
        for name, images in groupby(frames, key=lambda image: image.sequence or ""):
            yield name, list(images)
