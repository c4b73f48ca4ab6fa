"""Robustness from folders to tables: equal to runs where sources are clean, the same in any number of processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.config import RunConfig
from ivif.benchmark.experiments.robustness import running
from ivif.benchmark.experiments.robustness.plan import default_methods, plan_robustness
from ivif.benchmark.reports.robustness.curves import read_curves
from ivif.benchmark.reports.robustness.directory import RobustnessFolder
from ivif.benchmark.reports.robustness.measures import robustness_lines
from ivif.benchmark.running.runner import run
from ivif.benchmark.store import Row, Store
from ivif.datasets.corruptions import corruption_names
from ivif.datasets.images import read_image, write_png

THEIRS = """
import torch
from ivif.datasets import Boxes
from ivif.fusion import FusionMethod


class Mine(FusionMethod):
    name = "mine"

    def fuse_planes(self, infrared, visible):
        return torch.maximum(infrared, visible)


class Bright:
    name = "bright"

    def __init__(self, settings, device):
        self.label = settings.label

    def detect(self, images):
        return [self.spot(image.float().mean(0) > 220) for image in images]

    def spot(self, bright):
        rows, columns = torch.nonzero(bright, as_tuple=True)
        if not len(rows):
            return Boxes([], ())
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes([[float(end) for end in box]], (self.label,), scores=[0.9])

    def fingerprint(self):
        return "bright-1"
