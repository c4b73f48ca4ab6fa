"""Detections kept in files: looked at once, again only what has changed, nothing lost by a failure."""

import numpy as np
import pytest

from ivif.datasets.boxes import Boxes, BoxesError
from ivif.datasets.images import write_png
from ivif.downstream import DownstreamError, detect
from ivif.downstream.findings import complete_sequence, find_in_images, read_detections, write_detections
from ivif.downstream.labelled_images import as_sequence, images_of_folder


def frames_of(walk):
    return as_sequence(images_of_folder(walk / "images"), "walk")


def test_detections_text_by_hand(tmp_path):
    frames = {
        2: Boxes(np.array([[1, 2, 4, 6.5]]), scores=np.array([0.5])),
        0: Boxes(np.array([[0, 0, 10.126, 5], [7, 8, 9, 10]]), scores=np.array([0.9876543, 0.1])),
        1: Boxes(np.empty((0, 4))),
    }
    text = write_detections(frames)
    assert text == (
        "1,-1,0.00,0.00,10.13,5.00,0.987654,-1,-1,-1\n"
        "1,-1,7.00,8.00,2.00,2.00,0.100000,-1,-1,-1\n"
        "3,-1,1.00,2.00,3.00,4.50,0.500000,-1,-1,-1\n"
    )
    (tmp_path / "det.txt").write_text(text)
    again = read_detections(tmp_path / "det.txt")
    assert sorted(again) == [0, 2]
    assert again[0].xyxy.tolist() == [[0, 0, 10.13, 5], [7, 8, 9, 10]]
    assert again[0].scores.tolist() == [0.987654, 0.1]
    assert again[2].labels == ("person",)


def test_empty_detections(tmp_path):
    (tmp_path / "det.txt").write_text("# nothing\n\n")
    assert read_detections(tmp_path / "det.txt") == {}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,-1,0,0,5", "expected frame, id"),
        ("0,-1,0,0,5,5,1", "frames count from 1"),
        ("1.5,-1,0,0,5,5,1", "frames count from 1"),
        ("1,-1,0,0,-5,5,1", "sizes are not negative"),
        ("1000000000,-1,0,0,5,5,1", "frames up to 1,000,000"),
        ("1,-1,0,0,nan,5,1", "expected frame, id"),
        ("1 -1 0 0 5 5 1", "found '1 -1 0 0 5 5 1'"),
    ],
)
def test_malformed_detections_are_named_by_line(tmp_path, row, message):
    (tmp_path / "det.txt").write_text(f"1,-1,0,0,5,5,1\n{row}\n")
    with pytest.raises(BoxesError, match=rf"det.txt, line 2: .*{message}"):
        read_detections(tmp_path / "det.txt")


def test_unreadable_detections(tmp_path):
    with pytest.raises(BoxesError, match=r"gone.txt: cannot be read"):
        read_detections(tmp_path / "gone.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x81")
    with pytest.raises(BoxesError, match=r"binary.txt: cannot be read"):
        read_detections(tmp_path / "binary.txt")


def test_what_is_found_stands_in_the_file(walk, spots):
    found = find_in_images(spots, frames_of(walk), walk / "det.txt", batch=4)
    assert (spots.seen, found.reused, found.failures) == (6, 0, {})
    assert found.sizes["000001"] == (96, 64)
    assert found.boxes["000003"].xyxy.tolist() == [[10, 6, 22, 18], [64, 40, 76, 52]]
    text = (walk / "det.txt").read_text().splitlines()
    assert text[0] == "# detector spots-1 spots"
    assert text[1].startswith("# picture 1 ")
    assert text[1].endswith(" 96x64 000001")
    assert text[7] == "1,-1,4.00,6.00,12.00,12.00,0.900000,-1,-1,-1"
    assert read_detections(walk / "det.txt").keys() == set(range(6))


def test_nothing_is_looked_at_twice(walk, spots):
    first = find_in_images(spots, frames_of(walk), walk / "det.txt")
    again = find_in_images(spots, frames_of(walk), walk / "det.txt")
    assert (spots.seen, again.reused) == (6, 6)
    assert again.sizes == first.sizes
    for name, boxes in first.boxes.items():
        np.testing.assert_array_equal(again.boxes[name].xyxy, boxes.xyxy)
        np.testing.assert_array_equal(again.boxes[name].scores, boxes.scores)


def test_a_fingerprint_may_have_several_words(walk, spots):
    for words, reused in (("spots 1 2", 0), ("spots 1 2", 6), ("spots 1", 0)):
        spots.fingerprint = lambda words=words: words
        assert find_in_images(spots, frames_of(walk), walk / "det.txt").reused == reused


def test_a_changed_picture_and_an_added_one_are_looked_at(walk, spots, draw):
    find_in_images(spots, frames_of(walk), walk / "det.txt")
    write_png(walk / "images" / "000002.png", draw((40, 20)))
    write_png(walk / "images" / "000007.png", draw())
    found = find_in_images(spots, frames_of(walk), walk / "det.txt")
    assert (spots.seen, found.reused) == (8, 5)
    assert found.boxes["000002"].xyxy.tolist() == [[40, 20, 52, 32]]
    assert len(found.boxes["000007"]) == 0
    assert find_in_images(spots, frames_of(walk), walk / "det.txt").reused == 7


