"""YOLO through ultralytics: real weights on real pictures, files that are no detectors; skips without the library."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ivif.datasets.images import ImageError, read_image
from ivif.downstream import DownstreamError, YoloDetector, detect
from ivif.downstream.detector import SHIPPED_DETECTOR, DetectorSettings, find_detector, load_ultralytics


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory):
    """ultralytics with a cache of its own; no test may reach the network."""
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IVIF_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(socket.socket, "connect", _refuse)
        yield load_ultralytics()


def _refuse(*_):
    raise OSError("the tests have no network")


@pytest.fixture(scope="module")
def untrained(library, tmp_path_factory) -> Path:
    """A YOLO of random weights, saved as ultralytics does."""
    return save_untrained(library, tmp_path_factory.mktemp("weights") / "untrained.pt", seed=0)


def save_untrained(library, path, seed):
    torch.manual_seed(seed)
    network = library.YOLO("yolov8n.yaml", verbose=False)
    network.model.names = {0: "person", 1: "car"} | {number: f"thing {number}" for number in range(2, 80)}
    network.save(path)
    return path


@pytest.fixture(scope="module")
def exported(data_root) -> Path:
    """COCO weights as ONNX, which need onnxruntime."""
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    path = data_root / "detectors" / "yolov8n_int8_640.onnx"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    return path


def noise(height, width, channels=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (channels, height, width), generator=generator, dtype=torch.uint8)


def test_pt_weights_give_boxes_inside_the_picture(untrained):
    """Random weights find nothing sensible, but at a score of 0 they find something."""
    detector = YoloDetector(untrained, DetectorSettings(image_size=64, min_score=0.0), device="cpu")
    found = detect(detector, [noise(48, 80), noise(48, 80, channels=1), noise(64, 32)], batch=3)
    assert len(found) == 3
    for boxes, (height, width) in zip(found, [(48, 80), (48, 80), (64, 32)], strict=True):
        assert 0 < len(boxes) <= 100
        assert set(boxes.labels) == {"person"}
        assert (np.diff(boxes.scores) <= 0).all()
        assert (boxes.xyxy >= 0).all()
        assert (boxes.xyxy <= [width, height, width, height]).all()


def test_result_does_not_depend_on_the_batch(untrained):
    detector = YoloDetector(untrained, DetectorSettings(image_size=64, min_score=0.0), device="cpu")
    pictures = [noise(48, 80), noise(64, 32), noise(48, 80).flip(-1)]
    for alone, together in zip(detect(detector, pictures, 1), detect(detector, pictures, 3), strict=True):
        np.testing.assert_allclose(alone.xyxy, together.xyxy, atol=0.01)
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-4)


def test_broken_pictures_stay_broken_pictures(untrained, tmp_path):
    """ultralytics replaces how Pillow opens files, and asks for one more library at each that it doesn't know."""
    YoloDetector(untrained, DetectorSettings(image_size=64), device="cpu")
    (tmp_path / "a.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match="not an image in a known format"):
        read_image(tmp_path / "a.png")


def test_fingerprint_follows_weights_and_settings(untrained, library, tmp_path):
    first = YoloDetector(untrained, device="cpu")
    assert first.fingerprint() == YoloDetector(untrained, device="cpu").fingerprint()
    assert first.fingerprint() != YoloDetector(untrained, DetectorSettings(image_size=320), device="cpu").fingerprint()
    other = save_untrained(library, tmp_path / "untrained.pt", seed=1)
    assert first.fingerprint() != YoloDetector(other, device="cpu").fingerprint()


@pytest.mark.parametrize("name", ["text.pt", "noise.onnx", "text.onnx", "noise.engine", "list.txt"])
def test_a_file_that_is_no_detector(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"no detector\n" if "text" in name else bytes(range(256)) * 8)
    with pytest.raises(DownstreamError, match=rf"{name}: not a detector that ultralytics can load"):
        YoloDetector(path, device="cpu")


def test_a_network_for_another_task(library, tmp_path):
    path = tmp_path / "classifier.pt"
    library.YOLO("yolov8n-cls.yaml", verbose=False).save(path)
    with pytest.raises(DownstreamError, match=r"classifier.pt: made to classify, not to detect"):
        YoloDetector(path, device="cpu")


def test_a_checkpoint_of_something_else(tmp_path):
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(DownstreamError, match=r"other.pt: not a detector"):
        YoloDetector(tmp_path / "other.pt", device="cpu")


def test_a_class_that_the_detector_does_not_know(untrained):
    with pytest.raises(DownstreamError, match="knows no class 'unicorn', it knows person, car, thing 2"):
        YoloDetector(untrained, DetectorSettings(label="unicorn"), device="cpu")


def test_a_file_that_is_not_there(tmp_path):
    for name in (tmp_path / "yolov8n.pt", Path("my-detector.pt")):
        with pytest.raises(DownstreamError, match="give a detector's file, pedestrian"):
            find_detector(name)


def test_official_weights_are_fetched_once_and_kept(library, monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    asked = []

    def fetch(url, path, **limits):
        asked.append((url, limits["most"]))
        path.write_bytes(b"weights")

    monkeypatch.setattr("ivif.downstream.detector.fetch", fetch)
    kept = tmp_path / "detectors" / "yolov8n.pt"
    assert find_detector("yolov8n.pt") == find_detector("yolov8n.pt") == kept
    (url, most), *again = asked
    assert url.startswith("https://github.com/ultralytics/") and url.endswith("/yolov8n.pt")
    assert most <= 1 << 30 and not again


def test_official_weights_without_a_network(library, monkeypatch, tmp_path):
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    with pytest.raises(DownstreamError, match=r"yolov8n.pt cannot be fetched \(.*\); put it into"):
        find_detector("yolov8n.pt")


GUARDED = """
import socket, sys

def refuse(*_):
    print("CONNECTED", file=sys.stderr)
    raise OSError("no network")

socket.socket.connect = socket.getaddrinfo = refuse
import torch
from ivif.downstream.detector import SHIPPED_DETECTOR, YoloDetector
YoloDetector(SHIPPED_DETECTOR, device="cpu").detect([torch.zeros(1, 64, 64, dtype=torch.uint8)])
"""


@pytest.mark.slow
def test_ultralytics_asks_nobody_and_writes_into_the_cache_alone(tmp_path):
    home, here, cache = (tmp_path / name for name in ("home", "here", "cache"))
    for folder in (home, here, tmp_path / "tmp"):
        folder.mkdir()
    own = {"HOME": str(home), "IVIF_CACHE": str(cache), "TMPDIR": str(tmp_path / "tmp")}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("YOLO", "XDG", "MPL"))}
    kept |= {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", GUARDED], cwd=here, env=kept | own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "CONNECTED" not in done.stderr
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in written if path.parts[0] != "cache"] == [] and written


