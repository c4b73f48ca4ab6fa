"""Archives: unpack what a stranger packed, into one folder and nowhere else.

Refused: names that lead out of the folder (absolute, drive letters, ``..``), links and devices, two members of one
name, encrypted members, and bombs. What counts is the bytes that really come out, not what the headers claim.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ivif.datasets.files import make_folder
from ivif.errors import IvifError

_CHUNK = 1 << 20
_SLACK = 16 << 20


class ArchiveError(IvifError, ValueError):
    """An archive that is damaged, or that no honest publisher would make; the message names the member."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold.

    Attributes:
        total: bytes of all members together.
        members: how many there may be.
        ratio: unpacked bytes per archive byte, beyond 16 MiB (images hardly shrink: 1 to 3 is usual).
    """

    total: int = 200 << 30
    members: int = 1_000_000
    ratio: float = 100.0


class _Meter:
    """Counts what comes out of an archive and stops it at the limits."""

    def __init__(self, archive: Path, limits: Limits) -> None:
        self.archive, self.limits = archive, limits
        self.bytes = self.members = 0
        self.most = min(limits.total, int(limits.ratio * archive.stat().st_size) + _SLACK)

    def member(self) -> None:
        self.members += 1
        if self.members > self.limits.members:
            raise ArchiveError(f"{self.archive}: more than {self.limits.members} members")

    def count(self, amount: int) -> None:
        self.bytes += amount
        if self.bytes > self.most:
            raise ArchiveError(
                f"{self.archive}: unpacks to more than {self.most} bytes from {self.archive.stat().st_size}, "
                "as a decompression bomb does"
            )


class _MeteredStream:
    """A decompressed stream whose every byte is counted: tar headers too can hide gigabytes."""

    def __init__(self, stream: IO[bytes], meter: _Meter) -> None:
        self.stream, self.meter = stream, meter

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.meter.count(len(data))
        return data


def unpack(archive: Path, folder: Path, limits: Limits | None = None) -> None:
    """Unpack a zip or tar (plain, gzip, bzip2, xz) archive into the new folder `folder`.

    The format is told by content, not by name. Everything goes to a temporary neighbour first: `folder` appears
    complete or not at all. Dates, owners and permissions are not taken over.

    Raises:
        ArchiveError: not an archive, damaged, or one of the things this module refuses; nothing is left behind.
        FileExistsError: `folder` exists.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists: remove it first, or choose another folder")
    staging = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    meter = _Meter(archive, limits or Limits())
    make_folder(folder.parent)
    staging.mkdir()
    try:
        (_unpack_zip if _magic(archive).startswith(b"PK") else _unpack_tar)(archive, staging, meter)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _magic(archive: Path) -> bytes:
    with archive.open("rb") as file:
        return file.read(6)


def _unpack_zip(archive: Path, folder: Path, meter: _Meter) -> None:
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                meter.member()
                kind = stat.S_IFMT(member.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise ArchiveError(f"{archive}: {member.filename!r} is a link or a device, which is refused")
                if member.flag_bits & 1:
                    raise ArchiveError(f"{archive}: {member.filename!r} is encrypted; unpack it by hand")
                if member.filename.endswith(("/", "\\")):
                    _make_folder(folder, member.filename, archive)
                    continue
                with file.open(member) as source:
                    _write(source, folder, member.filename, archive, meter)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError) as error:
        if getattr(error, "errno", None) is not None:  # the disk's; what bz2 finds wrong has no number
            raise
        raise ArchiveError(f"{archive}: damaged zip archive ({error}); download it again") from error


def _unpack_tar(archive: Path, folder: Path, meter: _Meter) -> None:
    try:
        with _decompressed(archive) as stream:
            metered = _MeteredStream(stream, meter)
            with tarfile.open(fileobj=metered, mode="r|") as file:  # type: ignore[call-overload]
                for member in _tar_members(file, archive, meter):
                    if member.isdir():
                        _make_folder(folder, member.name, archive)
                        continue
                    source = file.extractfile(member)
                    assert source is not None
                    _write(source, folder, member.name, archive, None)
            while metered.read(_CHUNK):  # the checksum of what is compressed stands at its very end
                pass
    except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise ArchiveError(f"{archive}: neither a zip nor a tar archive, or damaged ({error})") from error


def _tar_members(file: tarfile.TarFile, archive: Path, meter: _Meter) -> Iterator[tarfile.TarInfo]:
    for member in file:
        meter.member()
        if member.issparse() or not (member.isreg() or member.isdir()):
            raise ArchiveError(f"{archive}: {member.name!r} is a link or a device, which is refused")
        yield member


@contextmanager
def _decompressed(archive: Path) -> Iterator[IO[bytes]]:
    """The tar stream inside `archive`, by the first bytes of the file."""
    openers: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
    magic = _magic(archive)
    opener = next((opener for start, opener in openers.items() if magic.startswith(start)), open)
    with opener(archive, "rb") as stream:
        yield stream


def _target(folder: Path, name: str, archive: Path) -> Path:
    """Where a member goes; backslashes separate too, as archives made on Windows have them."""
    plain = name.replace("\\", "/")
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or ".." in parts or "\0" in plain or re.match("[A-Za-z]:", plain):
        raise ArchiveError(f"{archive}: {name!r} leads out of the folder, which is refused")
    return folder.joinpath(*parts)


def _make_folder(folder: Path, name: str, archive: Path) -> None:
    try:
        _target(folder, name, archive).mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise ArchiveError(f"{archive}: {name!r} is a file and a folder at once") from error


def _write(source: IO[bytes], folder: Path, name: str, archive: Path, meter: _Meter | None) -> None:
    """Copy one member; `meter` is None where its bytes were counted before."""
    target = _target(folder, name, archive)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while chunk := source.read(_CHUNK):
                if meter is not None:
                    meter.count(len(chunk))
                file.write(chunk)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ArchiveError(f"{archive}: {name!r} is in it twice, or is a file and a folder at once") from error
