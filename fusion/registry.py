"""Registry: method classes by name, as they register themselves; see `fusion.loading` for what is made of names."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ivif.fusion.method import FusionError, FusionMethod

if TYPE_CHECKING:
    from torch import nn

_METHODS: dict[str, type[FusionMethod]] = {}
Class = TypeVar("Class", bound=type[FusionMethod])


def register(cls: Class) -> Class:
    """Class decorator: makes a method known by its `name`."""
    if cls.name in _METHODS:
        raise FusionError(f"two methods are called {cls.name!r}")
    _METHODS[cls.name] = cls
    return cls


def registered() -> dict[str, type[FusionMethod]]:
    """All that have registered so far, by name."""
    return dict(_METHODS)


def lookup_name(subject: type[FusionMethod] | type[nn.Module]) -> str:
    """What `fusion.load` finds a method class by, or the one whose network is a module class."""
    for name, cls in _METHODS.items():
        if subject in (cls, getattr(cls, "module", None)):
            return name
    return f"{subject.__module__}:{subject.__qualname__}"
