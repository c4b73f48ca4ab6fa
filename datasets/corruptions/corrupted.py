"""Corrupted pairs: a pair whose sources are made worse when they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from torch import Tensor

from ivif.datasets.catalog import is_rendered
from ivif.datasets.corruptions.infrared import CROSSOVER
from ivif.datasets.corruptions.registry import CameraName, corruption_names, find_corruption
from ivif.datasets.corruptions.severities import amount_of
from ivif.datasets.errors import PairError
from ivif.datasets.files import sha256_bytes
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, drop_equal_channels
from ivif.datasets.sources import Source


@dataclass(frozen=True)
class CorruptionLevel:
    """What sources go through: a corruption at a severity; severity 0 is none, whatever the corruption.

    Attributes:
        corruption: its name; "" where there is none.
        severity: 0..5.
    """

    corruption: str = ""
    severity: int = 0

    @property
    def key(self) -> str:
        """In files: ``fog-3``, and "clean"."""
        return f"{self.corruption}-{self.severity}" if self.severity else "clean"

    @classmethod
    def of(cls, key: str) -> CorruptionLevel:
        """The level of a key."""
        name, _, severity = key.rpartition("-")
        return cls(name, int(severity)) if name else cls()


CLEAN = CorruptionLevel()


def levels_of(
    data: str, names: tuple[str, ...] = (), severities: tuple[int, ...] = (1, 2, 3, 4, 5)
) -> list[CorruptionLevel]:
    """The clean level, then every corruption that a data set can have, at every severity.

    Args:
        data: the data set's name; rendered ones alone can have crossover.
        names: corruptions; none given: all.
        severities: 0 is always among them.

    Raises:
        PairError: an unknown corruption or severity.
    """
    chosen = [find_corruption(name).name for name in names] or corruption_names()
    able = [name for name in chosen if name != CROSSOVER.name or is_rendered(data)]
    found = [CorruptionLevel(name, severity) for name in able for severity in sorted(set(severities)) if severity]
    for level in found:
        amount_of(level.corruption, level.severity)
    return [CLEAN, *found]


@dataclass(frozen=True)
class CorruptedSource:
    """One camera's picture, spoilt when it is read.

    Attributes:
        source: where the clean picture comes from.
        corruption: the corruption's name.
        amount: of it.
        seed: of random patterns.
        identity: see `Corruption.apply`.
    """

    source: Source
    corruption: str
    amount: float
    seed: int
    identity: str

    def read(self) -> Tensor:
        """The corrupted picture, ``uint8 [1 or 3, H, W]``: one channel of infrared pictures and of grey scenes."""
        found = find_corruption(self.corruption)
        image = clean_image(self.source, found.camera)
        return found.apply(image, self.amount, self.seed, self.identity)

    def fingerprint(self) -> str:
        """Of the clean picture, of what is done to it and of the code that does it."""
        said = f"{self.corruption} {self.amount!r} {self.seed} {self.identity}"
        return sha256_bytes(f"{self.source.fingerprint()} {said} {_corruption_code(self.corruption)}".encode())


def clean_image(source: Source, camera: CameraName) -> Tensor:
    """A camera's picture as fusion sees it: one channel of infrared pictures and of grey scenes."""
    return luminance(source.read()) if camera == "infrared" else drop_equal_channels(source.read())


@cache
def _corruption_code(name: str) -> str:
    found = find_corruption(name)
    return code_fingerprint((found.function, type(found).apply, clean_image))


def corrupted(pair: Pair, level: CorruptionLevel, data: str, seed: int = 0) -> Pair:
    """A pair under a level, called like the pair; it keeps labels, tags and its place in a sequence.

    Labels are places in the visible picture where the infrared one is displaced.

    Args:
        pair: the clean pair.
        level: what its sources go through; the clean one leaves it as it is.
        data: the data set's name, by which rendered scenes are rendered anew.
        seed: of random patterns; of rendered scenes also the one they were rendered with.

    Raises:
        PairError: an unknown corruption or severity, or crossover of what was not rendered.
    """
    if level == CLEAN:
        return pair
    found, amount = find_corruption(level.corruption), amount_of(level.corruption, level.severity)
    if found is CROSSOVER:
        return replace(pair, infrared=_crossover(pair, amount, data, seed))
    identity = pair.sequence if found.steady and pair.sequence else pair.name
    source = CorruptedSource(getattr(pair, found.camera), found.name, amount, seed, identity)
    return replace(pair, infrared=source) if found.camera == "infrared" else replace(pair, visible=source)


def _crossover(pair: Pair, share: float, data: str, seed: int) -> Source:
    if not is_rendered(data):
        raise PairError(f"{data}: crossover takes rendered scenes, in which it is known what lies behind people")
    from ivif.datasets.synthetic import crossover_source

    return crossover_source(data, pair.name, share, seed)
