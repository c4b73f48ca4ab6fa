"""Labels: every format by hand, and which boxes belong to which pair."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ivif.datasets.boxes import BoxesError
from ivif.datasets.frames import frame_numbers
from ivif.datasets.images import write_png
from ivif.datasets.label_files import read_coco, read_kaist, read_voc, read_yolo
from ivif.datasets.labels import LabelError, label_pairs, own_pairs
from ivif.datasets.mot_files import read_mot, read_sequence_labels
from ivif.datasets.pairs import PairError


def written(folder, text, name="labels.txt"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


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
        (VOC.replace("bndbox", "box"), "an object 'person' without <bndbox> or <polygon>"),
        ("<?xml version='1.0' encoding='klingon'?>" + VOC, "unknown encoding"),
        ("<annotations><image/></annotations>", "expected <annotation>, found <annotations>"),
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


@pytest.mark.parametrize(
    "row",
    [
        "0 0.375 0.2 0.625 0.2 0.625 0.3 0.375 0.3",
        "0 0.375 0.3 0.5 0.2 0.625 0.25",
        "0 0.375 0.25 0.5 0.2 0.625 0.25 0.6 0.28 0.5 0.3",
    ],
    ids=["corners", "triangle", "five points"],
)
def test_yolo_polygons_become_the_boxes_around_them(tmp_path, row):
    """x from 0.375 to 0.625 of 200, y from 0.2 to 0.3 of 100."""
    boxes = read_yolo(written(tmp_path, row + "\n0 0.5 0.25 0.25 0.1\n"), (200, 100))
    np.testing.assert_allclose(boxes.xyxy, [[75, 20, 125, 30]] * 2, atol=1e-9)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_no_part_of_the_text(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("0 0.5 0.25 0.25 0.1\r\n".encode(encoding))
    assert len(read_yolo(tmp_path / "a.txt", (200, 100))) == 1
    (tmp_path / "gt.txt").write_bytes("1,7,0,0,5,5,1,1,1\r\n".encode(encoding))
    assert [*read_mot(tmp_path / "gt.txt")] == [0]
    (tmp_path / "coco.json").write_bytes(json.dumps(COCO).encode(encoding))
    assert sorted(read_coco(tmp_path / "coco.json")) == ["01", "02"]


POLYGON = "<polygon><x1>5</x1><y1>9</y1><x2>8</x2><y2>2</y2><x3>7</x3><y3>12</y3><x4>4</x4><y4>6</y4></polygon>"
TURNED = "<robndbox><cx>6</cx><cy>7</cy><w>10</w><h>4</h><angle>1.5707963267948966</angle></robndbox>"


@pytest.mark.parametrize(("shape", "box"), [(POLYGON, [4, 2, 8, 12]), (TURNED, [4, 2, 8, 12])])
def test_voc_shapes_become_the_boxes_around_them(tmp_path, shape, box):
    text = f"<annotation><object><name>Car</name>{shape}</object></annotation>"
    boxes = read_voc(written(tmp_path, text, "a.xml"))
    np.testing.assert_allclose(boxes.xyxy, [box], atol=1e-9)
    assert boxes.labels == ("car",)


@pytest.mark.parametrize("name", ["People", "Person", "pedestrian", " PERSON "])
def test_people_are_persons_in_every_format(tmp_path, name):
    xml = f"<annotation><object><name>{name}</name>{POLYGON}</object></annotation>"
    assert read_voc(written(tmp_path, xml, "a.xml")).labels == ("person",)
    assert read_yolo(written(tmp_path, "0 0.5 0.5 1 1\n"), (4, 4), (name,)).labels == ("person",)
    coco = {**COCO, "categories": [{"id": 3, "name": "Car"}, {"id": 1, "name": name}]}
    assert read_coco(written(tmp_path, json.dumps(coco)))["01"].labels == ("car", "person", "car")


KAIST = """% bbGt version=3
person 10 20 30 40 0 0 0 0 0 0 0
people 1 2 3 4 0 0 0 0 0 0 0
person? 5 5 5 5 1 0 0 0 0 0 0
cyclist 0 0 9 9 0 0 0 0 0 0 0
"""


def test_kaist_by_hand(tmp_path):
    boxes = read_kaist(written(tmp_path, KAIST))
    assert boxes.xyxy.tolist() == [[10, 20, 40, 60], [1, 2, 4, 6], [5, 5, 10, 10], [0, 0, 9, 9]]
    assert boxes.labels == ("person", "person", "person", "person")
    assert boxes.ignore.tolist() == [False, True, True, True]


def test_yolo_file_without_lines_is_an_image_without_objects(tmp_path):
    assert len(read_yolo(written(tmp_path, "\n"), (200, 100))) == 0


MOT = """1,7,10.5,20,30,40,1,1,0.25
3,7,12,21,30,40,1,1,1
1,8,0,0,5,5,0,13,0
"""


def test_mot_by_hand(tmp_path):
    frames = read_mot(written(tmp_path, MOT))
    assert sorted(frames) == [0, 2]
    assert frames[0].xyxy.tolist() == [[10.5, 20, 40.5, 60], [0, 0, 5, 5]]
    assert frames[0].ids.tolist() == [7, 8]
    assert frames[0].ignore.tolist() == [False, True]
    assert frames[0].visibility.tolist() == [0.25, 0]
    assert frames[2].xyxy.tolist() == [[12, 21, 42, 61]]


@pytest.mark.parametrize(
    ("flag_and_class", "expected"),
    [
        ("1,1", ("person", False)),
        ("0,1", None),
        ("1,3", ("car", False)),
        ("0,3", None),
        ("1,7", ("distractor", True)),
        ("0,8", ("distractor", True)),
        ("0,13", ("person", True)),
        ("1,-1", ("person", False)),
        ("1,-7.5,-8.25,0", ("person", False)),
    ],
)
def test_mot_classes_and_flags(tmp_path, flag_and_class, expected):
    """Rows flagged 0 don't count but for distractors; of ten columns, as in 2015, the last are places in the world."""
    more = "" if flag_and_class.count(",") > 1 else ",0.5"
    (boxes,) = read_mot(written(tmp_path, f"1,7,10,20,30,40,{flag_and_class}{more}\n")).values()
    assert [*zip(boxes.labels, boxes.ignore.tolist(), strict=True)] == ([] if expected is None else [expected])


