"""Compiling: loops over numbers as machine code, by Numba, when they are first called."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.event import Event, Listener, register


class _Tidying(Listener):
    """Frees what Numba leaves behind when it compiles.

    Among it are exceptions in reference cycles. Through their frames they keep the arrays of every caller, at worst
    until the process ends, as large arrays are few objects and seldom make Python look for cycles.
    """

    def on_start(self, event: Event) -> None:
        """Nothing is left behind yet."""

    def on_end(self, event: Event) -> None:
        """Compiled, or failed."""
        gc.collect()


register("numba:compile", _Tidying())


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator for a loop over NumPy arrays that lets go of Python's lock and divides as NumPy does.

    What was compiled is kept on disk beside the source or in the user's cache; where neither can be written, it is
    compiled again in every process.

    Args:
        options: further ones of ``numba.njit``.
    """

    def compile_when_called(function: Callable[..., Any]) -> Callable[..., Any]:
        settings = {"nogil": True, "error_model": "numpy", **options}
        try:
            return njit(cache=True, **settings)(function)
        except RuntimeError:  # there is no place to keep it
            return njit(**settings)(function)

    return compile_when_called
