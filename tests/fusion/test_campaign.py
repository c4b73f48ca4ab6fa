"""Campaigns: twins under the same conditions, from plan to packed weights."""

import json
import zipfile
from pathlib import Path

import pytest
import torch

from ivif.datasets.images import write_png
from ivif.datasets.pairs import PairDataset, pair_folders
from ivif.fusion.cli import main
from ivif.fusion.method import FusionError
from ivif.fusion.training import campaign as module
from ivif.fusion.training.campaign import PLANS, Campaign, CampaignPlan, Entry, pack

ENTRY = Entry("sdnet", steps=3, patch=32, batch=2, average=0.9)
PLAN = CampaignPlan((ENTRY,), candidates=("average", "laplacian", "gff"), count=2)


def scene(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    grid = torch.rand(1, 1, 9, 9, generator=generator)
    return (torch.nn.functional.interpolate(grid, (72, 88), mode="bicubic")[0].clamp(0, 1) * 220 + 20).to(torch.uint8)


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch) -> PairDataset:
    """Pairs that stand for the data set of any plan."""
    for number in range(4):
        write_png(tmp_path / "infrared" / f"{number}.png", scene(number))
        write_png(tmp_path / "visible" / f"{number}.png", scene(number + 10))
    pairs = pair_folders(tmp_path / "infrared", tmp_path / "visible")
    monkeypatch.setattr(module, "load_dataset", lambda name: pairs)
    return pairs


def record(path: Path) -> dict:
    return json.loads(path.with_suffix(".json").read_text())["recipe"]


def test_twins_differ_in_their_supervision_alone(tmp_path: Path) -> None:
    campaign = Campaign(PLAN, tmp_path / "out")
    campaign.run(jobs=1)
    original, retrained = (record(campaign.weights(ENTRY, kind)) for kind in ("original", "rts"))
    assert retrained["references_made_by"].startswith("no-regret for sdnet, K 2")
    for key in ("split", "seed", "steps", "schedule", "patch", "batch", "learning_rate", "rate", "average"):
        assert original[key] == retrained[key], key
    assert (original["steps"], original["rate"], original["average"]) == (3, "one-cycle", 0.9)


def test_what_is_finished_is_kept_and_the_report_tells_it(tmp_path: Path) -> None:
    campaign = Campaign(PLAN, tmp_path / "out")
    assert "unfinished" not in campaign.report()
    campaign.run(jobs=1)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.safetensors")}
    campaign.run(jobs=1)
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.safetensors")} == before
    rows = [line.split("|")[1:5] for line in (tmp_path / "out" / "report.md").read_text().splitlines()[2:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["sdnet", "original", "0", "3"],
        ["sdnet", "rts", "0", "3"],
    ]


def test_further_seeds_share_the_references_of_the_first(tmp_path: Path) -> None:
    entry = Entry("sdnet", steps=2, patch=32, batch=2, seeds=2)
    campaign = Campaign(CampaignPlan((entry,), candidates=PLAN.candidates, count=2), tmp_path / "out")
    campaign.run(jobs=1)
    first, second = (record(campaign.weights(entry, "rts", seed)) for seed in range(2))
    assert (first["seed"], second["seed"]) == (0, 1) and first["references"] == second["references"]
    assert campaign.weights(entry, "rts", 1).read_bytes() != campaign.weights(entry, "rts", 0).read_bytes()


def test_a_time_is_cut_into_schedules_that_are_decided_once(tmp_path: Path, monkeypatch) -> None:
    """Of 20 s, .65 for trainings of 1 + 1.3 s a pair of steps: 5 steps; .35 for references at 2 s: 3 pairs."""
    monkeypatch.setattr(Campaign, "_speed", lambda self, entry, every: (1.0, 2.0))
    monkeypatch.setattr(module, "PROBE_PAIRS", 2)
    campaign = Campaign(PLAN, tmp_path / "out", seconds=20.5)
    campaign.run()
    lengths = json.loads((tmp_path / "out" / "lengths.json").read_text())
    assert lengths == {"sdnet": {"steps": 5, "pairs": 3}}
    assert record(campaign.weights(ENTRY, "original"))["steps"] == record(campaign.weights(ENTRY, "rts"))["steps"] == 5
    assert len(list((tmp_path / "out" / "references" / "sdnet" / "pairs").iterdir())) == 3
    Campaign(PLAN, tmp_path / "out", seconds=1000.0).run()
    assert json.loads((tmp_path / "out" / "lengths.json").read_text()) == lengths


def test_speed_is_measured_without_leaving_anything(tmp_path: Path, data: PairDataset) -> None:
    a_step, a_pair = Campaign(PLAN, tmp_path / "out")._speed(ENTRY, data)
    assert 0 < a_step < 10 and 0 < a_pair < 30
    assert not (tmp_path / "out").exists()


def test_results_are_packed_below_a_size(tmp_path: Path) -> None:
    campaign = Campaign(PLAN, tmp_path / "out")
    campaign.run(jobs=1)
    largest = 300_000
    packed = pack(campaign, tmp_path / "packed", largest)
    assert len(packed) > 1 and all(path.stat().st_size <= largest for path in packed)
    names = sorted(name for path in packed for name in zipfile.ZipFile(path).namelist())
    weights = [f"original/sdnet/sdnet.{end}" for end in ("json", "safetensors")]
    twins = [name.replace("original/sdnet/sdnet", "rts/sdnet/sdnet+rts") for name in weights]
    assert names == sorted([*weights, *twins, "original/sdnet/log.csv", "rts/sdnet/log.csv", "report.md"])
    with pytest.raises(FusionError, match="larger than"):
        pack(campaign, tmp_path / "packed", 70_000)


def test_command_line(tmp_path: Path, capsys) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("candidates: [average, gff]\nall: {batch: 2}\nnetworks:\n  sdnet: {steps: 2, patch: 32}\n  pmgi:\n")
    command = ["train-all", "--plan", str(plan), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*command, "sdnet", "--jobs", "1", "--pack", str(tmp_path / "packed")]) == 0
    assert str(tmp_path / "packed" / "campaign-1.zip") in capsys.readouterr().out
    assert main([*command, "--report"]) == 0
    assert "pmgi" in capsys.readouterr().out
    assert main([*command, "mgt"]) == 2
    assert "the plan has no mgt" in capsys.readouterr().err
    assert main([*command, "--budget", "500"]) == 2
    assert "90s, 40m or 2h" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["networks: {sdnet: {stpes: 3}}", "network: {}", "[1]", "networks: ["])
def test_a_plan_that_means_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(FusionError, match=r"(?s)plan\.yaml.*networks: \{NAME"):
        CampaignPlan.read(tmp_path / "plan.yaml")


@pytest.mark.parametrize("name", sorted(path.name for path in PLANS.glob("*.yaml")))
def test_plans_that_come_along_can_be_read(name: str) -> None:
    plan = CampaignPlan.read(PLANS / name)
    for entry in plan.entries:
        entry.recipe()
    assert plan.entries
