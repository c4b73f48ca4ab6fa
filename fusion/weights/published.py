"""What a network says of the weights that its authors, or others, published: where they are, under which terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

_NO_LICENCE = "research use, cite the paper (no licence is stated with the weights)"


@dataclass(frozen=True)
class RemoteCheckpoint:
    """One file of a checkpoint: its address, and its SHA-256 where it is known (else the first download's counts)."""

    url: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.url.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class PublishedWeights:
    """What is known of the weights that somebody published for a network.

    Attributes:
        homepage: where they are presented.
        files: what can be fetched without a browser; empty where there is nothing.
        manual: how to get them by hand, where there are no `files`.
        licence: terms of use.
        trained_on: data sets whose pairs, or pictures, the weights were trained on, by the names that this project
            has for them where it has one; None where that isn't known.
    """

    homepage: str
    files: tuple[RemoteCheckpoint, ...] = ()
    manual: str = ""
    licence: str = _NO_LICENCE
    trained_on: tuple[str, ...] | None = None


def may_have_seen(weights: PublishedWeights, data_sets: Iterable[str]) -> str:
    """Why weights may know pictures of some data sets; "" if they don't."""
    if weights.trained_on is None:
        return f"what its weights were trained on is not known, and may be of {', '.join(data_sets)}"
    seen = [name for name in data_sets if name in weights.trained_on]
    return f"its weights were trained on {', '.join(seen)}" if seen else ""


def github(
    repository: str,
    files: Mapping[str, str | None],
    commit: str = "HEAD",
    licence: str = _NO_LICENCE,
    trained_on: tuple[str, ...] | None = None,
) -> PublishedWeights:
    """Weights in a repository: its files by path, with their SHA-256 where it is known.

    Args:
        repository: ``OWNER/NAME``.
        files: see above.
        commit: which version; by default the newest.
        licence, trained_on: see `PublishedWeights`.
    """
    start = f"https://raw.githubusercontent.com/{repository}/{commit}/"
    found = tuple(RemoteCheckpoint(start + quote(path), sha256) for path, sha256 in files.items())
    return PublishedWeights(f"https://github.com/{repository}", found, licence=licence, trained_on=trained_on)
