"""The command line as a user meets it."""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from ivif.benchmark.cli import main
from ivif.benchmark.metrics import get, metric_names
from ivif.benchmark.reports.sheet import run_sheet
from ivif.benchmark.run_directory import Run
from ivif.datasets.images import read_image
from ivif.datasets.pairs import pair_folders
from ivif.fusion import load
from ivif.fusion.reference.build import Plan, build_references
from ivif.fusion.reference.filter import Rule
from ivif.fusion.reference.pool import Pool
from ivif.fusion.weights import SHIPPED_FOLDER


def arguments(folders: Path, *more: str) -> list[str]:
    sources = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible")]
    return ["run", *sources, "--out", str(folders.parent / "run"), "--jobs", "1", *more]


def test_run_prints_and_writes_the_leaderboard(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(folders, "--method", "average", "--method", "laplacian")) == 0
    printed = capsys.readouterr().out
    assert "laplacian" in printed and "Qabf ↑" in printed and "8 fused images done now" in printed
    out = folders.parent / "run"
    for form in ("md", "tex", "csv"):
        assert main(["leaderboard", str(out), "--format", form]) == 0
        assert capsys.readouterr().out == (out / f"leaderboard.{form}").read_text()


def test_a_failed_pair_shows_in_the_exit_code(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders / "visible" / "alley.png").write_bytes(b"")
    (folders / "infrared" / "lonely.png").write_bytes(b"")
    assert main(arguments(folders, "--method", "average")) == 1
    captured = capsys.readouterr()
    assert "the file is empty" in captured.out and "(3/4)" in captured.out
    assert "lonely.png: no image called" in captured.err


def test_settings_come_from_a_file_and_options_override_them(folders: Path) -> None:
    file = folders.parent / "run.yaml"
    settings = {"infrared": str(folders / "infrared"), "visible": str(folders / "visible"), "methods": ["average"]}
    file.write_text(yaml.safe_dump(settings | {"out": str(folders.parent / "wrong"), "limit": 2, "metrics": "en"}))
    assert main(["run", "--config", str(file), "--out", str(folders.parent / "right"), "--jobs", "1"]) == 0
    content = yaml.safe_load((folders.parent / "right" / "run.yaml").read_text())
    assert content["config"]["limit"] == 2 and content["config"]["metrics"] == ["en"]
    assert not (folders.parent / "wrong").exists()
    assert main(["run", "--config", str(folders.parent / "right" / "run.yaml")]) == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "nope"], "no method 'nope'"),
        (["--metrics", "nope"], "no metric 'nope'"),
        (["--fused", "X=/does/not/exist"], "no folder"),
        (["--fused", "nonsense"], "NAME=DIR"),
        (["--device", "cuda:99"], "cannot be used"),
        (["--dataset", "vifb"], "a run takes one kind"),
        (["--limit", "0"], "--limit 1 or more"),
        (["--method", "nowhere:Class"], "expected package.module:Class"),
    ],
)
def test_mistakes_are_one_clear_line(
    folders: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(folders, *more)) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ") and message in printed and printed.count("\n") == 1


def test_folders_without_pairs_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for role in ("infrared", "visible"):
        (tmp_path / "empty" / role).mkdir(parents=True)
    assert main(arguments(tmp_path / "empty")) == 2
    assert "no pairs: 0 images" in capsys.readouterr().err
    assert main(arguments(tmp_path / "missing")) == 2
    assert "cannot be listed" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["methods", "metrics", "datasets"])