def test_an_identity_twice_in_a_frame_is_named_by_line(tmp_path):
    text = "1,7,0,0,5,5,1,1,1\n5,7,0,0,5,5,1,1,1\n5,-1,0,0,5,5,1,1,1\n5,-1,0,0,5,5,1,1,1\n5,7,9,9,5,5,1,1,1\n"
    with pytest.raises(BoxesError, match=r"gt.txt, line 5: identity 7 stands twice in frame 5, also in line 2"):
        read_mot(written(tmp_path, text, "gt.txt"))


@pytest.mark.parametrize("info", ["gt/seqinfo.ini", "seqinfo.ini"])
def test_seqinfo_is_found_where_motchallenge_puts_it(tmp_path, info):
    (tmp_path / "gt").mkdir()
    labels = written(tmp_path / "gt", "2,7,0,0,5,5,1,1,1\n", "gt.txt")
    written(tmp_path, "[Sequence]\nname=100%\nseqLength=4\n", info)
    assert [len(boxes) for boxes in read_sequence_labels(labels).values()] == [0, 1, 0, 0]
    written(tmp_path, "[Sequence]\nseqLength=1\n", info)
    with pytest.raises(BoxesError, match=r"seqinfo.ini: seqLength is 1, but .*gt.txt has rows of frame 2"):
        read_sequence_labels(labels)


def test_mot_with_six_columns_counts_every_row(tmp_path):
    frames = read_mot(written(tmp_path, "2, 1, 0, 0, 4, 4\n"))
    assert frames[1].ignore.tolist() == [False]
    assert frames[1].visibility.tolist() == [1]