"""

Call = Callable[..., int]


@pytest.fixture
def measure(folders: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """``measure("--severity", 3)``: two corruptions of two pairs, laplacian and average, into ``run``."""
    (folders / "theirs.py").write_text(THEIRS)
    monkeypatch.chdir(folders)
    monkeypatch.syspath_prepend(str(folders))
    monkeypatch.delitem(sys.modules, "theirs", raising=False)

    def call(*more: object, out: str = "run", corruptions: str = "fog,shift") -> int:
        words = ["robustness", "--infrared", folders / "infrared", "--visible", folders / "visible", "--limit", 2]
        words += ["--method", "average", "--corruption", corruptions, "--out", folders / out]
        return main([*map(str, words), *([] if "--jobs" in more else ["--jobs", "1"]), *map(str, more)])

    return call


def scores(folder: Path) -> dict[tuple[str, str, str], Row]:
    return {(row.method, row.pair, row.metric): row for row in Store(folder / "robustness").rows()}


def test_everything_is_measured_and_written(measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure("--severity", "1,3") == 0
    found = scores(folders / "run")
    assert len(found) == 2 * 2 * 5 * 6  # methods, pairs, levels, metrics
    assert {row.status for row in found.values()} == {"ok"}
    told = capsys.readouterr().out
    assert "2 pairs x 5 x 2 methods = 20" in told and "20 fused images measured now" in told
    assert "laplacian" in told and "mCE" in told
    names = {path.name for path in (folders / "run" / "robustness").iterdir()} - {".lock"}
    assert names == {"curves.csv", "leaderboard.md", "robustness.html", "robustness.yaml", "scores", "summary.csv"}
    (curves,) = read_curves(RobustnessFolder(folders / "run"))
    assert curves.methods == ("laplacian", "average") and curves.values.shape == (2, 5, 6, 2)


def test_clean_sources_have_the_values_of_a_run_to_the_last_digit(measure: Call, folders: Path) -> None:
    measure()
    settings = {"infrared": folders / "infrared", "visible": folders / "visible", "limit": 2, "jobs": 1}
    run(RunConfig(folders / "plain", methods=("laplacian", "average"), **settings))
    expected = {(row.method, f"{row.pair}@clean", row.metric): row.value for row in Store(folders / "plain").rows()}
    found = scores(folders / "run")
    assert len(expected) == 24
    assert {key: found[key].value for key in expected} == expected


def test_one_and_two_processes_make_the_same_bytes(measure: Call, folders: Path) -> None:
    noisy = "sensor-noise,rain,stripes,parallax"
    measure("--severity", "2", out="one", corruptions=noisy)
    measure("--severity", "2", "--jobs", 2, out="two", corruptions=noisy)
    one, two = scores(folders / "one"), scores(folders / "two")
    assert len(one) == 2 * 2 * 5 * 6
    assert {key: (row.value, row.fused_sha256) for key, row in one.items()} == {
        key: (row.value, row.fused_sha256) for key, row in two.items()
    }


def test_another_seed_makes_other_values(measure: Call, folders: Path) -> None:
    measure("--severity", "2", out="one", corruptions="rain")
    measure("--severity", "2", "--seed", 1, out="two", corruptions="rain")
    one, two = scores(folders / "one"), scores(folders / "two")
    for key, row in one.items():
        assert (row.value == two[key].value) == key[1].endswith("@clean"), key


def test_given_again_nothing_is_done_and_more_is_added(
    measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    measure("--severity", "1")
    before = scores(folders / "run")
    capsys.readouterr()
    assert measure("--severity", "1") == 0
    assert "0 fused images measured now, 12 still valid" in capsys.readouterr().out
    measure("--severity", "3", "--method", "theirs:Mine")
    assert "3 fused images" not in capsys.readouterr().out
    after = scores(folders / "run")
    assert {key: after[key] for key in before} == before
    (curves,) = read_curves(RobustnessFolder(folders / "run"))
    assert [level.key for level in curves.levels] == ["clean", "fog-1", "shift-1", "fog-3", "shift-3"]
    assert "mine" in curves.lacking  # not measured at severity 1
    measure("--severity", "1", "--method", "theirs:Mine")
    (curves,) = read_curves(RobustnessFolder(folders / "run"))
    assert "mine" in curves.methods and not curves.lacking


def test_severities_are_in_order_whichever_was_measured_first(measure: Call, folders: Path) -> None:
    for severity in ("3", "1"):
        assert measure("--severity", severity) == 0
    (curves,) = read_curves(RobustnessFolder(folders / "run"))
    assert curves.severities("fog") == [1, 3]
    once = folders / "once"
    assert measure("--severity", "1,3", "--out", str(once)) == 0
    (together,) = read_curves(RobustnessFolder(once))
    for name in ("fog", "shift"):
        assert (curves.values[:, curves.places(name)] == together.values[:, together.places(name)]).all()
    both = (robustness_lines(curves), robustness_lines(together))
    first, second = ([(own.method, own.mce, own.lost, own.area, own.worst) for own in lines] for lines in both)
    assert first == second


def test_what_is_no_severity_is_told(measure: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure("--severity", "high") == 2
    assert "severity high: expected one of 1, 2, 3, 4, 5" in capsys.readouterr().err


def test_an_interrupted_measurement_goes_on_where_it_was(
    measure: Call, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = running.do_level
    done: list[str] = []

    def interrupted(task):  # type: ignore[no-untyped-def]
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(task.name)
        return work(task)

    monkeypatch.setattr(running, "do_level", interrupted)
    assert measure("--severity", "1") == 2
    kept = scores(folders / "run")
    assert {pair for _, pair, _ in kept} == set(done)
    monkeypatch.setattr(running, "do_level", lambda task: done.append(task.name) or work(task))
    assert measure("--severity", "1") == 0
    assert len(done) == len(set(done)) == 6
    assert {key: scores(folders / "run")[key] for key in kept} == kept


def test_a_changed_source_is_measured_again(measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure("--severity", "1")
    file = folders / "visible" / "alley.png"
    write_png(file, read_image(file).flip(2))
    capsys.readouterr()
    measure("--severity", "1")
    assert "6 fused images measured now" in capsys.readouterr().out


def test_folders_of_fused_images_are_left_out_and_told(
    measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure("--severity", "1", "--method", f"Elsewhere={folders / 'visible'}") == 0
    assert "left out: Elsewhere was fused elsewhere" in capsys.readouterr().out
    assert not any(method == "Elsewhere" for method, _, _ in scores(folders / "run"))


def test_folders_alone_are_refused(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["robustness", "--infrared", folders / "infrared", "--visible", folders / "visible"]
    assert main([*map(str, words), "--method", f"Elsewhere={folders / 'visible'}"]) == 2
    assert "Elsewhere: fused elsewhere" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--severity", "9"), "severity 9"),
        (("--seed", "4"), "measured with seed 0, not 4"),
        (("--baseline", "gff"), "measured with baseline laplacian, not gff"),
        (("--detect",), "no pair has labels"),
    ],
)
def test_what_cannot_be_done_is_said(
    measure: Call, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    measure("--severity", "1")
    assert measure("--severity", "1", *words) == 2
    assert told in capsys.readouterr().err


def test_a_broken_method_is_a_row_and_an_exit_code(
    measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folders / "theirs.py").write_text(THEIRS.replace("torch.maximum(infrared, visible)", "visible[..., :-1]"))
    assert measure("--severity", "1", "--method", "theirs:Mine") == 1
    assert "mine has no pair with all values" in capsys.readouterr().out
    (curves,) = read_curves(RobustnessFolder(folders / "run"))
    assert curves.methods == ("laplacian", "average") and len(curves.pairs) == 2


def test_listing_measures_nothing(measure: Call, folders: Path) -> None:
    assert measure("--list") == 0
    assert not (folders / "run").exists()


def test_people_are_found_under_corruption(measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bright square in infrared alone: what shows it is found, and none is where the visible camera looks alone."""
    for name in ("Straße 7", "alley"):
        infrared = read_image(folders / "infrared" / f"{name}.png").clamp(max=150)
        infrared[:, 10:30, 20:40] = 255
        write_png(folders / "infrared" / f"{name}.png", infrared)
        write_png(folders / "visible" / f"{name}.png", read_image(folders / "visible" / f"{name}.png").clamp(max=150))
        (folders / "labels").mkdir(exist_ok=True)
        (folders / "labels" / f"{name}.txt").write_text(f"0 {30 / 64} {20 / 48} {20 / 64} {20 / 48}\n")
    more = ("--labels", folders / "labels", "--detector", "theirs:Bright", "--method", "theirs:Mine")
    assert measure("--severity", "1,5", *more, corruptions="low-contrast,jpeg") == 0
    (curves,) = read_curves(RobustnessFolder(folders / "run"))
    found = {
        key: {name: own.detection["AP50"] for name, own in scores.items()} for key, scores in curves.people.items()
    }
    assert set(found) == {"clean", "low-contrast-1", "low-contrast-5", "jpeg-1", "jpeg-5"}
    assert all(set(own) == {"infrared", "visible", "laplacian", "average", "mine"} for own in found.values())
    assert found["clean"]["infrared"] == found["clean"]["mine"] == 1 and found["clean"]["visible"] == 0
    assert found["jpeg-5"]["infrared"] == 1  # the other camera's fault
    assert found["low-contrast-5"]["infrared"] == 0 and found["low-contrast-5"]["mine"] == 0
    capsys.readouterr()
    measure("--severity", "1,5", *more, corruptions="low-contrast,jpeg")
    assert "detector: 0 pictures looked at now" in capsys.readouterr().out


