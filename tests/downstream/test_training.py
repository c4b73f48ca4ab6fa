"""Training of a detector: what is handed to ultralytics, and a short training that learns. Skips without it."""

import zipfile

import numpy as np
import pytest
import yaml

from ivif.datasets.boxes import Boxes
from ivif.datasets.images import read_image
from ivif.datasets.label_files import read_yolo
from ivif.downstream import DownstreamError, YoloDetector, detect, training
from ivif.downstream.detector import DetectorSettings
from ivif.downstream.labelled_images import LabelledImage
from ivif.downstream.training import BACKGROUND, Budget, _write_training_set, train_detector


class Shown:
    """A picture in memory."""

    def __init__(self, image):
        self.image = image

    def read(self):
        return self.image

    def fingerprint(self):
        return ""


def person_at(draw, name, left, top, **fields):
    boxes = Boxes(np.array([[left, top, left + 12.0, top + 12]]), **fields)
    return LabelledImage(name, Shown(draw((left, top))), boxes)


def test_training_set(draw, tmp_path):
    """Boxes are cut to the picture of 96 x 64, other classes are background, ignore regions are grey."""
    boxes = Boxes(
        np.array([[-4, 8, 12, 24], [40, 8, 52, 20], [60, 30, 72, 42]]),
        ("person", "car", "person"),
        ignore=np.array([False, False, True]),
    )
    picture = LabelledImage("a", Shown(draw((0, 8), (60, 30))[:1]), boxes)
    empty = LabelledImage("b", Shown(draw()), Boxes(np.empty((0, 4))))
    description = yaml.safe_load(_write_training_set([picture, empty], tmp_path, "person").read_text())
    assert description["names"] == {0: "person"}
    labels = read_yolo(tmp_path / "labels" / "a.txt", (96, 64))
    np.testing.assert_allclose(labels.xyxy, [[0, 8, 12, 24]], atol=1e-4)
    assert (tmp_path / "labels" / "b.txt").read_text() == ""
    image = read_image(tmp_path / "images" / "a.png")
    assert image.shape == (3, 64, 96)
    assert (image[:, 30:42, 60:72] == BACKGROUND).all()
    assert (image[:, 8:20, 0:12] == 250).all()


def test_mistakes_are_told(draw, tmp_path):
    nobody = LabelledImage("a", Shown(draw()), Boxes(np.empty((0, 4))))
    with pytest.raises(DownstreamError, match="no picture with a labelled person"):
        _write_training_set([nobody], tmp_path, "person")
    with pytest.raises(DownstreamError, match="b has no labels; a picture without objects"):
        _write_training_set([LabelledImage("b", Shown(draw()))], tmp_path, "person")
    with pytest.raises(DownstreamError, match="c: 1 of 1 labels lie outside the 96x64 picture"):
        _write_training_set([person_at(draw, "c", 500, 0)], tmp_path, "person")
    with pytest.raises(DownstreamError, match=r"net.onnx: trained weights are written as .pt"):
        train_detector([nobody], tmp_path / "net.onnx")


def test_nothing_of_others_is_deleted(draw, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "load_ultralytics", lambda: None)
    nobody = LabelledImage("a", Shown(draw()), Boxes(np.empty((0, 4))))
    for folder in ("infrared", "visible.training"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.png").write_bytes(b"precious")
    for name, reason in (
        ("infrared", "no picture with a labelled person"),
        ("visible", "visible.training is in the way"),
    ):
        with pytest.raises(DownstreamError, match=reason):
            train_detector([nobody], tmp_path / f"{name}.pt", Budget("yolov8n.yaml"))
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("1.png"))] == [b"precious"] * 2
    with pytest.raises(DownstreamError, match="no picture with a labelled person"):  # in place of the one before
        train_detector([nobody], tmp_path / "infrared.pt", Budget("yolov8n.yaml"))


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path / "cache"))


def test_a_short_training_gives_a_detector_of_one_class(own_cache, draw, tmp_path):
    """A step from random weights teaches nothing: what counts is that the same call gives the same detector."""
    pictures = [person_at(draw, f"p{number}", 8 * number, 10) for number in range(2)]
    budget = Budget("yolov8n.yaml", epochs=1, image_size=64, batch=2, device="cpu")
    epochs = []
    first = train_detector(pictures, tmp_path / "first.pt", budget, progress=epochs.append)
    assert epochs == [1]
    again = train_detector(pictures, tmp_path / "again.pt", budget)
    seen = [
        detect(YoloDetector(path, DetectorSettings(image_size=64, min_score=0.0), "cpu"), [pictures[0].source.read()])[
            0
        ]
        for path in (first, again)
    ]
    np.testing.assert_array_equal(seen[0].xyxy, seen[1].xyxy)
    np.testing.assert_array_equal(seen[0].scores, seen[1].scores)
    assert len(seen[0]) > 0
    assert not (tmp_path / "first" / "data").exists()
    assert YoloDetector(first, device="cpu").image_size == 64
    with zipfile.ZipFile(first) as parts:  # it may be given to others: nothing of this machine's folders is in it
        assert not any(str(tmp_path).encode() in parts.read(name) for name in parts.namelist())
