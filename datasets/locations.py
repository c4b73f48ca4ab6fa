"""Locations: where a user's pictures lie, and how they are read.

A location is a folder, or a path with ``{pair}`` where the name of a pair stands, or a single file; what follows a
``#`` says how its pictures are read::

    thermal                              a folder; pictures are called like the pairs
    'FLIR/{pair}_PreviewData.jpeg'       files of one camera among others; without a suffix any image counts
    'images#band=4'                      one band of files with several (three: #band=1-3)
    'stacks#page=2,range=7000:9040'      one page, and what is black and white there
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ivif.datasets.decoding import Selection
from ivif.datasets.images import SUFFIXES, ImageError, Range, parse_range
from ivif.datasets.sources import VIDEOS, ImageFile

PAIR = "{pair}"
"""What stands in a pattern for the name of a pair."""


class Unmatched(NamedTuple):
    """A file that is not used, and why."""

    path: Path
    reason: str


class Note(Unmatched):
    """What there is to tell of a file that is used."""


class Listing(NamedTuple):
    """The files of a place by the name of their pair, and what was left aside with the reason."""

    files: dict[str, Path]
    rest: tuple[Unmatched, ...]


@dataclass(frozen=True)
class Location:
    """Where pictures lie; see the module's docstring.

    Attributes:
        path: a folder, a file, or a path with `PAIR` in it.
        part: what is read of each file.
        value_range: of files of more than 8 bit; None: see `datasets.pairs.PairDataset.with_range`.
    """

    path: Path
    part: Selection = Selection()  # noqa: RUF009 - an immutable tuple
    value_range: Range | None = None

    @classmethod
    def parse(cls, text: Path | str) -> Location:
        """A place as a user writes it; raises `ImageError` for a way of reading that makes no sense."""
        plain, _, said = str(text).rpartition("#")
        if not plain or not re.match(r"(page|bands?|range)=", said):
            return cls(Path(text).expanduser())
        page, bands = None, tuple[int, ...]()
        value_range: Range | None = None
        for item in said.split(","):
            key, _, value = item.partition("=")
            try:
                match key:
                    case "page":
                        page = int(value)
                    case "band" | "bands":
                        first, _, last = value.partition("-")
                        bands = tuple(range(int(first), int(last or first) + 1))
                    case "range":
                        bounds = parse_range(value)
                        if bounds == "auto":
                            raise ValueError
                        value_range = bounds
                    case _:
                        raise ValueError
            except ValueError:
                raise ImageError(f"{text}: expected #page=N, #band=N, #band=N-M or #range=LOW:HIGH after it") from None
        return cls(Path(plain).expanduser(), Selection(page, bands), value_range)

    @property
    def is_pattern(self) -> bool:
        """Whether it is a path with `PAIR` in it."""
        return PAIR in str(self.path)

    @property
    def is_picture(self) -> bool:
        """Whether it is one file, and no film."""
        return not self.is_pattern and not self.path.is_dir() and self.path.suffix.lower() not in VIDEOS

    @property
    def folder(self) -> Path:
        """The folder below which its files lie."""
        if not self.is_pattern:
            return self.path
        return Path(*self.path.parts[: self._depth()])

    def _depth(self) -> int:
        return next(number for number, part in enumerate(self.path.parts) if PAIR in part)

    def source(self, path: Path) -> ImageFile:
        """One of its files as a picture."""
        return ImageFile(path, self.value_range, self.part)

    def files(self, suffixes: Sequence[str] = SUFFIXES) -> Listing:
        """Its files by the name of their pair, in Unicode's composed form; hidden ones don't count.

        A folder without such files stands for those in the folders below it: their names are put before the files',
        as in ``night-0001`` for ``night/0001.png``.

        Raises:
            OSError: it cannot be listed.
        """
        if not self.is_pattern:
            return _of_folder(self.path, tuple(suffixes))
        found = [(composed(name), path) for name, path in _matching(self.folder, self.path.parts[self._depth() :])]
        return _by_name(found, suffixes)

    def __str__(self) -> str:
        return str(self.path)


def composed(name: str) -> str:
    """A name in Unicode's composed form: macOS writes letters and their accents apart."""
    return unicodedata.normalize("NFC", name)