def test_exports_keep_the_size_they_were_made_for(exported):
    with pytest.raises(DownstreamError, match=r"cannot look at 320 pixels, it takes 640 \(--image-size 640\)"):
        YoloDetector(exported, DetectorSettings(image_size=320), device="cpu")


def test_the_shipped_detector_sees_what_it_was_trained_for():
    assert YoloDetector(SHIPPED_DETECTOR, device="cpu").image_size == 416
    assert YoloDetector(SHIPPED_DETECTOR, DetectorSettings(image_size=320), device="cpu").image_size == 320


def test_without_a_size_of_their_own_weights_get_the_usual_one(exported):
    assert YoloDetector(exported, device="cpu").image_size == 640


def test_sizes_that_no_network_takes(untrained):
    with pytest.raises(DownstreamError, match="cannot look at 100 pixels, it takes 128"):
        YoloDetector(untrained, DetectorSettings(image_size=100), device="cpu")


@pytest.mark.real
def test_people_of_a_real_picture_are_found(exported, real_folder):
    """Six people are labelled in LLVIP 010001; the detector sees most of them in infrared."""
    from ivif import datasets
    from ivif.downstream import detection_scores

    pair = datasets.load("llvip", real_folder("LLVIP"))[0]
    found = detect(YoloDetector(exported, device="cpu"), [pair.read().infrared])
    score = detection_scores({pair.name: found[0]}, {pair.name: pair.boxes})
    assert score.objects == 6
    assert score.ap50 > 0.6
    assert score.recall >= 0.5
