"""The filter: gates, consensus, choice and weights, on pictures whose faults are known."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ivif.benchmark.metrics import Picture
from ivif.fusion.method import FusionError
from ivif.fusion.reference import filter as rules
from ivif.fusion.reference.enhance import enhance
from ivif.fusion.reference.exposure import exposedness, is_night
from ivif.fusion.reference.filter import FAMILIES, NO_REGRET, Rule, choose, consensus, judge
from ivif.fusion.reference.regret import KEYS


def picture(seed: int, coarse: int = 10) -> Tensor:
    """Smooth random grey values, ``uint8 [1, 64, 80]``."""
    generator = torch.Generator().manual_seed(seed)
    grid = torch.rand(1, 1, coarse, coarse, generator=generator)
    return (interpolate(grid, size=(64, 80), mode="bicubic")[0].clamp(0, 1) * 200 + 30).to(torch.uint8)


def mixed(share: float) -> Tensor:
    return (INFRARED * share + VISIBLE * (1 - share)).round().to(torch.uint8)


INFRARED, VISIBLE = picture(1), picture(2, coarse=14)
SOURCES = Picture(INFRARED[None]), Picture(VISIBLE[None])
CANDIDATES = {"even": mixed(0.5), "warm": mixed(0.7), "cool": mixed(0.3), "pale": mixed(0.5) // 4 + 90}


def rejected(image: Tensor, **others: Tensor) -> str:
    judged = judge(SOURCES, {"tried": image, **(others or CANDIDATES)})
    return judged[0].rejected


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (torch.zeros(1, 64, 79, dtype=torch.uint8), "size 79x64"),
        (torch.full((1, 64, 80), 90, dtype=torch.uint8), "nearly constant"),
        ((mixed(0.5) > 120).to(torch.uint8) * 255, "clipped"),
        (255 - mixed(0.5), "neither source"),
    ],
)
def test_gates_name_what_is_wrong(image: Tensor, reason: str) -> None:
    assert reason in rejected(image)


def test_artefacts_far_above_the_pool_are_rejected() -> None:
    board = ((torch.arange(64)[:, None] // 4 + torch.arange(80) // 4) % 2 * 60).to(torch.uint8)
    assert "artefacts" in rejected((mixed(0.5) // 2 + board)[:1])


def test_good_candidates_pass() -> None:
    assert all(not found.rejected for found in judge(SOURCES, CANDIDATES))


def test_pictures_are_judged_in_batches_as_they_are_one_by_one(monkeypatch) -> None:
    broken = {"flat": torch.full((1, 64, 80), 90, dtype=torch.uint8)}
    alone = judge(SOURCES, {**CANDIDATES, **broken}, ["qabf"])
    monkeypatch.setitem(rules.AT_ONCE, "cpu", 3)
    together = judge(SOURCES, {**CANDIDATES, **broken}, ["qabf"])
    assert [found.rejected for found in together] == [found.rejected for found in alone]
    for one, other in zip(alone, together, strict=True):
        assert other.ranks == one.ranks and other.metrics == pytest.approx(one.metrics, rel=1e-12)


def test_families_weigh_the_same() -> None:
    ranks = dict.fromkeys((key for family in FAMILIES.values() for key in family), 0.0)
    assert consensus({**ranks, "en": 1.0, "mi": 1.0}) == pytest.approx(1 / 5)
    assert consensus({**ranks, "scd": 1.0}) == pytest.approx(1 / 5)
    assert consensus({**ranks, "ag": 1.0}) == pytest.approx(1 / 10)


def test_ranks_run_from_worst_to_best_and_equal_images_share_one() -> None:
    judged = judge(SOURCES, {**CANDIDATES, "copy": CANDIDATES["even"].clone()})
    deviation = {found.method: found.ranks["sd"] for found in judged}
    assert deviation["pale"] == 0
    assert deviation["even"] == deviation["copy"]
    assert max(deviation.values()) == 1
    assert sum(deviation.values()) == pytest.approx(5 / 2)


def test_the_pale_one_comes_last_and_weights_sum_to_one() -> None:
    choice = choose(Rule(count=4, diversity=0), "a", INFRARED, VISIBLE, CANDIDATES)
    assert choice.methods[-1] == "pale"
    assert sum(choice.weights) == pytest.approx(1)
    assert list(choice.weights) == sorted(choice.weights, reverse=True)


def test_weights_are_the_soft_max_of_scores() -> None:
    choice = choose(Rule(count=2, temperature=0.5, diversity=0), "a", INFRARED, VISIBLE, CANDIDATES)
    scores = {found.method: found.score for found in choice.judged}
    first, second = (scores[name] for name in choice.methods)
    assert choice.weights[0] / choice.weights[1] == pytest.approx(math.exp((first - second) / 0.5))
    alike = choose(Rule(count=2, temperature=math.inf), "a", INFRARED, VISIBLE, CANDIDATES)
    assert alike.weights == pytest.approx((0.5, 0.5))


def test_a_near_copy_gives_way_to_another_picture() -> None:
    best = choose(Rule("best"), "a", INFRARED, VISIBLE, CANDIDATES).methods[0]
    copies = {**CANDIDATES, "copy": CANDIDATES[best].clone()}
    plain = choose(Rule(count=2, diversity=0), "a", INFRARED, VISIBLE, copies)
    spread = choose(Rule(count=2, diversity=1), "a", INFRARED, VISIBLE, copies)
    assert set(plain.methods) == {best, "copy"}
    assert set(spread.methods) != {best, "copy"}


def test_random_choice_depends_on_seed_and_pair_alone() -> None:
    def chosen(pair: str, seed: int) -> tuple[str, ...]:
        return choose(Rule("random", count=2, seed=seed), pair, INFRARED, VISIBLE, CANDIDATES).methods

    assert chosen("a", 1) == chosen("a", 1)
    draws = [chosen(str(pair), seed) for pair in range(30) for seed in range(4)]
    # by chance each of four is first in a quarter of the draws: 30, with a standard deviation of 5
    assert all(10 < [first for first, _ in draws].count(name) < 50 for name in CANDIDATES)


def test_best_is_the_first_by_consensus() -> None:
    best = choose(Rule("best"), "a", INFRARED, VISIBLE, CANDIDATES)
    assert best.weights == (1.0,)
    assert best.methods == choose(Rule(count=4, diversity=0), "a", INFRARED, VISIBLE, CANDIDATES).methods[:1]


def test_a_metric_alone() -> None:
    assert choose(Rule("metric:sd", count=1), "a", INFRARED, VISIBLE, CANDIDATES).methods[0] != "pale"
    # an error against both sources is smallest for their mean
    assert choose(Rule("metric:mse", count=1), "a", INFRARED, VISIBLE, CANDIDATES).methods == ("even",)


def test_a_list_decides(tmp_path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("b even\na pale cool\n")
    choice = choose(Rule(f"list:{path}"), "a", INFRARED, VISIBLE, CANDIDATES)
    assert choice.methods == ("pale", "cool")
    assert choice.weights == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("another even", "a has no line"),
        ("a even evenn", "names evenn for a"),
        ("a black", "black: nearly constant"),
        ('a "even', "No closing quotation"),
    ],
)
def test_a_list_that_does_not_fit_says_why(tmp_path, line: str, reason: str) -> None:
    path = tmp_path / "mine.txt"
    path.write_text(line)
    black = {"black": torch.zeros(1, 64, 80, dtype=torch.uint8)}
    with pytest.raises(FusionError, match=reason):
        choose(Rule(f"list:{path}"), "a", INFRARED, VISIBLE, CANDIDATES | black)


def test_a_list_may_come_from_an_editor_that_marks_its_files_and_hold_spaces(tmp_path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text('"a b" even "not so warm"\n', encoding="utf-8-sig")
    candidates = CANDIDATES | {"not so warm": CANDIDATES["warm"]}
    assert choose(Rule(f"list:{path}"), "a b", INFRARED, VISIBLE, candidates).methods == ("even", "not so warm")


def test_fingerprint_follows_the_list_and_the_code_of_every_metric(tmp_path, monkeypatch) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("a even\nb warm\n")
    before = [Rule(f"list:{path}").fingerprint(pair) for pair in "ab"]
    path.write_text("a even\nb cool\n")
    assert [Rule(f"list:{path}").fingerprint(pair) == old for pair, old in zip("ab", before, strict=True)] == [
        True,
        False,
    ]
    asked = []

    def ask(subject: object) -> str:
        parts = subject if isinstance(subject, tuple) else (subject,)
        asked.extend(part.__name__ for part in parts if callable(part))
        return ""

    monkeypatch.setattr(rules, "code_fingerprint", ask)
    Rule("metric:mse").fingerprint("a")
    assert {"entropy", "visual_information_fidelity", "fusion_artifacts", "mean_squared_error"} <= set(asked)


@pytest.mark.parametrize("name", ["nice", "metric:", "metric:nope", "list:/no/such/file", "auto:x"])
def test_unknown_rules_are_refused(name: str) -> None:
    with pytest.raises(FusionError):
        Rule(name)


@pytest.mark.parametrize(
    "numbers", [{"count": 0}, {"temperature": math.nan}, {"diversity": math.nan}, {"diversity": -1}]
)
def test_numbers_that_make_no_sense_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(FusionError, match="at least 1 reference"):
        Rule(**numbers)


def test_no_candidate_left_is_an_error_with_all_reasons() -> None:
    with pytest.raises(FusionError, match="black: nearly constant"):
        choose(Rule(), "a", INFRARED, VISIBLE, {"black": torch.zeros(1, 64, 80, dtype=torch.uint8)})


def test_exposure_by_hand() -> None:
    half = torch.zeros(1, 10, 10, dtype=torch.uint8)
    half[:, 5:] = 255
    assert exposedness(half[None]).item() == pytest.approx(math.exp(-(2.5**2) / 2))
    assert is_night(half // 8) and not is_night(half // 8 + 100)


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
