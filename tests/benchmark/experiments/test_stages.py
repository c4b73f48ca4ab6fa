"""Stages of Reference-then-Supervision: places in a pool by hand, and what is measured on small pairs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ivif.benchmark.cli import main
from ivif.benchmark.experiments import stages
from ivif.benchmark.experiments.stages import CONSENSUS, ENHANCED, FIRST, MEAN, WEIGHTED, measure_stages, stages_text
from ivif.benchmark.metrics import Picture, get
from ivif.datasets.pairs import PairDataset
from ivif.fusion.method import FusionError
from ivif.fusion.reference.build import Plan
from ivif.fusion.reference.filter import FAMILIES, Rule, choose, consensus_among
from ivif.fusion.reference.pool import Pool, usable

METHODS = ("average", "laplacian", "gff", "hybrid_msd")


def test_the_place_in_a_pool_by_hand() -> None:
    """Better than both candidates in all of family 'detail', equal to one and better than the other in 'fidelity'."""
    keys = [key for family in FAMILIES.values() for key in family]
    pool = [dict.fromkeys(keys, 1.0), dict.fromkeys(keys, 2.0)]
    own = dict.fromkeys(keys, 0.0) | {"qabf": 3.0, "ag": 3.0, "vif": 2.0}
    # families: information 0, brightness 0, complementarity 0, fidelity (1 + 1/2) / 2, detail 1
    assert consensus_among(own.__getitem__, pool) == pytest.approx((0.75 + 1) / 5)


@pytest.fixture
def pairs(smooth_pairs: Callable[[int, int], PairDataset]) -> PairDataset:
    return smooth_pairs(3, 72)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, Pool.of(tmp_path / "pool", METHODS), Rule(count=3), "adaptive")


def test_stages_are_those_of_the_references(pairs: PairDataset, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "COLUMNS", (CONSENSUS, "en", "nabf"))
    found = measure_stages(pairs, plan, jobs=1)
    assert found.pairs == ("0", "1", "2") and not found.failures
    infrared, visible = pairs[0].read()
    candidates = usable(list(plan.pool.candidates(pairs[0])))
    choice = choose(plan.rule, "0", infrared, visible, candidates)
    chosen = [candidates[name].double() for name in choice.methods]
    mixed = {
        FIRST: chosen[0],
        MEAN: sum(chosen) / 3,
        WEIGHTED: sum(weight * image for weight, image in zip(choice.weights, chosen, strict=True)),
    }
    sources = Picture(infrared[None]), Picture(visible[None])
    for stage, image in mixed.items():
        picture = Picture(image.round().to(torch.uint8)[None])
        expected = [get(key)(*sources, picture).values.item() for key in ("en", "nabf")]
        assert found.values[stage][0, 1:] == pytest.approx(expected, abs=1e-3)
    best = next(iter(found.values))
    assert best.removeprefix("best single: ") in METHODS
    assert (found.values[FIRST][:, 0] >= found.values[best][:, 0]).all()


def test_the_table_names_every_step(pairs: PairDataset, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "COLUMNS", (CONSENSUS, "en", "nabf"))
    text = stages_text(measure_stages(pairs, plan, jobs=1))
    assert "3 pairs" in text and f"{ENHANCED} over {WEIGHTED}" in text and "nabf ↓" in text


def test_pairs_without_references_are_told(pairs: PairDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "COLUMNS", (CONSENSUS, "en"))
    listed = tmp_path / "list.txt"
    listed.write_text("0 average\n2 gff\n")
    plan = Plan(tmp_path, Pool.of(tmp_path / "pool", METHODS), Rule(f"list:{listed}"), "none")
    found = measure_stages(pairs, plan, jobs=1)
    assert found.pairs == ("0", "2") and "1 has no line in" in found.failures["1"]
    listed.write_text("9 average\n")
    with pytest.raises(FusionError, match=r"no pair of .* has references"):
        measure_stages(pairs, plan, jobs=1)


def test_by_command_line(pairs: PairDataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stages", "--dataset", "nowhere"]) == 2
    assert "no data set 'nowhere'" in capsys.readouterr().err
