"""Inputs: what a command line names, as series of images, one a camera or method."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ivif import datasets
from ivif._checkout import as_typed
from ivif.datasets.labels import is_mot, own_pairs
from ivif.datasets.options import Several, add_value_range, tell_notes, tell_unmatched
from ivif.datasets.pairs import PairDataset
from ivif.datasets.sources import VIDEOS
from ivif.downstream.errors import DownstreamError
from ivif.downstream.labelled_images import (
    CONTROLS,
    LabelledImage,
    as_sequence,
    images_of_camera,
    images_of_folder,
    images_of_results,
    images_of_video,
    label_images,
)
from ivif.downstream.series import Series
from ivif.fusion.folders import folder_results
from ivif.fusion.method import resolve_device
from ivif.fusion.results import MethodResults, Results, parse

DEFAULT_METHODS = ("infrared", "visible", "average")
"""What is looked at if nothing is named: both cameras as controls, and the simplest fusion."""


def add_input_options(command: argparse.ArgumentParser) -> None:
    """The options that `read_series` reads."""
    group = command.add_argument_group("pictures", "a data set or two folders with methods, or pictures as they are")
    group.add_argument("--dataset", metavar="NAME", help=f"see {as_typed('datasets list')}")
    group.add_argument("--root", type=Path, metavar="DIR", help="the data set's folder, or one that holds it")
    group.add_argument("--split", metavar="NAME", help="the data set's train, test ... (default: all that it has)")
    group.add_argument("--infrared", type=Path, metavar="DIR", help="own infrared images")
    group.add_argument("--visible", type=Path, metavar="DIR", help="own visible images of the same names")
    add_value_range(group)
    methods = "infrared, visible, a fusion method, NAME=FILE (weights) or NAME=DIR (fused images); repeatable, or a,b"
    defaults = f"default: {', '.join(DEFAULT_METHODS)}, none if --fused is given"
    group.add_argument("--method", dest="methods", action=Several, metavar="NAME", help=f"{methods} ({defaults})")
    group.add_argument("--fused", action=Several, metavar="NAME=DIR", help="fused images made elsewhere; repeatable")
    group.add_argument("--images", type=Path, metavar="PATH", help="a folder of images, or a video")
    group.add_argument("--labels", type=Path, metavar="PATH", help="folder of .xml or YOLO .txt; COCO .json; MOT .txt")
    named = "of YOLO's classes (default: what a classes.txt or data.yaml beside them says, else person)"
    group.add_argument("--names", nargs="+", action=Several, help=named)
    group.add_argument(
        "--sequence", dest="sequences", action=Several, metavar="NAME", help="this one alone; repeatable"
    )
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
    series = [replace(one, images=_chosen(one.images, options.sequences)) for one in series]
    series = series if options.unlabelled else _labelled(series)
    return [replace(one, images=list(_first(one.images, options.limit))) for one in series]


def _of_images(options: argparse.Namespace, ordered: bool) -> Series:
    if options.methods or options.fused:
        raise DownstreamError("--images are looked at as they are; --method and --fused need pairs")
    path: Path = options.images
    if path.is_file() and path.suffix.lower() in VIDEOS:
        images = images_of_video(path)
    else:
        images = images_of_folder(path, options.value_range)
        from_one = options.labels is not None and is_mot(options.labels)
        images = as_sequence(images, path.resolve().name, from_one) if ordered else images
    if options.labels is not None:
        images = label_images(images, options.labels, options.names, tell_notes)
    return Series(path.stem or path.resolve().stem, "images", images)


def _of_pairs(options: argparse.Namespace, ordered: bool) -> Iterator[Series]:
    pairs = _pairs(options, ordered)
    tell_unmatched(pairs)
    texts = options.methods or ([] if options.fused else DEFAULT_METHODS)
    pair_names = [pair.name for pair in pairs]
    folders = list(folder_results(options.fused, pair_names))
    for folder in folders:
        folder.check(pair_names)
    results = [*_results(texts, resolve_device(options.device)), *folders]
    names = [one if isinstance(one, str) else one.name for one in results]
    if taken := [one.name for one in results if not isinstance(one, str) and one.name in CONTROLS]:
        raise DownstreamError(f"a method is called {taken[0]}, as one camera alone is in tables; give it another name")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DownstreamError(f"two methods are called {', '.join(twice)}; give the folder another name")
    for name, one in zip(names, results, strict=True):
        images = images_of_camera(pairs, one) if isinstance(one, str) else images_of_results(pairs, one)
        yield Series(pairs.name, name, images)


def _results(texts: Iterable[str], device: str) -> Iterator[str | Results]:
    """What is shown: one camera by its name, methods with the code and weights of now; each text counts once."""
    for text in dict.fromkeys(texts):
        results = text if text in CONTROLS else parse(text, device)
        yield results.pinned() if isinstance(results, MethodResults) else results


def _pairs(options: argparse.Namespace, ordered: bool) -> PairDataset:
    """A data set with its own labels and sequences, or two folders with those that are given."""
    if options.dataset is not None:
        if options.labels is not None:
            raise DownstreamError("--labels go with --images or --infrared and --visible; a data set has its own")
        pairs = datasets.load(options.dataset, options.root, **({"split": options.split} if options.split else {}))
        return pairs.with_range(options.value_range)
    if options.split is not None:
        raise DownstreamError("--split goes with --dataset")
    if options.infrared is None or options.visible is None:
        raise DownstreamError("--infrared DIR and --visible DIR go together")
    folders = options.infrared, options.visible
    return own_pairs(*folders, options.labels, options.names, ordered, options.value_range)


def _chosen(images: list[LabelledImage], sequences: Sequence[str]) -> list[LabelledImage]:
    """The images of the sequences that are asked for; all if none is."""
    known = {image.sequence for image in images}
    if unknown := sorted(set(sequences) - known):
        names = ", ".join(sorted(name for name in known if name)) or "none"
        raise DownstreamError(f"no sequence {unknown[0]!r}; there are {names}")
    return [image for image in images if image.sequence in sequences] if sequences else images


def _labelled(series: Sequence[Series]) -> list[Series]:
    """The images with labels of each series, all where none has any; what is left out is told once."""
    found, notes = [], []
    for one in series:
        labelled = [image for image in one.images if image.boxes is not None] or one.images
        if less := len(one.images) - len(labelled):
            notes.append(f"left out: {less} of {len(one.images)} pictures have no labels")
        found.append(replace(one, images=labelled))
    for note in dict.fromkeys(notes):
        print(note, file=sys.stderr)
    return found


def _first(images: Iterable[LabelledImage], limit: int | None) -> Iterator[LabelledImage]:
    """The first of each sequence, and of the single images."""
    counts: dict[str | None, int] = {}
    for image in images:
        counts[image.sequence] = counts.get(image.sequence, 0) + 1
        if limit is None or counts[image.sequence] <= limit:
            yield image
