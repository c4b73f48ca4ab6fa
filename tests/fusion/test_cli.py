"""`python -m fusion fuse` and `parity` as a user meets them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ivif.datasets.images import read_image, write_png
from ivif.fusion.cli import main


def picture(seed: int, channels: int = 1) -> torch.Tensor:
    random = np.random.default_rng(seed)
    return torch.from_numpy(random.integers(0, 256, (channels, 40, 56), dtype=np.uint8))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a", "b")):
        write_png(tmp_path / "infrared" / f"{name}.png", picture(seed))
        write_png(tmp_path / "visible" / f"{name}.png", picture(seed + 10))
    return tmp_path


def arguments(infrared: Path, visible: Path, output: Path, *more: str) -> list[str]:
    paths = ["--infrared", str(infrared), "--visible", str(visible), "-o", str(output)]
    return ["fuse", "--method", "average", *paths, *more]


def test_two_files(folders: Path) -> None:
    infrared, visible = folders / "infrared" / "a.png", folders / "visible" / "b.png"
    assert main(arguments(infrared, visible, folders / "new" / "out.png")) == 0
    expected = (read_image(infrared).double() + read_image(visible).double()) / 2
    assert (read_image(folders / "new" / "out.png") - expected).abs().max() <= 0.5


def test_two_folders_with_a_bad_pair(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "visible" / "b.png").write_bytes(b"")
    write_png(folders / "visible" / "c.png", picture(5))
    assert main(arguments(folders / "infrared", folders / "visible", folders / "out")) == 1
    captured = capsys.readouterr()
    assert "1 of 2 pairs fused" in captured.out
    assert "the file is empty" in captured.err and "no image called 'c'" in captured.err
    assert [path.name for path in (folders / "out").iterdir()] == ["a.png"]


def test_sixteen_bit_files_with_a_declared_range(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    infrared, visible = folders / "infrared" / "a.png", folders / "visible" / "a.png"
    Image.fromarray(np.full((40, 56), 3000, dtype=np.uint16)).save(infrared)
    assert main(arguments(infrared, visible, folders / "out.png")) == 2
    assert "--value-range" in capsys.readouterr().err
    assert main(arguments(infrared, visible, folders / "out.png", "--value-range", "2000:4000")) == 0
    expected = (128 + read_image(visible).double()) / 2  # 3000 is half way: 127.5, rounded up
    assert (read_image(folders / "out.png") - expected).abs().max() <= 0.5


@pytest.mark.parametrize(
    ("output", "method", "message"), [("out.jpg", "average", "PNG"), ("out.png", "nope", "no method 'nope'")]
)
def test_mistakes_are_explained(
    folders: Path, output: str, method: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = arguments(folders / "infrared" / "a.png", folders / "visible" / "a.png", folders / output)
    words[words.index("average")] = method
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_parity_with_ones_own_results_is_perfect(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for role, tree in (("infrared", "ir"), ("visible", "vi")):
        (folders / role).rename(folders / tree)
    main(arguments(folders / "ir", folders / "vi", folders / "published"))
    capsys.readouterr()
    words = ["parity", "--method", "average", "--dataset", "tno", "--root", str(folders)]
    assert main([*words, "--published", str(folders / "published")]) == 0
    mean = capsys.readouterr().out.strip().splitlines()[-1].split()
    assert mean[:3] == ["mean", "inf", "1.0000"]


def test_sources_are_never_overwritten(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folders / "visible" / "a.png").read_bytes()
    assert main(arguments(folders / "infrared", folders / "visible", folders / "visible")) == 1
    assert "one of the sources" in capsys.readouterr().err
    assert (folders / "visible" / "a.png").read_bytes() == before


def test_one_bad_pair_leaves_the_others(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for band in ("infrared", "visible"):
        write_png(folders / band / "aa.png", torch.zeros((1, 40, 1), dtype=torch.uint8))
    output = folders / "out"
    command = arguments(folders / "infrared", folders / "visible", output)
    command[command.index("average")] = "fpde"
    assert main(command) == 1
    assert sorted(path.name for path in output.iterdir()) == ["a.png", "b.png"]
    assert "failed: aa: Shape of array too small" in capsys.readouterr().err


def test_a_tilde_is_the_home_folder(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folders / "home"))
    monkeypatch.chdir(folders)
    assert main(["fuse", "--method", "average", "--infrared=infrared", "--visible=visible", "--output=~/out"]) == 0
    assert (folders / "home" / "out" / "a.png").is_file() and not Path("~").exists()


def test_patterns_and_ranges_can_be_given_where_folders_can(folders: Path) -> None:
    deep = (np.arange(40 * 56).reshape(40, 56) % 1000).astype(np.uint16)
    for role in ("ir", "vi"):
        Image.fromarray(deep).save(folders / f"x_{role}.png")
    command = arguments(folders / "{pair}_ir.png", folders / "{pair}_vi.png", folders / "out")
    assert main([*command, "--value-range", "0:999"]) == 0
    expected = np.floor(deep / 999 * 255 + 0.5)
    assert (read_image(folders / "out" / "x.png")[0].numpy() == expected).all()
    assert main([*command, "--value-range", "auto"]) == 0
