"""Names as people spell them: what they mean, and what they may have meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches


def plain_name(name: str) -> str:
    """A name without case and what spellings differ in: ``msssim`` of ``MS-SSIM``, ``qabf`` of ``Q_{abf}``.

    Examples:
        >>> plain_name("MS-SSIM"), plain_name("Q_{abf}")
        ('msssim', 'qabf')
    """
    return "".join(letter for letter in name.lower() if letter.isalnum())


def look_up(name: str, spellings: Mapping[str, Sequence[str]]) -> str | None:
    """The key that somebody means by `name`; None where none or several could be meant.

    Args:
        name: case and marks don't count.
        spellings: key to its other names.

    Examples:
        >>> look_up("Q_abf", {"qabf": ["Qabf", "Edge information"], "qcb": ["Qcb"]})
        'qabf'
        >>> look_up("edge information", {"qabf": ["Qabf", "Edge information"]})
        'qabf'
        >>> look_up("q", {"qabf": [], "qcb": []}) is None
        True
    """
    if name.lower() in spellings:
        return name.lower()
    plain = plain_name(name)
    found = [key for key, others in spellings.items() if plain in map(plain_name, (key, *others))]
    return found[0] if len(found) == 1 else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean ...?`` with the known names most like `name`, or "" where none is.

    Examples:
        >>> did_you_mean("laplacien", ["laplacian", "average"])
        'did you mean laplacian?'
        >>> did_you_mean("xyz", ["laplacian", "average"])
        ''
    """
    plain: dict[str, str] = {}
    for other in known:
        plain.setdefault(plain_name(other), other)
    found = get_close_matches(plain_name(name), plain, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(plain[other] for other in found)}?" if found else ""