def test_a_short_row_takes_nothing_from_the_others(tmp_path):
    boxes = read_mot(written(tmp_path, "1,1,0,0,5,5,0,13,0.25\n1,2,0,0,5,5\n"))[0]
    assert boxes.ignore.tolist() == [True, False]
    assert boxes.visibility.tolist() == [0.25, 1]


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
        ("mot", "1000000000,7,1,1,5,1\n", "line 1: .*frame, a whole number from 1 to 1,000,000"),
        ("mot", "1,1e300,1,1,5,1\n", "line 1: expected an identity"),
        ("mot", "1,7,1,1,5,1,1,40,1\n", "line 1: class 40, but MOTChallenge's are 1 to 13"),
        ("yolo", "1e300 0.5 0.5 1 1\n", "line 1: expected a class"),
        ("yolo", "0 0.1 0.1 0.2 0.2 0.3 0.3 0.4\n", "line 1: 8 numbers a row are neither a box"),
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


@pytest.mark.parametrize("kind", [str, int, float])
def test_coco_ids_may_be_text_or_numbers(tmp_path, kind):
    content = json.loads(json.dumps(COCO))
    for item in content["annotations"]:
        item |= {"image_id": kind(item["image_id"]), "category_id": kind(item["category_id"])}
    assert read_coco(written(tmp_path, json.dumps(content)))["01"].labels == ("car", "person", "car")


def test_coco_outlines_become_the_boxes_around_them(tmp_path):
    outline = with_annotation(image_id=5, category_id=3, segmentation=[[5, 9, 8, 2], [7, 12, 4, 6]])
    assert read_coco(written(tmp_path, outline))["01"].xyxy.tolist() == [[4, 2, 8, 12]]


