"""What tests of detection and tracking share: bright squares that walk through dark pictures, and who finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from ivif.datasets.boxes import Boxes
from ivif.datasets.images import write_png
from ivif.downstream.detector import DetectorSettings

SIZE = (96, 64)
"""Width and height of the pictures."""


class BrightSpots:
    """A detector: every bright region is a person. Counts the pictures it is shown."""

    def __init__(self, weights: str = "spots", settings: DetectorSettings | None = None, device: str = "cpu") -> None:
        label = (settings or DetectorSettings()).label
        self.name, self.weights, self.label, self.seen = "spots", weights, label, 0

    def detect(self, images: Sequence[Tensor]) -> list[Boxes]:
        self.seen += len(images)
        return [self._spots(image) for image in images]

    def _spots(self, image: Tensor) -> Boxes:
        bright = (image.amax(0) > 200).to(torch.uint8).numpy()
        count, _, regions, _ = cv2.connectedComponentsWithStats(bright)
        left, top, width, height = regions[1:, :4].T.astype(np.float64)
        corners = np.stack((left, top, left + width, top + height), axis=1)
        return Boxes(corners, (self.label,) * (count - 1), scores=np.full(count - 1, 0.9))

    def fingerprint(self) -> str:
        return "spots-1"


@pytest.fixture
def spots() -> BrightSpots:
    return BrightSpots()


@pytest.fixture
def draw() -> Callable[..., Tensor]:
    """``draw((4, 6), (70, 40))``: a picture with bright squares there, see `picture`."""
    return picture


def picture(*corners: tuple[int, int]) -> Tensor:
    """A dark picture with bright squares of 12 x 12 at these left, top corners, ``uint8 [3, H, W]``."""
    image = torch.full((3, SIZE[1], SIZE[0]), 30, dtype=torch.uint8)
    for left, top in corners:
        image[:, top : top + 12, left : left + 12] = 250
    return image


def walkers(frame: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where the two of them are: one walks right, one left."""
    return (4 + 3 * frame, 6), (70 - 3 * frame, 40)


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """Six frames ``images/000001.png`` and on, with MOTChallenge text ``gt/gt.txt`` and YOLO text in ``yolo/``."""
    rows = []
    for frame in range(6):
        write_png(tmp_path / "images" / f"{frame + 1:06d}.png", picture(*walkers(frame)))
        lines = []
        for identity, (left, top) in enumerate(walkers(frame), start=1):
            rows.append(f"{frame + 1},{identity},{left},{top},12,12,1,1,1\n")
            lines.append(f"0 {(left + 6) / SIZE[0]:.8f} {(top + 6) / SIZE[1]:.8f} {12 / SIZE[0]:.8f} {12 / SIZE[1]}\n")
        (tmp_path / "yolo").mkdir(exist_ok=True)
        (tmp_path / "yolo" / f"{frame + 1:06d}.txt").write_text("".join(lines))
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "gt.txt").write_text("".join(rows))
    return tmp_path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., int]]:
    """``run("detect", "--images", folder)`` is that command with `BrightSpots` for a detector, results in ``out``."""
    from ivif.downstream import cli, commands, loading

    commands._detector.cache_clear()
    monkeypatch.setattr(loading, "YoloDetector", BrightSpots)

    def call(*arguments: object) -> int:
        return cli.main([*map(str, arguments), "--out", str(tmp_path / "out")])

    yield call
    commands._detector.cache_clear()
