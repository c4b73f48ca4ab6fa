"""The way from images to scores: what is kept where, who finds it again, what is lost without the rest."""

import numpy as np
import pytest

from ivif.datasets.boxes import Boxes
from ivif.datasets.images import read_image, write_png
from ivif.datasets.mot_files import read_sequence_labels
from ivif.datasets.pairs import ImageFile, Pair
from ivif.downstream import DownstreamError
from ivif.downstream.evaluation import evaluate, evaluate_again
from ivif.downstream.labelled_images import LabelledImage, images_of_camera, images_of_results
from ivif.downstream.series import Series
from ivif.fusion.results import FolderResults, MethodResults, StoredResults, parse

SORT = {"min_hits": 1}


@pytest.fixture
def images(walk):
    """Two single images, and the six frames of the sequence ``walk`` with who is who in each."""
    truth = read_sequence_labels(walk / "gt" / "gt.txt")
    files = [ImageFile(walk / "images" / f"{number:06d}.png") for number in range(1, 7)]
    single = [LabelledImage(f"single-{frame}", files[frame], truth[frame]) for frame in (4, 1)]
    frames = [LabelledImage(f"frame-{frame}", files[frame], truth[frame], "walk", frame) for frame in range(6)]
    return [frames[5], *single, *frames[:5]]


def series(images):
    return Series("data/v1", "package.module:Class", images)


def test_every_part_has_its_files(walk, images, spots):
    done = evaluate(series(images), spots, SORT, walk / "out")
    place = "data-v1/package.module-Class"
    kept = sorted(str(path.relative_to(walk / "out")) for path in (walk / "out").rglob("*.txt"))
    assert kept == [f"detections/{place}/pictures.txt", f"detections/{place}/walk.txt", f"tracks/{place}/walk.txt"]
    assert list(done.truths) == [image.name for image in images]
    assert (done.detection().ap50, done.tracking["walk"].mota, done.lost, done.found.failures) == (1, 1, {}, {})
    assert list(done.tracks["walk"]) == list(range(6))


def test_what_was_found_is_scored_again_without_the_images(walk, images, spots):
    """Neither detector nor pictures are needed, and nothing is written; what was never looked at is a failure."""
    first = evaluate(series(images), spots, SORT, walk / "out")
    for path in (*walk.glob("images/*"), *walk.glob("out/tracks/**/*.txt")):
        path.unlink()
    again = evaluate_again(series(images), SORT, walk / "out", "person")
    assert again.detection().as_row() == pytest.approx(first.detection().as_row(), nan_ok=True)
    assert again.tracking["walk"].as_row() == first.tracking["walk"].as_row()
    assert not list((walk / "out" / "tracks").rglob("*.txt")) and spots.seen == 8
    other = LabelledImage("other", images[1].source, images[1].boxes)
    again = evaluate_again(series([*images, other]), SORT, walk / "out", "person")
    assert "has no detections of it" in again.found.failures["other"] and len(again.truths) == 8


def test_nobody_is_followed_without_a_tracker(walk, images, spots):
    done = evaluate(series(images), spots, None, walk / "out")
    assert (done.tracks, done.tracking, done.detection().objects) == ({}, {}, 16)
    assert not (walk / "out" / "tracks").exists()


def test_images_without_labels_are_followed_and_not_scored(walk, images, spots):
    unlabelled = [LabelledImage(one.name, one.source, None, one.sequence, one.frame) for one in images]
    done = evaluate(series(unlabelled), spots, SORT, walk / "out")
    assert (done.detection(), done.tracking, len(done.tracks["walk"])) == (None, {}, 6)


def test_only_sequences_that_are_named_are_scored(walk, images, spots):
    done = evaluate(series(images), spots, SORT, walk / "out", scored=())
    assert (list(done.tracks), done.tracking, done.lost) == (["walk"], {}, {})


