"""ultralytics' own average precision: by hand where its rules are simple, beside COCO's where both must agree."""

import numpy as np
import pytest

from ivif.datasets.boxes import Boxes
from ivif.downstream import detection_scores
from ivif.downstream.ultralytics_map import ultralytics_map


@pytest.fixture(scope="module", autouse=True)
def library(tmp_path_factory):
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IVIF_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def boxes(*corners, scores=(), **more):
    return Boxes(np.array(corners, dtype=float).reshape(-1, 4), scores=np.array(scores, dtype=float), **more)


PERSON, OTHER = (10, 10, 30, 50), (60, 10, 80, 50)


def test_what_is_found_exactly_counts_whole():
    scores = ultralytics_map({"a": boxes(PERSON, OTHER, scores=[0.9, 0.8])}, {"a": boxes(PERSON, OTHER)})
    assert scores["ultralytics AP50"] == pytest.approx(0.995, abs=1e-3)  # its curve falls to 0 at recall 1
    assert scores["ultralytics mAP"] == pytest.approx(0.995, abs=1e-3)


def test_nothing_found_and_nobody_there():
    assert set(ultralytics_map({"a": boxes(scores=[])}, {"a": boxes(PERSON)}).values()) == {0}
    assert np.isnan(list(ultralytics_map({"a": boxes(PERSON, scores=[0.9])}, {"a": boxes()}).values())).all()


def test_half_overlap_counts_at_some_thresholds():
    """20 x 28 of 20 x 40 pixels: intersection over union .7, right at 5 of the 10 thresholds."""
    scores = ultralytics_map({"a": boxes((10, 10, 30, 38.01), scores=[0.9])}, {"a": boxes(PERSON)})
    assert scores["ultralytics mAP"] == pytest.approx(scores["ultralytics AP50"] / 2, rel=1e-6)


def test_ignore_regions_are_unknown_to_it():
    """COCO leaves the detection in the ignore region out; here it is a false alarm above the right one."""
    found = {"a": boxes(OTHER, PERSON, scores=[0.9, 0.8])}
    truth = {"a": boxes(PERSON, OTHER, ignore=np.array([False, True]))}
    assert detection_scores(found, truth).ap50 == 1
    assert ultralytics_map(found, truth)["ultralytics AP50"] < 0.6


def test_it_is_close_to_coco_where_people_stand_apart():
    generator = np.random.default_rng(0)
    found, truth = {}, {}
    for name in map(str, range(40)):
        corners = np.array([(20 + 60 * place, 20, 50 + 60 * place, 90) for place in range(4)], dtype=float)
        moved = corners + generator.normal(0, 3, corners.shape)
        alarms = generator.uniform(200, 260, (2, 2))
        moved = np.vstack((moved, np.hstack((alarms, alarms + 40))))
        found[name] = Boxes(moved, scores=generator.uniform(0.05, 1, len(moved)))
        truth[name] = Boxes(corners)
    coco, own = detection_scores(found, truth), ultralytics_map(found, truth)
    assert own["ultralytics AP50"] == pytest.approx(coco.ap50, abs=0.01)
    assert own["ultralytics mAP"] == pytest.approx(coco.ap, abs=0.01)
