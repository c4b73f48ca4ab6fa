"""Folders: results made elsewhere, found by the names of their pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from ivif.datasets.files import sha256_bytes
from ivif.datasets.images import SUFFIXES, DepthError, ImageError
from ivif.datasets.locations import PAIR, Location, composed, find_files, relative_files
from ivif.datasets.pairs import Pair
from ivif.datasets.suggestions import result_pattern
from ivif.fusion.method import FusionError

METHOD = "{method}"
"""What stands in a pattern for the name of a method."""


@dataclass(frozen=True)
class FolderResults:
    """Results made elsewhere: a folder takes part like a method, without any code.

    Attributes:
        name: what tables call the method.
        pattern: a folder whose files are called like the pairs, or a path with ``{pair}`` in it, such as
            ``results/{pair}_ADF.jpg``; what may follow a ``#`` says `datasets.locations`.
    """

    name: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> FolderResults:
        """From ``NAME=DIR`` or ``NAME=DIR/{pair}_suffix.jpg``; raises `FusionError` where there is no such folder."""
        name, separator, pattern = text.partition("=")
        if not (name and separator and pattern):
            raise FusionError(f"{text!r}: expected NAME=DIR or 'NAME=DIR/{{pair}}_suffix.png'")
        folder = Location.parse(pattern).folder
        if not folder.is_dir():
            raise FusionError(f"{name}: there is no folder {folder}")
        return cls(name, str(Path(pattern).expanduser().absolute()))

    @property
    def text(self) -> str:
        """What `fusion.results.parse` makes this from, in any folder."""
        return f"{self.name}={self.pattern}"

    @property
    def place(self) -> Location:
        """Where the files are, and how they are read."""
        return Location.parse(self.pattern)

    def check(self, names: Sequence[str]) -> None:
        """Raise `FusionError` if there is a result of none of these pairs, with a pattern that would find some."""
        place = self.place
        try:
            if not names or any(find_files(place, name) for name in names):
                return
            known = result_pattern(names, place.folder)
        except OSError as error:
            raise FusionError(f"{self.name}: {place.folder} cannot be listed ({error.strerror or error})") from error
        expected = self.pattern if place.is_pattern else f"{self.pattern}/{names[0]}.*"
        way = f"; '{self.name}={known}' would find some" if known else ""
        raise FusionError(f"{self.name}: no fused image of the {len(names)} pairs, such as {expected}{way}")

    def file(self, pair: Pair) -> Path:
        """The file that holds the fused image of a pair; raises `FusionError` if there is none, or more than one."""
        place = self.place
        try:
            files = find_files(place, pair.name)
        except OSError as error:
            raise FusionError(f"{self.name}: {place.folder} cannot be listed ({error.strerror or error})") from error
        if len(files) > 1:
            names = " and ".join(path.name for path in files)
            way = "" if place.is_pattern else f", or give '{self.name}={place}/{PAIR}{files[0].suffix}'"
            raise FusionError(f"{self.name}: two results of {pair.name}, {names}; take one away{way}")
        if files:
            return files[0]
        if place.is_pattern:
            raise FusionError(f"{self.name}: no fused image {str(place).replace(PAIR, pair.name)}")
        raise FusionError(f"{self.name}: no fused image {pair.name}.* ({', '.join(SUFFIXES)}) in {self.pattern}")

    def image(self, pair: Pair) -> Tensor:
        """The image in the file; see `fusion.results.Results.image`."""
        try:
            return self.place.source(self.file(pair)).read()
        except DepthError as error:
            way = f"give '{self.text}#range=LOW:HIGH' with its own black and white, or convert it to 8 bit"
            raise ImageError(f"{error.found}; {way}") from error

    def fingerprint(self, pair: Pair, sources: str | None = None) -> str:
        """Of the sources, and the file."""
        own = self.place.source(self.file(pair)).fingerprint()
        return sha256_bytes(f"{sources or pair.fingerprint()} {own}".encode())


def folder_results(texts: Sequence[str], names: Sequence[str]) -> Iterator[FolderResults]:
    """What texts name: each one method, or all that a pattern with ``{method}`` in it finds of these pairs.

    Args:
        texts: see `FolderResults.parse`; or ``DIR/{pair}_{method}.jpg``, without a name.
        names: of the pairs.

    Raises:
        FusionError: see `FolderResults.parse`; a pattern that finds nothing.
    """
    for text in texts:
        if METHOD in text:
            yield from _all_methods(text, names)
        else:
            yield FolderResults.parse(text)


def _all_methods(pattern: str, names: Sequence[str]) -> list[FolderResults]:
    if PAIR not in pattern:
        raise FusionError(f"{pattern!r}: {METHOD} needs {PAIR} beside it, as in 'DIR/{PAIR}_{METHOD}.jpg'")
    place = Location.parse(pattern.replace(METHOD, PAIR))
    if not place.folder.is_dir():
        raise FusionError(f"{pattern}: there is no folder {place.folder}")
    within = composed(
        "/".join(Path(pattern.rpartition("#")[0] or pattern).expanduser().parts[len(place.folder.parts) :])
    )
    known = {name.casefold() for name in names}
    found: dict[str, int] = {}
    for path in relative_files(place.folder, within.count("/") + 1):
        if method := _method_in(path, within, known):
            found[method] = found.get(method, 0) + 1
    if not found:
        raise FusionError(f"{pattern}: no file in {place.folder} is called so after any of the {len(names)} pairs")
    absolute = str(Path(pattern).expanduser().absolute())
    return [FolderResults(method, absolute.replace(METHOD, method)) for method in sorted(found)]


def _method_in(path: str, pattern: str, names: set[str]) -> str | None:
    """The method in a file's path, where the rest of it is one of the names; the longest name if there are several."""
    order = sorted((PAIR, METHOD), key=pattern.index)
    before, between, after = re.split("|".join(map(re.escape, order)), pattern)
    if not (path.lower().startswith(before.lower()) and path.lower().endswith(after.lower())):
        return None
    core = path[len(before) : len(path) - len(after)]
    found: list[tuple[str, str]] = []
    for place in range(1, len(core) - len(between)):
        if core.startswith(between, place):
            parts = core[:place], core[place + len(between) :]
            name, method = parts if order[0] == PAIR else parts[::-1]
            if name.casefold() in names and "/" not in method:
                found.append((name, method))
    return max(found, key=lambda item: len(item[0]))[1] if found else None
