"""Scores of detections: scenes worked out on paper, and equality with pycocotools' own summary on random ones."""

import contextlib
import io
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivif.datasets.boxes import Boxes
from ivif.downstream import DownstreamError, bootstrap_interval, detection_scores


def squares(*lefts, scores=None, ignored=(), label="person"):
    """Boxes 40 x 40 that begin at these places of one line; `ignored` are regions (left, right) of the same height."""
    rows = [[left, 0, left + 40, 40] for left in lefts] + [[left, 0, right, 40] for left, right in ignored]
    return Boxes(
        np.array(rows, dtype=np.float64).reshape(-1, 4),
        (label,) * len(rows),
        scores=np.array(scores if scores is not None else [1.0] * len(rows)),
        ignore=np.array([False] * len(lefts) + [True] * len(ignored), dtype=np.bool_),
    )


NOTHING = squares()


def test_perfect_detections():
    truths = {"a": squares(0, 100), "b": squares(50)}
    score = detection_scores(truths, truths)
    assert (score.ap, score.ap50, score.ap75, score.precision, score.recall) == (1, 1, 1, 1, 1)
    assert score.miss_rate == pytest.approx(1e-10)
    assert score.objects == 3


def test_a_false_positive_between_two_hits():
    """Scores 0.9 hit, 0.8 false, 0.7 hit; two people. Precision is 1 up to recall 0.5 (51 of 101 recalls), then 2/3.

    Miss rate: below one false positive an image (8 of 9 points) half of the people are missed, at 1.0 none (counted as
    1e-10).
    """
    score = detection_scores({"a": squares(0, 500, 100, scores=[0.9, 0.8, 0.7])}, {"a": squares(0, 100)})
    assert score.ap50 == score.ap75 == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert score.miss_rate == pytest.approx((0.5**8 * 1e-10) ** (1 / 9))
    assert (score.precision, score.recall) == (pytest.approx(2 / 3), 1)


def test_a_recall_that_is_never_reached_counts_as_nothing():
    """One of two people found, with one false positive before it: precision 1/2 up to recall 0.5.

    Miss rate: before the false positive nothing is found (miss rate 1, 8 points); with it, 1 an image, half.
    """
    score = detection_scores({"a": squares(500, 0, scores=[0.9, 0.3])}, {"a": squares(0, 100)})
    assert score.ap50 == pytest.approx(51 * 0.5 / 101)
    assert score.miss_rate == pytest.approx(0.5 ** (1 / 9))


def test_miss_rate_counts_false_positives_an_image():
    """Ten images with a person each. 6 hits, a false positive, 3 hits, a false positive, the last hit.

    False positives an image: 0, then 0.1, then 0.2. Points 0.01 .. 0.0562 (4 of 9: 10^-2, -1.75, -1.5, -1.25) see 0:
    miss rate 0.4. 0.1 and 0.178 see 0.1: 0.1. 0.316, 0.562 and 1 see 0.2: 0, counted as 1e-10.
    """
    truths = {str(n): squares(0) for n in range(10)}
    found = {str(n): squares(0, scores=[0.95 - 0.01 * n]) for n in range(6)}
    found["6"] = squares(500, 0, scores=[0.8, 0.7])
    found |= {str(n): squares(0, scores=[0.7]) for n in (7, 8)}
    found["9"] = squares(500, 0, scores=[0.6, 0.5])
    expected = (0.4**4 * 0.1**2 * 1e-10**3) ** (1 / 9)
    assert detection_scores(found, truths).miss_rate == pytest.approx(expected)


def test_loose_boxes_count_at_some_thresholds_only():
    """A detection 25.2 pixels wide in a box of 40: IoU 0.63 is enough for 0.5, 0.55, 0.6 of ten thresholds."""
    narrow = Boxes(np.array([[0, 0, 25.2, 40]]))
    score = detection_scores({"a": narrow}, {"a": squares(0)})
    assert (score.ap50, score.ap75) == (1, 0)
    assert score.ap == pytest.approx(0.3)


def test_two_detections_of_one_person():
    """The second is a false positive: precision 1 up to the full recall all the same, but 1/2 at the working point."""
    score = detection_scores({"a": squares(0, 2, scores=[0.9, 0.8])}, {"a": squares(0)})
    assert score.ap50 == 1
    assert score.precision == 0.5


