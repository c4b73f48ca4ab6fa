"""References for one network: what candidates gain over its own result, and what is made of that."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ivif.datasets.images import read_image
from ivif.datasets.pairs import PairDataset
from ivif.fusion.cli import main
from ivif.fusion.method import FusionError
from ivif.fusion.reference.build import Plan, build_references
from ivif.fusion.reference.enhance import enhance, lifted
from ivif.fusion.reference.filter import NO_REGRET, Rule, choose
from ivif.fusion.reference.pool import Pool, member
from ivif.fusion.reference.regret import KEYS, Yardstick, no_regret, taught
from ivif.fusion.reference.supervision import References
from tests.fusion.reference.test_build import METHODS, data  # noqa: F401
from tests.fusion.reference.test_filter import CANDIDATES, INFRARED, VISIBLE, mixed

OWN = {"en": 7.0, "sd": 40.0, "mi": 2.0, "scd": 1.5, "vif": 0.6, "qabf": 0.5, "nabf": 0.05}
UNIT = {"en": 0.1, "sd": 5.0, "mi": 0.5, "scd": 0.1, "vif": 0.1, "qabf": 0.02, "nabf": 0.01}
STICK = Yardstick(mixed(0.5), OWN, UNIT)


def test_gains_are_in_deviations_of_the_pool_and_artefacts_count_against() -> None:
    gains = STICK.gains({**OWN, "sd": 45.0, "mi": 1.5, "qabf": 0.9, "nabf": 0.06})
    assert gains == pytest.approx({"en": 0, "sd": 1, "mi": -1, "scd": 0, "vif": 0, "qabf": 2, "nabf": -1})


def test_a_metric_that_is_not_known_gains_nothing() -> None:
    assert STICK.gains({**OWN, "vif": float("nan")})["vif"] == 0


def test_metrics_weigh_the_same_and_the_worst_counts_again() -> None:
    nothing = dict.fromkeys(KEYS, 0.0)
    assert no_regret({**nothing, "mi": 1.0}) == no_regret({**nothing, "nabf": 1.0}) == pytest.approx(1 / 7)
    assert no_regret({**nothing, "scd": -1.0}) == pytest.approx(-1 / 7 - 1 / 2)


def test_what_is_taught_is_told_largest_first() -> None:
    assert taught({"en": 0.4, "mi": 0.6, "vif": 1.5, "nabf": -2.0}) == ["vif", "mi"]


def test_spread_is_that_of_the_pool() -> None:
    pool = [{**OWN, "sd": value} for value in (10.0, 20.0, 30.0)]
    assert Yardstick.of(mixed(0.5), OWN, pool).spread["sd"] == pytest.approx((200 / 3) ** 0.5)


def test_a_network_is_taught_what_it_lacks() -> None:
    """To one whose result is pale another candidate is worth learning from than to one whose result is good."""
    pale, rule = CANDIDATES["pale"], Rule(NO_REGRET, count=1)
    choice = choose(rule, "pair", INFRARED, VISIBLE, CANDIDATES, pale)
    gains = {found.method: found.gains for found in choice.judged}
    assert choice.methods[0] != "pale" and gains[choice.methods[0]]["sd"] > 0
    assert gains["pale"] == dict.fromkeys(KEYS, 0.0)
    again = choose(rule, "pair", INFRARED, VISIBLE, {name: CANDIDATES[name] for name in ("pale", "even")}, mixed(0.5))
    assert again.methods == ("even",)


def test_whoever_is_to_learn_must_be_known_and_its_result_must_fit() -> None:
    with pytest.raises(FusionError, match="--for NETWORK"):
        choose(Rule(NO_REGRET), "pair", INFRARED, VISIBLE, CANDIDATES)
    with pytest.raises(FusionError, match="size 40x64"):
        choose(Rule(NO_REGRET), "pair", INFRARED, VISIBLE, CANDIDATES, mixed(0.5)[..., :40])


def test_contrast_of_the_mean_is_raised_and_detail_stays() -> None:
    ramp = torch.linspace(0, 1, 96).expand(1, 1, 64, 96)
    stripes = 0.02 * ((torch.arange(96) % 2) * 2 - 1)
    images = torch.cat([0.4 + 0.2 * ramp + stripes, 0.5 + 0.1 * ramp - stripes])
    before = float((0.75 * images[0] + 0.25 * images[1]).std())
    gain, found = lifted(images, (0.75, 0.25), 1.5 * before)
    assert gain == pytest.approx(1.5, abs=0.2)
    assert float((0.75 * found[0] + 0.25 * found[1]).std()) == pytest.approx(1.5 * before, rel=0.05)
    inner = (..., slice(8, -8))
    assert torch.allclose(found.diff(dim=-1)[inner], images.diff(dim=-1)[inner], atol=0.005)
    assert lifted(images, (0.75, 0.25), 0.9 * before) == (1.0, pytest.approx(images))


def test_enhancement_lifts_pale_references_to_the_networks_own_contrast() -> None:
    ramp = torch.linspace(0, 120, 80).to(torch.uint8).expand(1, 64, 80)
    infrared, visible, own = mixed(0.9) // 2 + ramp, mixed(0.1) // 2 + ramp, mixed(0.5) // 2 + ramp
    pale = own // 2 + 60
    candidates = {"even": own, "pale": pale, "warm": infrared // 2 + visible // 3}
    rich = ((own.float() - own.float().mean()) * 1.4 + 128).clamp(0, 255).to(torch.uint8)
    choice = choose(Rule(NO_REGRET), "pair", infrared, visible, candidates, rich)
    (found,) = enhance("adaptive", infrared, visible, [pale], [1.0], choice.yardstick)
    (alone,) = enhance("adaptive", infrared, visible, [pale], [1.0])
    assert found.image.float().std() > rich.float().std() > alone.image.float().std() > pale.float().std()
    assert found.record["contrast"] > 1 and "contrast" not in alone.record


def test_references_are_per_network_and_their_pool_is_shared(data: PairDataset, tmp_path: Path) -> None:  # noqa: F811
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


def test_a_folder_of_results_is_a_learner_too(data: PairDataset, tmp_path: Path, capsys) -> None:  # noqa: F811
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