def test_listings(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    expected = {"methods": "laplacian", "metrics": "qabf", "datasets": "roadscene"}
    assert main(["list", what]) == 0
    assert expected[what] in capsys.readouterr().out


@pytest.mark.parametrize("key", metric_names())
def test_explain_tells_the_facts_of_the_registration(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", key]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert get(key).name in printed and f"{get(key).better} is better" in printed
    assert get(key).formula.replace(" ", "") in printed.replace(" ", "")
    assert all(f"{other}: " in printed for other in metric_names() if get(other).base == get(key).base)


def test_metrics_may_be_written_as_in_papers(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(folders, "--method", "average", "--metrics", "EN", "--metrics", "Qabf")) == 0
    assert "EN ↑    Qabf ↑" in capsys.readouterr().out
    assert main(["explain", "SCD"]) == 0
    assert "scd: " in capsys.readouterr().out


def test_sheet_shows_sources_and_methods(folders: Path) -> None:
    main(arguments(folders, "--method", "average", "--method", "maximum"))
    out = folders.parent / "run"
    assert main(["sheet", str(out), "--pair", "alley", "--pair", "bridge", "--width", "100"]) == 0
    sheet = read_image(out / "sheet.png")
    assert sheet.shape[2] > 4 * 100 and sheet.shape[1] > 2 * 75
    assert main(["sheet", str(out), "--pair", "alley,bridge", "--width", "100", "--out", str(out / "same.png")]) == 0
    assert torch.equal(read_image(out / "same.png"), sheet)
    assert main(["sheet", str(out), "--width", "100"]) == 0, "all four pairs by default"
    assert read_image(out / "sheet.png").shape[1] > 4 * 75
    assert main(["sheet", str(out), "--method", "nope"]) == 2
    assert main(["sheet", str(out), "--width", "100", "--columns", "2", "-o", str(out / "sheet.pdf")]) == 0
    assert (out / "sheet.pdf").read_bytes().startswith(b"%PDF")
    assert main(["sheet", str(out), "-o", str(out / "sheet.bmp")]) == 2


def test_sheet_shows_references(folders: Path, tmp_path: Path) -> None:
    main(arguments(folders, "--method", "average"))
    pool = Pool.of(tmp_path / "references" / "pool", ("average", "laplacian"))
    data = pair_folders(folders / "infrared", folders / "visible").select(["alley"])
    build_references(data, Plan(tmp_path / "references", pool, Rule(count=2), "published"), jobs=1)
    words = ["--pair", "alley", "--pair", "bridge", "--width", "100", "--references", str(tmp_path / "references")]
    assert main(["sheet", str(folders.parent / "run"), *words]) == 0
    sheet = read_image(folders.parent / "run" / "sheet.png")
    assert sheet.shape[2] > 6 * 100
    assert main(["sheet", str(folders.parent / "run"), *words[:-2]]) == 0
    assert sheet.shape[2] - read_image(folders.parent / "run" / "sheet.png").shape[2] > 3 * 100
    words[-1] = str(tmp_path / "nowhere")
    assert main(["sheet", str(folders.parent / "run"), *words]) == 2


def test_references_in_a_sheet_are_those_on_disk(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(arguments(folders, "--method", "average"))
    pool = Pool.of(tmp_path / "references" / "pool", ("average", "laplacian", "gff"))
    data = pair_folders(folders / "infrared", folders / "visible").select(["alley"])
    build_references(data, Plan(tmp_path / "references", pool, Rule(count=3), "published"), jobs=1)
    drawn = []
    monkeypatch.setattr("ivif.benchmark.reports.sheet.wrapped_sheet", lambda rows, *_: drawn.extend(rows) or rows[0][0])
    run_sheet(Run(folders.parent / "run"), ["alley", "bridge"], (), 100, tmp_path / "references")
    before, after, mean = drawn[0][2:5]
    record = json.loads((tmp_path / "references" / "pairs" / "alley" / "record.json").read_text())
    best = next((tmp_path / "references" / "pool" / record["methods"][0]).glob("alley.*.png"))
    count = len(record["weights"])
    images = [read_image(tmp_path / "references" / "pairs" / "alley" / f"{n}.png") for n in range(1, 1 + count)]
    assert torch.equal(before, read_image(best)) and torch.equal(after, images[0])
    expected = sum(image.float() * weight for image, weight in zip(images, record["weights"], strict=True))
    assert (mean - expected).abs().max() <= 0.51
    assert all(int(cell.min()) == 255 for cell in drawn[1][2:5])  # bridge has none
    best.unlink()
    run_sheet(Run(folders.parent / "run"), ["alley"], (), 100, tmp_path / "references")
    assert int(drawn[2][2].min()) == 255 and torch.equal(drawn[2][3], after) and torch.equal(drawn[2][4], mean)
    assert f"left out: {best}" in capsys.readouterr().err


def test_networks_with_weights_of_ones_own(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = SHIPPED_FOLDER / "sdnet+rts.safetensors"
    two = ["--method", "sdnet", "--method", f"sdnet+rts={weights}"]
    assert main(arguments(folders, *two)) == 0
    run = folders.parent / "run"
    ours, shipped = (read_image(next(run.glob(f"fused/*/{name}/alley.png"))) for name in ("sdnet", "sdnet+rts"))
    assert not torch.equal(ours, shipped)
    assert main(["compare", str(run)]) == 0
    assert "sdnet+rts against sdnet" in capsys.readouterr().out
    assert main(arguments(folders, "--method", "sdnet", "--method", f"sdnet={weights}")) == 2
    assert main(arguments(folders, "--method", "sdnet+rts=/no/such.safetensors")) == 2
    assert main(arguments(folders, "--method", f"average={weights}")) == 2


def test_sheet_shows_a_damaged_pair_as_empty(folders: Path) -> None:
    (folders / "visible" / "alley.png").write_bytes(b"")
    main(arguments(folders, "--method", "average"))
    assert main(["sheet", str(folders.parent / "run"), "--pair", "alley", "--pair", "bridge"]) == 0


def test_settings_left_empty_in_a_file_take_their_defaults(folders: Path) -> None:
    file = folders.parent / "run.yaml"
    file.write_text("datasets:\njobs:\nmethods: [average]\n")
    words = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible")]
    assert main(["run", "--config", str(file), *words, "--out", str(folders.parent / "run")]) == 0


def test_slow_methods_are_brought_in_by_all(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (
        "benchmark.commands.running.method_names",
        "benchmark.config.names",
        "fusion.loading.names",
    ):
        monkeypatch.setattr(f"ivif.{module}", lambda: ["average", "maximum"])
    monkeypatch.setattr(type(load("maximum")), "slow", True)
    sources = ["--infrared", str(folders / "infrared"), "--visible", str(folders / "visible")]
    assert main(["run", *sources, "--out", str(folders / "quick")]) == 0
    assert "left out, as they take long on a CPU: maximum; --method all" in capsys.readouterr().out
    assert main(["run", *sources, "--out", str(folders / "all"), "--method", "all", "--method", "laplacian"]) == 0
    assert "left out" not in capsys.readouterr().out
    for run, methods in (("quick", ["average"]), ("all", ["average", "maximum", "laplacian"])):
        assert yaml.safe_load((folders / run / "run.yaml").read_text())["config"]["methods"] == methods


def test_a_run_records_how_long_weights_were_trained(
    folders: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed later comes from the run directory alone; weights without a manifest have no share."""
    mine, bare = (folders.parent / f"{name}.safetensors" for name in ("mine", "bare"))
    for copy in (mine, bare):
        shutil.copy(SHIPPED_FOLDER / "pmgi.safetensors", copy)
    manifest = json.loads((SHIPPED_FOLDER / "pmgi.json").read_text())
    manifest["recipe"]["share_of_published_pixels"] = 0.25
    mine.with_suffix(".json").write_text(json.dumps(manifest))
    methods = ["average", "pmgi", f"pmgi.s1={mine}", f"pmgi+bare={bare}"]
    words = [word for name in methods for word in ("--method", name)]
    assert main(arguments(folders, *words, "--metrics", "en", "--limit", "1")) == 0
    mine.with_suffix(".json").unlink()
    capsys.readouterr()
    assert main(["leaderboard", str(folders.parent / "run")]) == 0
    assert "(pixels seen): pmgi 2.3 %, pmgi.s1 25.0 %; NAME" in " ".join(capsys.readouterr().out.split())


def test_methods_are_listed_with_their_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    shutil.copy(SHIPPED_FOLDER / "pmgi.safetensors", tmp_path / "weights")
    assert main(["list", "methods"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert " weights" in rows["name"] and "shipped, 0.5 % trained" in rows["swinfusion"] and "%" not in rows["average"]
    assert rows["pmgi+published"].rstrip().endswith("authors', here")
    assert rows["seafusion+published"].rstrip().endswith("authors', to be fetched")
    assert rows["mgt+published"].rstrip().endswith("authors', by hand")
    for told in ("2022", "Information Fusion", "166,657", " 51 "):
        assert told in rows["seafusion+published"]
    capsys.readouterr()
    assert main(["list", "methods", "seafusion*", "--papers"]) == 0
    assert "Tang, Yuan, Ma" in capsys.readouterr().out