def test_pictures_that_are_not_asked_for_stay(walk, spots, draw):
    every = frames_of(walk)
    find_in_images(spots, every, walk / "det.txt")
    write_png(walk / "images" / "000002.png", draw((40, 20)))
    assert find_in_images(spots, every[:2], walk / "det.txt").reused == 1
    again = find_in_images(spots, frames_of(walk), walk / "det.txt")
    assert (spots.seen, again.reused) == (7, 6)
    assert again.boxes["000006"].xyxy.tolist() == [[19, 6, 31, 18], [55, 40, 67, 52]]


def test_single_pictures_keep_what_was_found_in_another_order(walk, spots, draw):
    find_in_images(spots, images_of_folder(walk / "images"), walk / "det.txt")
    write_png(walk / "images" / "000000.png", draw())
    found = find_in_images(spots, images_of_folder(walk / "images"), walk / "det.txt")
    assert (spots.seen, found.reused) == (7, 6)
    assert len(found.boxes["000000"]) == 0 and len(found.boxes["000001"]) == 2
    assert find_in_images(spots, images_of_folder(walk / "images"), walk / "det.txt").reused == 7


def test_a_damaged_file_says_what_to_do(walk, spots):
    find_in_images(spots, frames_of(walk), walk / "det.txt")
    with (walk / "det.txt").open("a") as file:
        file.write("1,-1,4.0")
    with pytest.raises(BoxesError, match=r"det.txt, line \d+: expected .*; delete the file"):
        find_in_images(spots, frames_of(walk), walk / "det.txt")


def test_another_detector_looks_again(walk, spots):
    find_in_images(spots, frames_of(walk), walk / "det.txt")
    spots.fingerprint = lambda: "spots-2"
    assert find_in_images(spots, frames_of(walk), walk / "det.txt").reused == 0
    assert spots.seen == 12


def test_a_broken_picture_is_a_failure_and_the_others_are_kept(walk, spots, draw):
    (walk / "images" / "000004.png").write_bytes(b"no picture")
    found = find_in_images(spots, frames_of(walk), walk / "det.txt")
    assert list(found.failures) == ["000004"]
    assert "not an image" in found.failures["000004"]
    assert len(found.boxes) == 5
    with pytest.raises(DownstreamError, match=r"1 of 6 frames are missing, such as 000004: .*not an image"):
        complete_sequence(found, frames_of(walk))
    write_png(walk / "images" / "000004.png", draw((1, 1)))
    mended = find_in_images(spots, frames_of(walk), walk / "det.txt")
    assert (mended.reused, mended.failures) == (5, {})
    assert sorted(complete_sequence(mended, frames_of(walk))) == list(range(6))


def test_an_interruption_keeps_what_was_found(walk, spots):
    def stop(count):
        if spots.seen == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_in_images(spots, frames_of(walk), walk / "det.txt", batch=2, progress=stop)
    assert find_in_images(spots, frames_of(walk), walk / "det.txt").reused == 4


def test_detect_cuts_boxes_to_the_picture(draw):
    class Sloppy:
        name = "sloppy"

        def detect(self, images):
            return [Boxes(np.array([[-5.0, -5, 10, 10], [90, 60, 200, 200], [97, 0, 99, 5]])) for _ in images]

    found = detect(Sloppy(), [draw(), draw(), draw()], batch=2)
    assert len(found) == 3
    assert found[2].xyxy.tolist() == [[0, 0, 10, 10], [90, 60, 96, 64]]


def test_a_detector_that_loses_pictures_is_caught(draw):
    class Forgetful:
        name = "forgetful"

        def detect(self, images):
            return []

    with pytest.raises(DownstreamError, match="forgetful gave 0 results for 1 pictures"):
        detect(Forgetful(), [draw()])


@pytest.mark.parametrize(
    "rows", ["1,-1,0,0,5,5,-1,-1,-1,-1\n2,-1,0,0,5,5,-1,-1,-1,-1\n", "1,-1,0,0,5,5\n2,-1,0,0,5,5\n"]
)
def test_detections_without_scores_all_count(tmp_path, rows):
    (tmp_path / "det.txt").write_text(rows)
    found = read_detections(tmp_path / "det.txt")
    assert [boxes.scores.tolist() for boxes in found.values()] == [[1.0], [1.0]]


def test_a_score_of_minus_one_among_others_stays(tmp_path):
    (tmp_path / "det.txt").write_text("1,-1,0,0,5,5,-1,-1,-1,-1\n2,-1,0,0,5,5,0.5,-1,-1,-1\n")
    assert [boxes.scores.tolist() for boxes in read_detections(tmp_path / "det.txt").values()] == [[-1.0], [0.5]]