def _is_text(name: str) -> bool:
    """False for a file name in another encoding than the system's, which no table or file could hold."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _of_folder(folder: Path, suffixes: tuple[str, ...]) -> Listing:
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    files = [path for path in entries if path.is_file()]
    if not any(path.suffix.lower() in suffixes for path in files):
        below = [path for path in _below(folder) if path.suffix.lower() in suffixes]
        if below:
            return _by_name(((composed("-".join(_parts(path, folder))), path) for path in below), suffixes)
    return _by_name(((composed(path.stem), path) for path in files), suffixes)


def _parts(path: Path, folder: Path) -> tuple[str, ...]:
    return path.relative_to(folder).with_suffix("").parts


def _below(folder: Path) -> Iterator[Path]:
    """All files below a folder, in order; hidden files and folders don't count."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _by_name(found: Sequence[tuple[str, Path]] | Iterator[tuple[str, Path]], suffixes: Sequence[str]) -> Listing:
    files: dict[str, Path] = {}
    rest = []
    for name, path in found:
        if not _is_text(path.name):
            rest.append(Unmatched(path, "its name is not valid text in this system's encoding; rename it"))
        elif path.suffix.lower() not in suffixes:
            rest.append(Unmatched(path, f"not an image ({', '.join(suffixes)})"))
        elif name in files:
            rest.append(Unmatched(path, f"same stem as {files[name].name}, which is taken"))
        else:
            files[name] = path
    return Listing(files, tuple(rest))


def _matching(folder: Path, parts: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Name of the pair and path of the files below a folder that follow a pattern, whatever their case."""
    pattern = "/".join(parts)
    head, *others = (re.escape(part) for part in composed(pattern).split(PAIR))
    expression = "".join((head, "(?P<pair>[^/]+?)", "(?P=pair)".join(others)))
    if Path(pattern).suffix.lower() not in SUFFIXES:
        expression += f"(?:{'|'.join(map(re.escape, SUFFIXES))})"
    whole = re.compile(expression, re.IGNORECASE)
    for path in sorted(_level(folder, len(parts))):
        if match := whole.fullmatch(composed(path.relative_to(folder).as_posix())):
            yield match["pair"], path


def relative_files(folder: Path, depth: int) -> Iterator[str]:
    """Paths below a folder, in Unicode's composed form, of the files that lie so many levels below it."""
    return (composed(path.relative_to(folder).as_posix()) for path in sorted(_level(folder, depth)))


def _level(folder: Path, depth: int) -> Iterator[Path]:
    """Files that lie so many levels below a folder."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if depth == 1 and path.is_file():
            yield path
        elif depth > 1 and path.is_dir():
            yield from _level(path, depth - 1)


@lru_cache(maxsize=256)
def _listed(place: Location, changed: int) -> tuple[Listing, dict[str, list[str]]]:
    listing = place.files()
    alike: dict[str, list[str]] = {}
    for name in listing.files:
        alike.setdefault(name.casefold(), []).append(name)
    return listing, alike


def find_files(place: Location, name: str) -> tuple[Path, ...]:
    """The files of a place that are of one pair, whatever their case and Unicode form: none, one, or those in conflict.

    Raises:
        OSError: it cannot be listed.
    """
    listing, alike = _listed(place, place.folder.stat().st_mtime_ns)
    name = composed(name)
    known = [name] if name in listing.files else alike.get(name.casefold(), [])
    files = [listing.files[own] for own in known]
    rivals = [item.path for item in listing.rest if item.path.suffix.lower() in SUFFIXES]
    return (*files, *(path for path in rivals if files and composed(path.stem) == composed(files[0].stem)))
