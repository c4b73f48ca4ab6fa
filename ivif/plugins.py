"""Other people's code: named as ``package.module:object``, or offered by an installed package as an entry point.

A package offers a method, metric, data set or detector under a name of its own by, in its ``pyproject.toml``::

    [project.entry-points."ivif.metrics"]
    sharpness = "theirs.metrics:sharpness"

The groups are ``ivif.methods``, ``ivif.metrics``, ``ivif.datasets`` and ``ivif.detectors``. Nothing of it is imported
before its name is used.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from ivif.errors import IvifError

Kind = Literal["methods", "metrics", "datasets", "detectors"]


@cache
def offered(kind: Kind) -> dict[str, EntryPoint]:
    """What installed packages offer, by name."""
    return {point.name: point for point in entry_points(group=f"ivif.{kind}")}


def is_own(name: str) -> bool:
    """Whether a name is a ``package.module:object``, and no file."""
    return ":" in name and not Path(name).is_file()


def named_object(kind: Kind, name: str, error: type[IvifError]) -> Any:
    """What ``package.module:object``, or a name that an installed package offers, stands for; None for another name.

    Raises:
        IvifError: of the given type: it cannot be imported.
    """
    if is_own(name):
        return import_own(name, error)
    point = offered(kind).get(name)
    if point is None:
        return None
    try:
        return point.load()
    except (ImportError, AttributeError) as reason:
        raise error(f"{name}, which an installed package offers as {point.value}: {reason}") from reason


def import_own(path: str, error: type[IvifError]) -> Any:
    """What ``package.module:Class``, or a function's name in its place, names; the current folder is searched too.

    Raises:
        IvifError: of the given type: no such module, or nothing of that name in it.
    """
    module_name, _, name = path.partition(":")
    if not (module_name and name) or module_name.startswith("."):
        raise error(f"{path!r}: expected package.module:Class")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError) as reason:
        raise error(f"{path}: {reason}; expected package.module:Class, importable from {here}") from reason
