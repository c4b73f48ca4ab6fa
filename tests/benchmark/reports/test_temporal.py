"""Temporal metrics on videos whose answer is known."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.reports.temporal import flicker, motion, warping_error
from ivif.datasets.pairs import ImageFile, Pair, PairDataset
from ivif.datasets.synthetic import synthetic_dataset


def texture(seed: int = 0, height: int = 96, width: int = 128) -> np.ndarray:
    random = np.random.default_rng(seed)
    return cv2.GaussianBlur(random.uniform(0, 255, (height, width)), (0, 0), 2).astype(np.uint8)


def test_flicker_counts_only_what_no_source_shows() -> None:
    dark, bright = np.full((2, 2), 10, np.uint8), np.full((2, 2), 30, np.uint8)
    brighter = np.full((2, 2), 45, np.uint8)
    assert flicker([dark, dark, dark], [dark, bright, bright]) == 0  # the visible source changes as much
    assert flicker([dark, dark, dark], [dark, bright, brighter]) == 15
    assert flicker([dark, bright, brighter], [dark, dark, dark]) == 15
    assert flicker([dark, bright, dark], [dark, bright, bright]) == 20


def test_flow_finds_a_shift() -> None:
    wide = texture(width=140)
    before, after = wide[:, 6:134], wide[:, 3:131]  # the scene moves 3 pixels to the right
    moved = motion([before, before], [after, after])
    middle = (slice(10, -10), slice(15, -15))
    columns = np.arange(128)[None, 15:-15]
    assert moved.known[middle].mean() > 0.95
    assert np.median(moved.x[middle] - columns) == pytest.approx(-3, abs=0.2)
    assert not moved.known[:, :2].any()  # it came from outside


def test_warping_error_follows_the_motion() -> None:
    wide = texture(width=140)
    before, after = np.ascontiguousarray(wide[:, 6:134]), np.ascontiguousarray(wide[:, 3:131])
    moved = motion([before, before], [after, after])
    still = np.abs(before.astype(float) - after).mean()
    assert warping_error(before, after, moved) < 0.3 * still
    assert warping_error(before, after // 2, moved) > 10
    nowhere = moved._replace(known=np.zeros_like(moved.known))
    assert np.isnan(warping_error(before, after, nowhere))


def sequence(folder: Path) -> Path:
    """Six still frames of noise-free sources."""
    data = synthetic_dataset(pairs=0, sequence=6, size=(64, 48), cache=folder)
    for number, pair in enumerate(data):
        for role in ("infrared", "visible"):
            source = getattr(pair, role)
            target = folder / role / f"walk-{number:03d}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.path.read_bytes())
    return folder


def test_command_prints_sources_and_methods(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sequence(tmp_path)

    def frames(*_: object, **__: object) -> list[PairDataset]:
        pairs = (
            Pair(
                f"walk-{number:03d}",
                ImageFile(folder / "infrared" / f"walk-{number:03d}.png"),
                ImageFile(folder / "visible" / f"walk-{number:03d}.png"),
                sequence="walk",
                frame=number,
            )
            for number in (0, 1, 2, 4, 5)
        )
        return [PairDataset("walk", tuple(pairs))]

    for module in ("ivif.benchmark.running.runner", "ivif.benchmark.run_directory"):
        monkeypatch.setattr(f"{module}.load_datasets", frames)
    run = tmp_path / "run"
    sources = ["--infrared", str(folder / "infrared"), "--visible", str(folder / "visible")]
    assert main(["run", *sources, "--out", str(run), "--method", "average", "--metrics", "en", "--jobs", "1"]) == 0
    (run / "fused" / "walk" / "average" / "walk-005.png").unlink()
    capsys.readouterr()
    assert main(["temporal", str(run)]) == 0
    rows = {line.split()[1]: line.split() for line in capsys.readouterr().out.splitlines()[2:]}
    assert rows.keys() == {"infrared", "visible", "average"}
    # frames 0-1, 1-2 and 4-5; of the last one a fused image is missing
    assert rows["visible"][4:] == ["3", "0"] and rows["average"][4:] == ["2", "1"]
    assert float(rows["infrared"][2]) == float(rows["visible"][2]) == 0


def test_runs_without_sequences_are_refused(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible")]
    out = str(folders / "run")
    assert main(["run", *sources, "--out", out, "--method", "average", "--metrics", "en", "--jobs", "1"]) == 0
    assert main(["temporal", out]) == 2
    assert "no sequences" in capsys.readouterr().err
