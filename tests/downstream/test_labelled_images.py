"""Images of folders and videos: every format of labels finds its image, wrong ones are refused by name."""

import json
import shutil

import numpy as np
import pytest

from ivif.datasets.boxes import Boxes, BoxesError
from ivif.datasets.labels import LabelError, check_labels
from ivif.datasets.mot_files import read_sequence_labels
from ivif.datasets.pairs import PairError
from ivif.downstream import DownstreamError
from ivif.downstream.labelled_images import as_sequence, images_of_folder, images_of_video, label_images


def frames_of(walk):
    return as_sequence(images_of_folder(walk / "images"), "walk")


FIRST = [[4, 6, 16, 18], [70, 40, 82, 52]]


def test_yolo_voc_coco_and_mot_say_the_same(walk):
    images = frames_of(walk)
    (walk / "voc").mkdir()
    (walk / "voc" / "000001.xml").write_text(
        "<annotation><object><name>person</name><bndbox><xmin>4</xmin><ymin>6</ymin><xmax>16</xmax><ymax>18</ymax>"
        "</bndbox></object><object><name>person</name><bndbox><xmin>70</xmin><ymin>40</ymin><xmax>82</xmax>"
        "<ymax>52</ymax></bndbox></object></annotation>"
    )
    rows = [{"image_id": 1, "category_id": 1, "bbox": row} for row in ([4, 6, 12, 12], [70, 40, 12, 12])]
    (walk / "coco.json").write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "000001.png"}],
                "categories": [{"id": 1, "name": "person"}],
                "annotations": rows,
            }
        )
    )
    for labels in ("yolo", "voc", "coco.json", "gt/gt.txt"):
        labelled = label_images(images, walk / labels)
        np.testing.assert_allclose(labelled[0].boxes.xyxy, FIRST, atol=1e-4)
        assert labelled[0].frame == 0
    assert [image.boxes is None for image in label_images(images, walk / "voc")] == [False] + [True] * 5


def test_an_empty_label_file_is_a_picture_without_people(walk):
    (walk / "yolo" / "000002.txt").write_text("")
    labelled = label_images(frames_of(walk), walk / "yolo")
    assert [len(image.boxes) for image in labelled] == [2, 0, 2, 2, 2, 2]


def test_a_missing_label_file_is_an_unlabelled_picture(walk):
    (walk / "yolo" / "000002.txt").unlink()
    assert label_images(frames_of(walk), walk / "yolo")[1].boxes is None


def test_tracks_reach_as_far_as_they_say(walk):
    """Rows of frames 1 to 3, then without and with an announced length of 5."""
    text = (walk / "gt" / "gt.txt").read_text().splitlines(keepends=True)
    (walk / "gt" / "gt.txt").write_text("".join(text[:6]))
    reach = [image.boxes is not None for image in label_images(frames_of(walk), walk / "gt" / "gt.txt")]
    assert reach == [True] * 3 + [False] * 3
    (walk / "gt" / "seqinfo.ini").write_text("[Sequence]\nseqLength=5\n")
    labelled = label_images(frames_of(walk), walk / "gt" / "gt.txt")
    assert [None if image.boxes is None else len(image.boxes) for image in labelled] == [2, 2, 2, 0, 0, None]
    (walk / "gt" / "seqinfo.ini").write_text("[Sequence]\nseqLength=many\n")
    with pytest.raises(BoxesError, match=r"seqinfo.ini: not a MOTChallenge"):
        label_images(frames_of(walk), walk / "gt" / "gt.txt")


