"""Folders with one worker at a time, and disks that take no more: a word each, and nothing lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ivif.command_line import ended
from ivif.datasets.files import write_atomic
from ivif.datasets.locking import BusyError, alone_in


def test_a_folder_is_one_processes(tmp_path: Path) -> None:
    with alone_in(tmp_path / "new"), pytest.raises(BusyError, match="new: another process"), alone_in(tmp_path / "new"):
        raise AssertionError("both work")
    with alone_in(tmp_path / "new"):
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_no_more_is_told_with_the_file_and_what_to_do(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python names no file where `write` fails."""
    target = tmp_path / "table.csv"
    write_atomic(target, b"before")
    real = Path.open

    def full(self: Path, mode: str = "r", *rest: object) -> object:
        if "x" in mode:
            real(self, "xb").close()
            raise OSError(number, os.strerror(number))
        return real(self, mode, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)

    def work() -> int:
        write_atomic(target, b"after")
        return 0

    assert ended(work, "all finished is kept") == 2
    told = capsys.readouterr().err
    assert str(target) in told and os.strerror(number) in told and "make room" in told and "is kept" in told
    monkeypatch.undo()
    assert target.read_bytes() == b"before" and [path.name for path in tmp_path.iterdir()] == ["table.csv"]
