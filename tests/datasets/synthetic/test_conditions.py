"""Conditions: how warm materials are, and when they are alike."""

from __future__ import annotations

import numpy as np
import pytest

from ivif.datasets.synthetic import conditions
from ivif.datasets.synthetic.climate import temperatures


def test_materials_peak_when_their_lag_says() -> None:
    hours = np.linspace(0, 24, 241)
    course = [temperatures(hour, 10, 5, -20)["wall"] for hour in hours]
    assert hours[int(np.argmax(course))] == pytest.approx(18.0, abs=0.05)
    assert max(course) - min(course) == pytest.approx(2 * 5 * 0.9, rel=1e-3)


def test_at_the_crossover_materials_are_alike() -> None:
    names = ("asphalt", "pavement", "wall", "grass", "foliage", "soil")

    def spread(condition: str) -> float:
        return float(np.ptp([conditions.BY_NAME[condition].temperatures[name] for name in names]))

    assert spread("crossover") < 0.6 * spread("day")
    assert spread("crossover") < 0.3 * spread("night")
    degrees = conditions.BY_NAME["crossover"].temperatures
    assert degrees["cloth"] - degrees["wall"] < 0.5 * (
        conditions.BY_NAME["night"].temperatures["cloth"] - conditions.BY_NAME["night"].temperatures["wall"]
    )