def with_annotation(**annotation):
    return json.dumps({**COCO, "annotations": [annotation]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "line 1"),
        ('{\n"images": [,]}', "line 2"),
        ("[]", "lists of detections are no labels"),
        ("3", "expected an object"),
        (without("images"), '"images"'),
        (without("annotations"), '"annotations"'),
        (with_annotation(image_id=77, category_id=3, bbox=[0, 0, 1, 1]), "77"),
        (with_annotation(image_id=5, category_id=3), "expected a bbox of four numbers, found None"),
        (
            with_annotation(id=4, image_id=5, category_id=3, segmentation={"counts": [1], "size": [1, 1]}),
            "annotation 4:",
        ),
        (with_annotation(image_id=5, category_id=3, bbox=[0, 0, 1, 1], track_id=10**30), "too large|OverflowError"),
        (with_annotation(image_id=5, category_id=3, bbox=[0, 0, 10**400, 1]), "too large|OverflowError"),
        ("[" * 100_000, "RecursionError|line 1|maximum recursion"),
        (
            with_annotation(image_id=5, category_id=2, bbox=[0, 0, 1, 1]),
            "category 2 has no name; there are 3 car, 1 per",
        ),
        (with_annotation(image_id=5, category_id=3, bbox=[0, 0, 1]), r"four numbers, found \[0, 0, 1\]"),
        (json.dumps({**COCO, "categories": COCO["categories"] * 2}), "two categories share an id"),
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


@pytest.fixture
def street(tmp_path):
    """Pairs ``street/infrared`` and ``street/visible`` of 200 x 100, called 8, 9 and 10, as text sorts 10, 8, 9."""
    for band in ("infrared", "visible"):
        for number in (8, 9, 10):
            write_png(tmp_path / "street" / band / f"{number}.png", torch.zeros((1, 100, 200), dtype=torch.uint8))
    return tmp_path / "street"


def street_pairs(street, labels=None, **more):
    return own_pairs(street / "infrared", street / "visible", labels, **more)


def test_own_pairs_are_called_like_their_folder(street):
    pairs = street_pairs(street)
    assert (pairs.name, [pair.name for pair in pairs]) == ("street", ["10", "8", "9"])
    assert all(pair.boxes is None and pair.sequence is None and pair.frame is None for pair in pairs)


def test_pairs_get_the_boxes_of_their_visible_picture(street, tmp_path):
    written(tmp_path, "0 0.5 0.25 0.25 0.1\n", "8.txt")
    written(tmp_path, "", "9.txt")
    boxes = {pair.name: pair.boxes for pair in street_pairs(street, tmp_path)}
    np.testing.assert_allclose(boxes["8"].xyxy, [[75, 20, 125, 30]], atol=1e-12)
    assert len(boxes["9"]) == 0 and boxes["10"] is None
    assert street_pairs(street, tmp_path, classes=("car",))[1].boxes.labels == ("car",)


def test_mot_text_makes_pairs_a_sequence_by_number(street, tmp_path):
    labels = written(tmp_path, "8,5,1,1,2,2\n10,6,3,3,4,4\n", "gt.txt")
    pairs = street_pairs(street, labels)
    assert [(pair.name, pair.sequence, pair.frame) for pair in pairs] == [
        ("10", "street", 9),
        ("8", "street", 7),
        ("9", "street", 8),
    ]
    assert [pair.boxes.ids.tolist() for pair in pairs] == [[6], [5], []]
    written(tmp_path, "8,5,1,1,2,2\n", "gt.txt")
    assert [pair.boxes is None for pair in street_pairs(street, labels)] == [True, False, True]


def test_rows_that_stand_there_twice_count_once_and_are_told(street, tmp_path):
    for name in ("8", "9"):
        written(tmp_path, "0 0.5 0.25 0.25 0.1\n0 0.2 0.25 0.25 0.1\n0 0.5 0.25 0.25 0.1\n", f"{name}.txt")
    pairs = street_pairs(street, tmp_path)
    assert [None if pair.boxes is None else len(pair.boxes) for pair in pairs] == [None, 2, 2]
    assert any("stands there twice and counts once (and so in 1 more)" in note.reason for note in pairs.unmatched)


def test_labels_without_pictures_and_pictures_without_labels_are_told(street, tmp_path):
    for name in ("8", "77", "78", "classes"):
        written(tmp_path, "" if name != "classes" else "car\nperson\n", f"{name}.txt")
    told = [note.reason for note in street_pairs(street, tmp_path).unmatched]
    assert "labels of no picture (2 such files)" in told
    assert "says nothing of 2 of 3 pictures, such as 10" in told


def test_names_of_classes_are_taken_from_where_tools_leave_them(street, tmp_path):
    written(tmp_path, "1 0.5 0.25 0.25 0.1\n", "8.txt")
    (tmp_path / "sub").mkdir()
    written(tmp_path / "sub", "1 0.5 0.25 0.25 0.1\n", "8.txt")
    for name, text, labels in (
        ("classes.txt", "car\nPeople\n", "person"),
        ("obj.names", "car\nbus\n", "bus"),
        ("data.yaml", "names: [car, Pedestrian]\n", "person"),
        ("dataset.yaml", "names:\n  0: person\n  1: bicycle\n", "bicycle"),
    ):
        written(tmp_path, text, name)
        for folder in (tmp_path, tmp_path / "sub"):
            pairs = street_pairs(street, folder)
            assert pairs[1].boxes.labels == (labels,)
            assert any(note.path.name == name and "names YOLO's classes" in note.reason for note in pairs.unmatched)
        (tmp_path / name).unlink()
    with pytest.raises(BoxesError, match=r"8\.txt: class 1, but names are known of 1 only"):
        street_pairs(street, tmp_path)


def test_names_that_are_said_come_first_and_files_of_others_are_passed_over(street, tmp_path):
    labels = tmp_path / "a" / "labels"
    labels.mkdir(parents=True)
    written(labels, "0 0.5 0.25 0.25 0.1\n", "8.txt")
    written(labels, "\n", "classes.txt")  # which names nothing
    written(tmp_path, "names: {a: b}\n", "data.yaml")  # above, of another's making
    assert street_pairs(street, labels)[1].boxes.labels == ("person",)
    written(tmp_path, "names: [car]\n", "data.yaml")
    assert street_pairs(street, labels)[1].boxes.labels == ("car",)
    said = own_pairs(street / "infrared", street / "visible", labels, ["person"])
    assert said[1].boxes.labels == ("person",)


def test_names_of_classes_are_for_labels_that_have_numbers(street, tmp_path):
    box = "<bndbox><xmin>20</xmin><ymin>10</ymin><xmax>60</xmax><ymax>90</ymax></bndbox>"
    written(tmp_path, f"<annotation><object><name>person</name>{box}</object></annotation>", "8.xml")
    written(tmp_path, "names: {a: b}\n", "data.yaml")
    pairs = street_pairs(street, tmp_path)
    assert pairs[1].boxes is not None and not any("YOLO" in note.reason for note in pairs.unmatched)


@pytest.mark.parametrize(
    "names",
    ["{a: b}", "{-1: x}", "{1000000000: x}", "[[a], b]", "{0.5: a}", "3", "[a", "&a [*a]", "!!python/name:os.x"],
)
def test_damaged_names_of_classes_are_named(street, tmp_path, names):
    written(tmp_path, "0 0.5 0.25 0.25 0.1\n", "8.txt")
    written(tmp_path, f"names: {names}\n", "data.yaml")
    with pytest.raises(BoxesError, match=r"data\.yaml: names of classes cannot be read"):
        street_pairs(street, tmp_path)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("0 .5 .5 .2 .4 .93\n0 .2 .2 .1 .1 .5", "a sixth number in the rows (a score, an identity) is not used"),
        ("0 .1 .1 .3 .1 .3 .5", "rows of more than 6 numbers are taken for polygons"),
        ("0 .5 .5 0 .4", "a box without width or height"),
    ],
)
def test_rows_that_could_mean_another_thing_are_told(street, tmp_path, rows, told):
    written(tmp_path, rows + "\n", "8.txt")
    assert any(told in note.reason for note in street_pairs(street, tmp_path).unmatched)


