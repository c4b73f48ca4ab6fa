"""People found and followed by a run: bright squares walk through dark infrared frames, visible shows nobody."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

import ivif.benchmark.running.people
import ivif.benchmark.running.runner
import ivif.downstream.loading
from ivif.benchmark.cli import main
from ivif.benchmark.config import ConfigError, RunConfig
from ivif.benchmark.people import read_people
from ivif.benchmark.reports.tables import render
from ivif.benchmark.run_directory import Run
from ivif.benchmark.running.people import Observer, observe, resolve_detection
from ivif.benchmark.store import Store, StoreError
from ivif.datasets.boxes import Boxes
from ivif.datasets.images import write_png
from ivif.datasets.mot_files import read_sequence_labels
from ivif.datasets.pairs import ImageFile, Pair, PairDataset
from ivif.datasets.synthetic import synthetic_dataset
from ivif.downstream import DownstreamError, detector, errors
from ivif.downstream.detector import DetectorSettings
from ivif.fusion import FolderResults

FRAMES = 6
WIDTH, HEIGHT = 96, 64


class BrightSpots:
    """A detector: every bright region is a person."""

    seen: ClassVar[list[tuple[int, ...]]] = []
    """Shape of every picture that any of them was shown, and the sum of its values."""

    def __init__(self, weights: Path | str, settings: DetectorSettings | None = None, device: str = "cpu") -> None:
        self.name, self.weights = "spots", Path(weights)
        self.image_size = (settings or DetectorSettings()).image_size or 640

    def detect(self, images: Sequence[Tensor]) -> list[Boxes]:
        self.seen.extend((*image.shape, int(image.sum())) for image in images)
        return [self._spots(image) for image in images]

    def _spots(self, image: Tensor) -> Boxes:
        count, _, regions, _ = cv2.connectedComponentsWithStats((image.amax(0) > 200).to(torch.uint8).numpy())
        left, top, width, height = regions[1:, :4].T.astype(np.float64)
        corners = np.stack((left, top, left + width, top + height), axis=1)
        return Boxes(corners, scores=np.full(count - 1, 0.9))

    def fingerprint(self) -> str:
        return f"spots-{self.weights.read_text()}"


def walkers(frame: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Left, top corners of two people: one walks right, one left."""
    return (4 + 3 * frame, 6), (70 - 3 * frame, 40)


def picture(*corners: tuple[int, int], width: int = WIDTH) -> Tensor:
    image = torch.full((1, HEIGHT, width), 30, dtype=torch.uint8)
    image[:, 0, 0] = 31  # a constant picture has no correlation with anything
    for left, top in corners:
        image[:, top : top + 12, left : left + 12] = 250
    return image


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    """``infrared``, ``visible`` and ``mine`` (as good as infrared); ``gt.txt`` (MOT) and ``yolo`` tell who is where."""
    rows = []
    for frame in range(FRAMES):
        name, lines = f"{frame + 1:06d}", []
        write_png(tmp_path / "infrared" / f"{name}.png", picture(*walkers(frame)))
        write_png(tmp_path / "visible" / f"{name}.png", picture())
        write_png(tmp_path / "mine" / f"{name}.png", picture(*walkers(frame)))
        for identity, (left, top) in enumerate(walkers(frame), start=1):
            rows.append(f"{frame + 1},{identity},{left},{top},12,12,1,1,1\n")
            shares = (left + 6) / WIDTH, (top + 6) / HEIGHT, 12 / WIDTH, 12 / HEIGHT
            lines.append(f"0 {' '.join(f'{share:.8f}' for share in shares)}\n")
        (tmp_path / "yolo").mkdir(exist_ok=True)
        (tmp_path / "yolo" / f"{name}.txt").write_text("".join(lines))
    (tmp_path / "gt.txt").write_text("".join(rows))
    (tmp_path / "spots.pt").write_text("first")
    return tmp_path


