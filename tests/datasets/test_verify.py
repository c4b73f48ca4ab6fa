"""Verify: each fault, planted in an otherwise sound data set, is found under its name, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ivif import datasets
from ivif.datasets import Boxes, Pair, PairDataset, pair_folders
from ivif.datasets.verify import verify

Picture = NDArray[np.uint8]


def shapes(seed: int, height: int = 240, width: int = 320) -> tuple[Picture, Picture]:
    """A registered pair: grey infrared, colour visible, the same ellipses with grey values of their own."""
    random = np.random.default_rng(seed)
    infrared = np.full((height, width), 60, np.uint8)
    visible = np.full((height, width, 3), (90, 110, 100), np.uint8)
    for _ in range(30):
        centre = tuple(int(value) for value in random.integers(0, (width, height)))
        axes = tuple(int(value) for value in random.integers(6, 40, 2))
        cv2.ellipse(infrared, centre, axes, 0, 0, 360, int(random.integers(0, 256)), -1)
        cv2.ellipse(visible, centre, axes, 0, 0, 360, tuple(int(value) for value in random.integers(0, 256, 3)), -1)
    return infrared, visible


def save(root: Path, name: str, infrared: Picture, visible: Picture, suffix: str = ".png") -> None:
    for band, picture in (("ir", infrared), ("vi", visible)):
        (root / band).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / band / f"{name}{suffix}")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for index, name in enumerate(("a", "b", "c")):
        save(tmp_path, name, *shapes(index))
    return tmp_path


def found(dataset: PairDataset, **options: float) -> list[tuple[str, str, str]]:
    return [(item.subject, item.kind, item.severity) for item in verify(dataset, **options)]  # type: ignore[arg-type]


def load(root: Path) -> PairDataset:
    return pair_folders(root / "ir", root / "vi")


def test_a_sound_data_set_has_no_findings(root: Path) -> None:
    assert verify(load(root)) == []


def test_processes_give_the_same_findings_in_the_same_order(root: Path) -> None:
    save(root, "d", *shapes(0))
    save(root, "e", shapes(5)[0], shapes(6)[1][:, :200])
    serial, parallel = verify(load(root)), verify(load(root), jobs=2)
    assert [item.kind for item in serial] == ["size", "duplicate"]
    assert parallel == serial


def damage(root: Path) -> None:
    path = root / "vi/b.png"
    path.write_bytes(path.read_bytes()[:200])


def wrong_size(root: Path) -> None:
    infrared, visible = shapes(7)
    save(root, "b", infrared, visible[:100])


def same_picture(root: Path) -> None:
    infrared, _ = shapes(8)
    save(root, "b", infrared, infrared + (infrared < 255) * (np.arange(320) % 2 == 0).astype(np.uint8))


def constant(root: Path) -> None:
    infrared, visible = shapes(9)
    dark = np.zeros_like(infrared)
    dark[5:8, 5:8] = 255
    save(root, "b", dark, visible)


def false_colour(root: Path) -> None:
    infrared, visible = shapes(10)
    save(root, "b", cv2.applyColorMap(infrared, cv2.COLORMAP_JET), visible)


def shift(root: Path) -> None:
    infrared, visible = shapes(11, 280, 360)
    save(root, "b", infrared[20:260, 20:340], visible[12:252, 26:346])


def scale(root: Path) -> None:
    infrared, visible = shapes(12, 400, 520)
    matrix = cv2.getRotationMatrix2D((260, 200), 0, 1.05)
    save(root, "b", infrared, np.asarray(cv2.warpAffine(visible, matrix, (520, 400), borderMode=cv2.BORDER_REFLECT)))


@pytest.mark.parametrize(
    ("fault", "kind", "severity", "words"),
    [
        (damage, "unreadable", "error", "damaged or truncated"),
        (wrong_size, "size", "error", "infrared is 320x240, visible 320x100"),
        (same_picture, "identical", "error", "same picture"),
        (constant, "constant", "warning", "infrared is nearly constant: grey levels 0 to 0"),
        (false_colour, "colour", "warning", "infrared is coloured"),
        (shift, "shift", "warning", "-6.* right, .*8.* down"),
        (scale, "distortion", "warning", "top left"),
    ],
)
def test_a_planted_fault(root: Path, fault: Callable[[Path], None], kind: str, severity: str, words: str) -> None:
    fault(root)
    findings = [item for item in verify(load(root)) if item.kind != "grey"]
    assert [(item.subject, item.kind, item.severity) for item in findings] == [("b", kind, severity)]
    assert re.search(words, findings[0].text), findings[0].text


def test_tolerance_is_in_pixels(root: Path) -> None:
    shift(root)
    assert found(load(root), tolerance=9) == [("b", "shift", "warning")]
    assert found(load(root), tolerance=11) == []


def test_grey_visible_pictures_are_one_note_and_swapped_folders_a_hint(root: Path) -> None:
    infrared, visible = shapes(13)
    save(root, "b", visible, infrared)
    findings = verify(load(root))
    assert [(item.subject, item.kind, item.severity) for item in findings] == [
        ("b", "colour", "warning"),
        ("folders", "grey", "note"),
    ]
    assert "are the two swapped?" in findings[0].text
    assert findings[1].text.startswith("1 of 3 visible images are grey")


def test_duplicates_by_content_whatever_the_file_format(root: Path) -> None:
    infrared, visible = shapes(0)
    save(root, "d", np.stack([infrared] * 3, axis=-1), visible, suffix=".bmp")
    save(root, "e", shapes(1)[0], shapes(14)[1])
    findings = verify(load(root), tolerance=100)
    assert [(item.subject, item.kind) for item in findings] == [("d", "duplicate"), ("e", "duplicate")]
    assert findings[0].text == "both pictures are the same as in a"
    assert findings[1].text == "the infrared picture is the same as in b"


def test_repeated_frames_of_a_clip_are_one_note(root: Path) -> None:
    pairs = load(root).pairs
    frames = tuple(
        replace(pair, name=f"clip-{index}", sequence="clip", frame=index)
        for index, pair in enumerate((pairs[0], pairs[0], pairs[0], pairs[1]))
    )
    findings = verify(PairDataset("video", frames))
    assert [(item.subject, item.kind, item.severity) for item in findings] == [("clip", "duplicate", "note")]
    assert findings[0].text.startswith("2 frames")


def test_unmatched_files_are_warnings(root: Path) -> None:
    (root / "ir/readme.txt").write_text("x")
    (root / "vi/c.png").unlink()
    findings = [item for item in verify(load(root)) if item.kind == "unmatched"]
    assert [Path(item.subject).name for item in findings] == ["readme.txt", "c.png"]
    assert "no image called 'c'" in findings[1].text


def test_boxes_outside_the_image(root: Path) -> None:
    boxes = Boxes(np.array([[-5.0, 10, 20, 40], [330, 10, 350, 40], [10, 240, 30, 260]]))
    dataset = load(root)
    pairs: list[Pair] = [replace(dataset[0], boxes=boxes), *dataset.pairs[1:]]
    findings = verify(replace(dataset, pairs=tuple(pairs)))
    assert [(item.subject, item.kind) for item in findings] == [("a", "labels")]
    assert findings[0].text == "2 of 3 boxes lie outside the 320x240 image"


@pytest.mark.real
def test_real_llvip_is_sound(real_folder: Callable[[str], Path]) -> None:
    assert verify(datasets.load("llvip", real_folder("LLVIP"))) == []


@pytest.mark.real
def test_real_vifb_has_two_shifted_pairs(real_folder: Callable[[str], Path]) -> None:
    """Both can be seen when edges of one picture are drawn over the other."""
    assert found(datasets.load("vifb", real_folder("VIFB"))) == [
        ("snow", "shift", "warning"),
        ("tricycle", "shift", "warning"),
    ]


@pytest.mark.real
def test_real_video_is_registered(real_folder: Callable[[str], Path]) -> None:
    findings = verify(datasets.load("m3svd", real_folder("M3SVD"), clips=["0117_1605"], stride=80))
    assert [item for item in findings if item.kind != "duplicate"] == []
