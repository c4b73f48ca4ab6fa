"""Locking: folders in which one process works at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ivif.datasets.files import make_folder
from ivif.errors import IvifError

LOCK = ".lock"
"""The file that is locked; it may stay, and holds nothing."""


class BusyError(IvifError, RuntimeError):
    """Another process works in a folder; the message says what to do."""


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Work in a folder as the only process that asks for it; it is made if need be. A killed process holds nothing.

    Raises:
        BusyError: another process does.
        OSError: the folder cannot be made or written.
    """
    make_folder(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise BusyError(
            f"{folder}: another process is working in this directory, such as another run; wait or give another --out"
        ) from error
    try:
        yield
    finally:
        lock.release()
