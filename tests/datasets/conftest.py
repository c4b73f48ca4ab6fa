"""What tests of identity share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container
from types import CodeType, FrameType

import pytest

from ivif.datasets.identity import PROJECT, Definition, defined, reached


@pytest.fixture
def assert_reached() -> Callable[[object, Callable[[], object], str], None]:
    """``assert_reached(subject, act, name)``: every function that `act` runs is in a definition the subject reaches."""
    return _assert_reached


def _assert_reached(subject: object, act: Callable[[], object], name: str) -> None:
    """That every function of this project that runs belongs to a definition that the subject reaches."""
    ran: set[tuple[str, CodeType]] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        module = str(frame.f_globals.get("__name__", ""))
        if event == "call" and module.partition(".")[0] == PROJECT:
            ran.add((module, frame.f_code))

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    found = reached(subject)
    missing = {f"{module}.{code.co_qualname}" for module, code in ran if not _is_among(found, module, code)}
    assert ran and not missing, f"{name}: {sorted(missing)}"


def _is_among(found: Container[Definition], module: str, code: CodeType) -> bool:
    if code.co_qualname.startswith(("<lambda>", "__create_fn__")):  # part of what names it; what `dataclass` makes
        return True
    return any(part in found for part in defined(module, code.co_qualname))
