"""A checkout: its packages stand at the top, where `python -m benchmark` finds them, and are the same as below `ivif`.

Installed, they are ``ivif.benchmark``, ``ivif.datasets`` and so on alone. In a checkout ``import fusion`` finds the
folder as well; what it gets is ``ivif.fusion``, so that no class exists twice.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


class _Same(MetaPathFinder, Loader):
    """Gives ``ivif.NAME.MODULE`` to whoever asks for ``NAME.MODULE``."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `MetaPathFinder.find_spec`; what ``python -m`` runs keeps its own name."""
        inside = fullname.startswith(f"{self.package}.") and not fullname.endswith(".__main__")
        return ModuleSpec(fullname, self) if inside else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the other module in this one's place."""
        sys.modules[module.__name__] = import_module(f"ivif.{module.__name__}")


def stand_for(package: str) -> None:
    """Make a package at the top of a checkout, which is being imported, the one below `ivif`."""
    sys.meta_path.insert(0, _Same(package))
    sys.modules[package] = import_module(f"ivif.{package}")


def as_typed(command: str) -> str:
    """A command as it is typed here: ``python -m fusion train`` where a checkout stands, else ``ivif fusion train``."""
    return f"{'python -m' if (Path.cwd() / 'ivif' / '_checkout.py').is_file() else 'ivif'} {command}"
