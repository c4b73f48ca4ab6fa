"""Boxes: every format on files written by hand, round trips, and messages that lead to the broken line."""

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.boxes import (
    Boxes,
    BoxesError,
    read_coco,
    read_mot,
    read_voc,
    read_yolo,
    write_coco,
    write_mot,
    write_yolo,
)

VOC = """<annotation>
  <size><width>640</width><height>512</height><depth>3</depth></size>
  <object>
    <name>person</name><difficult>0</difficult>
    <bndbox><xmin>10</xmin><ymin>20</ymin><xmax>30.5</xmax><ymax>60</ymax></bndbox>
  </object>
  <object>
    <name>car</name><difficult>1</difficult>
    <bndbox><ymax>4</ymax><xmin>1</xmin><xmax>3</xmax><ymin>2</ymin></bndbox>
  </object>
  <object><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1</ymax></bndbox></object>
</annotation>
"""


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


def test_voc_by_hand(tmp_path):
    boxes = read_voc(written(tmp_path, VOC, "a.xml"))
    assert boxes.xyxy.tolist() == [[10, 20, 30.5, 60], [1, 2, 3, 4], [0, 0, 1, 1]]
    assert boxes.labels == ("person", "car", "person")
    assert boxes.ignore.tolist() == [False, True, False]


def test_voc_without_objects(tmp_path):
    assert len(read_voc(written(tmp_path, "<annotation></annotation>"))) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no element found: line 1"),
        (VOC.replace("</name>", "", 1), "mismatched tag: line 6"),
        (VOC.replace("<xmin>10</xmin>", ""), "could not convert"),
        (VOC.replace("30.5", "wide"), "'wide'"),
        (VOC.replace("30.5", "9"), "a box ends before it begins"),
        (VOC.replace("30.5", "nan"), "NaN or infinite"),
    ],
)
def test_malformed_voc_is_named(tmp_path, text, message):
    with pytest.raises(BoxesError, match=f"broken.xml: not a Pascal VOC annotation .*{message}"):
        read_voc(written(tmp_path, text, "broken.xml"))


def test_yolo_by_hand(tmp_path):
    """In 200 x 100: centre (100, 25), extent (50, 10); then a box as large as the image."""
    text = "0 0.5 0.25 0.25 0.1\n\n# a remark\n1 0.5 0.5 1 1\n7 0 0 0 0\n"
    boxes = read_yolo(written(tmp_path, text), (200, 100), ("person", "car"))
    np.testing.assert_allclose(boxes.xyxy, [[75, 20, 125, 30], [0, 0, 200, 100], [0, 0, 0, 0]], atol=1e-12)
    assert boxes.labels == ("person", "car", "7")


def test_yolo_file_without_lines_is_an_image_without_objects(tmp_path):
    assert len(read_yolo(written(tmp_path, "\n"), (200, 100))) == 0


def test_yolo_text_by_hand():
    boxes = Boxes(np.array([[75, 20, 125, 30], [0, 0, 1, 1]]), ("car", "person"), ignore=np.array([False, True]))
    assert write_yolo(boxes, (200, 100), ("person", "car")) == "1 0.500000 0.250000 0.250000 0.100000\n"


def test_yolo_cannot_write_an_unknown_class():
    boxes = Boxes(np.array([[0, 0, 1, 1]]), ("boat",))
    with pytest.raises(BoxesError, match=r"no class 'boat' .*person, car"):
        write_yolo(boxes, (200, 100), ("person", "car"))


MOT = """1,7,10.5,20,30,40,1,1,0.25
3,7,12,21,30,40,1,1,1
1,8,0,0,5,5,0,1,0
"""


def test_mot_by_hand(tmp_path):
    frames = read_mot(written(tmp_path, MOT))
    assert sorted(frames) == [0, 2]
    assert frames[0].xyxy.tolist() == [[10.5, 20, 40.5, 60], [0, 0, 5, 5]]
    assert frames[0].ids.tolist() == [7, 8]
    assert frames[0].ignore.tolist() == [False, True]
    assert frames[0].visibility.tolist() == [0.25, 0]
    assert frames[2].xyxy.tolist() == [[12, 21, 42, 61]]


def test_mot_with_six_columns_counts_every_row(tmp_path):
    frames = read_mot(written(tmp_path, "2, 1, 0, 0, 4, 4\n"))
    assert frames[1].ignore.tolist() == [False]
    assert frames[1].visibility.tolist() == [1]


def test_a_short_row_takes_nothing_from_the_others(tmp_path):
    boxes = read_mot(written(tmp_path, "1,1,0,0,5,5,0,1,0.25\n1,2,0,0,5,5\n"))[0]
    assert boxes.ignore.tolist() == [True, False]
    assert boxes.visibility.tolist() == [0.25, 1]


