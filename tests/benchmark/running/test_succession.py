"""Runs don't overwrite one another: what stands in a directory is gone on with, added to, or replaced on request."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ivif.benchmark.cli import main
from ivif.benchmark.config import ConfigError, RunConfig
from ivif.benchmark.run_directory import Run
from ivif.benchmark.running.succession import added
from ivif.command_line import command_given


@pytest.fixture
def run(folders: Path) -> Callable[..., int]:
    """``run("--method", "average")`` on the folders' pairs, into the folder ``run`` beside them; the exit code."""
    sources = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible"), "--jobs", "1"]
    return lambda *words: main(["run", *sources, "--out", str(folders.parent / "run"), *words])


def board(folders: Path) -> tuple[set[str], list[str], int]:
    """Methods, metrics and number of pairs of the run."""
    (found,) = Run(folders.parent / "run").leaderboards()
    pairs = Run(folders.parent / "run").pairs
    return (
        {line.method for line in found.lines},
        [metric.key for metric in found.metrics],
        len(next(iter(pairs.values()))),
    )


def test_a_run_that_would_leave_something_out_is_refused(
    folders: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--method", "average,maximum", "--metrics", "en,sd") == 0
    capsys.readouterr()
    assert run("--method", "laplacian", "--metrics", "sd", "--limit", "3") == 2
    told = capsys.readouterr().err
    assert "would leave out: 1 pairs of scenes; methods average, maximum; metric en" in told and "--add" in told
    assert board(folders) == ({"average", "maximum"}, ["en", "sd"], 4)


def test_the_same_run_and_a_larger_one_go_on(folders: Path, run: Callable[..., int]) -> None:
    assert run("--method", "average", "--metrics", "en", "--limit", "2") == 0
    assert run("--method", "average", "--metrics", "en", "--limit", "2") == 0
    assert run("--method", "average,maximum", "--metrics", "en,sd") == 0
    assert board(folders) == ({"average", "maximum"}, ["en", "sd"], 4)


def test_add_keeps_what_was_there(folders: Path, run: Callable[..., int]) -> None:
    assert run("--method", "average", "--metrics", "en,sd") == 0
    assert run("--add", "--method", "maximum") == 0
    assert run("--add", "--metrics", "vif") == 0
    assert board(folders) == ({"average", "maximum"}, ["en", "sd", "vif"], 4)


def test_add_without_data_takes_the_run_s_own(folders: Path, run: Callable[..., int]) -> None:
    assert run("--method", "average", "--metrics", "en") == 0
    assert main(["run", "--add", "--method", "maximum", "--out", str(folders.parent / "run"), "--jobs", "1"]) == 0
    assert board(folders) == ({"average", "maximum"}, ["en"], 4)


def test_replace_begins_anew_and_uses_finished_work(
    folders: Path, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--method", "average,maximum", "--metrics", "en") == 0
    assert run("--replace", "--method", "average", "--metrics", "en") == 0
    assert "0 fused images done now, 4 still valid" in capsys.readouterr().out
    assert board(folders) == ({"average"}, ["en"], 4)


def test_a_damaged_description_is_in_nobodys_way(folders: Path, run: Callable[..., int]) -> None:
    assert run("--method", "average,maximum", "--metrics", "en") == 0
    (folders.parent / "run" / "run.yaml").write_text("[")
    assert run("--method", "average", "--metrics", "en") == 0


def test_without_out_a_run_is_called_like_its_data(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders.parent)
    sources = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible"), "--jobs", "1"]
    assert main(["run", *sources, "--method", "average", "--metrics", "en"]) == 0
    assert Run("runs/scenes").methods == ("average",)
    assert RunConfig(datasets=["vifb", "tno"]).checked().out == folders.parent / "runs" / "vifb+tno"
    assert RunConfig().checked().out == folders.parent / "runs" / "synthetic"


def test_other_numbers_are_not_added() -> None:
    before = RunConfig("run", datasets=["vifb"], methods=["average"], value_range=(0, 4095))
    with pytest.raises(ConfigError, match=r"made with value_range \(0.0, 4095.0\), not \(0.0, 1.0\)"):
        added(before, RunConfig("run", value_range=(0, 1)))
    assert added(before, RunConfig("run", methods=["gff"])).value_range == (0, 4095)


def test_two_data_sets_in_one_run_but_folders_alone(tmp_path: Path) -> None:
    before = RunConfig("run", datasets=["vifb"], methods=["average"])
    assert added(before, RunConfig("run", datasets=["tno"])).datasets == ("vifb", "tno")
    with pytest.raises(ConfigError, match="one run takes one"):
        added(before, RunConfig("run", infrared=tmp_path, visible=tmp_path))


def test_misspelt_settings_are_told_with_their_neighbours() -> None:
    with pytest.raises(ConfigError, match=r"unknown setting metric; did you mean metrics\?"):
        RunConfig.from_dict({"metric": ["en"]})
    with pytest.raises(ConfigError, match=r"jobs: input should be a valid integer.*found 'many'"):
        RunConfig(jobs="many")


def test_a_setting_that_is_not_named_is_kept(tmp_path: Path) -> None:
    """Whatever it is: what decides numbers, and what decides how they are compared."""
    before = RunConfig("run", datasets=["vifb"], methods=["average"], common=True, names=["rider"], labels=tmp_path)
    found = added(before, RunConfig("run", methods=["gff"]))
    assert (found.common, found.names, found.labels) == (True, ("rider",), tmp_path)
    assert added(before, RunConfig("run", names=["person"])).names == ("person",)


def test_all_methods_of_a_folder_are_added_by_a_pattern(folders: Path, run: Callable[..., int]) -> None:
    assert run("--method", "average", "--metrics", "en") == 0
    (folders / "out").mkdir()
    for path in (folders / "infrared").iterdir():
        shutil.copy(path, folders / "out" / f"{path.stem}_thermal.png")
    for _ in range(2):
        assert run("--add", "--fused", str(folders / "out" / "{pair}_{method}.png")) == 0
    assert board(folders) == ({"average", "thermal"}, ["en"], 4)


def test_the_report_is_written_again_where_something_changed(folders: Path, run: Callable[..., int]) -> None:
    report = folders.parent / "run" / "report.html"
    words = "--method", "average,maximum", "--metrics", "en"
    assert run(*words) == 0
    report.write_text("as it was")
    assert run(*words) == 0
    assert report.read_text() == "as it was"
    assert run("--replace", "--method", "average", "--metrics", "en") == 0
    assert report.read_text() != "as it was"


def test_a_report_that_was_not_written_is_written_the_next_time(
    folders: Path, run: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    report, words = folders.parent / "run" / "report.html", ("--metrics", "en")
    assert run("--method", "average", *words) == 0
    before = report.read_text()
    with monkeypatch.context() as patch:
        patch.setattr("ivif.benchmark.reports.html.page.write_report", stopped)
        assert run("--add", "--method", "maximum", *words) != 0
    assert report.read_text() == before
    assert run("--add", "--method", "maximum", *words) == 0
    assert "maximum" in report.read_text()


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        ("/x/bin/ivif benchmark run --limit 2", "ivif benchmark run --limit 2"),
        ("/x/ivif/__main__.py benchmark run", "python -m ivif benchmark run"),
        ("/x/benchmark/__main__.py run --method 'a b'", "python -m benchmark run --method 'a b'"),
        ("mine.py --fast", "python mine.py --fast"),
    ],
)
def test_the_command_of_a_run_can_be_given_again(typed: str, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", shlex.split(typed))
    assert command_given("benchmark") == given