def test_key_points_are_no_polygons(tmp_path):
    row = "0 .5 .5 .2 .4 .55 .5 2 .6 .5 2 .5 .6 1 .5 .5 0"
    with pytest.raises(BoxesError, match=r"labels\.txt, line 1: 17 numbers, of which one is 2, are no polygon"):
        read_yolo(written(tmp_path, row), (200, 100))


def test_detections_are_no_labels(tmp_path):
    with pytest.raises(BoxesError, match=r"line 2: no identity, and a score of 0\.7: detections, no labels"):
        read_mot(written(tmp_path, "1,-1,1,2,3,4,1,-1,-1,-1\n2,-1,1,2,3,4,.7,-1,-1,-1\n"))


@pytest.mark.parametrize("yes", ["1", " True\n", "yes"])
def test_flags_of_voc(tmp_path, yes):
    assert read_voc(written(tmp_path, VOC.replace("t>0<", f"t>{yes}<"))).ignore.tolist() == [True, True, False]
    deleted = VOC.replace("<difficult>0</difficult>", f"<deleted>{yes}</deleted>")
    assert read_voc(written(tmp_path, deleted)).labels == ("car", "person")


def test_a_voc_object_whose_name_is_empty_is_refused(tmp_path):
    with pytest.raises(BoxesError, match="an object whose <name> is empty"):
        read_voc(written(tmp_path, VOC.replace(">car<", "> <")))


def voc_of(width, height):
    return VOC.replace("640", str(width)).replace("512", str(height))


def test_labels_of_a_smaller_picture_are_scaled_and_told_or_refused(street, tmp_path):
    """The picture is 200 x 100: labels of 100 x 50 have half its pixels, those of 100 x 100 another shape."""
    written(tmp_path, voc_of(100, 70), "8.xml")
    with pytest.raises(LabelError, match=r"8.xml: labels of a picture of 100x70, but 8 is 200x100"):
        street_pairs(street, tmp_path)
    written(tmp_path, voc_of(100, 50), "8.xml")  # a box ends at 60: beyond 50
    with pytest.raises(LabelError, match="100x50"):
        street_pairs(street, tmp_path)
    written(tmp_path, voc_of(140, 70), "8.xml")
    pairs = street_pairs(street, tmp_path)
    np.testing.assert_allclose(pairs[1].boxes.xyxy[0], np.array([10, 20, 30.5, 60]) / 0.7)
    assert any("140x70 pixels in the labels, 200x100 in the picture: scaled" in note.reason for note in pairs.unmatched)


