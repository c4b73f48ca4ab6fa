"""Workers: processes that share work, and end when the process that started them does, however it ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from joblib import delayed

_LOOK_EVERY = 1.0
"""Seconds between two looks at whether the parent is still there."""


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `joblib.delayed` gives, for a call that ends with the process that asks for it, and works in its folder.

    joblib's workers wait for work for ever where their parent was killed (SIGKILL, or for lack of memory), and stay
    in the folder where they began, in which a user's own code would be looked for.
    """
    call: Callable[..., Any] = delayed(_Call(function, os.getpid(), Path.cwd()))
    return call


@dataclass(frozen=True)
class _Call:
    function: Callable[..., Any]
    parent: int
    folder: Path

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if os.getpid() != self.parent:
            _end_with(self.parent)
            os.chdir(self.folder)
        return self.function(*arguments, **named)


@cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent; asked for once a process."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()
