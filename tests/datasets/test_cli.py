"""The command line: what is printed, and what the exit code says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ivif.datasets import cli, commands
from ivif.datasets.catalog import ENTRIES
from ivif.datasets.download import Fetched, Record


@pytest.fixture(autouse=True)
def _nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data and no downloads but those a test makes."""
    monkeypatch.setenv("IVIF_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))


def pictures(root: Path, *names: str, seed: int = 0) -> None:
    random = np.random.default_rng(seed)
    root.mkdir(parents=True)
    for name in names:
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).convert("L").save(root / name)


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "data/VIFB/input/IR", "a.png")
    assert cli.main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert {entry.key for entry in ENTRIES} <= set(lines)
    assert str(tmp_path / "data/VIFB") in lines["vifb"]
    assert "not here: python -m datasets download msrs" in lines["msrs"]
    assert "not here: python -m datasets show llvip" in lines["llvip"]
    assert "15488" in lines["llvip"]


@pytest.mark.parametrize("key", [entry.key for entry in ENTRIES])
def test_show(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = next(entry for entry in ENTRIES if entry.key == key)
    assert cli.main(["show", key]) == 0
    shown = capsys.readouterr().out
    for fact in (entry.title, entry.licence, entry.homepage, entry.citation.title, entry.tree, entry.manual):
        assert fact in shown
    for file in entry.files:
        assert file.url in shown


def test_download_prints_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def download(entry: object, root: Path, force: bool, progress: bool) -> Path:
        asked.append((getattr(entry, "key", None), root, force))
        return tmp_path / "vifb"

    record = Record((Fetched("https://example.org/a.zip", "5" * 64, 123, "2025-01-02"),), "6" * 64)
    monkeypatch.setattr(commands, "download", download)
    monkeypatch.setattr(commands, "read_record", lambda folder: record)
    assert cli.main(["download", "VIFB", "tno", "--root", str(tmp_path)]) == 0
    assert asked == [("vifb", tmp_path, False), ("tno", tmp_path, False)]
    shown = capsys.readouterr().out
    assert "5" * 64 in shown
    assert "123 bytes on 2025-01-02" in shown


@pytest.mark.parametrize("key", [entry.key for entry in ENTRIES if not entry.automatic])
def test_download_by_hand_tells_the_steps(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = next(entry for entry in ENTRIES if entry.key == key)
    assert cli.main(["download", key]) == 2
    message = capsys.readouterr().err
    assert entry.manual in message
    assert entry.homepage in message


def test_verify_own_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "ir", "a.png", "b.png")
    pictures(tmp_path / "vi", "a.png", "b.png", seed=1)
    command = ["verify", "--infrared", str(tmp_path / "ir"), "--visible", str(tmp_path / "vi")]
    assert cli.main(command) == 0
    assert "folders: 2 pairs, 0 errors, 0 warnings, 1 note\n" in capsys.readouterr().out
    (tmp_path / "vi/b.png").write_bytes(b"")
    assert cli.main(command) == 1
    shown = capsys.readouterr().out
    assert shown.startswith("error   unreadable  b: ")
    assert "0 bytes" in shown
    assert cli.main([*command, "--limit", "1"]) == 0


def test_verify_a_data_set_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "mine/input/IR", "a.png")
    pictures(tmp_path / "mine/input/VI", "a.png", "b.png", seed=1)
    assert cli.main(["verify", "vifb", "--root", str(tmp_path / "mine")]) == 0
    shown = capsys.readouterr().out
    assert "warning unmatched" in shown
    assert "vifb: 1 pairs, 0 errors, 1 warning" in shown


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["verify", "vifb"], "python -m datasets download vifb"),
        (["verify", "kaist"], "no data set 'kaist'"),
        (["verify"], "name a data set, or give both"),
        (["verify", "--infrared", "x"], "name a data set, or give both"),
        (["verify", "--infrared", "missing", "--visible", "missing"], "missing: cannot be listed"),
        (["show", "kaist"], "no data set 'kaist'"),
    ],
)
def test_errors_are_one_clear_line(command: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("size", ["640", "640x", "axb", "0x480", "1x2x3"])
def test_render_refuses_a_bad_size(size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["render", "--out", str(tmp_path), "--size", size])
    assert caught.value.code == 2
    assert size in capsys.readouterr().err


def test_render_passes_everything_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple] = []
    monkeypatch.setattr(commands, "write_render", lambda out, **options: asked.append((out, options)))
    command = "render --condition fog --pairs 5 --sequence 7 --size 320x240 --seed 3 --preview --out"
    assert cli.main([*command.split(), str(tmp_path)]) == 0
    options = {"condition": "fog", "pairs": 5, "sequence": 7, "size": (320, 240), "seed": 3, "preview": True}
    assert asked == [(tmp_path, options)]


def test_render_refuses_an_unknown_condition(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["render", "--condition", "noon on Mars", "--out", str(tmp_path / "out")]) == 2
    assert "noon on Mars" in capsys.readouterr().err


def test_as_a_module() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    run = [sys.executable, "-m", "datasets", "verify", "vifb"]
    result = subprocess.run(run, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: VIFB is not ")
    assert "Traceback" not in result.stderr