@pytest.fixture
def run(walk: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``run("--detect")`` runs in ``run``, with maximum (shows people) and average (they are too faint to be found)."""
    monkeypatch.setattr(ivif.downstream.loading, "YoloDetector", BrightSpots)
    monkeypatch.setattr(BrightSpots, "seen", [])

    def call(*more: object, labels: str = "yolo") -> int:
        words = ["run", "--infrared", walk / "infrared", "--visible", walk / "visible", "--out", walk / "run"]
        words += ["--method", "maximum", "--method", "average", "--metrics", "en", "--metrics", "sd", "--jobs", "1"]
        words += ["--labels", walk / labels, "--detector", walk / "spots.pt"]
        return main([*map(str, words), *map(str, more)])

    return call


def table(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of the leaderboard by method."""
    rows = csv.DictReader(io.StringIO(render(Run(folder / "run").leaderboards(), "csv")))
    return {row["method"]: row for row in rows}


def test_people_found_stand_beside_the_metrics(walk: Path, run: Callable[..., int]) -> None:
    assert run("--detect") == 0
    rows = table(walk)
    assert list(rows)[2:] == ["infrared", "visible"]
    for method, found in {"infrared": 1, "maximum": 1, "visible": 0, "average": 0}.items():
        assert float(rows[method]["ap50"]) == float(rows[method]["map"]) == found
        assert float(rows[method]["lamr"]) == pytest.approx(1 - found, abs=1e-6)
        assert (rows[method]["ap50_images"], rows[method]["failed"]) == ("6", "0")
    assert rows["infrared"]["sd"] == rows["infrared"]["rank"] == ""
    assert "mota" not in rows["maximum"]
    assert len(BrightSpots.seen) == 4 * FRAMES


def test_ranks_are_those_of_a_run_without_detection(walk: Path, run: Callable[..., int]) -> None:
    run("--detect")
    judged = {method: row["rank"] for method, row in table(walk).items() if row["rank"]}
    plain = ["run", "--config", str(walk / "run" / "run.yaml"), "--out", str(walk / "plain" / "run")]
    content = yaml.safe_load((walk / "run" / "run.yaml").read_text())["config"]
    (walk / "plain.yaml").write_text(yaml.safe_dump(content | {"detect": False, "detector": None}))
    assert main([*plain[:2], str(walk / "plain.yaml"), *plain[3:]]) == 0
    assert {method: row["rank"] for method, row in table(walk / "plain").items()} == judged
    assert "ap50" not in table(walk / "plain")["maximum"]


def test_people_are_followed_through_a_sequence(walk: Path, run: Callable[..., int]) -> None:
    """A track is reported from its third detection on: of 12 boxes 4 are missed and 8 keep one identity each.

    MOTA = 1 - 4 / 12; IDF1 = 2 * 8 / (2 * 8 + 4); at overlaps that count, DetA = 8 / 12 and AssA = 4 / 6.
    """
    assert run("--track", labels="gt.txt") == 0
    rows = table(walk)
    for method in ("infrared", "maximum"):
        assert float(rows[method]["mota"]) == pytest.approx(2 / 3)
        assert float(rows[method]["idf1"]) == pytest.approx(0.8)
        assert 0.4 < float(rows[method]["hota"]) <= 2 / 3
        assert (rows[method]["mota_sequences"], float(rows[method]["ap50"])) == ("1", 1)
    for method in ("visible", "average"):
        assert float(rows[method]["mota"]) == float(rows[method]["idf1"]) == float(rows[method]["hota"]) == 0
    name = walk.name
    tracks = np.loadtxt(walk / "run" / "tracks" / name / "maximum" / f"{name}.txt", delimiter=",")
    assert tracks[:, 0].tolist() == [3, 3, 4, 4, 5, 5, 6, 6]
    assert (walk / "run" / "detections" / name / "maximum" / f"{name}.txt").is_file()


def test_sequences_without_identities_are_not_scored(walk: Path, run: Callable[..., int], capsys) -> None:
    text = (walk / "gt.txt").read_text().splitlines()
    rows = [",".join([row.split(",")[0], "-1", *row.split(",")[2:]]) for row in text]
    (walk / "gt.txt").write_text("\n".join(rows))
    assert run("--track", labels="gt.txt") == 2
    assert "tell who is who" in capsys.readouterr().err
    assert run("--detect", labels="gt.txt") == 0
    assert "mota" not in table(walk)["maximum"] and table(walk)["maximum"]["ap50"] == "1.0"


def test_every_format_has_the_columns(walk: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    run("--track", labels="gt.txt")
    printed = capsys.readouterr().out
    assert "detector: 24 pictures looked at now, 0 still valid from before" in printed and "% of the run's" in printed
    board = Run(walk / "run").leaderboards()
    head = next(line for line in render(board, "terminal").splitlines() if line.startswith("method"))
    columns = ["method", "rank", "EN ↑", "SD ↑", "AP50 ↑", "mAP ↑", "LAMR ↓", "HOTA ↑", "MOTA ↑", "IDF1 ↑", "failed"]
    assert [column.strip() for column in head.split("  ") if column.strip()] == [*columns, "flagged"]
    cells = next(line.split() for line in render(board, "terminal").splitlines() if line.startswith("infrared"))
    assert cells[:4] == ["infrared", "-", "-", "1.00*"]  # the rank is empty
    markdown, latex = render(board, "md"), render(board, "tex")
    assert " AP50 ↑ |" in markdown and "**1.00**" in markdown and "*0.00*" in markdown
    assert (
        r"LAMR $\downarrow$" in latex
        and r"MOTA $\uparrow$" in latex
        and r"\textbf{0.67" in latex.replace("0.667", "0.67")
    )
    assert "People found by spots, no part of the rank." in latex
    for text in (render(board, "terminal"), markdown):
        assert "found by spots on 6 labelled images and 1 sequence, no part of the rank" in text
    assert list(table(walk)["visible"])[:2] == ["dataset", "method"] and table(walk)["visible"]["idf1"] == "0.0"


def test_a_second_run_looks_at_nothing(walk: Path, run: Callable[..., int]) -> None:
    run("--track", labels="gt.txt")
    before = table(walk)
    BrightSpots.seen.clear()
    assert run("--track", labels="gt.txt") == 0
    assert BrightSpots.seen == [] and table(walk) == before
    (walk / "spots.pt").write_text("second")
    run("--track", labels="gt.txt")
    assert len(BrightSpots.seen) == 4 * FRAMES


@pytest.fixture
def command(walk: Path, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """``command("detect")`` of the package downstream looks at what ``run("--detect")`` looks at, in its directory."""
    from ivif.downstream import cli, commands, loading

    monkeypatch.setattr(loading, "YoloDetector", BrightSpots)
    commands._detector.cache_clear()

    def call(name: str, labels: str = "yolo") -> int:
        words = [name, "--infrared", walk / "infrared", "--visible", walk / "visible", "--out", walk / "run"]
        words += ["--method", "infrared,visible,maximum", "--method", "average"]
        return cli.main([*map(str, words), "--labels", str(walk / labels), "--detector", str(walk / "spots.pt")])

    yield call
    commands._detector.cache_clear()


@pytest.mark.parametrize(("wish", "name", "labels"), [("--detect", "detect", "yolo"), ("--track", "track", "gt.txt")])
@pytest.mark.parametrize("run_first", [True, False])
def test_a_run_and_the_command_find_each_others_detections(
    run: Callable[..., int], command: Callable[..., int], wish: str, name: str, labels: str, run_first: bool
) -> None:
    calls = [lambda: run(wish, labels=labels), lambda: command(name, labels)]
    for call in calls if run_first else reversed(calls):
        assert call() == 0
        assert len(BrightSpots.seen) == 4 * FRAMES


def test_only_changed_pictures_are_looked_at_again(walk: Path, run: Callable[..., int]) -> None:
    fused = ("--detect", "--fused", f"mine={walk / 'mine'}")
    run(*fused)
    assert table(walk)["mine"]["ap50"] == "1.0"
    BrightSpots.seen.clear()
    changed = picture()
    write_png(walk / "mine" / "000002.png", changed)
    run(*fused)
    assert BrightSpots.seen == [(1, HEIGHT, WIDTH, int(changed.sum()))]
    assert 0.8 < float(table(walk)["mine"]["ap50"]) < 1  # 10 of 12 are found
    BrightSpots.seen.clear()
    write_png(walk / "infrared" / "000002.png", changed)
    run(*fused)
    assert len(BrightSpots.seen) == 4  # infrared, maximum and average, made anew of it, and what is to show it


def test_pictures_that_cannot_be_used_are_failures_and_the_rest_goes_on(
    walk: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    (walk / "mine" / "000003.png").unlink()
    write_png(walk / "mine" / "000004.png", picture(*walkers(3), width=100))
    (walk / "yolo" / "000005.txt").write_text("0 1.5 0.5 0.1 0.1\n")
    assert run("--detect", "--fused", f"mine={walk / 'mine'}") == 1
    printed = capsys.readouterr().out
    # two metrics and one detection of each bad picture of mine, the impossible label once for each of five
    assert f"{2 * 3 + 5} values are missing" in printed and "labels lie outside" in printed
    rows = table(walk)
    assert [rows[name]["ap50_images"] for name in ("mine", "maximum", "infrared")] == ["3", "5", "5"]
    assert [rows[name]["failed"] for name in ("mine", "maximum", "infrared")] == ["3", "1", "1"]
    assert "1.00 (3/6)" in printed and rows["mine"]["ap50"] == "1.0"
    reasons = read_people(walk / "run")[walk.name].scores["mine"].failures
    assert "no fused image" in reasons["000003"] and "sizes differ: 100x64 and 96x64" in reasons["000004"]


def test_a_sequence_with_a_hole_is_lost_and_told(walk: Path, run: Callable[..., int], capsys) -> None:
    fused = ("--track", "--fused", f"mine={walk / 'mine'}")
    assert run(*fused, labels="gt.txt") == 0
    tracks = walk / "run" / "tracks" / walk.name / "mine" / f"{walk.name}.txt"
    assert tracks.is_file()
    (walk / "mine" / "000003.png").unlink()
    assert run(*fused, labels="gt.txt") == 1
    assert "1 of 6 frames are missing" in capsys.readouterr().out
    rows = table(walk)
    assert (rows["mine"]["mota"], rows["mine"]["mota_sequences"], rows["mine"]["ap50_images"]) == ("", "0", "5")
    assert rows["maximum"]["mota_sequences"] == "1" and not tracks.exists()


def test_sequences_keep_apart_and_count_together(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames 0-5 of one sequence and 0-2 of another: 8 of 12 and 2 of 6 boxes are tracked, MOTA = 1 - 8 / 18."""
    monkeypatch.setattr(BrightSpots, "seen", [])
    truth = read_sequence_labels(walk / "gt.txt")
    pairs = []
    for clip, length in (("long", 6), ("short", 3)):
        for frame in range(length):
            sources = (ImageFile(walk / role / f"{frame + 1:06d}.png") for role in ("infrared", "visible"))
            write_png(walk / "both" / f"{clip}-{frame}.png", picture(*walkers(frame)))
            pairs.append(Pair(f"{clip}-{frame}", *sources, truth[frame], sequence=clip, frame=frame))
    data = PairDataset("clips", tuple(pairs))
    spots = Observer(BrightSpots(walk / "spots.pt"), {"min_hits": 3}, {})
    methods = {"clips": [FolderResults("mine", str(walk / "both"))]}
    effort, looked = observe(spots, walk / "run", [data], methods)
    assert (effort.looked, effort.reused) == (3 * 9, 0)
    assert set(looked) == {("clips", name) for name in ("infrared", "visible", "mine")}
    board = read_people(walk / "run")["clips"]
    scores = board.scores["mine"]
    assert (board.images, board.sequences, scores.images, scores.sequences) == (9, 2, 9, 2)
    assert scores.tracking["MOTA"] == pytest.approx(1 - 8 / 18)
    found = [scores.by_sequence[clip]["MOTA"] for clip in ("long", "short")]
    assert found == pytest.approx([1 - 4 / 12, 1 - 4 / 6])
    (walk / "both" / "short-1.png").unlink()
    effort, _ = observe(spots, walk / "run", [data], methods)
    assert (effort.looked, effort.reused) == (0, 3 * 9 - 1)
    scores = read_people(walk / "run")["clips"].scores["mine"]
    assert (scores.images, scores.sequences, list(scores.lost)) == (8, 1, ["short"])
    assert scores.tracking["MOTA"] == pytest.approx(1 - 4 / 12)


def test_the_leaderboard_needs_the_scores_alone(walk: Path, run: Callable[..., int]) -> None:
    run("--detect")
    before = table(walk)
    for path in (walk / "run" / "detections").rglob("*.txt"):
        path.unlink()
    for path in (walk / "yolo").iterdir():
        path.unlink()
    assert table(walk) == before
    (walk / "run" / "downstream.json").write_text("{")
    with pytest.raises(StoreError, match=r"downstream.json is damaged; give the same run again"):
        Run(walk / "run").leaderboards()


def test_old_scores_are_gone_until_new_ones_are_there(walk: Path, run: Callable[..., int], monkeypatch) -> None:
    run("--detect")
    write_png(walk / "infrared" / "000002.png", picture())

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ivif.benchmark.running.runner, "do_pair", interrupted)
        assert run("--detect") == 2
    assert table(walk)["maximum"]["ap50"] == ""
    assert run("--detect") == 0
    assert 0.8 < float(table(walk)["maximum"]["ap50"]) < 1


def test_a_detector_that_breaks_stops_the_run_and_nothing_is_lost(
    walk: Path, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: BrightSpots, images: Sequence[Tensor]) -> list[Boxes]:
        raise DownstreamError("out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(BrightSpots, "detect", broken)
        assert run("--detect") == 2
    printed = capsys.readouterr().err
    assert "error: out of memory" in printed and "everything finished so far is kept" in printed
    assert len(Store(walk / "run").rows()) == 2 * FRAMES * 2
    assert run("--detect") == 0


@pytest.mark.parametrize(
    ("more", "labels", "message"),
    [
        (["--track"], "yolo", "tell who is who in a sequence: leave --track out"),
        (["--no-detect"], "yolo", "spots.pt has nothing to do where nobody is detected"),
        (["--no-detect", "--track"], "yolo", "--track has nothing to do where nobody is detected"),
        (["--detect", "--fused", "visible={walk}/mine"], "yolo", "a method is called visible"),
        (["--detect"], "mine", "has labels of none of the 6 pictures"),
        (["--detect", "--dataset", "llvip"], "yolo", "a run takes one kind"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_fused(
    walk: Path, run: Callable[..., int], more: list[str], labels: str, message: str, capsys
) -> None:
    assert run(*(word.replace("{walk}", str(walk)) for word in more), labels=labels) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and message in printed and printed.count("\n") == 1
    assert not (walk / "run" / "fused").exists()


def test_a_detector_that_is_not_there_is_told_before_anything_is_fused(
    walk: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    assert run("--detect", "--detector", "no/such.pt") == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and "no such file" in printed and printed.count("\n") == 1
    assert not (walk / "run" / "fused").exists()


def test_pairs_without_labels_are_told_before_anything_is_fused(walk: Path, capsys) -> None:
    words = ["run", "--infrared", walk / "infrared", "--visible", walk / "visible", "--out", walk / "run", "--detect"]
    assert main([*map(str, words)]) == 2
    printed = capsys.readouterr().err
    assert "has labels to compare detections with" in printed and printed.count("\n") == 1
    assert not (walk / "run").exists()


@pytest.mark.parametrize("library", ["ultralytics", "pycocotools", "motmetrics", "lap"])
def test_libraries_that_are_missing_are_named_before_anything_is_fused(
    walk: Path, library: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    words = ["run", "--infrared", walk / "infrared", "--visible", walk / "visible", "--out", walk / "run", "--track"]
    assert main([*map(str, words), "--labels", str(walk / "gt.txt"), "--detector", str(walk / "spots.pt")]) == 2
    printed = capsys.readouterr().err
    assert f"{library} cannot be imported" in printed and "pip install 'ivif-bench[downstream]'" in printed
    assert not (walk / "run").exists()


def test_a_file_that_is_no_detector_is_refused(walk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    words = ["run", "--infrared", walk / "infrared", "--visible", walk / "visible", "--out", walk / "run", "--detect"]
    assert main([*map(str, words), "--labels", str(walk / "yolo"), "--detector", str(walk / "spots.pt")]) == 2
    assert "not a detector that ultralytics can load" in capsys.readouterr().err
    assert not (walk / "run").exists()


def test_the_description_tells_who_looked(walk: Path, run: Callable[..., int]) -> None:
    run("--track", labels="gt.txt")
    content = yaml.safe_load((walk / "run" / "run.yaml").read_text())
    config = RunConfig.from_dict(content["config"])
    assert vars(config.checked()) == vars(config) and config.detect and config.track
    assert (config.detector, config.labels) == (str(walk / "spots.pt"), walk / "gt.txt")
    told = content["downstream"]
    # SHA-256 of "first", by sha256sum
    assert told["detector"]["sha256"] == "a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e"
    assert (told["detector"]["image_size"], told["detector"]["min_score"]) == (640, 0.001)
    assert told["sort"] == {"max_age": 1, "min_hits": 3, "iou_threshold": 0.3, "min_score": 0.25}
    BrightSpots.seen.clear()
    assert main(["run", "--config", str(walk / "run" / "run.yaml")]) == 0
    assert BrightSpots.seen == []


def test_flags_in_a_file_are_true_or_false() -> None:
    with pytest.raises(ConfigError, match="detect: expected true or false"):
        RunConfig.from_dict({"out": "run", "detect": "perhaps"})


@pytest.fixture
def scenes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[RunConfig, str]]:
    """``scenes(pairs, sequence)``: what a run on so many tiny rendered scenes intends, libraries or not."""
    monkeypatch.setattr(ivif.benchmark.running.people, "require", lambda library: None)

    def intended(pairs: int, sequence: int, **wishes: object) -> tuple[RunConfig, str]:
        data = synthetic_dataset(pairs, sequence, (64, 48), cache=tmp_path)
        return resolve_detection(RunConfig(tmp_path, **wishes).checked(), [data])  # type: ignore[arg-type]

    return intended


def test_people_in_rendered_scenes_are_looked_for_by_default(scenes: Callable[..., tuple[RunConfig, str]]) -> None:
    assert [(config.detect, config.track) for config, _ in (scenes(1, 2), scenes(1, 0))] == [(1, 1), (1, 0)]
    assert scenes(1, 2, detect=False)[0].detect is False
    assert (scenes(1, 2, track=False)[0].detect, scenes(1, 2, track=False)[0].track) == (True, False)
    assert (scenes(1, 2, detect=True)[0].detect, scenes(1, 2, detect=True)[0].track) == (True, False)


def test_people_in_photographs_are_looked_for_on_request(
    walk: Path, scenes: Callable[..., tuple[RunConfig, str]]
) -> None:
    own = RunConfig(walk / "run", infrared=walk / "infrared", visible=walk / "visible", labels=walk / "yolo").checked()
    assert not resolve_detection(own, [])[0].detect
    assert not scenes(1, 2, datasets=("synthetic", "llvip"))[0].detect


def test_a_version_of_a_rendered_suite_is_rendered_too(scenes: Callable[..., tuple[RunConfig, str]]) -> None:
    assert scenes(1, 2, datasets=("challenge/v1",))[0].detect


def test_without_the_library_a_run_says_why_nobody_is_looked_for(
    scenes: Callable[..., tuple[RunConfig, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivif.benchmark.running.people, "require", errors.require)
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    config, reason = scenes(1, 2)
    assert not config.detect and not config.track
    assert "pip install 'ivif-bench[downstream]'" in reason


def test_a_method_called_like_a_camera_says_why_nobody_is_looked_for(
    scenes: Callable[..., tuple[RunConfig, str]], tmp_path: Path
) -> None:
    (tmp_path / "fused").mkdir()
    config, reason = scenes(1, 2, methods=("average", f"infrared={tmp_path / 'fused'}"))
    assert not config.detect
    assert reason == "a method is called infrared, as one camera alone is in tables; give it another name"
    assert scenes(1, 2, methods=(f"mine={tmp_path / 'fused'}",))[1] == ""


def test_rendered_scenes_have_a_detector_of_their_own() -> None:
    assert detector.find_detector(detector.default_detector(rendered=True)).is_file()
    assert detector.default_detector(rendered=False) == "yolov8n.pt"


@pytest.mark.real
def test_llvip_from_pairs_to_table(real_folder: Callable[[str], Path], data_root: Path, tmp_path: Path) -> None:
    """The same network, decoded by another code on 14 pairs of which 9 are here: AP50 .75, .74 and .91."""
    pytest.importorskip("ultralytics", reason="needs ultralytics (the extra downstream)")
    pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    weights = data_root / "detectors" / "yolov8n_int8_640.onnx"
    if not weights.is_file():
        pytest.skip(f"needs {weights}")
    words = ["run", "--dataset", "llvip", "--root", str(real_folder("LLVIP")), "--method", "average", "--metrics", "en"]
    assert main([*words, "--detect", "--detector", str(weights), "--out", str(tmp_path / "run"), "--jobs", "1"]) == 0
    rows = table(tmp_path)
    for method, independent in {"infrared": 0.75, "visible": 0.74, "average": 0.91}.items():
        assert float(rows[method]["ap50"]) == pytest.approx(independent, abs=0.08)
        assert rows[method]["ap50_images"] == "9"


def test_libraries_keep_quiet_and_out_of_the_home(walk: Path, tmp_path: Path) -> None:
    """A run in a process of its own, in which nothing has been imported: ultralytics has a word with the terminal."""
    pytest.importorskip("ultralytics")
    home = tmp_path / "home"
    home.mkdir()
    sources = [
        "--infrared",
        str(walk / "infrared"),
        "--visible",
        str(walk / "visible"),
        "--labels",
        str(walk / "gt.txt"),
    ]
    what = ["--method", "average", "--metrics", "en", "--limit", "2", "--detector", "pedestrian.pt", "--jobs", "1"]
    command = [sys.executable, "-m", "ivif", "benchmark", "run", *sources, *what, "--out", str(tmp_path / "run")]
    told = {key: value for key, value in os.environ.items() if not key.startswith("YOLO_")}
    told |= {"HOME": str(home), "XDG_CONFIG_HOME": "", "IVIF_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=told, cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    assert "ultralytics" not in (done.stdout + done.stderr).lower()
