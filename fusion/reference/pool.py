"""Pool: what many methods made of every pair, as 8-bit luminance on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from joblib import cpu_count
from torch import Tensor
from tqdm import tqdm

from ivif.datasets.files import file_name, is_disk_error, reason, sha256_bytes
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairDataset
from ivif.datasets.workers import in_workers
from ivif.fusion.loading import published_of
from ivif.fusion.method import FusionError
from ivif.fusion.results import KEY, PAIR, FolderResults, MethodResults, StoredResults, parse
from ivif.fusion.weights.published import may_have_seen


@dataclass(frozen=True)
class Candidate:
    """One method's result for a pair.

    Attributes:
        method: its name.
        luminance: ``uint8 [1, H, W]``; None where there is no usable result.
        file: where it was read from or written to.
        reason: why there is none.
    """

    method: str
    luminance: Tensor | None
    file: Path | None = None
    reason: str = ""


TESTED_ON = ("vifb", "tno", "roadscene")
"""Data sets that have no training part of their own: tests are on any of their pairs."""

Member = MethodResults | FolderResults
"""Whose results can be candidates: a method's, fused when they are needed, or those in a folder."""


@dataclass(frozen=True)
class Pool:
    """Candidates of all pairs.

    Attributes:
        folder: where what methods fuse is kept, as ``METHOD/PAIR.KEY.png``, see `StoredResults`.
        members: methods, which fuse luminance, and results made elsewhere, which are read where they are.
        device: where candidates are judged and enhanced.
    """

    folder: Path
    members: tuple[Member, ...]
    device: str = "cpu"

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise FusionError(f"candidates must have different names, found {', '.join(self.names)}")
        if not self.names:
            raise FusionError("a pool needs candidates: name methods or folders of fused images")

    @classmethod
    def of(cls, folder: Path, texts: Sequence[str], device: str = "cpu", tested_on: Sequence[str] = TESTED_ON) -> Pool:
        """A pool of what `member` makes of texts; methods fuse where candidates are judged.

        Args:
            folder: see above.
            texts: see `fusion.results.parse`.
            device: see above.
            tested_on: data sets that networks are to be tested on which learn from the references. Weights that others
                published are refused if they were trained on one of them, or nobody says what they were trained on.

        Raises:
            FusionError: such weights, a method that cannot be loaded, no such folder, or two of one name.
        """
        for text in texts:
            weights = published_of(text)
            if weights and (why := may_have_seen(weights, tested_on)):
                raise FusionError(f"{text} cannot be a candidate: {why}, on which what learns from it is to be tested")
        return cls(folder, tuple(member(text, device) for text in texts), device)

    def without(self, name: str) -> Pool:
        """The same pool less one candidate, if it is there."""
        return replace(self, members=tuple(member for member in self.members if member.name != name))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all candidates."""
        return tuple(member.name for member in self.members)

    def fill(self, dataset: PairDataset, jobs: int = 0) -> None:
        """Fuse whatever is missing, pairs in parallel; failures show when the pair is read.

        Args:
            dataset: pairs.
            jobs: processes; 0: see `processes`.
        """
        work = in_workers(_fill, ((self, pair) for pair in dataset), self.processes(jobs), ordered=False)
        for _ in tqdm(work, total=len(dataset), unit="pair", desc="pool"):
            pass

    def processes(self, jobs: int) -> int:
        """`jobs`; 0: one a processor core, but one alone where methods fuse on a GPU, whose memory they share."""
        return jobs or (1 if self.device.startswith("cuda") else cpu_count())

    def candidates(self, pair: Pair) -> Iterator[Candidate]:
        """The candidates of one pair, in the order of `names`; methods fuse now what is not there yet."""
        for member in self.members:
            yield _attempt(member.name, partial(self.made, member, pair))

    def fingerprint(self, pair: Pair) -> str:
        """A hash that changes when a candidate of this pair does."""
        sources = pair.fingerprint()
        return sha256_bytes("\n".join(_identity(member, pair, sources) for member in self.members).encode())

    def made(self, member: Member, pair: Pair) -> tuple[Tensor, Path]:
        """A member's luminance of a pair, ``uint8 [1, H, W]``, kept in the pool's folder, and the file it is in.

        Raises:
            FusionError, ImageError, PairError: there is none, or it cannot be made.
        """
        if isinstance(member, FolderResults):
            return luminance(member.image(pair)), member.file(pair)
        kept = StoredResults(member, str(self.folder / file_name(member.name) / f"{PAIR}.{KEY}.png"))
        return kept.make(pair), kept.file(pair)


def member(text: str, device: str = "cpu") -> Member:
    """What `fusion.results.parse` makes of a text, in luminance, a method as it is now.

    Raises:
        FusionError: a method that cannot be loaded, or no such folder.
    """
    found = parse(text, device, colour=False)
    return found.pinned() if isinstance(found, MethodResults) else found


def _attempt(name: str, make: Callable[[], tuple[Tensor, Path]]) -> Candidate:
    try:
        return Candidate(name, *make())
    except Exception as error:
        if is_disk_error(error):
            raise
        return Candidate(name, None, reason=reason(error))


def _identity(results: Member, pair: Pair, sources: str) -> str:
    try:
        return f"{results.name} {results.fingerprint(pair, sources)}"
    except (FusionError, OSError):
        return f"{results.name} missing"


def _fill(pool: Pool, pair: Pair) -> None:
    torch.set_num_threads(1)
    for _ in pool.candidates(pair):
        pass


def usable(candidates: Sequence[Candidate]) -> dict[str, Tensor]:
    """Luminance by method, of those candidates that have a result."""
    return {found.method: found.luminance for found in candidates if found.luminance is not None}
