"""Pairs: one scene in infrared and visible, and data sets as sequences of pairs.

A `Pair` knows where its two pictures are and reads them when asked; a `PairDataset` is an ordered list of pairs
with the reasons for every file that found no partner.
"""

from __future__ import annotations

import filecmp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.datasets.decoding import RGBT
from ivif.datasets.errors import PairError
from ivif.datasets.files import sha256_bytes
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import SUFFIXES, ImageError, Range, luminance, read_levels
from ivif.datasets.locations import Listing, Location, Note, Unmatched
from ivif.datasets.sources import VIDEOS, ImageFile, Source, VideoFrame, frames_per_second, video_length
from ivif.datasets.suggestions import camera_patterns
from ivif.datasets.value_range import with_range

__all__ = [
    "ImageFile",
    "Pair",
    "PairDataset",
    "PairError",
    "PairImages",
    "Source",
    "Unmatched",
    "VideoFrame",
    "film_pairs",
    "pair_folders",
    "video_length",
]


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
        infrared, visible = luminance(self.infrared.read()), drop_equal_channels(self.visible.read())
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


def drop_equal_channels(image: Tensor) -> Tensor:
    """A grey scene that is stored as colour, ``uint8 [3, H, W]`` with equal channels, in one channel; others as is."""
    if image.shape[0] == 3 and torch.equal(image[0], image[1]) and torch.equal(image[1], image[2]):
        return image[:1]
    return image


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

    def with_range(self, value_range: Range | Literal["auto"] | None) -> PairDataset:
        """The same pairs, files of more than 8 bit read with `value_range` (see `datasets.images.read_image`).

        "auto" measures one for each camera, see `datasets.value_range.measured_range`. Files whose place has a range
        of its own keep it.
        """
        if value_range is None:
            return self
        infrared, visible = (
            with_range([getattr(pair, camera) for pair in self.pairs], value_range)
            for camera in ("infrared", "visible")
        )
        pairs = zip(self.pairs, infrared, visible, strict=True)
        return replace(self, pairs=tuple(replace(pair, infrared=left, visible=right) for pair, left, right in pairs))

    def fingerprint(self) -> str:
        """A hash of the split: every pair's name, in order."""
        return sha256_bytes("\n".join(pair.name for pair in self.pairs).encode())


def pair_folders(infrared: Path | str, visible: Path | str, name: str = "folders") -> PairDataset:
    """Pair the images of two places by name: folders, patterns such as ``DIR/{pair}_ir.png``, or films.

    Names are equal if they are so in another Unicode form; those left over are paired where they differ in case alone.
    Folders without images that hold films, or two films, become sequences, frame by frame.

    Args:
        infrared: where infrared images are, see `datasets.locations`.
        visible: where visible images are.
        name: what tables call the data set.

    Raises:
        PairError: a folder is missing or unreadable, both are one, or not one pair was found.
        ImageError: see `Location.parse`.
    """
    places = Location.parse(infrared), Location.parse(visible)
    if all(_is_film(place.path) for place in places):
        pairs, rest = film_pairs(places[1].path.stem, places[0].path, places[1].path)
        return PairDataset(name, _some(pairs, rest), tuple(rest))
    left, right = (_listed(place, SUFFIXES) for place in places)
    if not left.files and not right.files:
        films = tuple(_listed(place, VIDEOS) for place in places)
        if all(listing.files for listing in films):
            return _pair_films(places, films, name)
    one = places[0].part == places[1].part and _is_one(places[0].path, places[1].path)
    matched = [] if one else list(_matched(left.files, right.files))
    pairs, rest, joined = [], [*left.rest, *right.rest], set()
    copies: list[Path] = []
    for own, other in matched:
        files = left.files[own], right.files[other]
        if places[0].part == places[1].part and files[0].samefile(files[1]):
            rest.append(Unmatched(files[0], "infrared and visible are the same file"))
        else:
            copies += [files[0]] if places[0].part == places[1].part and _are_equal(*files) else []
            pairs.append(Pair(other, places[0].source(files[0]), places[1].source(files[1])))
        joined |= {files[0], files[1]}
    if copies:
        rest.append(Note(copies[0], f"infrared and visible are copies of one file ({len(copies)} such pairs)"))
    for mine, place in ((left, places[1]), (right, places[0])):
        rest += [
            Unmatched(path, f"no image called {own!r} in {place}")
            for own, path in sorted(mine.files.items())
            if path not in joined and not one
        ]
    if not pairs:
        raise PairError(_why_none(places, left, right, one))
    return PairDataset(name, tuple(sorted(pairs, key=lambda pair: pair.name)), tuple(rest))