def test_mot_text_by_hand():
    frames = {
        2: Boxes(np.array([[12, 21, 42, 61.005]]), ids=np.array([7])),
        0: Boxes(np.array([[0, 0, 5, 5]]), ids=np.array([8]), ignore=np.array([True]), visibility=np.array([0.5])),
        1: Boxes(np.empty((0, 4))),
    }
    assert write_mot(frames) == "1,8,0.00,0.00,5.00,5.00,0,1,0.500\n3,7,12.00,21.00,30.00,40.01,1,1,1.000\n"


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        ("yolo", "0 0.5 0.5 1 1\n0 0.5 wide 1 1\n", "line 2: expected numbers, found '0 0.5 wide 1 1'"),
        ("yolo", "# remark\n0 0.5 0.5 1\n", "line 2: expected 5 columns, found 4"),
        ("yolo", "0,0.5,0.5,1,1\n", "line 1: expected numbers"),
        ("yolo", "0 0.5 0.5 1 1\n0 0.5 0.5 -1 1\n", "line 2: negative width or height"),
        ("yolo", "0 0.5 0.5 1 1\n\n0 0.5 nan 1 1\n", "line 3: .*NaN or infinite"),
        ("yolo", "-1 0.5 0.5 1 1\n", "line 1: .*class"),
        ("yolo", "0.5 0.5 0.5 1 1\n", "line 1: .*class"),
        ("mot", MOT + "4,7,1,1,1\n", "line 4: expected 6 columns, found 5"),
        ("mot", "1 7 10 20 30 40\n", "line 1: expected numbers"),
        ("mot", MOT + "4,7,1,1,-5,1\n", "line 4: .*negative"),
        ("mot", MOT + "4,7,1,1,inf,1\n", "line 4: .*NaN or infinite"),
        ("mot", "0,7,1,1,5,1\n", "line 1: .*frame"),
    ],
)
def test_malformed_rows_are_named_by_file_and_line(tmp_path, reader, text, message):
    path = written(tmp_path, text, "broken.txt")
    with pytest.raises(BoxesError, match=f"broken.txt, {message}"):
        read_yolo(path, (200, 100)) if reader == "yolo" else read_mot(path)


COCO = {
    "images": [
        {"id": 5, "file_name": "night/01.jpg", "width": 640, "height": 512},
        {"id": 6, "file_name": "02.png", "width": 640, "height": 512},
    ],
    "categories": [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}],
    "annotations": [
        {"image_id": 5, "category_id": 3, "bbox": [10, 20, 30, 40], "iscrowd": 0, "track_id": 9},
        {"image_id": 5, "category_id": 1, "bbox": [0, 0, 1.5, 2], "iscrowd": 1},
        {"image_id": 5, "category_id": 3, "bbox": [1, 1, 1, 1], "ignore": 1},
    ],
}


def test_coco_by_hand(tmp_path):
    images = read_coco(written(tmp_path, json.dumps(COCO)))
    assert sorted(images) == ["01", "02"]
    assert len(images["02"]) == 0
    boxes = images["01"]
    assert boxes.xyxy.tolist() == [[10, 20, 40, 60], [0, 0, 1.5, 2], [1, 1, 2, 2]]
    assert boxes.labels == ("car", "person", "car")
    assert boxes.ignore.tolist() == [False, True, True]
    assert boxes.ids.tolist() == [9, -1, -1]


def test_coco_without_categories_is_of_persons(tmp_path):
    images = read_coco(written(tmp_path, without("categories")))
    assert images["01"].labels == ("person", "person", "person")


def without(key):
    return json.dumps({name: value for name, value in COCO.items() if name != key})


def with_annotation(**annotation):
    return json.dumps({**COCO, "annotations": [annotation]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1"),
        ('{\n"images": [,]}', "line 2"),
        ("[]", "list"),
        ("3", "int"),
        (without("images"), "'images'"),
        (without("annotations"), "'annotations'"),
        (with_annotation(image_id=77, category_id=3, bbox=[0, 0, 1, 1]), "77"),
        (with_annotation(image_id=5, category_id=3), "'bbox'"),
        (
            with_annotation(image_id=5, category_id=2, bbox=[0, 0, 1, 1]),
            "category 2 has no name; there are 3 car, 1 per",
        ),
        (with_annotation(image_id=5, category_id=3, bbox=[0, 0, 1]), "reshape"),
        (with_annotation(image_id=5, category_id=3, bbox=[0, 0, -1, 1]), "ends before"),
        (with_annotation(image_id=5, category_id=3, bbox=[0, 0, "x", 1]), "x"),
        (json.dumps({**COCO, "images": COCO["images"] * 2}), "share an id"),
        (json.dumps({**COCO, "images": [*COCO["images"], {"id": 8, "file_name": "day/01.jpg"}]}), "a file stem"),
    ],
)
def test_malformed_coco_is_named(tmp_path, content, message):
    with pytest.raises(BoxesError, match=f"broken.json: not a COCO instances file .*{message}"):
        read_coco(written(tmp_path, content, "broken.json"))


@pytest.mark.parametrize("reader", [read_voc, read_mot, read_coco, lambda path: read_yolo(path, (4, 4))])
def test_missing_and_binary_files_are_named(tmp_path, reader):
    with pytest.raises(BoxesError, match="gone"):
        reader(tmp_path / "gone")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00\x81" * 9)
    with pytest.raises(BoxesError, match="binary"):
        reader(tmp_path / "binary")


@st.composite
def random_boxes(draw, labels=("person", "car")):
    count = draw(st.integers(0, 5))
    corner = st.integers(0, 30_000).map(lambda value: value / 100)
    rows = [[draw(corner) for _ in range(4)] for _ in range(count)]
    return Boxes(
        np.array([[left, top, left + width, top + height] for left, top, width, height in rows]),
        tuple(draw(st.sampled_from(labels)) for _ in range(count)),
        ids=np.array([draw(st.integers(-1, 99)) for _ in range(count)], dtype=np.int64),
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
