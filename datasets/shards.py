"""Shards: equal parts of the pairs, for jobs that know nothing of each other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ivif.datasets.errors import PairError
from ivif.datasets.pairs import PairDataset

FOLDER = "shards"
"""Where shards of a run lie below its directory."""


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of every data set; `number` counts from 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From ``3/8``; raises `PairError` for anything else.

        Examples:
            >>> Shard.parse("3/8")
            Shard(number=3, count=8)
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise PairError(f"{text!r} is no shard: expected one such as 3/8, the third of eight")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, data: PairDataset) -> PairDataset:
        """The shard's pairs, which stand side by side, as frames of films are quickest read so."""
        start, stop = (len(data) * place // self.count for place in (self.number - 1, self.number))
        return data[start:stop]

    def folder(self, run: Path) -> Path:
        """Where this part of a run belongs, in the run's directory."""
        name = f"{self.number}-of-{self.count}"
        return run if run.parts[-2:] == (FOLDER, name) else run / FOLDER / name
