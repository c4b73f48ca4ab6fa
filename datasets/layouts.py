"""Layouts: how the tree of each published data set maps to pairs and labels.

Every function takes a folder that is the tree's root, or holds it some levels deeper (archives add folders), and gives
a `PairDataset` with the files that found no partner. Upper and lower case in folder names don't count.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ivif.datasets.boxes import Boxes, BoxesError
from ivif.datasets.figshare import figshare_tno
from ivif.datasets.label_files import read_voc, read_yolo, unique_boxes
from ivif.datasets.locations import Unmatched
from ivif.datasets.mot_files import read_sequence_labels
from ivif.datasets.pairs import Pair, PairDataset, PairError, film_pairs, pair_folders
from ivif.datasets.sources import VIDEOS, ImageFile, picture_size

_DEPTH = 4


class _Twin(NamedTuple):
    """Two neighbouring folders of one scene or split: `place` is their parent."""

    place: Path
    infrared: Path
    visible: Path


def vifb(root: Path) -> PairDataset:
    """VIFB: ``input/IR`` and ``input/VI``, equal file stems (case differs in one published file name)."""
    return _merge("vifb", _twins(root, "IR", "VI", "VIFB tree: input/IR/ and input/VI/"))


def roadscene(root: Path) -> PairDataset:
    """RoadScene: ``cropinfrared`` and ``crop_LR_visible``, the cropped and aligned pairs."""
    found = _twins(root, "cropinfrared", "crop_LR_visible", "RoadScene tree: cropinfrared/ and crop_LR_visible/")
    return _merge("roadscene", found)


def tno(root: Path) -> PairDataset:
    """TNO: ``ir`` and ``vi`` with equal stems, as redistributed subsets have them, or else the original archive.

    The pairs of the original archive follow from file names alone, see `datasets.figshare`.
    """
    _check_folder(root, "TNO tree")
    found = _find_twins(Path(root), "ir", "vi")
    return _merge("tno", found) if found else figshare_tno(Path(root))


def msrs(root: Path, split: str | None = None) -> PairDataset:
    """MSRS: ``{test,train}/{ir,vi}``, YOLO labels for 80 pairs in ``detection/labels`` (0 person, 1 car).

    Label files carry the bare number of the picture (``633.txt`` for ``00633D``) or its whole stem; other class
    numbers keep their number as label. The letter at the end of a stem becomes the tag "day" or "night".

    Args:
        root: the tree.
        split: "test", "train", or "detection" (the labelled pairs, as copies of their own); None is test and train.
    """
    found = _twins(root, "ir", "vi", "MSRS tree: test/ir/ and test/vi/, or train/ir/ and train/vi/")
    dataset = _merge("msrs", _choose_split(found, split, default=("test", "train")))
    labels = [
        file for twin in found for place in (twin.place, twin.place.parent) for file in _label_files(place, ".txt")
    ]
    by_name = {file.stem: file for file in labels}

    def label(pair: Pair) -> Path | None:
        number = re.fullmatch(r"0*(\d+)[DN]?", pair.name)
        return by_name.get(pair.name) or (by_name.get(number[1]) if number else None)

    tagged = tuple(replace(pair, tags=_light(pair.name)) for pair in dataset)
    return _with_labels(replace(dataset, pairs=tagged), label, _read_msrs)


def _read_msrs(path: Path, pair: Pair) -> Boxes:
    return read_yolo(path, picture_size(pair.visible), ("person", "car"))


def _light(stem: str) -> tuple[str, ...]:
    return {"D": ("day",), "N": ("night",)}.get(stem[-1], ())


def m3fd(root: Path, split: str | None = None) -> PairDataset:
    """M3FD: folders with ``Ir``, ``Vis`` and ``Annotation`` (Pascal VOC), flat or sorted by scene.

    If there is more than one such folder, their
    names are put before the pairs' (``M3FD_Fusion-00042``), as both parts count from 00000.

    Args:
        root: the tree.
        split: "detection" or "fusion", the part of the name after ``M3FD_``; None is all.
    """
    found = _twins(root, "Ir", "Vis", "M3FD tree: Ir/, Vis/ and Annotation/, alone or in M3FD_Detection/")
    found = [twin for twin in found if split is None or split.lower() in twin.place.name.lower()]
    if not found:
        raise PairError(f"{root}: no folder of M3FD is called *{split}*; splits are detection and fusion")
    common = Path(os.path.commonpath([twin.place for twin in found]))
    dataset = _merge("m3fd", found, prefix=common if len(found) > 1 else None)
    labels = {(twin.place, file.stem): file for twin in found for file in _label_files(twin.place, ".xml")}

    def label(pair: Pair) -> Path | None:
        return labels.get((_path(pair).parent.parent, _path(pair).stem))

    return _with_labels(dataset, label, lambda path, _: read_voc(path))


def llvip(root: Path, split: str | None = None) -> PairDataset:
    """LLVIP: ``infrared/{train,test}``, ``visible/{train,test}``, ``Annotations`` (Pascal VOC, persons).

    Args:
        root: the tree.
        split: "train" or "test"; None is both.
    """
    found = _twins(root, "infrared", "visible", "LLVIP tree: infrared/train/, visible/train/, Annotations/")
    parts = [
        _Twin(inner, inner, twin.visible / inner.name)
        for twin in found
        for inner in _folders(twin.infrared)
        if (twin.visible / inner.name).is_dir()
    ]
    dataset = _merge("llvip", _choose_split(parts or found, split, default=("train", "test")))
    labels = {file.stem: file for twin in found for file in _label_files(twin.place, ".xml")}
    return _with_labels(dataset, lambda pair: labels.get(pair.name), lambda path, _: read_voc(path))


def m3svd(root: Path, stride: int = 1, clips: Sequence[str] | None = None) -> PairDataset:
    """M3SVD: videos ``infrared/CLIP.mp4`` and ``visible/CLIP.mp4``; every frame is a pair ``CLIP-000123`` (from 0).

    Tracks come as MOTChallenge text ``gt/CLIP/gt.txt``. A frame without rows has no objects as far as the labels
    reach (``seqLength`` of ``seqinfo.ini``, else the last frame with a row), and is unlabelled after that.

    Args:
        root: the tree.
        stride: take every n-th frame.
        clips: names of the clips to take; None is all.
    """
    if stride < 1:
        raise PairError(f"stride must be 1 or more, found {stride}")
    found = _twins(root, "infrared", "visible", "M3SVD tree: infrared/*.mp4 and visible/*.mp4")
    pairs: list[Pair] = []
    unmatched: list[Unmatched] = []
    known: list[str] = []
    for twin in found:
        left, right = (_videos(folder) for folder in (twin.infrared, twin.visible))
        for mine, other, folder in ((left, right, twin.visible), (right, left, twin.infrared)):
            lone = sorted(mine.keys() - other.keys())
            unmatched += [Unmatched(mine[clip], f"no video called {clip!r} in {folder}") for clip in lone]
        known += sorted(left.keys() & right.keys())
        for clip in sorted(left.keys() & right.keys()):
            if clips is None or clip in clips:
                frames, rest = _clip(clip, left[clip], right[clip], _tracks(twin.place, Path(root), clip))
                pairs += frames[::stride]
                unmatched += rest
    if unknown := sorted(set(clips or ()) - set(known)):
        raise PairError(f"{root}: no clip {', '.join(unknown)}; there are {', '.join(known) or 'none'}")
    if not pairs:
        raise PairError(f"{root}: no video has a partner; expected infrared/CLIP.mp4 and visible/CLIP.mp4")
    return PairDataset("m3svd", tuple(pairs), tuple(unmatched))


def _videos(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in VIDEOS}


def _tracks(place: Path, root: Path, clip: str) -> Path | None:
    candidates = (base / "gt" / clip / "gt.txt" for base in (place, root))
    return next((path for path in candidates if path.is_file()), None)


def _clip(clip: str, infrared: Path, visible: Path, tracks: Path | None) -> tuple[list[Pair], list[Unmatched]]:
    """Frames of one clip with their labels, and what is wrong with it."""
    frames, rest = film_pairs(clip, infrared, visible)
    if tracks is None:
        return frames, rest
    try:
        labels = read_sequence_labels(tracks)
    except BoxesError as error:
        return frames, [*rest, Unmatched(tracks, str(error))]
    return [replace(pair, boxes=labels.get(pair.frame or 0)) for pair in frames], rest


LAYOUTS: dict[str, Callable[..., PairDataset]] = {
    layout.__name__: layout for layout in (tno, roadscene, vifb, msrs, m3fd, llvip, m3svd)
}
"""Layout functions by the key of their catalog entry."""


def _twins(root: Path, infrared: str, visible: str, expected: str) -> list[_Twin]:
    _check_folder(root, expected)
    if found := _find_twins(Path(root), infrared, visible):
        return found
    raise PairError(f"{root}: no {expected} (looked {_DEPTH} levels deep)")


def _check_folder(root: Path, expected: str) -> None:
    if not Path(root).is_dir():
        raise PairError(f"{root}: no such folder; expected a {expected}")


def _find_twins(root: Path, infrared: str, visible: str) -> list[_Twin]:
    """All places on the highest level at which folders called `infrared` and `visible` stand side by side."""
    level = [root]
    for _ in range(_DEPTH + 1):
        children = {place: {child.name.lower(): child for child in _folders(place)} for place in level}
        found = [
            _Twin(place, named[infrared.lower()], named[visible.lower()])
            for place, named in children.items()
            if infrared.lower() in named and visible.lower() in named
        ]
        if found:
            return found
        level = [child for named in children.values() for child in named.values()]
    return []


def _folders(place: Path) -> list[Path]:
    """Folders in a folder, sorted; hidden ones, resource forks and unreadable places don't count."""
    try:
        children = sorted(place.iterdir())
    except OSError:
        return []
    return [child for child in children if child.is_dir() and not child.name.startswith((".", "__MACOSX"))]


