"""Suggestions: patterns that would match, where names differ by camera or method."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from ivif.datasets.images import SUFFIXES
from ivif.datasets.locations import PAIR, composed

_MANY = 500
"""Names that are looked at: as many as it takes to see a rule."""

_INFRARED = re.compile(
    r"(?<![a-z])(ir|i|inf|infrared|thermal|therm|tir|t|lwir|mwir|nir|fir|previewdata|flir|lw)(?![a-z])"
)


class _Rule(NamedTuple):
    """What stands before and after the name of a pair."""

    before: str
    after: str


def camera_patterns(infrared: Sequence[Path], visible: Sequence[Path]) -> tuple[str, str, int] | None:
    """Patterns by which the files of two cameras make pairs, and how many pairs; None where no rule shows.

    Args:
        infrared, visible: files of each; the same ones where both cameras share a folder.
    """
    left, right = (_rules(files) for files in (infrared, visible))
    counts: Counter[tuple[_Rule, _Rule]] = Counter()
    for name in left.keys() & right.keys():
        counts.update(couple for couple in product(left[name], right[name]) if _differ_by_words(*couple))
    one = set(infrared) == set(visible)
    if one:  # nothing but a word that names a camera tells which two files of a folder belong together
        counts = Counter({couple: count for couple, count in counts.items() if _names_cameras(*couple)})
    if not counts:
        return None
    (first, second), count = max(
        counts.items(),
        key=lambda item: (item[1], _names_cameras(*item[0]), -len("".join((*item[0][0], *item[0][1])))),
    )
    if count < 0.5 * min(len(infrared), len(visible)) / (2 if one else 1):
        return None
    if one and not _looks_infrared(first) and _looks_infrared(second):
        first, second = second, first
    return _pattern(first, infrared), _pattern(second, visible), count


def _differ_by_words(first: _Rule, second: _Rule) -> bool:
    """Whether two rules differ, and not by numbers alone, which count the pairs."""
    return first != second and any(letter.isalpha() for rule in (first, second) for text in rule for letter in text)


def _names_cameras(first: _Rule, second: _Rule) -> bool:
    return _looks_infrared(first) != _looks_infrared(second)


def _looks_infrared(rule: _Rule) -> bool:
    return any(_INFRARED.search(text.lower()) for text in rule)


def _rules(files: Sequence[Path]) -> dict[str, set[_Rule]]:
    """Ways in which files may be named after a pair: a word before its name or after it is the camera's."""
    found: dict[str, set[_Rule]] = {}
    for path in files[:_MANY]:
        stem = composed(path.stem)
        found.setdefault(stem, set()).add(_Rule("", ""))
        for match in re.finditer(
            r"(?<=[^\W_])[_\-. ]|(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)|(?<=[_\-. ])(?=\w)", stem
        ):
            place = match.start()
            if 0 < place < len(stem):
                found.setdefault(stem[:place], set()).add(_Rule("", stem[place:]))
            end = match.end()
            if 0 < end < len(stem):
                found.setdefault(stem[end:], set()).add(_Rule(stem[:end], ""))
    return {name: rules for name, rules in found.items() if name[0].isalnum() and name[-1].isalnum()}


def _pattern(rule: _Rule, files: Iterable[Path]) -> str:
    """The path with `PAIR` in it; with a suffix, where all files of the rule share it."""
    own = [
        path
        for path in files
        if composed(path.stem).startswith(rule.before) and composed(path.stem).endswith(rule.after)
    ]
    suffixes = {path.suffix for path in own}
    return str(own[0].parent / f"{rule.before}{PAIR}{rule.after}{suffixes.pop() if len(suffixes) == 1 else ''}")


def result_pattern(names: Sequence[str], folder: Path) -> str | None:
    """A pattern of files in a folder that are called after some of these pairs; None where no rule shows."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES][: 10 * _MANY]
    counts: Counter[_Rule] = Counter()
    for path in files:
        stem = composed(path.stem)
        owners = [name for name in names[:_MANY] if name.casefold() in stem.casefold()]
        if owners:
            place = stem.casefold().index((name := max(owners, key=len)).casefold())
            counts[_Rule(stem[:place], stem[place + len(name) :])] += 1
    if not counts:
        return None
    rule, _ = counts.most_common(1)[0]
    return _pattern(rule, files)
