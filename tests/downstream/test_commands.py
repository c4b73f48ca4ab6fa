"""The command line on folders of small pictures, with a detector that needs no library."""

import csv
import hashlib
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from ivif.datasets.files import write_atomic
from ivif.datasets.images import read_image, write_png
from ivif.datasets.mot_files import read_sequence_labels
from ivif.downstream import labelled_images
from ivif.downstream.cli import main
from ivif.downstream.detector import DetectorSettings
from ivif.downstream.drawing import write_video
from ivif.downstream.training import Budget, write_certificate


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_detect_scores_a_folder(walk, run, capsys):
    assert run("detect", "--images", walk / "images", "--labels", walk / "yolo", "--save-images") == 0
    (row,) = table(walk / "out" / "detection.csv")
    assert (row["method"], row["images"], row["objects"]) == ("images", "6", "12")
    assert float(row["AP50"]) == float(row["precision"]) == float(row["recall"]) == 1
    assert "12 detections with a score of 0.25 or more in 6 pictures" in capsys.readouterr().out
    shown = read_image(walk / "out" / "annotated" / "images" / "images" / "000001.png")
    assert (shown[:, 12, 4] != read_image(walk / "images" / "000001.png")[:, 12, 4]).any()


def test_detect_works_without_labels(walk, run, capsys):
    assert run("detect", "--images", walk / "images") == 0
    assert "12 detections" in capsys.readouterr().out
    assert not (walk / "out" / "detection.csv").exists()


def test_track_scores_a_folder(walk, run, capsys):
    """With two detections making a track, both people are missed in frame 0: MOTA = 1 - 2 / 12, IDF1 = 20 / 22."""
    arguments = ("track", "--images", walk / "images", "--labels", walk / "gt" / "gt.txt", "--min-hits", 2)
    assert run(*arguments, "--save-video") == 0
    (row,) = table(walk / "out" / "tracking.csv")
    assert (row["sequence"], row["frames"], row["GT"]) == ("images", "6", "12")
    assert float(row["MOTA"]) == pytest.approx(1 - 2 / 12)
    assert float(row["IDF1"]) == pytest.approx(20 / 22)
    assert (row["FN"], row["FP"], row["IDs"], row["MT"]) == ("2", "0", "0", "2")
    rows = np.loadtxt(walk / "out" / "tracks" / "images" / "images" / "images.txt", delimiter=",")
    assert len(rows) == 10
    assert rows[0, :2].tolist() == [2, 1]
    assert "2 tracks in 6 frames" in capsys.readouterr().out
    assert (walk / "out" / "videos" / "images" / "images" / "images.mp4").is_file()


def test_tracks_of_given_detections(walk, run):
    run("detect", "--images", walk / "images")
    (detections,) = (walk / "out" / "detections").rglob("*.txt")
    labels = walk / "gt" / "gt.txt"
    assert run("track", "--detections", detections, "--labels", labels, "--min-hits", 1) == 0
    (row,) = table(walk / "out" / "tracking.csv")
    assert float(row["MOTA"]) == float(row["IDF1"]) == 1


def test_detections_are_used_again(walk, run):
    from ivif.downstream import commands

    run("detect", "--images", walk / "images")
    seen = commands._detector("yolov8n.pt", DetectorSettings(), "auto").seen
    run("detect", "--images", walk / "images", "--labels", walk / "yolo")
    assert commands._detector("yolov8n.pt", DetectorSettings(), "auto").seen == seen == 6


@pytest.fixture
def pairs(walk, draw):
    """Infrared shows both people, visible shows nobody: on a weighted mean they are too faint for the detector."""
    for frame in range(1, 7):
        image = read_image(walk / "images" / f"{frame:06d}.png")
        write_png(walk / "infrared" / f"{frame:06d}.png", image)
        write_png(walk / "visible" / f"{frame:06d}.png", draw())
        write_png(walk / "mine" / f"{frame:06d}.png", image)
    return ("--infrared", walk / "infrared", "--visible", walk / "visible")