def test_a_second_command_looks_at_nothing(walk, images, spots):
    first = evaluate(series(images), spots, None, walk / "out")
    again = evaluate(series(images[:4]), spots, SORT, walk / "out", batch=1)
    assert (first.found.reused, again.found.reused, spots.seen) == (0, 4, 8)


def test_a_sequence_with_a_hole_keeps_no_tracks_of_before(walk, images, spots):
    evaluate(series(images), spots, SORT, walk / "out")
    (walk / "images" / "000003.png").write_bytes(b"")
    done = evaluate(series(images), spots, SORT, walk / "out")
    assert "1 of 6 frames are missing, such as frame-2" in done.lost["walk"] and done.tracks == {}
    assert list(done.found.failures) == ["frame-2"] and len(done.truths) == 7
    assert not list((walk / "out" / "tracks").rglob("*.txt"))


def test_labels_outside_an_image_are_its_failure(walk, images, spots):
    images[1] = LabelledImage("single-4", images[1].source, Boxes(np.array([[500, 0, 510, 10]])))
    done = evaluate(series(images), spots, SORT, walk / "out")
    assert "lie outside the 96x64 picture" in done.found.failures["single-4"]
    assert "single-4" not in done.truths and done.tracking["walk"].mota == 1


def test_a_detector_that_fails_is_no_failure_of_an_image(walk, images, spots):
    spots.detect = lambda images: []
    with pytest.raises(DownstreamError, match="gave 0 results"):
        evaluate(series(images), spots, SORT, walk / "out")


@pytest.fixture
def pair(walk):
    """A pair whose infrared shows two people; its maximum lies in ``fused``, as a run keeps it."""
    write_png(walk / "dark.png", read_image(walk / "images" / "000001.png") // 2)
    pair = Pair("one", ImageFile(walk / "images" / "000001.png"), ImageFile(walk / "dark.png"))
    write_png(walk / "fused" / "one.png", parse("maximum").image(pair))
    return pair


def test_what_fuses_now_and_what_a_run_keeps_are_one(walk, pair, spots):
    """The mark of an image is of its sources and the method, however it comes to be."""
    method = MethodResults("maximum", "maximum").pinned()
    kept = StoredResults(method, str(walk / "fused" / "{pair}.png"))
    reused = [
        evaluate(Series("data", "maximum", images_of_results([pair], results)), spots, None, walk / "out").found.reused
        for results in (method, kept, method)
    ]
    assert (reused, spots.seen) == ([0, 1, 1], 1)


@pytest.mark.parametrize(
    ("changed", "looked"), [((), 0), (("fused/one.png",), 1), (("dark.png",), 2), (("images/000001.png",), 1)]
)
def test_a_camera_is_known_by_its_file_and_a_folder_by_its_sources_too(walk, pair, spots, changed, looked):
    mine = Series("data", "mine", images_of_results([pair], FolderResults("mine", str(walk / "fused"))))
    visible = Series("data", "visible", images_of_camera([pair], "visible"))
    for one in (mine, visible):
        evaluate(one, spots, None, walk / "out")
    for name in changed:
        write_png(walk / name, read_image(walk / name) // 3)
    for one in (mine, visible):
        evaluate(one, spots, None, walk / "out")
    assert spots.seen == 2 + looked


def test_an_image_without_its_sources_is_never_taken_for_another(walk, pair, spots):
    """Results of a pair whose visible file is gone: they are looked at each time, and kept for nobody."""
    write_png(walk / "fused" / "two.png", read_image(walk / "dark.png"))
    gone = ImageFile(walk / "gone.png")
    pairs = [Pair(name, pair.infrared, gone) for name in ("one", "two")]
    images = images_of_results(pairs, FolderResults("mine", str(walk / "fused")))
    for _ in range(2):
        found = evaluate(Series("data", "mine", images), spots, None, walk / "out").found
        assert (found.reused, len(found.boxes["one"]), len(found.boxes["two"])) == (0, 2, 0)
