"""A run that is given again is told from files' times, and only while nothing it depends on has changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from ivif.benchmark.running.unchanged import Ended, repeated
from ivif.datasets.images import read_image, write_png
from ivif.datasets.pairs import PairDataset
from ivif.fusion.weights import SHIPPED_FOLDER

Given = Callable[..., subprocess.CompletedProcess[str]]

GIVE = """
import sys
from ivif.benchmark.cli import main
code = main(sys.argv[1:])
print("torch" in sys.modules)
sys.exit(code)
"""
"""Runs a command, and says whether PyTorch was imported for it."""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, smooth_pairs: Callable[[int, int], PairDataset]) -> Given:
    """``given(*words)``: the command in a process of its own, in a folder with two pairs and a cache."""
    smooth_pairs(2, 24)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))
    return lambda *words: subprocess.run(
        [sys.executable, "-c", GIVE, "run", *words], capture_output=True, text=True, check=False
    )


def words(*more: str) -> tuple[str, ...]:
    return ("--infrared", "infrared", "--visible", "visible", "--metrics", "en", "--jobs", "1", "--out", "run", *more)


def kept(cache: Path) -> list[Path]:
    return list((cache / "runs").glob("*.json"))


def test_the_same_again_says_the_same_without_pytorch(given: Given, tmp_path: Path) -> None:
    (tmp_path / "infrared/stray.txt").write_text("no picture")
    command = words("--method", "average")
    first, second, other = given(*command), given(*command), given(*command, "--metrics", "sd")
    assert first.stdout.endswith("True\n") and "2 fused images done now, 0 still valid" in first.stdout
    table = first.stdout[: first.stdout.index("fused, pairs a second")]
    valid = f"0 fused images done now, 2 still valid from before; results in {tmp_path / 'run'}\n"
    assert second.stdout == f"{table}{valid}False\n" and second.returncode == 0
    assert "stray.txt: not an image" in second.stderr
    assert other.stdout.endswith("True\n") and "SD" in other.stdout


def test_whatever_changes_is_looked_into(given: Given, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "mine.safetensors"
    weights.write_bytes((SHIPPED_FOLDER / "sdnet.safetensors").read_bytes())
    weights.with_suffix(".json").write_bytes((SHIPPED_FOLDER / "sdnet.json").read_bytes())
    for number in range(2):
        write_png(tmp_path / f"results/{number}.png", read_image(tmp_path / f"infrared/{number}.png"))
    command = words("--method", f"sdnet+mine={weights}", "--fused", "theirs=results")
    assert given(*command).returncode == 0
    (file,) = kept(tmp_path / "cache")

    def unchanged() -> bool:
        return repeated(command) == 0 and "2 still valid" not in capsys.readouterr().out

    def settle() -> None:
        stored = json.loads(file.read_text())
        file.write_text(json.dumps(asdict(Ended(**stored).now())))
        assert unchanged()

    assert unchanged()
    for name in ("infrared/0.png", "results/1.png", "run/fused/scenes/sdnet+mine/0.png", "run/run.yaml", str(weights)):
        path = next(tmp_path.glob(name.replace("scenes", "*"))) if not name.startswith("/") else Path(name)
        before = path.stat()
        path.write_bytes(path.read_bytes()[::-1])  # as large as it was ...
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # ... and as old, it seems
        assert repeated(command) is None, name
        settle()
    (tmp_path / "infrared/2.png").write_bytes(b"one more")
    assert repeated(command) is None
    settle()
    (tmp_path / "run/leaderboard.md").unlink()
    assert repeated(command) is None


def test_settings_from_a_file_and_the_place_of_a_data_set_count(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "run.yml"
    settings.write_text("metrics: [en]")
    for place in ("cache/data/TNO", "data/TNO"):
        for folder, band in (("ir", "infrared"), ("vi", "visible")):
            shutil.copytree(tmp_path / band, tmp_path / place / folder)
    monkeypatch.setenv("IVIF_DATA", str(tmp_path / "data"))
    shutil.move(tmp_path / "data/TNO", tmp_path / "later")
    command = ("--config", "run.yml", "--dataset", "tno", "--method", "average", "--jobs", "1", "--out", "run")
    assert given(*command).returncode == 0 and repeated(command) == 0
    shutil.move(tmp_path / "later", tmp_path / "data/TNO")  # which is looked for there first
    assert repeated(command) is None
    assert given(*command).returncode == 0 and repeated(command) == 0
    settings.write_text("metrics: [sd]")
    assert repeated(command) is None


@pytest.mark.parametrize("kind", ["own method", "own metric", "labels", "added", "failure"])
def test_what_depends_on_more_than_can_be_told_is_always_looked_into(given: Given, tmp_path: Path, kind: str) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from ivif.benchmark.metrics import metric\n"
        "class Half(torch.nn.Module):\n    def forward(self, a, b): return (a + b.mean(1, True)) / 2\n"
        "@metric('dark', 'Darkness', formula='mean F', family='contrast', paper='none', rewards_noise=True)\n"
        "def dark(infrared, visible, fused): return fused.values.mean((1, 2, 3))\n"
    )
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/0.txt").write_text("0 .5 .5 .2 .2\n")
    if kind == "failure":
        (tmp_path / "visible/1.png").write_bytes(b"no picture")
    more = {
        "own method": ("--method", "mine:Half"),
        "own metric": ("--method", "average", "--metrics", "mine:dark"),
        "labels": ("--method", "average", "--labels", "labels"),
        "added": ("--method", "average", "--add"),
        "failure": ("--method", "average"),
    }[kind]
    done = given(*words(*more))
    assert done.returncode == (1 if kind == "failure" else 0), done.stderr
    assert not kept(tmp_path / "cache")
