"""References on disk: pool, records, resume, and how training reads them back."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ivif.datasets.images import ImageError, read_image, write_png
from ivif.datasets.pairs import PairDataset, pair_folders
from ivif.fusion.classical.pixelwise import Average
from ivif.fusion.cli import main
from ivif.fusion.loading import network_class
from ivif.fusion.method import FusionError
from ivif.fusion.reference.build import Plan, build_references, make, rejections
from ivif.fusion.reference.filter import NO_REGRET, Rule
from ivif.fusion.reference.pool import Pool, member
from ivif.fusion.reference.regret import KEYS
from ivif.fusion.reference.supervision import References, aggregated
from ivif.fusion.weights import published_folder
from ivif.fusion.weights.manifest import write_weights

METHODS = ("average", "laplacian", "gff", "dwt")


def scene(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    grid = torch.rand(1, 1, 9, 9, generator=generator)
    return (torch.nn.functional.interpolate(grid, (72, 88), mode="bicubic")[0].clamp(0, 1) * 220 + 20).to(torch.uint8)


@pytest.fixture
def data(tmp_path: Path) -> PairDataset:
    for number, name in enumerate(("one", "two [b]")):
        write_png(tmp_path / "infrared" / f"{name}.png", scene(number))
        write_png(tmp_path / "visible" / f"{name}.png", scene(number + 10))
    return pair_folders(tmp_path / "infrared", tmp_path / "visible")


def plan(tmp_path: Path, **changes) -> Plan:
    settings = {"rule": Rule(count=3), "enhancement": "none", **changes}
    return Plan(tmp_path / "refs", Pool.of(tmp_path / "refs" / "pool", METHODS), **settings)


def test_references_are_made_kept_and_remade(data: PairDataset, tmp_path: Path) -> None:
    assert set(build_references(data, plan(tmp_path), jobs=1).values()) == {"made"}
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "refs" / "pool").rglob("*.png")}
    assert len(made) == len(METHODS) * 2
    assert set(build_references(data, plan(tmp_path), jobs=1).values()) == {"kept"}
    (tmp_path / "refs" / "pairs" / "one" / "2.png").unlink()
    assert build_references(data, plan(tmp_path), jobs=1) == {"one": "made", "two [b]": "kept"}
    assert set(build_references(data, plan(tmp_path, rule=Rule(count=2)), jobs=1).values()) == {"made"}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "refs" / "pool").rglob("*.png")} == made
    assert sorted(path.name for path in (tmp_path / "refs" / "pairs" / "one").glob("?.png")) == ["1.png", "2.png"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("enhancement", ["published", "adaptive"])
def test_a_gpu_chooses_and_enhances_as_a_processor_does(data: PairDataset, enhancement: str, tmp_path: Path) -> None:
    here = plan(tmp_path, enhancement=enhancement)
    there = replace(here, pool=replace(here.pool, device="cuda"))
    for pair in data:
        slow, fast = make(here, pair), make(there, pair)
        assert fast.choice.methods == slow.choice.methods
        for one, other in zip(slow.enhanced, fast.enhanced, strict=True):
            assert one.image.device == other.image.device
            assert (one.image.int() - other.image.int()).abs().max() <= 1


def test_a_changed_picture_makes_its_pair_anew(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path), jobs=1)
    write_png(tmp_path / "visible" / "two [b].png", scene(50))
    assert build_references(data, plan(tmp_path), jobs=1) == {"one": "kept", "two [b]": "made"}
    assert len(list((tmp_path / "refs" / "pool").rglob("*.png"))) == len(METHODS) * 2


def test_a_changed_line_of_a_list_makes_its_pair_anew(data: PairDataset, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("one gff dwt\n'two [b]' average\n")
    assert set(build_references(data, plan(tmp_path, rule=Rule(f"list:{mine}")), jobs=1).values()) == {"made"}
    mine.write_text("one gff dwt\n'two [b]' laplacian\n")
    again = build_references(data, plan(tmp_path, rule=Rule(f"list:{mine}")), jobs=1)
    assert again == {"one": "kept", "two [b]": "made"}


def test_a_pair_that_fails_keeps_no_references_of_other_settings(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path), jobs=1)
    mine = tmp_path / "mine.txt"
    mine.write_text("one gff dwt")
    outcomes = build_references(data, plan(tmp_path, rule=Rule(f"list:{mine}")), jobs=1)
    assert outcomes["one"] == "made" and "no line" in outcomes["two [b]"]
    with pytest.raises(FusionError, match="no references"):
        References(tmp_path / "refs").read("two [b]")


def test_training_refuses_references_of_different_settings(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path), jobs=1)
    build_references(data[:1], plan(tmp_path, enhancement="published"), jobs=1)
    with pytest.raises(FusionError, match=r"enhancement published, those of two .* enhancement none"):
        References(tmp_path / "refs").fingerprint(["one", "two [b]"])


def test_a_stop_before_the_record_leaves_no_references(data: PairDataset, tmp_path: Path, monkeypatch) -> None:
    build_references(data, plan(tmp_path), jobs=1)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("ivif.fusion.reference.build._record", stop)
        with pytest.raises(KeyboardInterrupt):
            build_references(data, plan(tmp_path, enhancement="published"), jobs=1)
    with pytest.raises(FusionError, match="no references"):
        References(tmp_path / "refs").read("one")
    assert build_references(data, plan(tmp_path), jobs=1) == {"one": "made", "two [b]": "kept"}


def test_damaged_results_in_the_pool_are_made_again(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path), jobs=1)
    (damaged,) = (tmp_path / "refs" / "pool" / "gff").glob("one.*.png")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    build_references(data, plan(tmp_path, rule=Rule(count=4)), jobs=1)
    assert damaged.read_bytes() == whole
    assert "gff" not in rejections(plan(tmp_path), data)


def test_any_failure_of_a_method_costs_that_candidate_alone(data: PairDataset, tmp_path: Path, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("not today")

    monkeypatch.setattr(Average, "fuse_planes", fails)
    assert set(build_references(data, plan(tmp_path), jobs=1).values()) == {"made"}
    assert rejections(plan(tmp_path), data)["average"] == dict.fromkeys(("one", "two [b]"), "RuntimeError: not today")


def test_records_say_what_was_chosen_and_why(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path, preview=True), jobs=1)
    folder = tmp_path / "refs" / "pairs" / "one"
    record = json.loads((folder / "record.json").read_text())
    assert len(record["methods"]) == 3 and sum(record["weights"]) == pytest.approx(1)
    assert set(record["candidates"]) == set(METHODS)
    assert all("score" in facts and "qabf" in facts["metrics"] for facts in record["candidates"].values())
    pool = next((tmp_path / "refs" / "pool" / record["methods"][0]).glob("one.*.png"))
    assert torch.equal(read_image(folder / "1.png"), read_image(pool))
    assert read_image(folder / "preview.png").shape[0] == 3


def test_the_best_candidate_is_found_again_before_enhancement(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path, enhancement="none"), jobs=1)
    references = References(tmp_path / "refs", 3)
    untouched = references.read("two [b]")[0][:1]
    build_references(data, plan(tmp_path, enhancement="published"), jobs=1)
    assert torch.equal(references.candidate("two [b]"), untouched)
    assert not torch.equal(references.read("two [b]")[0][:1], untouched)
    moved = (tmp_path / "refs").rename(tmp_path / "moved")
    assert torch.equal(References(moved, 3).candidate("two [b]"), untouched)
    for path in (moved / "pool").rglob("*.png"):
        path.unlink()
    with pytest.raises(ImageError):
        References(moved, 3).candidate("two [b]")


def test_folders_take_part_and_missing_images_are_recorded(data: PairDataset, tmp_path: Path) -> None:
    write_png(tmp_path / "mine" / "one.png", (scene(0) // 2 + scene(10) // 2).to(torch.uint8))
    pool = Pool.of(tmp_path / "refs" / "pool", [*METHODS[:2], f"mine={tmp_path}/mine"])
    build_references(data, Plan(tmp_path / "refs", pool, Rule(count=3), "none"), jobs=1)
    records = [
        json.loads((tmp_path / "refs" / "pairs" / name / "record.json").read_text()) for name in ("one", "two [b]")
    ]
    assert "score" in records[0]["candidates"]["mine"]
    assert "no fused image" in records[1]["candidates"]["mine"]["rejected"]
    assert len(records[1]["methods"]) == 2


def test_names_must_differ_and_be_there(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="different names"):
        Pool.of(tmp_path, ["average", f"average={tmp_path}"])
    with pytest.raises(FusionError, match="needs candidates"):
        Pool.of(tmp_path, [])


def test_training_reads_them_with_weights_that_sum_to_one(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path), jobs=1)
    images, weights = References(tmp_path / "refs", 2).read("one")
    assert images.shape == (2, 72, 88) and float(weights.sum()) == pytest.approx(1)
    assert References(tmp_path / "refs").read("one")[0].shape == (3, 72, 88)
    images, weights = References(tmp_path / "refs", 5).read("one")
    assert weights[3:].tolist() == [0, 0] and torch.equal(images[4], images[2])
    with pytest.raises(FusionError, match="python -m fusion references"):
        References(tmp_path / "refs").read("three")
    with pytest.raises(FusionError, match="1 or more"):
        References(tmp_path / "refs", 0)


def test_fingerprint_of_references_follows_their_content(data: PairDataset, tmp_path: Path) -> None:
    build_references(data, plan(tmp_path), jobs=1)
    references = References(tmp_path / "refs", 2)
    before = references.fingerprint(["one"])
    write_png(tmp_path / "refs" / "pairs" / "one" / "3.png", scene(70))
    assert references.fingerprint(["one"]) == before
    write_png(tmp_path / "refs" / "pairs" / "one" / "2.png", scene(70))
    assert references.fingerprint(["one"]) != before


def test_aggregations() -> None:
    references = torch.tensor([[[[0.2, 0.4]], [[0.3, 0.1]], [[0.9, 0.9]]]])
    weights = torch.tensor([[0.75, 0.25, 0.0]])
    assert aggregated(references, weights, "weighted").weights.tolist() == [[0.75, 0.25, 0.0]]
    assert aggregated(references, weights, "mean").weights.tolist() == [[0.5, 0.5, 0.0]]
    brightest = aggregated(references, weights, "max")
    assert torch.allclose(brightest.images, torch.tensor([[[[0.3, 0.4]]]])) and brightest.weights.tolist() == [[1.0]]


def test_command(data: PairDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "RoadScene"
    for role, folder in (("infrared", "cropinfrared"), ("visible", "crop_LR_visible")):
        for name in ("one", "two [b]"):
            write_png(root / folder / f"{name}.png", read_image(tmp_path / role / f"{name}.png"))
    arguments = ["references", "--dataset", "roadscene", "--root", str(root), "--out", str(tmp_path / "r"), "--k", "2"]
    methods = [word for name in METHODS for word in ("--method", name)]
    assert main([*arguments, *methods, "--jobs", "1", "--enhance", "published"]) == 0
    assert "2 pairs made now" in capsys.readouterr().out
    assert main([*arguments, "--method", "nope"]) == 2
    assert "no method 'nope'" in capsys.readouterr().err


def test_command_on_own_pairs_tells_what_is_missing(
    data: PairDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(tmp_path / "mine" / "one_MINE.png", scene(0))
    write_png(tmp_path / "infrared" / "lonely.png", scene(0))
    own = ["--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible")]
    few = ["--method", "average", "--method", "gff", "--enhance", "none", "--out", str(tmp_path / "r"), "--jobs", "1"]
    assert main(["references", *own, *few, "--fused", f"mine={tmp_path / 'mine'}"]) == 0
    printed, told = capsys.readouterr()
    assert f"left out: {tmp_path / 'infrared' / 'lonely.png'}" in told
    assert "2 pairs made now" in printed and "mine was out of the question for 2 of 2 pairs" in printed
    assert main(["references", *own, *few, "--limit", "0"]) == 2
    assert "no pairs" in capsys.readouterr().err
    (tmp_path / "list.txt").write_text("one gff")
    assert main(["references", *own, *few, "--filter", f"list:{tmp_path / 'list.txt'}"]) == 1
    assert "1 pairs failed" in capsys.readouterr().err


def test_references_are_per_network_and_their_pool_is_shared(data: PairDataset, tmp_path: Path) -> None:
    pool = Pool.of(tmp_path / "pool", METHODS)
    plan = Plan(tmp_path / "gff", pool, Rule(NO_REGRET, count=2), "none", member("gff"))
    assert set(build_references(data, plan, jobs=1).values()) == {"made"}
    assert set(build_references(data, plan, jobs=1).values()) == {"kept"}
    record = json.loads((tmp_path / "gff" / "pairs" / "one" / "record.json").read_text())
    assert record["learner"] == "gff" and set(record["own"]) == set(KEYS)
    assert "gff" not in record["candidates"] and set(record["candidates"]) == set(METHODS) - {"gff"}
    assert all(set(facts["gains"]) == set(KEYS) for facts in record["candidates"].values() if "rejected" not in facts)
    assert "for gff" in References(tmp_path / "gff").settings("one")
    assert torch.equal(References(tmp_path / "gff").candidate("one"), read_image(tmp_path / "gff" / record["files"][0]))
    other = replace(plan, learner=member("dwt"))
    assert set(build_references(data, other, jobs=1).values()) == {"made"}


def test_a_folder_of_results_is_a_learner_too(data: PairDataset, tmp_path: Path, capsys) -> None:
    own = tmp_path / "own"
    sources = ["--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible")]
    assert main(["fuse", "--method", "average", *sources, "--out", str(own)]) == 0
    out = tmp_path / "refs"
    command = ["references", *sources, "--method", ",".join(METHODS), "--for", f"mine={own}", "--out", str(out)]
    assert main([*command, "--enhance", "none", "--preview", "--jobs", "1"]) == 0
    assert f"references in {out / 'mine'}/pairs" in capsys.readouterr().out
    record = json.loads((out / "mine" / "pairs" / "one" / "record.json").read_text())
    assert record["rule"]["name"] == NO_REGRET and record["learner"] == "mine"
    assert (out / "mine" / "pairs" / "one" / "preview.png").is_file()
    (own / "one.png").unlink()
    assert main(command) == 1
    assert "mine: no fused image one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("pmgi+published", r"its weights were trained on tno, on which what learns from it is to be tested"),
        ("datfuse+published", r"what its weights were trained on is not known, and may be of vifb, tno, roadscene"),
        ("didfuse+rts+published", "what its weights were trained on is not known"),
    ],
)
def test_weights_that_may_know_the_test_pictures_are_no_candidates(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(FusionError, match=rf"{re.escape(name)} cannot be a candidate: {why}"):
        Pool.of(tmp_path, ["average", name])


def test_what_is_tested_on_decides_who_is_a_candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVIF_CACHE", str(tmp_path))
    network = network_class("mmdrfuse").module()
    write_weights(published_folder() / "mmdrfuse.safetensors", network.state_dict(), "mmdrfuse", "none")
    assert Pool.of(tmp_path, ["average", "mmdrfuse+published"]).names == ("average", "mmdrfuse+published")
    with pytest.raises(FusionError, match="its weights were trained on llvip"):
        Pool.of(tmp_path, ["average", "mmdrfuse+published"], tested_on=("llvip", "vifb"))