def _choose_split(twins: list[_Twin], split: str | None, default: Iterable[str]) -> list[_Twin]:
    """The twins of a split by the name of their place; a tree without any of these names is one split."""
    by_name = {twin.place.name.lower(): twin for twin in twins}
    if split is None:
        return [by_name[name] for name in default if name in by_name] or twins
    if split not in by_name:
        raise PairError(f"no split {split!r}; found {', '.join(by_name)}")
    return [by_name[split]]


def _merge(name: str, twins: list[_Twin], prefix: Path | None = None) -> PairDataset:
    """One data set of all twins' pairs; with `prefix`, a twin's path below it becomes part of its pairs' names."""
    pairs: list[Pair] = []
    unmatched: list[Unmatched] = []
    for twin in twins:
        part = pair_folders(twin.infrared, twin.visible, name)
        lead = "-".join(twin.place.relative_to(prefix).parts) + "-" if prefix else ""
        pairs += [replace(pair, name=lead + pair.name) for pair in part]
        unmatched += part.unmatched
    return PairDataset(name, tuple(pairs), tuple(unmatched))


def _label_files(place: Path, suffix: str) -> list[Path]:
    """Label files in the folder of labels at `place`, whatever the data set calls it; none if it has no such folder."""
    names = ("labels", "annotation", "annotations")
    nested = [inner for child in _folders(place) if child.name.lower() == "detection" for inner in _folders(child)]
    folders = [child for child in (*_folders(place), *nested) if child.name.lower() in names]
    return sorted(file for folder in folders for file in folder.iterdir() if file.suffix.lower() == suffix)


def _with_labels(
    dataset: PairDataset, find: Callable[[Pair], Path | None], read: Callable[[Path, Pair], Boxes]
) -> PairDataset:
    """Attach boxes; a label file that cannot be read is told among `unmatched`, its pair stays unlabelled."""
    pairs, unmatched = [], list(dataset.unmatched)
    for pair in dataset:
        path, boxes = find(pair), None
        if path is not None:
            try:
                boxes = unique_boxes(read(path, pair))[0]
            except (BoxesError, OSError) as error:
                unmatched.append(Unmatched(path, f"labels of {pair.name}: {error}"))
        pairs.append(replace(pair, boxes=boxes))
    return replace(dataset, pairs=tuple(pairs), unmatched=tuple(unmatched))


def _path(pair: Pair) -> Path:
    assert isinstance(pair.infrared, ImageFile)
    return pair.infrared.path
