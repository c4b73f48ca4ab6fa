"""Boxes, and the text that is written of them: read again it says the same."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivif.datasets.boxes import Boxes, BoxesError, write_coco, write_mot, write_yolo
from ivif.datasets.label_files import read_coco, read_yolo
from ivif.datasets.mot_files import read_mot


def written(folder, text, name="labels.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_fill_every_field():
    boxes = Boxes(np.array([[0, 0, 2, 3], [1, 1, 1, 1]]))
    assert len(boxes) == 2
    assert boxes.labels == ("person", "person")
    assert boxes.ids.tolist() == [-1, -1]
    assert boxes.scores.tolist() == boxes.visibility.tolist() == [1, 1]
    assert boxes.ignore.tolist() == [False, False]
    assert (boxes.width.tolist(), boxes.height.tolist()) == ([2, 0], [3, 0])


def test_no_boxes_are_fine():
    boxes = Boxes(np.array([]))
    assert len(boxes) == 0
    assert boxes.xyxy.shape == (0, 4)


@pytest.mark.parametrize("index", [np.array([True, False, True]), np.array([0, 2]), slice(None, None, 2)])
def test_selection_keeps_fields_together(index):
    boxes = Boxes(
        np.array([[0, 0, 1, 1], [0, 0, 2, 2], [0, 0, 3, 3]]),
        ("a", "b", "c"),
        ids=np.array([4, 5, 6]),
        scores=np.array([0.1, 0.2, 0.3]),
        ignore=np.array([True, True, False]),
        visibility=np.array([0.7, 0.8, 0.9]),
    )[index]
    assert boxes.labels == ("a", "c")
    assert boxes.width.tolist() == [1, 3]
    assert boxes.ids.tolist() == [4, 6]
    assert boxes.scores.tolist() == [0.1, 0.3]
    assert boxes.ignore.tolist() == [True, False]
    assert boxes.visibility.tolist() == [0.7, 0.9]


def test_selection_of_nothing():
    assert Boxes(np.array([[0, 0, 1, 1]]))[np.array([False])].labels == ()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"labels": ("a", "b")}, "1 boxes, but .*'labels': 2"),
        ({"scores": np.array([1.0, 2.0])}, "1 boxes, but .*'scores': 2"),
        ({"xyxy": np.array([[5, 0, 4, 1]])}, "a box ends before it begins"),
        ({"xyxy": np.array([[0, 5, 1, 4]])}, "a box ends before it begins"),
        ({"xyxy": np.array([[0, 0, np.nan, 1]])}, "NaN or infinite"),
        ({"xyxy": np.array([[0, 0, np.inf, 1]])}, "NaN or infinite"),
    ],
)
def test_boxes_that_contradict_themselves(fields, message):
    with pytest.raises(BoxesError, match=message):
        Boxes(**{"xyxy": np.array([[0, 0, 1, 1]]), **fields})


def test_yolo_text_by_hand():
    boxes = Boxes(np.array([[75, 20, 125, 30], [0, 0, 1, 1]]), ("car", "person"), ignore=np.array([False, True]))
    assert write_yolo(boxes, (200, 100), ("person", "car")) == "1 0.500000 0.250000 0.250000 0.100000\n"


def test_yolo_cannot_write_an_unknown_class():
    boxes = Boxes(np.array([[0, 0, 1, 1]]), ("boat",))
    with pytest.raises(BoxesError, match=r"no class 'boat' .*person, car"):
        write_yolo(boxes, (200, 100), ("person", "car"))


def test_mot_text_by_hand():
    frames = {
        2: Boxes(np.array([[12, 21, 42, 61.005]]), ids=np.array([7])),
        0: Boxes(np.array([[0, 0, 5, 5]]), ids=np.array([8]), ignore=np.array([True]), visibility=np.array([0.5])),
        1: Boxes(np.empty((0, 4))),
    }
    assert write_mot(frames) == "1,8,0.00,0.00,5.00,5.00,0,13,0.500\n3,7,12.00,21.00,30.00,40.01,1,1,1.000\n"


@st.composite
def random_boxes(draw, labels=("person", "car")):
    count = draw(st.integers(0, 5))
    corner = st.integers(0, 30_000).map(lambda value: value / 100)
    rows = [[draw(corner) for _ in range(4)] for _ in range(count)]
    return Boxes(
        np.array([[left, top, left + width, top + height] for left, top, width, height in rows]),
        tuple(draw(st.sampled_from(labels)) for _ in range(count)),
        ids=np.array(draw(st.permutations(range(-1, 99)))[:count], dtype=np.int64),
        ignore=np.array([draw(st.booleans()) for _ in range(count)], dtype=np.bool_),
        visibility=np.array([draw(st.integers(0, 1000)) / 1000 for _ in range(count)]),
    )


round_trip = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@round_trip
@given(random_boxes())
def test_yolo_round_trip(tmp_path, boxes):
    """Six decimals of a share of 640 pixels keep a corner within 1.5e-6 * 640 = 0.001 pixels; ignore regions go."""
    names = ("person", "car")
    again = read_yolo(written(tmp_path, write_yolo(boxes, (640, 512), names)), (640, 512), names)
    kept = boxes[~boxes.ignore]
    np.testing.assert_allclose(again.xyxy, kept.xyxy, atol=1e-3)
    assert again.labels == kept.labels


@round_trip
@given(st.dictionaries(st.integers(0, 20), random_boxes(labels=("person",)), max_size=4))
def test_mot_round_trip(tmp_path, frames):
    again = read_mot(written(tmp_path, write_mot(frames)))
    assert sorted(again) == sorted(frame for frame, boxes in frames.items() if len(boxes))
    for frame, boxes in again.items():
        np.testing.assert_allclose(boxes.xyxy, frames[frame].xyxy, atol=0.011)
        np.testing.assert_array_equal(boxes.ids, frames[frame].ids)
        np.testing.assert_array_equal(boxes.ignore, frames[frame].ignore)
        np.testing.assert_allclose(boxes.visibility, frames[frame].visibility, atol=1e-9)


@round_trip
@given(st.dictionaries(st.text("ab12", min_size=1, max_size=3), random_boxes(labels=("car", "boat")), max_size=4))
def test_coco_round_trip(tmp_path, images):
    text = write_coco({f"{stem}.png": ((640, 512), boxes) for stem, boxes in images.items()})
    again = read_coco(written(tmp_path, text))
    assert again.keys() == images.keys()
    for stem, boxes in again.items():
        np.testing.assert_allclose(boxes.xyxy, images[stem].xyxy, atol=1e-9)
        assert boxes.labels == images[stem].labels
        np.testing.assert_array_equal(boxes.ids, images[stem].ids)
        np.testing.assert_array_equal(boxes.ignore, images[stem].ignore)


def test_coco_text_holds_what_the_format_asks_for():
    boxes = Boxes(np.array([[10, 20, 40, 60]]), ("car",), ids=np.array([9]), ignore=np.array([True]))
    content = json.loads(write_coco({"01.png": ((640, 512), boxes)}))
    assert content["images"] == [{"id": 1, "file_name": "01.png", "width": 640, "height": 512}]
    assert content["categories"] == [{"id": 1, "name": "car"}, {"id": 2, "name": "person"}]
    assert content["annotations"] == [
        {
            "id": 1,
            "image_id": 1,
            "category_id": 1,
            "bbox": [10, 20, 30, 40],
            "area": 1200,
            "iscrowd": 1,
            "track_id": 9,
        }
    ]
