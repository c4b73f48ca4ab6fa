"""Exports: labels that agree with each other and with other people's readers, and previews."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from ivif.datasets import synthetic
from ivif.datasets.images import read_image
from ivif.datasets.label_files import read_coco, read_yolo
from ivif.datasets.mot_files import read_mot
from ivif.datasets.synthetic.export import run_lengths


def test_write_render_labels_agree(tmp_path: Path) -> None:
    synthetic.write_render(tmp_path, condition="night", pairs=2, sequence=3, size=(161, 121), seed=5, preview=True)
    names = ["night-00", "night-01", *(f"walk-night-{frame:03d}" for frame in range(3))]
    for band in ("infrared", "visible"):
        assert sorted(path.stem for path in (tmp_path / band).iterdir()) == names
    coco = read_coco(tmp_path / "coco.json")
    tracks = read_mot(tmp_path / "gt" / "walk-night" / "gt.txt")
    assert list(coco) == names and set(tracks) <= {0, 1, 2}
    assert sum(map(len, coco.values())) > 5
    for frame, boxes in tracks.items():
        np.testing.assert_allclose(boxes.xyxy, coco[f"walk-night-{frame:03d}"].xyxy)
    for name in names:
        counted = coco[name][~coco[name].ignore]
        np.testing.assert_allclose(
            read_yolo(tmp_path / "yolo" / f"{name}.txt", (161, 121)).xyxy, counted.xyxy, atol=1e-3
        )
    assert json.loads((tmp_path / "coco.json").read_text())["images"][0]["file_name"] == "night-00.png"


def test_write_render_previews(tmp_path: Path) -> None:
    synthetic.write_render(tmp_path, condition="fog", pairs=1, sequence=3, size=(101, 75), seed=1, preview=True)
    assert read_image(tmp_path / "preview.png").shape[0] == 3
    film = cv2.VideoCapture(str(tmp_path / "walk-fog.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ([[0, 1], [0, 1]], [2, 2]),
        ([[1, 0], [0, 1]], [0, 1, 2, 1]),
        ([[0, 0], [0, 0]], [4]),
        ([[1, 1], [1, 1]], [0, 4]),
    ],
)
def test_run_lengths_go_down_the_columns(mask: list[list[int]], expected: list[int]) -> None:
    assert run_lengths(np.array(mask, bool)) == expected


def test_exported_masks_are_what_pycocotools_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synthetic.write_render(tmp_path, condition="rain", pairs=1, sequence=1, size=(160, 120), seed=5)
    coco = COCO(str(tmp_path / "coco.json"))
    capsys.readouterr()
    people = [item for item in coco.dataset["annotations"] if item["track_id"] > 0]
    assert people
    for item in people:
        name = coco.imgs[item["image_id"]]["file_name"]
        truth = cv2.imread(str(tmp_path / "instances" / name), cv2.IMREAD_UNCHANGED) == item["track_id"]
        np.testing.assert_array_equal(coco.annToMask(item).astype(bool), truth)
        assert item["area"] == truth.sum()
        left, top, width, height = cv2.boundingRect(truth.astype(np.uint8))
        if width:
            assert item["visible_bbox"] == [left, top, width, height]
    depth = cv2.imread(str(tmp_path / "depth" / "rain-00.png"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16 and 200 < depth.min() < 1500 < depth.max() <= 65500
    whole, seen = (read_mot(tmp_path / kind / "rain-00.txt")[0] for kind in ("labels", "seen"))
    assert (seen.xyxy[:, 2] <= whole.xyxy[:, 2]).all() and len(seen) == len(whole)


def test_misregistered_exports_say_how_the_cameras_differ(tmp_path: Path) -> None:
    synthetic.write_render(tmp_path, condition="misregistered", pairs=1, size=(160, 120), seed=5)
    apart = json.loads((tmp_path / "misregistration.json").read_text())
    assert set(apart["misregistered-00"]) == {"columns", "rows", "baseline", "seconds"}
    assert (tmp_path / "labels_visible" / "misregistered-00.txt").is_file()


def test_all_conditions_at_once(tmp_path: Path) -> None:
    synthetic.write_render(tmp_path, condition="all", pairs=1, size=(64, 48), preview=True)
    assert set(read_coco(tmp_path / "coco.json")) == {f"{name}-00" for name in synthetic.CONDITIONS}
    assert (tmp_path / "preview.png").is_file()
