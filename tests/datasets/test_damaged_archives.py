"""Damaged archives: whole, or refused with the file's name and a reason, in seconds; nothing is left behind."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivif.datasets.archives import ArchiveError, unpack

MEMBERS = {"a.txt": b"some words " * 50, "folder/b.bin": bytes(range(256)) * 4}
SECONDS = 10


def zipped(compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, data in MEMBERS.items():
            file.writestr(zipfile.ZipInfo(name), data, compression)
    return buffer.getvalue()


def tarred(mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:  # type: ignore[call-overload]
        for name, data in MEMBERS.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


ARCHIVES = {
    "stored zip": zipped(zipfile.ZIP_STORED),
    "deflated zip": zipped(zipfile.ZIP_DEFLATED),
    "bzip2 zip": zipped(zipfile.ZIP_BZIP2),
    "lzma zip": zipped(zipfile.ZIP_LZMA),
    "tar": tarred("w"),
    "gzip tar": tarred("w:gz"),
    "bzip2 tar": tarred("w:bz2"),
    "xz tar": tarred("w:xz"),
}

STARTS = (b"", b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9", b"\xfd7zXZ\x00")
"""How archives begin."""

CHECKED = [kind for kind in ARCHIVES if kind != "tar"]
"""Formats with checksums of what they hold; a plain tar has none of its members' bytes."""


def unpacked(data: bytes, folder: Path) -> dict[str, bytes] | None:
    """What comes out of an archive by name; None where it is refused as it should be."""
    archive, target = folder / "archive", folder / "out"
    archive.write_bytes(data)
    start = time.monotonic()
    found = None
    try:
        unpack(archive, target)
        files = [path for path in target.rglob("*") if path.is_file()]
        found = {path.relative_to(target).as_posix(): path.read_bytes() for path in files}
    except ArchiveError as error:
        assert str(error).startswith(f"{archive}: ") and len(str(error)) > len(str(archive)) + 2
        assert sorted(path.name for path in folder.iterdir()) == ["archive"]
    assert time.monotonic() - start < SECONDS
    return found


@pytest.mark.parametrize("kind", ARCHIVES)
def test_whole_archives_come_out_whole(kind: str, tmp_path: Path) -> None:
    assert unpacked(ARCHIVES[kind], tmp_path) == MEMBERS


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", CHECKED)
def test_archives_that_were_cut_off_are_refused(kind: str, share: float, tmp_path: Path) -> None:
    data = ARCHIVES[kind]
    found = unpacked(data[: int(len(data) * share)], tmp_path)
    assert found is None or found == MEMBERS


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(CHECKED),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=4),
)
def test_flipped_bytes_change_no_member_without_a_word(
    kind: str, flips: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(ARCHIVES[kind])
    for place, value in flips:
        data[int(place * len(data))] ^= value
    found = unpacked(bytes(data), tmp_path_factory.mktemp("archive"))
    assert found is None or set(found.values()) <= set(MEMBERS.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=600))
def test_any_bytes_are_an_archive_error_at_most(
    start: bytes, rest: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert unpacked(start + rest, tmp_path_factory.mktemp("archive")) in (None, {})