def test_ignore_regions():
    """In the region 200..400 a detection counts neither way; one that touches it with 16 of 40 pixels does.

    That one comes first: precision is 0, then 1/2 with the person found.
    """
    truth = {"a": squares(0, ignored=[(200, 400)])}
    inside = squares(210, 300, 0, scores=[0.9, 0.8, 0.7])
    assert detection_scores({"a": inside}, truth).ap50 == 1
    assert detection_scores({"a": inside}, truth).precision == 1
    touching = squares(176, 0, scores=[0.9, 0.7])
    assert detection_scores({"a": touching}, truth).ap50 == pytest.approx(0.5)
    assert detection_scores({"a": inside}, truth).objects == 1


def test_sizes():
    """A person of 20 x 20 (small) is found, one of 40 x 40 (medium) is not, there is none above 96 x 96."""
    people = Boxes(np.array([[0, 0, 20, 20], [100, 0, 140, 40]]))
    score = detection_scores({"a": people[:1]}, {"a": people})
    assert (score.ap_small, score.ap_medium) == (1, 0)
    assert np.isnan(score.ap_large)


def test_working_point():
    """With a working score of 0.5: one hit, one false positive; the second hit lies below."""
    found = {"a": squares(0, 500, 100, scores=[0.9, 0.5, 0.4])}
    score = detection_scores(found, {"a": squares(0, 100)}, working_score=0.5)
    assert (score.precision, score.recall) == (0.5, 0.5)
    score = detection_scores(found, {"a": squares(0, 100)}, working_score=0.95)
    assert np.isnan(score.precision)
    assert score.recall == 0


def test_images_without_people_count_for_false_positives():
    """One hit (0.8) in one image, one false positive (0.9) in an image without people, one in which nothing is."""
    truths = {"a": squares(0), "b": NOTHING, "c": NOTHING}
    score = detection_scores({"a": squares(0, scores=[0.8]), "b": squares(0, scores=[0.9]), "c": NOTHING}, truths)
    assert score.ap50 == 0.5
    assert len(score.images) == 3
    assert score.precision == 0.5


def test_nobody_anywhere_is_no_score():
    score = detection_scores({"a": squares(0)}, {"a": NOTHING})
    values = score.as_row()
    assert values.pop("precision") == 0
    assert np.isnan(list(values.values())).all()


def test_nothing_found_is_zero():
    score = detection_scores({"a": NOTHING}, {"a": squares(0)})
    assert (score.ap, score.recall, score.miss_rate) == (0, 0, 1)
    assert np.isnan(score.precision)


def test_other_classes_are_left_out():
    car = squares(0, label="car")
    score = detection_scores({"a": car}, {"a": squares(0)})
    assert score.recall == 0
    assert np.isnan(score.precision)
    assert detection_scores({"a": car}, {"a": car}, label="car").ap == 1


def test_unlabelled_images_are_not_scored_and_missing_ones_are_named():
    assert len(detection_scores({"a": squares(0), "b": squares(9)}, {"a": squares(0)}).images) == 1
    with pytest.raises(DownstreamError, match="1 of 2 labelled images have no detections: b;"):
        detection_scores({"a": squares(0)}, {"a": squares(0), "b": squares(0)})
    with pytest.raises(DownstreamError, match="no labelled image"):
        detection_scores({"a": squares(0)}, {})


def test_without_pycocotools_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pycocotools.cocoeval", None)
    with pytest.raises(DownstreamError, match=r"pycocotools cannot be imported .*pip install"):
        detection_scores({"a": squares(0)}, {"a": squares(0)})


def test_bootstrap_of_a_hit_and_a_miss():
    """Two images, person found in one. Half of the samples mix both, a quarter each has one of them twice: 0 to 1."""
    score = detection_scores({"a": squares(0), "b": NOTHING}, {"a": squares(0), "b": squares(0)})
    assert score.select([0, 0]).recall == 1
    assert score.select([1, 1]).ap50 == 0
    assert score.select([0, 1]).recall == 0.5
    assert bootstrap_interval(score, "recall", draws=200) == (0, 1)
    assert bootstrap_interval(score, "recall", draws=200, level=0.2) == (0.5, 0.5)


