"""Inputs: what a command line names, as series of pictures, one a camera or method."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import datasets
from datasets.options import tell_unmatched
from datasets.pairs import PairDataset, pair_folders
from downstream.errors import DownstreamError
from downstream.labels import is_mot, label_pairs, with_labels
from downstream.pictures import (
    VIDEOS,
    Picture,
    as_sequence,
    pictures_of_folder,
    pictures_of_pairs,
    pictures_of_results,
    pictures_of_video,
)
from fusion import FusedFolder
from fusion.method import resolve_device
from fusion.registry import called

DEFAULT_METHODS = ("infrared", "visible", "average")
"""What is looked at if nothing is named: both cameras as controls, and the simplest fusion."""


@dataclass(frozen=True)
class Series:
    """The pictures of one camera or method.

    Attributes:
        data: the data set's name.
        method: the camera's or method's name; "images" for pictures that are not made of pairs.
        pictures: all of them, sequences in one piece.
    """

    data: str
    method: str
    pictures: list[Picture]

    @property
    def file(self) -> Path:
        """Where results of this series belong, below a folder of results; without suffix."""
        return Path(file_name(self.data), file_name(self.method))

    def sequences(self) -> Iterator[tuple[str, list[Picture]]]:
        """Name and pictures of each sequence; single pictures are left out."""
        frames = sorted(
            (picture for picture in self.pictures if picture.sequence is not None),
            key=lambda picture: (picture.sequence or "", picture.frame or 0),
        )
        for name, pictures in groupby(frames, key=lambda picture: picture.sequence or ""):
            yield name, list(pictures)


def file_name(name: str) -> str:
    """A name as part of a path: ``package.module:Class`` has signs that some systems refuse."""
    return "".join(letter if letter.isalnum() or letter in "-_.+" else "_" for letter in name)


def add_input_options(command: argparse.ArgumentParser) -> None:
    """The options that `read_series` reads."""
    group = command.add_argument_group("pictures", "a data set or two folders with methods, or pictures as they are")
    group.add_argument("--dataset", metavar="NAME", help="see python -m datasets list")
    group.add_argument("--root", type=Path, metavar="DIR", help="the data set's folder, or one that holds it")
    group.add_argument("--split", metavar="NAME", help="the data set's train, test ... (default: all that it has)")
    group.add_argument("--infrared", type=Path, metavar="DIR", help="own infrared images")
    group.add_argument("--visible", type=Path, metavar="DIR", help="own visible images of the same names")
    group.add_argument(
        "--method",
        action="append",
        dest="methods",
        metavar="NAME",
        help="infrared, visible, or a fusion method; can be repeated (default: infrared, visible, average)",
    )
    group.add_argument(
        "--fused", action="append", default=[], metavar="NAME=DIR", help="fused images made elsewhere; can be repeated"
    )
    group.add_argument("--images", type=Path, metavar="PATH", help="a folder of images, or a video")
    group.add_argument("--labels", type=Path, metavar="PATH", help="folder of .xml or YOLO .txt; COCO .json; MOT .txt")
    group.add_argument("--names", nargs="+", default=["person"], help="classes of YOLO labels (default: person)")
    group.add_argument("--sequence", action="append", metavar="NAME", help="only this sequence; can be repeated")
    group.add_argument("--limit", type=int, metavar="N", help="the first N pictures, or of each sequence")
    group.add_argument("--unlabelled", action="store_true", help="also pictures without labels, where others have some")


def read_series(options: argparse.Namespace, ordered: bool) -> list[Series]:
    """The series that the options name.

    Args:
        options: those of `add_input_options`, and ``device``.
        ordered: whether single pictures are to be one sequence.

    Raises:
        DownstreamError, PairError, ImageError, BoxesError, FusionError: contradicting options, nothing found.
    """
    if options.limit is not None and options.limit < 1:
        raise DownstreamError(f"--limit {options.limit}: expected 1 or more")
    given = [options.images is not None, options.dataset is not None, bool(options.infrared or options.visible)]
    if sum(given) != 1:
        raise DownstreamError("name one of: --images PATH, --dataset NAME, or --infrared DIR with --visible DIR")
    series = [_of_images(options, ordered)] if options.images is not None else list(_of_pairs(options, ordered))
    series = [replace(one, pictures=_chosen(one.pictures, options)) for one in series]
    series = series if options.unlabelled else _labelled(series)
    return [replace(one, pictures=list(_first(one.pictures, options.limit))) for one in series]


def _of_images(options: argparse.Namespace, ordered: bool) -> Series:
    if options.methods or options.fused:
        raise DownstreamError("--images are looked at as they are; --method and --fused need pairs")
    path: Path = options.images
    if path.is_file() and path.suffix.lower() in VIDEOS:
        pictures = pictures_of_video(path)
    else:
        pictures = pictures_of_folder(path)
        numbered = options.labels is not None and is_mot(options.labels)
        pictures = as_sequence(pictures, path.resolve().name, numbered) if ordered else pictures
    if options.labels is not None:
        pictures = with_labels(pictures, options.labels, options.names)
    return Series(path.stem or path.resolve().stem, "images", pictures)


def _of_pairs(options: argparse.Namespace, ordered: bool) -> Iterator[Series]:
    pairs = _pairs(options, ordered)
    tell_unmatched(pairs)
    device = resolve_device(options.device)
    for method in options.methods or ([] if options.fused else DEFAULT_METHODS):
        yield Series(pairs.name, called(method), pictures_of_pairs(pairs, method, device))
    for folder in map(FusedFolder.parse, options.fused):
        yield Series(pairs.name, folder.name, pictures_of_results(pairs, folder))


def _pairs(options: argparse.Namespace, ordered: bool) -> PairDataset:
    """A data set with its own labels and sequences, or two folders with those that are given."""
    if options.dataset is not None:
        if options.labels is not None:
            raise DownstreamError("--labels go with --images or --infrared and --visible; a data set has its own")
        return datasets.load(options.dataset, options.root, **({"split": options.split} if options.split else {}))
    if options.split is not None:
        raise DownstreamError("--split goes with --dataset")
    if options.infrared is None or options.visible is None:
        raise DownstreamError("--infrared DIR and --visible DIR go together")
    sequence = options.visible.resolve().name if ordered else None
    return label_pairs(pair_folders(options.infrared, options.visible), options.labels, sequence, options.names)


def _chosen(pictures: list[Picture], options: argparse.Namespace) -> list[Picture]:
    """The pictures of the sequences that are asked for."""
    if options.sequence:
        known = {picture.sequence for picture in pictures}
        if unknown := sorted(set(options.sequence) - known):
            names = ", ".join(sorted(name for name in known if name)) or "none"
            raise DownstreamError(f"no sequence {unknown[0]!r}; there are {names}")
        pictures = [picture for picture in pictures if picture.sequence in options.sequence]
    return pictures


def _labelled(series: Sequence[Series]) -> list[Series]:
    """The pictures with labels of each series, all where none has any; what is left out is told once."""
    found, notes = [], []
    for one in series:
        labelled = [picture for picture in one.pictures if picture.boxes is not None] or one.pictures
        if less := len(one.pictures) - len(labelled):
            notes.append(f"left out: {less} of {len(one.pictures)} pictures have no labels")
        found.append(replace(one, pictures=labelled))
    for note in dict.fromkeys(notes):
        print(note, file=sys.stderr)
    return found


def _first(pictures: Sequence[Picture], limit: int | None) -> Iterable[Picture]:
    """The first of each sequence, and of the single pictures."""
    counts: dict[str | None, int] = {}
    for picture in pictures:
        counts[picture.sequence] = counts.get(picture.sequence, 0) + 1
        if limit is None or counts[picture.sequence] <= limit:
            yield picture
