"""A user's own code, named on the command line as ``package.module:Class``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from ivif.fusion.method import FusionError


def import_own(path: str) -> Any:
    """What ``package.module:Name`` names; the current folder is searched too.

    Raises:
        FusionError: no such module, or nothing of that name in it.
    """
    module_name, _, name = path.partition(":")
    if not (module_name and name) or module_name.startswith("."):
        raise FusionError(f"{path!r}: expected package.module:Class")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as error:
        raise FusionError(f"{path}: {error}; expected package.module:Class, importable from {here}") from error
