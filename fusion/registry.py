"""Registry: method classes by name, and how a name on the command line becomes a method."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TypeVar

from fusion.method import FusionError, FusionMethod

_METHODS: dict[str, type[FusionMethod]] = {}
Class = TypeVar("Class", bound=type[FusionMethod])


def register(cls: Class) -> Class:
    """Class decorator: makes a method known by its `name`."""
    if cls.name in _METHODS:
        raise FusionError(f"two methods are called {cls.name!r}")
    _METHODS[cls.name] = cls
    return cls


def names() -> list[str]:
    """Names of all bundled methods, in the order of their families."""
    importlib.import_module("fusion.classical")
    return list(_METHODS)


def load(name: str) -> FusionMethod:
    """A method by bundled name, or a user's own as ``package.module:Class``.

    The class must be callable without arguments and derive from `FusionMethod`; the current folder is searched too.

    Raises:
        FusionError: unknown name, module or class, or a class that is no `FusionMethod`.
    """
    if ":" in name:
        return _load_class(name)()
    if name not in names():
        raise FusionError(f"no method {name!r}; there are {', '.join(names())}, or your own as package.module:Class")
    return _METHODS[name]()


def _load_class(path: str) -> type[FusionMethod]:
    module_name, _, class_name = path.partition(":")
    if not (module_name and class_name) or module_name.startswith("."):
        raise FusionError(f"{path!r}: expected package.module:Class")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise FusionError(f"{path}: {error}; expected package.module:Class, importable from {here}") from error
    if not (isinstance(found, type) and issubclass(found, FusionMethod)):
        raise FusionError(f"{path} does not derive from fusion.method.FusionMethod")
    if not hasattr(found, "name"):
        found.name = class_name.lower()
    for fact, default in (("title", class_name), ("family", "own"), ("paper", "")):
        if not hasattr(found, fact):
            setattr(found, fact, default)
    return found