def test_cameras_methods_and_results_stand_side_by_side(walk, run, pairs):
    fused = f"mine={walk / 'mine'}"
    methods = ("--method", "infrared", "--method", "visible", "--method", "average", "--fused", fused)
    assert run("detect", *pairs, "--labels", walk / "yolo", *methods) == 0
    rows = {row["method"]: float(row["recall"]) for row in table(walk / "out" / "detection.csv")}
    assert rows == {"infrared": 1, "visible": 0, "average": 0, "mine": 1}
    assert run("track", *pairs, "--labels", walk / "gt" / "gt.txt", "--min-hits", 1) == 0
    rows = {row["method"]: float(row["MOTA"]) for row in table(walk / "out" / "tracking.csv")}
    assert rows == {"infrared": 1, "visible": 0, "average": 0}


def test_methods_are_named_in_one_list_and_results_made_elsewhere_among_them(walk, run, pairs):
    methods = f"infrared,visible,mine={walk / 'mine'}"
    assert run("detect", *pairs, "--labels", walk / "yolo", "--method", methods, "--method", "infrared") == 0
    rows = {row["method"]: float(row["recall"]) for row in table(walk / "out" / "detection.csv")}
    assert rows == {"infrared": 1, "visible": 0, "mine": 1}


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        (("--fused", "visible={walk}/mine"), "a method is called visible, as one camera alone is in tables"),
        (("--method", "average", "--fused", "average={walk}/mine"), "two methods are called average"),
        (("--method", "no_such"), "no_such"),
        (("--method", "mine={walk}/gone"), "no folder"),
    ],
)
def test_names_that_tell_nothing_apart_are_refused(walk, run, pairs, capsys, methods, told):
    assert run("detect", *pairs, *(word.format(walk=walk) for word in methods)) == 2
    assert told in capsys.readouterr().err


def test_files_of_more_than_8_bit_take_a_range(walk, run, capsys):
    for band in ("infrared", "visible"):
        (walk / "deep" / band).mkdir(parents=True)
        for path in (walk / "images").iterdir():
            levels = read_image(path)[0].numpy().astype(np.uint16) * 100
            Image.fromarray(levels).save(walk / "deep" / band / path.name)
    pairs = ("--infrared", walk / "deep" / "infrared", "--visible", walk / "deep" / "visible", "--method", "average")
    for what in (pairs, ("--images", walk / "deep" / "infrared")):
        assert run("detect", *what, "--labels", walk / "yolo", "--value-range", "0:25500") == 0
        (row,) = table(walk / "out" / "detection.csv")
        assert (row["objects"], float(row["recall"])) == ("12", 1)


def test_a_missing_result_is_told_and_the_rest_is_scored(walk, run, pairs, capsys):
    (walk / "mine" / "000003.png").unlink()
    fused = f"mine={walk / 'mine'}"
    assert run("detect", *pairs, "--labels", walk / "yolo", "--fused", fused) == 1
    assert "failed: mine, 000003: mine: no fused image 000003" in capsys.readouterr().err
    assert table(walk / "out" / "detection.csv")[0]["images"] == "5"
    assert run("track", *pairs, "--labels", walk / "gt" / "gt.txt", "--method", "infrared", "--fused", fused) == 1
    assert f"failed: mine, {walk.name}: 1 of 6 frames are missing, such as 000003" in capsys.readouterr().err
    assert [row["method"] for row in table(walk / "out" / "tracking.csv")] == ["infrared"]


