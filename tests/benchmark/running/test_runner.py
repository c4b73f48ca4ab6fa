"""Runs from folders to tables: complete, repeatable, resumable, and honest about what failed."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from joblib.externals.loky import get_reusable_executor
from PIL import Image

import ivif.benchmark.running.runner
import ivif.benchmark.running.work
from ivif.benchmark.config import ConfigError, RunConfig
from ivif.benchmark.metrics import get
from ivif.benchmark.reports.tables import render
from ivif.benchmark.run_directory import Run
from ivif.benchmark.running.runner import RunError, run
from ivif.benchmark.store import Row, Store
from ivif.datasets.images import luminance, read_image, write_png

OWN_METHOD = """
from ivif.fusion import FusionMethod

class Mine(FusionMethod):
    name = "mine"

    def fuse_planes(self, infrared, visible):
        {body}
"""


def config(folders: Path, **settings: object) -> RunConfig:
    values: dict[str, object] = {
        "out": folders.parent / "run",
        "infrared": folders / "infrared",
        "visible": folders / "visible",
        "methods": ["average", "maximum"],
        "jobs": 1,
    }
    return RunConfig.from_dict(values | settings).checked()


def table(run_directory: Path) -> str:
    return render(Run(run_directory).leaderboards(), "csv")


def scores(settings: RunConfig) -> dict[tuple[str, str, str], Row]:
    return {(row.method, row.pair, row.metric): row for row in Store(settings.out).rows()}


def write_method(folder: Path, body: str) -> None:
    (folder / "own_method.py").write_text(OWN_METHOD.format(body=body))


@pytest.fixture
def own_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's class, in a module of the current folder."""
    write_method(tmp_path, "return (infrared + 3 * visible) / 4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "own_method", raising=False)
    return "own_method:Mine"


def test_scores_are_those_of_the_file_on_disk(folders: Path) -> None:
    settings = config(folders)
    assert run(settings).failed == 0
    for (method, pair, metric), row in scores(settings).items():
        file = settings.out / "fused" / "scenes" / method / f"{pair}.png"
        sources = (read_image(folders / role / f"{pair}.png") for role in ("infrared", "visible"))
        images = [luminance(image)[None] for image in (*sources, read_image(file))]
        assert row.value == get(metric)(*images).values.item()
        assert row.status == "ok"


def test_fused_images_keep_the_visible_colours(folders: Path) -> None:
    settings = config(folders)
    run(settings)
    fused = read_image(settings.out / "fused" / "scenes" / "average" / "bridge.png").double()
    visible = read_image(folders / "visible" / "bridge.png").double()
    inside = ((fused > 0) & (fused < 255)).all(0)
    for low, high in ((0, 1), (1, 2)):
        moved = (fused[low] - fused[high]) - (visible[low] - visible[high])
        assert moved[inside].abs().max() <= 2


def test_a_second_run_does_nothing(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(folders)
    assert run(settings).done == 8
    before = {path: path.stat().st_mtime_ns for path in settings.out.rglob("*.p*")}
    monkeypatch.setattr("ivif.benchmark.running.runner.do_pair", None)
    summary = run(settings)
    assert (summary.done, summary.kept, summary.failed) == (0, 8, 0)
    assert {path: path.stat().st_mtime_ns for path in settings.out.rglob("*.p*")} == before


def test_parallel_equals_serial(folders: Path) -> None:
    serial, parallel = config(folders), config(folders, out=folders.parent / "parallel", jobs=2)
    run(serial)
    run(parallel)
    assert table(serial.out) == table(parallel.out)


def test_only_what_changed_is_done_again(folders: Path) -> None:
    settings = config(folders)
    run(settings)
    write_png(folders / "infrared" / "alley.png", torch.full((1, 48, 64), 77, dtype=torch.uint8))
    assert run(settings).done == 2
    (settings.out / "fused" / "scenes" / "maximum" / "bridge.png").unlink()
    assert run(settings).done == 1
    write_png(settings.out / "fused" / "scenes" / "average" / "bridge.png", torch.zeros(1, 48, 64, dtype=torch.uint8))
    assert run(settings).done == 1
    assert run(settings).done == 0


def test_a_new_metric_is_measured_on_the_fused_files_that_are_there(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(config(folders, metrics=["en"]))
    monkeypatch.setattr("ivif.fusion.results._loaded", None)
    settings = config(folders, metrics=["en", "sd"])
    assert run(settings).done == 8
    assert all(row.value is not None for row in scores(settings).values())


def test_changed_code_of_a_method_makes_its_results_stale(folders: Path, own_method: str) -> None:
    settings = config(folders, methods=["average", own_method])
    assert run(settings).done == 8
    write_method(Path.cwd(), "return (3 * infrared + visible) / 4")
    sys.modules.pop("own_method")
    assert run(settings).done == 4


def test_failures_are_rows_with_reasons_and_the_rest_goes_on(folders: Path, own_method: str) -> None:
    write_method(Path.cwd(), 'raise RuntimeError("weights are missing")')
    content = (folders / "visible" / "alley.png").read_bytes()
    (folders / "visible" / "alley.png").write_bytes(content[: len(content) // 2])
    write_png(folders / "visible" / "bridge.png", torch.zeros(3, 48, 60, dtype=torch.uint8))
    settings = config(folders, methods=["average", own_method], metrics=["en", "qabf"])
    summary = run(settings)
    # two metrics each: both methods on two bad pairs, the own method on the two good ones
    assert summary.failed == 2 * (2 * 2 + 2)
    found = scores(settings)
    assert "truncated" in found["average", "alley", "en"].reason
    assert "64x48" in found["average", "bridge", "en"].reason
    assert found["mine", "crossing", "qabf"].reason == "RuntimeError: weights are missing"
    assert found["average", "crossing", "en"].status == "ok"
    board = Run(settings.out).leaderboards()[0]
    assert {line.method: line.failed for line in board.lines} == {"average": 2, "mine": 4}
    assert "(2/4)" in render([board], "terminal")


def test_a_mended_pair_is_completed_by_the_next_run(folders: Path) -> None:
    good = (folders / "visible" / "alley.png").read_bytes()
    (folders / "visible" / "alley.png").write_bytes(b"")
    settings = config(folders)
    assert run(settings).failed == 12
    (folders / "visible" / "alley.png").write_bytes(good)
    summary = run(settings)
    assert (summary.done, summary.failed) == (2, 0)


def test_folders_of_fused_images_take_part(folders: Path) -> None:
    run(config(folders, methods=["average"], out=folders.parent / "first"))
    made = folders.parent / "first" / "fused" / "scenes" / "average"
    for path in made.iterdir():
        path.rename(path.with_name(f"{path.stem}_AVG.png"))
    settings = config(folders, methods=["average"], fused=[f"copy={made}/{{pair}}_AVG.png"])
    assert run(settings).failed == 0
    found = scores(settings)
    assert len(found) == 2 * 4 * 6
    for (method, pair, metric), row in found.items():
        assert row.value == found["average", pair, metric].value, (method, pair, metric)
    (made / "alley_AVG.png").unlink()
    assert run(settings).failed == 6
    assert "no fused image" in scores(settings)["copy", "alley", "en"].reason


def test_a_folder_can_be_given_as_a_method(folders: Path) -> None:
    settings = config(folders, methods=["average", f"thermal={folders / 'infrared'}"])
    assert settings == config(folders, methods=["average"], fused=[f"thermal={folders / 'infrared'}"])
    assert config(folders, methods=[f"thermal={folders / 'infrared'}"]).methods == (f"thermal={folders / 'infrared'}",)
    assert run(settings).failed == 0
    assert {line.method for line in Run(settings.out).leaderboards()[0].lines} == {"average", "thermal"}


def test_a_fused_image_of_the_wrong_size_is_a_failure(folders: Path) -> None:
    for path in (folders / "infrared").iterdir():
        write_png(folders / "other" / path.name, torch.zeros(1, 40, 64, dtype=torch.uint8))
    settings = config(folders, methods=[], fused=[f"other={folders / 'other'}"])
    assert run(settings).failed == 24
    assert "sizes differ" in scores(settings)["other", "alley", "vif"].reason


def test_a_metric_without_a_number_is_a_failure_not_a_zero(folders: Path) -> None:
    for role, channels in (("infrared", 1), ("visible", 3)):
        write_png(folders / role / "alley.png", torch.zeros(channels, 48, 64, dtype=torch.uint8))
    settings = config(folders, methods=["average"])
    assert run(settings).failed == 1
    found = scores(settings)
    assert (found["average", "alley", "qabf"].status, found["average", "alley", "qabf"].value) == ("failed", None)
    assert (found["average", "alley", "scd"].status, found["average", "alley", "scd"].value) == ("flagged", 0)


def test_sixteen_bit_sources_need_a_declared_range(folders: Path) -> None:
    ramp = torch.arange(48 * 64).view(48, 64).numpy().astype("uint16") * 4
    Image.fromarray(ramp).save(folders / "infrared" / "alley.png")
    assert run(config(folders)).failed == 12
    assert run(config(folders, value_range=[0, 12284])).failed == 0


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []

    def until_full(path: Path, data: bytes) -> None:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    settings = config(folders)
    monkeypatch.setattr("ivif.fusion.results.write_atomic", until_full)
    with pytest.raises(RunError, match=r"No space left on device; make room .* is kept"):
        run(settings)
    monkeypatch.undo()
    assert run(settings).done == 6  # the pair that was finished before stays


def test_two_runs_in_one_directory_are_refused(folders: Path) -> None:
    from filelock import FileLock

    settings = config(folders)
    settings.out.mkdir()
    with FileLock(settings.out / ".lock"), pytest.raises(ConfigError, match="another run"):
        run(settings)


def test_killed_runs_resume_to_the_same_table(folders: Path, own_method: str) -> None:
    write_method(Path.cwd(), "import time; time.sleep(0.15); return (infrared + visible) / 2")
    settings = config(folders, methods=["average", own_method], out=folders.parent / "killed")
    command = [sys.executable, "-m", "ivif", "benchmark", "run", "--jobs", "1", "--out", str(settings.out)]
    for option in ("infrared", "visible"):
        command += [f"--{option}", str(folders / option)]
    for method in settings.methods:
        command += ["--method", method]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        have = len(Store(settings.out).rows()) if settings.out.exists() else 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if settings.out.exists() and len(Store(settings.out).rows()) > have:
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 0 < len(Store(settings.out).rows()) < 48
    assert run(settings).failed == 0
    whole = config(folders, methods=["average", own_method], out=folders.parent / "whole")
    run(whole)
    assert table(settings.out) == table(whole.out)


def test_the_description_tells_where_numbers_come_from(folders: Path) -> None:
    import yaml

    settings = config(folders)
    run(settings)
    content = yaml.safe_load((settings.out / "run.yaml").read_text())
    assert RunConfig.from_dict(content["config"]).checked() == settings
    (maker,) = content["made_by"]
    assert {row.made_by for row in Store(settings.out).rows()} == {maker}
    assert content["made_by"][maker]["software"]["packages"]["torch"] == torch.__version__.split("+")[0]
    assert content["datasets"]["scenes"]["pairs"] == sorted(path.stem for path in (folders / "visible").iterdir())
    assert set(content["methods"]) == {"average", "maximum"}


def test_numbers_keep_the_maker_they_were_made_by(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    settings = config(folders)
    run(settings)
    monkeypatch.setattr("ivif.datasets.software.PACKAGES", ("ivif-bench",))
    write_png(folders / "infrared" / "alley.png", torch.full((1, 48, 64), 77, dtype=torch.uint8))
    run(settings)
    makers = yaml.safe_load((settings.out / "run.yaml").read_text())["made_by"]
    by_pair = {pair: row.made_by for (_, pair, _), row in scores(settings).items()}
    assert set(makers[by_pair["alley"]]["software"]["packages"]) == {"ivif-bench"}
    assert "torch" in makers[by_pair["bridge"]]["software"]["packages"]


def test_folders_given_with_dots_are_named_by_where_they_lead(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folders / "here").mkdir()
    monkeypatch.chdir(folders / "here")
    settings = config(folders, infrared="../infrared", visible="../visible", out="run")
    assert run(settings).failed == 0
    assert Run(settings.out).leaderboards()[0].dataset == "scenes"
    assert Run(settings.out).leaderboards()[0].lines[0].rank is not None


def test_a_smaller_run_counts_its_own_pairs_alone(folders: Path) -> None:
    run(config(folders))
    settings = config(folders, limit=2)
    assert run(settings, "replace").done == 0
    (board,) = Run(settings.out).leaderboards()
    assert (board.images, [line.failed for line in board.lines]) == (2, [0, 0])
    assert all(cell.count == 2 for line in board.lines for cell in line.cells)


def test_a_changed_metric_is_measured_again(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config(folders, metrics=["en", "sd"])
    run(settings)
    codes = {key: ivif.benchmark.running.runner.metric_code(key) for key in ("en", "sd")}
    monkeypatch.setattr(ivif.benchmark.running.runner, "metric_code", (codes | {"sd": "changed"}).__getitem__)
    assert run(settings).done == 8
    assert {row.metric_key for row in Store(settings.out).rows()} == {codes["en"], "changed"}


def test_numbers_being_made_anew_are_missing_until_they_are(
    folders: Path, own_method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(folders, methods=[own_method])
    run(settings)
    write_method(Path.cwd(), "return (3 * infrared + visible) / 4")
    sys.modules.pop("own_method")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ivif.benchmark.running.runner, "do_pair", interrupted)
        run(settings)
    assert {cell.count for cell in Run(settings.out).leaderboards()[0].lines[0].cells} == {0}
    assert run(settings).failed == 0


def test_a_change_in_a_module_beside_the_users_own_counts(folders: Path, own_method: str) -> None:
    (Path.cwd() / "mixing.py").write_text("def mix(a, b):\n    return (a + b) / 2\n")
    write_method(Path.cwd(), "return mix(infrared, visible)")
    source = Path.cwd() / "own_method.py"
    source.write_text("from mixing import mix\n" + source.read_text())
    settings = config(folders, methods=[own_method])
    run(settings)
    (Path.cwd() / "mixing.py").write_text("def mix(a, b):\n    return a\n")
    for name in ("own_method", "mixing"):
        sys.modules.pop(name)
    assert run(settings).done == 4


def test_a_metric_that_breaks_is_a_failure_of_that_metric(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise torch.OutOfMemoryError("no memory")

    measure = get

    monkeypatch.setattr(ivif.benchmark.running.work, "get", lambda key: broken if key == "vif" else measure(key))
    settings = config(folders, methods=["average"])
    assert run(settings).failed == 4
    assert scores(settings)["average", "alley", "vif"].reason == "OutOfMemoryError: no memory"
    assert scores(settings)["average", "alley", "qabf"].status == "ok"


def test_a_method_that_fails_leaves_no_older_image_behind(folders: Path, own_method: str) -> None:
    settings = config(folders, methods=[own_method])
    run(settings)
    assert len(list(settings.out.rglob("*.png"))) == 4
    write_method(Path.cwd(), 'raise RuntimeError("broken since")')
    sys.modules.pop("own_method")
    assert run(settings).failed == 24
    assert not list(settings.out.rglob("*.png"))


def test_only_the_runs_own_leftovers_are_removed(folders: Path) -> None:
    settings = config(folders)
    theirs, ours = settings.out / "data" / ".movie.mp4.part", settings.out / "fused" / ".a.png.1-ab.part"
    for path in (theirs, ours):
        path.parent.mkdir(parents=True)
        path.write_bytes(b"x")
    run(settings)
    assert (theirs.exists(), ours.exists()) == (True, False)


def test_a_line_cut_off_by_a_kill_costs_one_row_not_two(folders: Path) -> None:
    settings = config(folders)
    run(settings)
    store = Store(settings.out)
    rows = store.rows()
    (settings.out / "scores" / "scenes" / "average.parquet").unlink()
    store.append(row for row in rows if row.method == "average")
    store.journal.write_text(store.journal.read_text()[:-30])
    assert run(settings).done == 1
    assert len(store.rows()) == len(rows)


def test_a_worker_that_dies_is_explained(folders: Path, own_method: str) -> None:
    get_reusable_executor().shutdown(wait=True)  # workers of other tests live in other folders
    write_method(Path.cwd(), "import os; os._exit(1)")
    with pytest.raises(RunError, match=r"fewer --jobs.* is kept"):
        run(config(folders, methods=[own_method], jobs=2))