def test_a_class_without_a_name_is_refused(walk):
    (walk / "yolo" / "000003.txt").write_text("0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n")
    with pytest.raises(BoxesError, match=r"000003.txt: class 7, but names are known of 1 only .*--names person car"):
        label_images(frames_of(walk), walk / "yolo")
    (walk / "yolo" / "000003.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    assert label_images(frames_of(walk), walk / "yolo", ("person", "car"))[2].boxes.labels == ("car",)


def test_labels_of_other_pictures(walk):
    with pytest.raises(LabelError, match="has labels of none of the 6 pictures, such as 000001"):
        label_images(frames_of(walk), walk / "images")
    with pytest.raises(LabelError, match=r"labels.csv: expected labels: a folder"):
        label_images(frames_of(walk), walk / "labels.csv")
    with pytest.raises(LabelError, match="these are single pictures"):
        label_images(images_of_folder(walk / "images"), walk / "gt" / "gt.txt")


@pytest.mark.parametrize("row", [(96, 0, 120, 20), (0, 64, 9, 70), (-20, 5, 0, 9), (5, -9, 9, 0), (500, 300, 550, 400)])
def test_labels_outside_the_picture(row):
    boxes = Boxes(np.array([(0, 0, 5, 5), row]))
    with pytest.raises(LabelError, match="1 of 2 labels lie outside the 96x64 picture"):
        check_labels(boxes, (96, 64))


def test_labels_that_reach_over_the_border_are_fine():
    check_labels(Boxes(np.array([(-5, -5, 3, 3), (90, 60, 120, 90)])), (96, 64))
    check_labels(Boxes(np.empty((0, 4))), (96, 64))


def test_frames_are_ordered_by_number(walk):
    for number in range(1, 7):
        (walk / "images" / f"{number:06d}.png").rename(walk / "images" / f"cam1_{number + 7}.png")
    images = frames_of(walk)
    assert [image.name for image in images] == [f"cam1_{n}" for n in (8, 9, 10, 11, 12, 13)]
    assert [image.frame for image in images] == list(range(6))


def test_a_missing_first_frame_shifts_no_label(walk):
    """MOTChallenge text counts frames from 1; pictures from 0 on are a sequence of their own."""
    (walk / "images" / "000001.png").unlink()
    later = as_sequence(images_of_folder(walk / "images"), "walk", from_one=True)
    assert [image.frame for image in later] == [1, 2, 3, 4, 5]
    labels = walk / "gt" / "gt.txt"
    whole = read_sequence_labels(labels)
    for image in label_images(later, labels):
        np.testing.assert_array_equal(image.boxes.xyxy, whole[image.frame].xyxy)
    (walk / "images" / "000006.png").rename(walk / "images" / "000000.png")
    assert [p.frame for p in as_sequence(images_of_folder(walk / "images"), "walk", from_one=True)] == [0, 2, 3, 4, 5]


def test_rows_that_are_all_of_other_frames_are_refused(walk):
    """Pictures numbered as in a longer film with labels from 1 on, and the other way round; one in common is enough."""
    labels = walk / "gt" / "gt.txt"
    text = labels.read_text()
    labels.write_text("".join(f"45{row}" for row in text.splitlines(keepends=True)))
    told = "gt.txt: has rows of frames 451 to 456, of none of the 6 pictures; 000001 is frame 1, 000006 is frame 6;"
    with pytest.raises(LabelError, match=told):
        label_images(frames_of(walk), labels)
    for number in range(1, 7):
        (walk / "images" / f"{number:06d}.png").rename(walk / "images" / f"{number + 450:06d}.png")
    film = as_sequence(images_of_folder(walk / "images"), "walk", from_one=True)
    assert label_images(film, labels)[0].boxes.xyxy.tolist() == FIRST
    labels.write_text(text)
    told = "gt.txt: has rows of frames 1 to 6, of none of the 6 pictures; 000451 is frame 451, 000456 is frame 456;"
    for announced in ("", "[Sequence]\nseqLength=500\n"):
        (walk / "gt" / "seqinfo.ini").write_text(announced)
        with pytest.raises(LabelError, match=told):
            label_images(film, labels)
    (walk / "images" / "000451.png").rename(walk / "images" / "000006.png")
    overlapping = as_sequence(images_of_folder(walk / "images"), "walk", from_one=True)
    assert [len(image.boxes) for image in label_images(overlapping, labels)] == [2, 0, 0, 0, 0, 0]


def test_an_empty_track_file_is_a_sequence_without_people(walk):
    (walk / "gt" / "gt.txt").write_text("")
    assert [len(image.boxes) for image in label_images(frames_of(walk), walk / "gt" / "gt.txt")] == [0] * 6


def test_folders_that_are_no_sequence(walk):
    shutil.copy(walk / "images" / "000001.png", walk / "images" / "b1.png")
    with pytest.raises(PairError, match="two pictures have the number 1"):
        frames_of(walk)
    (walk / "images" / "b1.png").rename(walk / "images" / "door.png")
    with pytest.raises(PairError, match="door: no number in the name"):
        frames_of(walk)
    (walk / "images" / "door.png").rename(walk / "images" / "000001.jpg")
    with pytest.raises(DownstreamError, match="two images are called 000001"):
        frames_of(walk)


def test_folders_without_pictures(tmp_path):
    with pytest.raises(DownstreamError, match="holds no image"):
        images_of_folder(tmp_path)
    with pytest.raises(DownstreamError, match="neither a folder nor a video"):
        images_of_folder(tmp_path / "gone")
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(ValueError, match=r"film.mp4: not a video"):
        images_of_video(tmp_path / "film.mp4")