def test_a_result_of_another_size_is_told(walk, run, pairs, capsys):
    image = read_image(walk / "mine" / "000003.png")
    write_png(walk / "mine" / "000003.png", image.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert run("detect", *pairs, "--labels", walk / "yolo", "--fused", f"mine={walk / 'mine'}") == 1
    assert "failed: mine, 000003: sizes differ: 192x128 and 96x64 (fused, sources)" in capsys.readouterr().err
    assert table(walk / "out" / "detection.csv")[0]["images"] == "5"


def test_a_gap_in_a_sequence_is_told(walk, run, capsys):
    (walk / "images" / "000003.png").unlink()
    assert run("track", "--images", walk / "images") == 1
    assert "failed: images, images: 1 frames are missing between 0 and 5: 2 " in capsys.readouterr().err


def test_labels_outside_a_picture_are_told(walk, run, capsys):
    (walk / "yolo" / "000002.txt").write_text("0 50 20 12 12\n")
    assert run("detect", "--images", walk / "images", "--labels", walk / "yolo") == 1
    assert "failed: images, 000002: 1 of 1 labels lie outside the 96x64 picture" in capsys.readouterr().err
    assert table(walk / "out" / "detection.csv")[0]["images"] == "5"


def test_a_broken_picture_is_told_and_the_rest_is_scored(walk, run, capsys):
    (walk / "images" / "000002.png").write_bytes(b"")
    assert run("detect", "--images", walk / "images", "--labels", walk / "yolo") == 1
    assert "failed: images, 000002" in (message := capsys.readouterr().err)
    assert "the file is empty" in message
    assert table(walk / "out" / "detection.csv")[0]["images"] == "5"


def test_labels_outside_a_frame_fail_the_sequence(walk, run, capsys):
    with (walk / "gt" / "gt.txt").open("a") as file:
        file.write("4,8,500,500,10,10,1,1,1\n")
    assert run("track", "--images", walk / "images", "--labels", walk / "gt" / "gt.txt") == 1
    assert "such as 000004: 1 of 3 labels lie outside the 96x64 picture" in capsys.readouterr().err


def test_unlabelled_pictures_are_left_out_and_told(walk, run, capsys):
    (walk / "yolo" / "000006.txt").unlink()
    arguments = ("detect", "--images", walk / "images", "--labels", walk / "yolo")
    assert run(*arguments) == 0
    assert "left out: 1 of 6 pictures have no labels" in capsys.readouterr().err
    assert run(*arguments, "--unlabelled") == 0
    assert "in 6 pictures" in capsys.readouterr().out
    shutil.copytree(walk / "images", walk / "other")
    pairs = ("--infrared", walk / "other", "--visible", walk / "images", "--labels", walk / "yolo")
    assert run("detect", *pairs, "--method", "infrared", "--method", "visible") == 0
    assert capsys.readouterr().err.count("left out: 1 of 6 pictures have no labels") == 1
    assert run(*arguments, "--limit", "2") == 0
    assert table(walk / "out" / "detection.csv")[0]["images"] == "2"


def test_several_sequences_have_a_total(walk, run, monkeypatch):
    from ivif.datasets.pairs import ImageFile, Pair, PairDataset
    from ivif.downstream import inputs

    truth = read_sequence_labels(walk / "gt" / "gt.txt")
    frames = tuple(
        Pair(f"{clip}-{n}", image := ImageFile(walk / "images" / f"{n + 1:06d}.png"), image, truth[n], (), clip, n)
        for clip in ("a", "b")
        for n in range(6)
    )
    monkeypatch.setattr(inputs.datasets, "load", lambda name, root: PairDataset(name, frames))
    arguments = ("track", "--dataset", "m3svd", "--method", "infrared", "--min-hits", "1")
    assert run(*arguments) == 0
    rows = {row["sequence"]: row["GT"] for row in table(walk / "out" / "tracking.csv")}
    assert rows == {"a": "12", "b": "12", "all": "24"}
    assert run(*arguments, "--sequence", "b") == 0
    assert [row["sequence"] for row in table(walk / "out" / "tracking.csv")] == ["b"]


def test_retrained_each_method_has_its_own_detector(run, walk, pairs, spots, monkeypatch):
    from ivif.downstream import loading

    made = []

    class Recorded(type(spots)):
        def __init__(self, weights, *settings):
            made.append(weights)
            super().__init__(weights, *settings)

    monkeypatch.setattr(loading, "YoloDetector", Recorded)
    assert run("detect", *pairs, "--method", "infrared", "--method", "average", "--detector", "nets/{method}.pt") == 0
    assert made == ["nets/infrared.pt", "nets/average.pt"]


def test_training_by_method_and_mixed(run, walk, pairs, monkeypatch, capsys):
    from ivif.downstream import commands

    trained = {}

    def train(images, out, budget, label, progress):
        trained[out.name] = [image.name for image in images], budget.epochs, budget.seed
        write_atomic(out, out.name.encode())
        return out

    monkeypatch.setattr(commands, "train_detector", train)
    methods = ("--method", "infrared", "--method", "average", "--labels", walk / "yolo", "--limit", 2)
    assert run("train-detector", *pairs, *methods, "--epochs", 3, "--seed", 5) == 0
    assert trained == {name: (["000001", "000002"], 3, 5) for name in ("infrared.pt", "average.pt")}
    trained.clear()
    assert run("train-detector", *pairs, *methods, "--mixed") == 0
    names = ["infrared-000001", "infrared-000002", "average-000001", "average-000002"]
    assert trained == {"mixed.pt": (names, 30, 0)}
    assert str(walk / "out" / "mixed.pt") in capsys.readouterr().out
    certificate = json.loads((walk / "out" / "mixed.json").read_text())
    assert certificate["sha256"] == hashlib.sha256(b"mixed.pt").hexdigest()
    assert list(certificate["seen"].values()) == [["000001", "000002"]]
    assert (certificate["epochs"], certificate["label"]) == (30, "person")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["detect"], "name one of: --images PATH"),
        (["detect", "--images", "{walk}/images", "--dataset", "tno"], "name one of: --images PATH"),
        (["detect", "--images", "{walk}/images", "--method", "average"], "--method and --fused need pairs"),
        (["detect", "--images", "{walk}/gone"], "neither a folder nor a video"),
        (["detect", "--images", "{walk}/gt/gt.txt"], "neither a folder nor a video"),
        (["detect", "--images", "{walk}/images", "--labels", "{walk}/gone.json"], "gone.json: not a COCO"),
        (["detect", "--images", "{walk}/images", "--limit", "0"], "--limit 0: expected 1 or more"),
        (["detect", "--infrared", "{walk}/images"], "--infrared DIR and --visible DIR go together"),
        (["detect", "--dataset", "nowhere"], "nowhere"),
        (["detect", "--dataset", "tno", "--labels", "{walk}/yolo"], "a data set has its own"),
        (["track", "--images", "{walk}/images", "--sequence", "x"], "no sequence 'x'; there are images"),
        (["track", "--detections", "{walk}/gone.txt"], "gone.txt: cannot be read"),
        (["track", "--detections", "d.txt", "--images", "{walk}/images"], "without pictures"),
        (["track", "--images", "{walk}/images", "--max-age", "-1"], "expected max_age from 0 on"),
    ],
)
def test_mistakes_are_told(walk, run, capsys, arguments, message):
    assert run(*(argument.format(walk=walk) for argument in arguments)) in (1, 2)
    assert message in capsys.readouterr().err


