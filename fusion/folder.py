"""Fused images made elsewhere: a folder takes part like a method, without any code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from datasets.images import SUFFIXES
from fusion.method import FusionError


@dataclass(frozen=True)
class FusedFolder:
    """Results of one method on disk.

    Attributes:
        name: what tables call the method.
        pattern: a folder whose files are called like the pairs, or a path with ``{pair}`` in it, such as
            ``results/{pair}_ADF.jpg``.
    """

    name: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> FusedFolder:
        """From ``NAME=DIR`` or ``NAME=DIR/{pair}_suffix.jpg``, as given on the command line."""
        name, separator, pattern = text.partition("=")
        if not (name and separator and pattern):
            raise FusionError(f"{text!r}: expected NAME=DIR or 'NAME=DIR/{{pair}}_suffix.png'")
        folder = Path(pattern.split("{pair}")[0]).expanduser()
        folder = folder if "{pair}" not in pattern or pattern.split("{pair}")[0].endswith("/") else folder.parent
        if not folder.is_dir():
            raise FusionError(f"{name}: there is no folder {folder}")
        return cls(name, str(Path(pattern).expanduser().absolute()))

    def find(self, pair: str) -> Path:
        """The file that holds the fused image of `pair`; raises `FusionError` if there is none."""
        if "{pair}" in self.pattern:
            path = Path(self.pattern.replace("{pair}", pair))
            if path.is_file():
                return path
            raise FusionError(f"{self.name}: no fused image {path}")
        for suffix in SUFFIXES:
            for path in (Path(self.pattern, pair + suffix), Path(self.pattern, pair + suffix.upper())):
                if path.is_file():
                    return path
        raise FusionError(f"{self.name}: no fused image {pair}.* ({', '.join(SUFFIXES)}) in {self.pattern}")
