"""The filter: gates, consensus, choice and weights, on pictures whose faults are known."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from benchmark.metrics import Picture
from fusion.method import FusionError
from fusion.reference.exposure import exposedness, exposure, is_night
from fusion.reference.filter import FAMILIES, Rule, choose, consensus, judge


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
    copies = {**CANDIDATES, "copy": CANDIDATES["even"].clone()}
    plain = choose(Rule(count=2, diversity=0), "a", INFRARED, VISIBLE, copies)
    spread = choose(Rule(count=2, diversity=1), "a", INFRARED, VISIBLE, copies)
    assert set(plain.methods) != {"even", "copy"} or set(spread.methods) != {"even", "copy"}
    assert set(spread.methods) != {"even", "copy"}


def test_random_choice_depends_on_seed_and_pair_alone() -> None:
    def chosen(pair: str, seed: int) -> tuple[str, ...]:
        return choose(Rule("random", count=2, seed=seed), pair, INFRARED, VISIBLE, CANDIDATES).methods

    assert chosen("a", 1) == chosen("a", 1)
    assert len({chosen(pair, seed) for pair in "abcd" for seed in range(4)}) > 2


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
    with pytest.raises(FusionError, match="names no candidate"):
        choose(Rule(f"list:{path}"), "c", INFRARED, VISIBLE, CANDIDATES)


@pytest.mark.parametrize("name", ["nice", "metric:", "metric:nope", "list:/no/such/file", "auto:x"])
def test_unknown_rules_are_refused(name: str) -> None:
    with pytest.raises(FusionError):
        Rule(name)


def test_no_candidate_left_is_an_error_with_all_reasons() -> None:
    with pytest.raises(FusionError, match="black: nearly constant"):
        choose(Rule(), "a", INFRARED, VISIBLE, {"black": torch.zeros(1, 64, 80, dtype=torch.uint8)})


def test_exposure_by_hand() -> None:
    half = torch.zeros(1, 10, 10, dtype=torch.uint8)
    half[:, 5:] = 255
    found = exposure(half)
    assert (found.dark, found.bright, found.clipped) == (0.5, 0.5, 1.0)
    assert (found.low, found.high) == (0, 255)
    assert exposedness(half[None]).item() == pytest.approx(math.exp(-(2.5**2) / 2))
    assert is_night(half // 8) and not is_night(half // 8 + 100)