def test_defaults_are_all_fast_classical_methods_and_the_light_networks_with_their_twins() -> None:
    names = default_methods()
    assert {"laplacian", "gff", "sdnet", "sdnet+rts", "pmgi", "pmgi+rts"} <= set(names)
    assert not {"swinfusion", "mgt", "didfuse"} & set(names)


def test_all_corruptions_are_the_default(folders: Path) -> None:
    wish = RunConfig(infrared=folders / "infrared", visible=folders / "visible", methods=("average",))
    plan = plan_robustness(wish)
    (levels,) = plan.levels.values()
    assert {level.corruption for level in levels} == {"", *corruption_names()} - {"crossover"}
    assert {level.severity for level in levels} == {0, 1, 3, 5}


def test_the_leaderboard_of_the_run_has_columns_of_it(
    measure: Call, folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"infrared": folders / "infrared", "visible": folders / "visible", "limit": 2, "jobs": 1}
    run(RunConfig(folders / "run", methods=("laplacian", "average"), **settings))
    main(["leaderboard", str(folders / "run")])
    assert "mCE" not in capsys.readouterr().out
    measure("--severity", "1")
    capsys.readouterr()
    assert main(["leaderboard", str(folders / "run")]) == 0
    told = capsys.readouterr().out
    assert "clean ↓    mCE ↓  worst corruption" in told.replace("-", "")
    assert main(["report", str(folders / "run")]) == 0
    page = (folders / "run" / "report.html").read_text()
    assert '<a href="#robustness">' in page and page.count('id="robustness-data"') == 1