def _is_film(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS and path.is_file()


def _is_one(first: Path, second: Path) -> bool:
    """Whether two paths are the same place: then every picture would be paired with itself."""
    return first.resolve() == second.resolve()


def _are_equal(first: Path, second: Path) -> bool:
    """Whether two files hold the same bytes."""
    try:
        return filecmp.cmp(first, second, shallow=False)
    except OSError:
        return False  # who reads them finds out why


def _listed(place: Location, suffixes: Sequence[str]) -> Listing:
    try:
        return place.files(suffixes)
    except OSError as error:
        raise PairError(f"{place.folder}: cannot be listed ({error.strerror or error})") from error


def _matched(left: dict[str, Path], right: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Names on both sides that are equal, then those that differ in case alone (archives made on Windows)."""
    equal = left.keys() & right.keys()
    yield from ((name, name) for name in equal)
    taken = {name.casefold() for name in equal}
    folded: list[dict[str, list[str]]] = [{}, {}]
    for names, alike in zip((left, right), folded, strict=True):
        for name in names.keys() - equal:
            alike.setdefault(name.casefold(), []).append(name)
    for key in (folded[0].keys() & folded[1].keys()) - taken:
        if len(folded[0][key]) == len(folded[1][key]) == 1:
            yield folded[0][key][0], folded[1][key][0]


def _why_none(places: tuple[Location, Location], own: Listing, other: Listing, one: bool) -> str:
    left, right = own.files, other.files
    found = f"{len(left)} images in {places[0]}, {len(right)} in {places[1]}"
    what = "infrared and visible are the same place" if one else "none with the same file stem"
    if rest := [item for side in (own, other) if not side.files for item in side.rest]:
        return f"no pairs: {found}; {rest[0].path}: {rest[0].reason}"
    if one and _has_thermal_band(left):
        bands = RGBT.replace("PATH", str(places[0]))
        way = f"its files have four channels: if the last is thermal, as in MFNet, {bands}"
    elif known := camera_patterns(list(left.values()), list((left if one else right).values())):
        infrared, visible, count = known
        way = f"--infrared '{infrared}' --visible '{visible}' makes {count} pair{'s' * (count != 1)}"
    elif one:
        way = (
            "name each camera's files by a pattern such as --infrared 'DIR/{pair}_ir.png' --visible 'DIR/{pair}_vi.png'"
        )
    else:
        way = "give the two files of a pair one name, or patterns such as --infrared 'DIR/{pair}_ir.png'"
    return f"no pairs: {found}, {what}; {way}"


def _has_thermal_band(files: dict[str, Path]) -> bool:
    """Whether a folder's pictures have a fourth channel that is no plain opacity."""
    for path in list(files.values())[:1]:
        try:
            read_levels(path)
        except ImageError as error:
            return RGBT in str(error)
    return False


def _some(pairs: Sequence[Pair], rest: Sequence[Unmatched]) -> tuple[Pair, ...]:
    if not pairs:
        raise PairError("; ".join(f"{item.path}: {item.reason}" for item in rest) or "no pairs: the films are empty")
    return tuple(pairs)


def _pair_films(places: tuple[Location, Location], films: tuple[Listing, ...], name: str) -> PairDataset:
    """The frames of films that have one name in two folders."""
    left, right = films
    pairs: list[Pair] = []
    rest: list[Unmatched] = []
    for own, other in sorted(_matched(left.files, right.files)):
        frames, notes = film_pairs(other, left.files[own], right.files[other])
        pairs += frames
        rest += notes
    for mine, others, place in ((left, right, places[1]), (right, left, places[0])):
        lone = sorted(mine.files.keys() - others.files.keys())
        rest += [Unmatched(mine.files[clip], f"no video called {clip!r} in {place}") for clip in lone]
    return PairDataset(name, _some(pairs, rest), tuple(rest))


def film_pairs(clip: str, infrared: Path, visible: Path) -> tuple[list[Pair], list[Unmatched]]:
    """The frames of two films as pairs ``CLIP-000123`` (from 0) of one sequence, and what is wrong with them."""
    try:
        lengths = [video_length(path) for path in (infrared, visible)]
        rates = [frames_per_second(path) for path in (infrared, visible)]
    except ImageError as error:
        return [], [Unmatched(infrared, str(error))]
    if infrared.samefile(visible):
        return [], [Unmatched(infrared, "infrared and visible are the same film")]
    rest: list[Unmatched] = []
    if _are_equal(infrared, visible):
        rest.append(Note(infrared, "infrared and visible are copies of one film"))
    if lengths[0] != lengths[1]:
        longer = infrared if lengths[0] > lengths[1] else visible
        rest.append(Unmatched(longer, f"{max(lengths)} frames, its partner has {min(lengths)}: the last are left out"))
    if None not in rates and abs(rates[0] / rates[1] - 1) > 0.01:  # type: ignore[operator]
        text = f"{rates[0]:g} frames a second, its partner {rates[1]:g}: frames are paired by number, not by time"
        rest.append(Unmatched(infrared, text))
    frames = [
        Pair(f"{clip}-{index:06d}", VideoFrame(infrared, index), VideoFrame(visible, index), sequence=clip, frame=index)
        for index in range(min(lengths))
    ]
    return frames, rest
