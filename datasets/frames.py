"""Frames: the place of each picture in a sequence, by what its name says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ivif.datasets.errors import PairError

LAST_FRAME = 1_000_000
"""Nine hours of 30 frames a second: higher numbers are time stamps or mistakes."""


def frame_numbers(names: Sequence[str], from_one: bool = False) -> list[int]:
    """The 0-based place of each picture in a sequence, by the number in its name.

    The number is what all names have in one place between separators (``-``, ``_``, ``.``, blanks), as in
    ``video-ID-frame-000123-HASH``; the last such place of several, unless another one says otherwise; where there is
    none, the last digits of the name. The lowest number is frame 0, so that a number that is missing leaves a gap. Time
    stamps, which are numbers beyond `LAST_FRAME` or several places that count together, only say the order.

    Args:
        names: of the pictures.
        from_one: labels tell of frames by number, as MOTChallenge text does: then number 1 is frame 0, whether there is
            a picture of that number or not; or number 0 is, if there is one.

    Raises:
        PairError: a name without a number, or two with the same.
    """
    keys = _keys(names)
    if len(set(keys)) != len(keys):
        key = next(key for key in keys if keys.count(key) > 1)
        twice = ".".join(map(str, key))
        raise PairError(f"two pictures have the number {twice}: a sequence needs one folder of its own")
    if len({len(key) for key in keys} - {1}) or max((key[0] for key in keys), default=0) > LAST_FRAME:
        places = {key: place for place, key in enumerate(sorted(keys))}
        return [places[key] for key in keys]
    numbers = [key[0] for key in keys]
    first = min(numbers, default=0)
    first = min(first, 1) if from_one else first
    return [number - first for number in numbers]


def _keys(names: Sequence[str]) -> list[tuple[int, ...]]:
    """What puts each name in order: one number, or several of which the first weighs most."""
    split = [re.split(r"[-_.\s]+", name) for name in names]
    for backwards in (False, True):  # places count from the front, or else from the end
        rows = [words[::-1] for words in split] if backwards else split
        shared = [place for place, words in enumerate(zip(*rows, strict=False)) if all(map(_is_number, words))]
        columns = [[int(words[place]) for words in rows] for place in (shared[::-1] if backwards else shared)]
        columns = [column for column in columns if len(set(column)) > 1] or columns[-1:]
        if columns and (len(names) < 2 or _all_apart(columns)):
            return _combined(columns)
    digits = [re.findall(r"\d+", name) for name in names]
    for name, found in zip(names, digits, strict=True):
        if not found:
            raise PairError(f"{name}: no number in the name, so its place in the sequence is unknown")
    return [(int(found[-1]),) for found in digits]


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _all_apart(columns: Sequence[Sequence[int]]) -> bool:
    rows = list(zip(*columns, strict=True))
    return len(set(rows)) == len(rows)


def _combined(columns: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """The last column alone where it orders the pictures as all of them do (a counter after a date), else all."""
    rows = list(zip(*columns, strict=True))
    last = columns[-1]
    alone = len(set(last)) == len(last)
    if alone and sorted(range(len(rows)), key=rows.__getitem__) == sorted(range(len(rows)), key=last.__getitem__):
        return [(number,) for number in last]
    return rows
