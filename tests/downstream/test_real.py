"""Published data sets: labels as tracks, and a real detector whose scores an independent code has found as well."""

import numpy as np
import pytest

from ivif import datasets
from ivif.datasets.boxes import Boxes
from ivif.datasets.mot_files import read_sequence_labels
from ivif.downstream import YoloDetector, detect, detection_scores, track, tracking_scores
from ivif.downstream.labelled_images import images_of_camera, images_of_results
from ivif.fusion.results import parse

pytestmark = pytest.mark.real

CLIPS = {"0117_1605": 221, "0113_1714": 280}
"""Labelled clips of M3SVD and the frames that their labels reach."""


@pytest.fixture(params=CLIPS)
def truth(request, real_folder):
    path = real_folder("M3SVD") / "gt" / request.param / "gt.txt"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    frames = read_sequence_labels(path)
    assert len(frames) == CLIPS[request.param]
    return frames


def test_the_truth_is_its_own_best_track(truth):
    """Also with tracks on all ignored people: they count neither way."""
    everyone = {
        frame: Boxes(boxes.xyxy, ids=np.where(boxes.ignore, boxes.ids + 1000, boxes.ids))
        for frame, boxes in truth.items()
    }
    score = tracking_scores(everyone, truth)
    assert score.objects == sum(int((~boxes.ignore).sum()) for boxes in truth.values())
    assert (score.mota, score.idf1, score.motp) == (1, 1, 1)
    assert score.hota == pytest.approx(1)


def test_sort_follows_people_that_are_always_found(truth):
    """Labels with a jitter of 3 % of the box for detections; what is missed is the start of each track, if anything."""
    generator = np.random.default_rng(0)
    seen = {}
    for frame, boxes in truth.items():
        people = boxes[~boxes.ignore]
        extent = np.stack((people.width, people.height), axis=1)
        moved = people.xyxy + np.tile(extent, 2) * generator.normal(0, 0.03, people.xyxy.shape)
        seen[frame] = Boxes(moved)
    score = tracking_scores(track(seen), truth)
    assert score.mota > 0.9
    assert score.idf1 > 0.8
    assert score.false_positives <= 0.01 * score.objects


@pytest.fixture
def detector(data_root):
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    weights = data_root / "detectors" / "yolov8n_int8_640.onnx"
    if not weights.is_file():
        pytest.skip(f"needs {weights}")
    return YoloDetector(weights, device="cpu")


@pytest.mark.parametrize(("method", "independent"), [("infrared", 0.75), ("visible", 0.74), ("average", 0.91)])
def test_llvip_as_an_independent_code_found_it(real_folder, detector, method, independent):
    """Another decoding of the same network on 14 pairs, of which 9 are here: close, not equal."""
    pairs = datasets.load("llvip", real_folder("LLVIP"))
    images = images_of_results(pairs, parse(method)) if method == "average" else images_of_camera(pairs, method)
    found = detect(detector, (image.source.read() for image in images))
    names = [image.name for image in images]
    truths = {image.name: image.boxes for image in images}
    score = detection_scores(dict(zip(names, found, strict=True)), truths)
    assert score.objects == 45
    assert score.ap50 == pytest.approx(independent, abs=0.08)


def test_smoke_hides_people_from_the_visible_camera_alone(real_folder, detector):
    """An independent tracker found MOTA .72 in infrared and .01 in visible on the whole clip; these are 40 frames."""
    clip = datasets.load("m3svd", real_folder("M3SVD"), clips=["0117_1605"])[140:180]
    mota = {}
    for method in ("infrared", "visible"):
        images = images_of_camera(clip, method)
        found = detect(detector, (image.source.read() for image in images))
        tracks = track(dict(enumerate(found)), min_score=0.25)
        mota[method] = tracking_scores(tracks, {i: image.boxes for i, image in enumerate(images)}).mota
    assert mota["infrared"] > 0.4
    assert mota["visible"] < 0.1