def test_a_data_set_without_sequences_cannot_be_tracked(walk, run, monkeypatch, capsys):
    from ivif.datasets.pairs import ImageFile, Pair, PairDataset
    from ivif.downstream import inputs

    image = ImageFile(walk / "images" / "000001.png")
    monkeypatch.setattr(inputs.datasets, "load", lambda name, root: PairDataset(name, (Pair("one", image, image),)))
    assert run("track", "--dataset", "stills", "--method", "infrared") == 2
    assert "stills has no sequence to track in" in capsys.readouterr().err


def test_without_ultralytics_the_message_says_how_to_get_it(walk, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    (walk / "net.onnx").write_bytes(b"")
    arguments = ["--images", str(walk / "images"), "--weights", str(walk / "net.onnx"), "--out", str(walk / "out")]
    assert main(["detect", *arguments]) == 2
    assert "ultralytics cannot be imported" in (message := capsys.readouterr().err)
    assert "pip install 'ivif-bench[downstream]'" in message


def test_coco_labels_of_a_folder(walk, run):
    rows = [{"image_id": 1, "category_id": 1, "bbox": [4, 6, 12, 12]}]
    content = {"images": [{"id": 1, "file_name": "000001.png"}], "categories": [{"id": 1, "name": "person"}]}
    (walk / "coco.json").write_text(json.dumps(content | {"annotations": rows}))
    assert run("detect", "--images", walk / "images", "--labels", walk / "coco.json") == 0
    (row,) = table(walk / "out" / "detection.csv")
    assert (row["objects"], float(row["precision"])) == ("1", 0.5)


def test_labels_of_other_classes_are_told(walk, run, capsys):
    for command, labels in (("detect", ("yolo", "--names", "car")), ("detect", ("yolo", "--label", "cyclist"))):
        assert run(command, "--images", walk / "images", "--labels", walk / labels[0], *labels[1:]) == 2
    assert "no object is labelled 'person'; there are car (12)" in (told := capsys.readouterr().err)
    assert "no object is labelled 'cyclist'; there are person (12)" in told
    assert not (walk / "out" / "detection.csv").exists()


@pytest.mark.parametrize("wrong", [("--batch", "0"), ("--batch", "-1"), ("--score", "7"), ("--image-size", "x")])
def test_numbers_that_make_no_sense_are_refused(walk, run, wrong):
    with pytest.raises(SystemExit) as stopped:
        run("detect", "--images", walk / "images", *wrong)
    assert stopped.value.code == 2


def test_a_wrong_truth_loses_no_other_score(walk, run, pairs, capsys, monkeypatch):
    """One method's scoring fails; the tracks are written and the other method is scored."""
    from ivif.downstream import DownstreamError, evaluation

    score, calls = evaluation.tracking_scores, []

    def fail_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise DownstreamError("two true boxes have the identity 1")
        return score(*arguments)

    monkeypatch.setattr(evaluation, "tracking_scores", fail_first)
    methods = ("--method", "infrared", "--method", "visible")
    assert run("track", *pairs, "--labels", walk / "gt" / "gt.txt", *methods) == 1
    assert f"failed: infrared, {walk.name}: two true boxes" in capsys.readouterr().err
    assert [row["method"] for row in table(walk / "out" / "tracking.csv")] == ["visible"]
    assert len(list((walk / "out" / "tracks").rglob(f"{walk.name}.txt"))) == 2


def test_a_missing_detector_of_one_method_loses_no_other(walk, run, pairs, spots, capsys, monkeypatch):
    from ivif.downstream import DownstreamError, loading

    class Missing(type(spots)):
        def __init__(self, weights, *settings):
            if weights == "infrared.pt":
                raise DownstreamError("infrared.pt: no such file")
            super().__init__(weights, *settings)

    monkeypatch.setattr(loading, "YoloDetector", Missing)
    arguments = ("detect", *pairs, "--labels", walk / "yolo", "--method", "infrared", "--method", "visible")
    assert run(*arguments, "--detector", "{method}.pt") == 1
    assert "failed: infrared: infrared.pt: no such file" in capsys.readouterr().err
    assert [row["method"] for row in table(walk / "out" / "detection.csv")] == ["visible"]
    assert run(*arguments, "--weights", "infrared.pt") == 2


def test_pictures_that_a_detector_was_trained_on_are_told(walk, run, capsys):
    (walk / "own.pt").write_bytes(b"weights")
    write_certificate(walk / "own.pt", Budget(), "person", {"images": ["000001", "000002"], "other": ["000003"]})
    arguments = ("detect", "--images", walk / "images", "--weights", walk / "own.pt")
    assert run(*arguments) == 0
    assert f"warning: images, pictures: {walk / 'own.pt'} was trained on 2 of 6 pictures" in capsys.readouterr().err
    (walk / "own.pt").write_bytes(b"other weights")
    assert run(*arguments) == 0
    assert "warning" not in capsys.readouterr().err


def test_a_split_goes_with_a_data_set(walk, run, capsys):
    assert run("detect", *("--infrared", walk / "images", "--visible", walk / "images"), "--split", "train") == 2
    assert "--split goes with --dataset" in capsys.readouterr().err
    for split in ("train", "test"):
        for role in ("infrared", "visible"):
            write_png(walk / "LLVIP" / role / split / f"{split}1.png", read_image(walk / "images" / "000001.png"))
    arguments = ("detect", "--dataset", "llvip", "--root", walk / "LLVIP", "--method", "infrared")
    assert run(*arguments) == 0
    assert "in 2 pictures" in capsys.readouterr().out
    assert run(*arguments, "--split", "test") == 0
    assert "in 1 pictures" in capsys.readouterr().out


def test_a_film_that_announces_more_frames_than_it_holds_is_followed_to_its_end(walk, run, capsys, monkeypatch):
    write_video(walk / "walk.mp4", [read_image(path) for path in sorted((walk / "images").iterdir())])
    monkeypatch.setattr(labelled_images, "video_length", lambda path: 9)
    arguments = ("track", "--images", walk / "walk.mp4", "--labels", walk / "gt" / "gt.txt", "--unlabelled")
    assert run(*arguments, "--min-hits", 1, "--save-video") == 0
    assert "left out: the last 3 of 9 frames can't be read" in capsys.readouterr().err
    (row,) = table(walk / "out" / "tracking.csv")
    assert row["frames"] == "6"
    assert len(list((walk / "out").rglob("*.mp4"))) == 1
