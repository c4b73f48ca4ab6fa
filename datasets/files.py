"""Files: written whole or not at all, hashed by content, and where data and caches live."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from pathlib import Path


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to a temporary neighbour of `path`, then rename: readers see the old file or the new one.

    Raises:
        OSError: no permission or no space; `path` is untouched then and nothing is left behind.
    """
    path = Path(path)
    make_folder(path.parent)
    # 50 characters are at most 200 bytes: the temporary name stays below the usual limit of 255.
    temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None  # of a full disk Python doesn't say at what file
        raise


def make_folder(path: Path) -> None:
    """Make a folder and those above it, if need be.

    Raises:
        OSError: it can't be made; of a folder of the cache it is said how to name another.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if path.is_relative_to(cache_root()):
            text = f"{error.strerror}; the cache can't be written there: set IVIF_CACHE to a folder that can be"
            raise OSError(error.errno, text, str(path)) from error
        raise


def file_name(name: str) -> str:
    """A method's or data set's name as a file name: a user's class `pkg.module:Class` becomes `pkg.module-Class`.

    Examples:
        >>> file_name("pkg.module:Class"), file_name("sdnet+rts"), file_name("..")
        ('pkg.module-Class', 'sdnet+rts', '-..')
    """
    text = "".join(letter if letter.isalnum() or letter in "._+-" else "-" for letter in name)
    return text if text.strip(".") else f"-{text}"


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_root() -> Path | None:
    """The folder that holds the published data sets (environment variable ``IVIF_DATA``), or None."""
    value = os.environ.get("IVIF_DATA")
    return Path(value).expanduser() if value else None


def cache_root() -> Path:
    """Where rendered scenes and downloads are kept: ``IVIF_CACHE``, else ``ivif-bench`` in the user's cache folder."""
    value = os.environ.get("IVIF_CACHE")
    if value:
        return Path(value).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivif-bench"


DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""Errors that are no property of a picture or a method: every later write would fail as well."""


def is_disk_error(error: Exception) -> bool:
    """Whether `error` is one of `DISK_ERRORS`."""
    return isinstance(error, OSError) and error.errno in DISK_ERRORS


def reason(error: Exception) -> str:
    """What a table says of a failure: this project's errors say what to do, others are told apart by their type."""
    return str(error) if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"