def test_resampled_scores_are_those_of_the_samples():
    random = np.random.default_rng(0)
    truths = {f"{n}": squares(*(100 * random.permutation(5)[: n % 4])) for n in range(6)}
    found = {name: squares(*random.choice(500, 6), *boxes.xyxy[:, 0] + 3) for name, boxes in truths.items()}
    found = {name: replace(boxes, scores=random.random(len(boxes))) for name, boxes in found.items()}
    score = detection_scores(found, truths)
    counts = random.multinomial(6, np.full(6, 1 / 6), size=50)
    counts[0] = [6, 0, 0, 0, 0, 0]  # nobody is in the first
    resampled = score.resampled(counts)
    samples = [score.select(np.repeat(np.arange(6), row)) for row in counts]
    np.testing.assert_allclose(resampled[:, 0], [sample.ap50 for sample in samples], atol=1e-12)
    np.testing.assert_allclose(resampled.mean(axis=1), [sample.ap for sample in samples], atol=1e-12)
    assert np.isnan(resampled[0]).all() and np.isfinite(resampled[1:]).any() and len(set(resampled[1:, 0])) > 5


def test_bootstrap_where_there_is_nothing_to_draw():
    nobody = detection_scores({"a": NOTHING}, {"a": NOTHING})
    assert np.isnan(bootstrap_interval(nobody, "ap50", draws=5)).all()


@st.composite
def random_images(draw):
    """1 to 4 images with up to 6 true boxes, some of them ignore regions, and up to 8 detections near them."""
    images = {}
    whole = st.integers(0, 60)
    for number in range(draw(st.integers(1, 4))):
        side = st.integers(5, 120)
        true = [[draw(whole), draw(whole), draw(side), draw(side)] for _ in range(draw(st.integers(0, 6)))]
        found = [[draw(whole), draw(whole), draw(side), draw(side)] for _ in range(draw(st.integers(0, 4)))]
        found += [[value + draw(st.integers(0, 5)) for value in row] for row in true if draw(st.booleans())]
        images[f"image{number}"] = (
            true,
            [draw(st.booleans()) and draw(st.booleans()) for _ in true],
            found,
            [draw(st.integers(1, 20)) / 20 for _ in found],
        )
    return images


def pycocotools_summary(images):
    """AP, AP50, AP75, small, medium, large, as pycocotools prints them; -1 where there is none."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    truth, found = coco.COCO(), []
    truth.dataset = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    for number, (true, crowds, detected, scores) in enumerate(images.values(), start=1):
        truth.dataset["images"].append({"id": number})
        for row, crowd in zip(true, crowds, strict=True):
            truth.dataset["annotations"].append(
                {
                    "id": len(truth.dataset["annotations"]) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": row,
                    "area": row[2] * row[3],
                    "iscrowd": int(crowd),
                }
            )
        for row, score in zip(detected, scores, strict=True):
            found.append({"image_id": number, "category_id": 1, "bbox": row, "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluator = cocoeval.COCOeval(truth, truth.loadRes(found), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats[:6]


def as_boxes(rows, scores=None, ignore=None):
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    extra = {"scores": np.array(scores or [])} if ignore is None else {"ignore": np.array(ignore, dtype=np.bool_)}
    return Boxes(np.hstack((table[:, :2], table[:, :2] + table[:, 2:])), **extra)


@settings(max_examples=60, deadline=None)
@given(random_images())
def test_average_precision_equals_pycocotools(images):
    if not any(found for _, _, found, _ in images.values()):
        return  # loadRes takes no empty list
    expected = pycocotools_summary(images)
    score = detection_scores(
        {name: as_boxes(found, scores) for name, (_, _, found, scores) in images.items()},
        {name: as_boxes(true, ignore=crowds) for name, (true, crowds, _, _) in images.items()},
    )
    own = [score.ap, score.ap50, score.ap75, score.ap_small, score.ap_medium, score.ap_large]
    np.testing.assert_allclose(np.nan_to_num(own, nan=-1), expected, atol=1e-12)