def test_labels_in_folders_of_folders(tmp_path):
    for band in ("infrared", "visible"):
        for scene in ("day", "night"):
            write_png(tmp_path / band / scene / "1.png", torch.full((1, 100, 200), len(band), dtype=torch.uint8))
    for scene, share in (("day", 0.5), ("night", 0.25)):
        (tmp_path / "labels" / scene).mkdir(parents=True)
        written(tmp_path / "labels" / scene, f"0 {share} 0.5 0.1 0.1\n", "1.txt")
    pairs = own_pairs(tmp_path / "infrared", tmp_path / "visible", tmp_path / "labels")
    assert {pair.name: pair.boxes.xyxy[0, 0] for pair in pairs} == {"day-1": 90, "night-1": 40}


def test_pairs_in_order_without_labels(street):
    assert [pair.frame for pair in street_pairs(street, ordered=True)] == [2, 0, 1]


def test_pairs_keep_what_they_have_where_nothing_is_given(street):
    pairs = label_pairs(street_pairs(street, ordered=True), None)
    assert pairs == street_pairs(street, ordered=True)


def test_mot_text_is_refused_for_single_pairs(street, tmp_path):
    labels = written(tmp_path, "8,5,1,1,2,2\n", "gt.txt")
    with pytest.raises(LabelError, match=r"gt.txt: MOTChallenge text labels the frames .* these are single pictures"):
        label_pairs(street_pairs(street), labels)


def test_labels_of_other_pairs_are_refused(street, tmp_path):
    written(tmp_path, "0 0.5 0.25 0.25 0.1\n", "7.txt")
    with pytest.raises(LabelError, match="has labels of none of the 3 pictures, such as 10"):
        street_pairs(street, tmp_path)


def test_shares_are_of_pictures_of_more_than_8_bit_too(tmp_path):
    """Black and white are declared before labels ask for the size: without, nobody would stand in any picture."""
    for band in ("infrared", "visible"):
        (tmp_path / band).mkdir()
        Image.fromarray(np.full((100, 200), 4000, dtype=np.uint16)).save(tmp_path / band / "a.png")
    (tmp_path / "yolo").mkdir()
    written(tmp_path / "yolo", "0 0.5 0.25 0.25 0.1\n", "a.txt")
    (pair,) = street_pairs(tmp_path, tmp_path / "yolo", value_range=(0.0, 8000.0))
    np.testing.assert_allclose(pair.boxes.xyxy, [[75, 20, 125, 30]], atol=1e-12)
    assert int(pair.read().infrared[0, 0, 0]) == 128  # 127.5, rounded up


@pytest.mark.parametrize(
    ("names", "from_one", "frames"),
    [
        (["a2", "a10", "a3"], False, [0, 8, 1]),
        (["cam1_8", "cam1_9"], False, [0, 1]),
        (["3", "4"], True, [2, 3]),
        (["0", "4"], True, [0, 4]),
        ([], True, []),
        (["video-7cJx-frame-000007-zCb3", "video-7cJx-frame-000005-kF19"], False, [2, 0]),
        (["1561980001000000000", "1561980001066733462", "1561980001033366731"], False, [0, 2, 1]),
        (["1561980001.9", "1561980002.1", "1561980001.95"], True, [0, 2, 1]),
        (["20260101_235959_0010", "20260102_000001_0012", "20260102_000000_0011"], False, [0, 2, 1]),
        (["set00_V000_I00123", "set00_V000_I00125"], False, [0, 2]),
        (["IMG-7-ab12", "IMG-9-cd"], False, [0, 2]),
    ],
)
def test_frames_are_counted_by_the_number_that_all_names_have(names, from_one, frames):
    assert frame_numbers(names, from_one) == frames


@pytest.mark.parametrize(("names", "told"), [(["a1", "door"], "door: no number"), (["a1", "b1"], "have the number 1")])
def test_pictures_that_are_no_sequence(names, told):
    with pytest.raises(PairError, match=told):
        frame_numbers(names)
