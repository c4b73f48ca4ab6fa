"""Place: a street, yard or park before people come to it, and what composers of places share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.places import choices
from ivif.datasets.synthetic.places.population import Walkway
from ivif.datasets.synthetic.places.world import World

AWAY = np.pi / 2
"""The direction that leads away from the camera."""


@dataclass(frozen=True)
class Place:
    """A world without people, where they walk, how many of them (from, below) there usually are, and its animals.

    `open_ground` is a rectangle (ranges of x and z) where things can be put without standing in the way of cars.
    """

    world: World
    ways: tuple[Walkway, ...]
    open_ground: tuple[tuple[float, float], tuple[float, float]]
    usual: tuple[int, int] = (6, 11)
    wild: bool = False
    """Whether deer come here; dogs come anywhere under the sky."""


def sun_azimuth(generator: np.random.Generator) -> float:
    """Sunlight from the side and from behind the camera: radians from the x axis towards z."""
    return choices.pick(generator, (-0.45, -0.8, -2.35, -2.7)) + float(generator.uniform(-0.2, 0.2))


def steps(generator: np.random.Generator, first: tuple[float, float], last: float, step: float) -> list[float]:
    """Places `step` apart from a random one in `first` to `last`."""
    return [float(place) for place in np.arange(generator.uniform(*first), last, step)]


def storeys(generator: np.random.Generator, floor: float, low: int, high: int) -> float:
    """Height of a house of `low` to `high` floors."""
    return floor * int(generator.integers(low, high + 1)) + 0.9
