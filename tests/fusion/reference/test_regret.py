"""References for one network: what candidates gain over its own result, and what is made of that."""

import pytest
import torch

from ivif.fusion.reference.enhance import lifted
from ivif.fusion.reference.regret import KEYS, Yardstick, no_regret, taught

OWN = {"en": 7.0, "sd": 40.0, "mi": 2.0, "scd": 1.5, "vif": 0.6, "qabf": 0.5, "nabf": 0.05}
UNIT = {"en": 0.1, "sd": 5.0, "mi": 0.5, "scd": 0.1, "vif": 0.1, "qabf": 0.02, "nabf": 0.01}
OWN_IMAGE = torch.zeros(1, 8, 8, dtype=torch.uint8)
STICK = Yardstick(OWN_IMAGE, OWN, UNIT)


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
    assert Yardstick.of(OWN_IMAGE, OWN, pool).spread["sd"] == pytest.approx((200 / 3) ** 0.5)


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
