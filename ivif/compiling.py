"""Compiling: loops over numbers as machine code, by Numba, when they are first called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


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
