"""Population: people put on the walkways of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.synthetic.people import Person
from datasets.synthetic.stock import new_seed, outfit
from datasets.synthetic.world import View

Spot = tuple[float, float, float]
"""x, z and radius of a place that is taken, metres."""

SHOULDERS = 0.35
"""Radius of the place one person takes, metres."""


@dataclass(frozen=True)
class Walkway:
    """A rectangle of ground (ranges of x and z) that people walk along, at `heading` or opposite to it."""

    x: tuple[float, float]
    z: tuple[float, float]
    heading: float


def populate(
    generator: np.random.Generator, view: View, ways: Sequence[Walkway], count: int, blocked: Sequence[Spot]
) -> tuple[Person, ...]:
    """At most `count` people on the walkways, in sight, neither inside things (`blocked`) nor inside each other."""
    people: list[Person] = []
    taken = list(blocked)
    while count > len(people):
        way = ways[int(generator.integers(len(ways)))]
        spot = _free_spot(generator, view, way, taken)
        # A crowded walkway takes nobody; each try lowers the count, so that this ends.
        count -= spot is None
        if spot is None:
            continue
        standing = bool(generator.random() < 0.2)
        turn = np.pi * float(generator.integers(2)) + float(generator.normal(0, 0.12))
        heading = float(generator.uniform(0, 2 * np.pi)) if standing else way.heading + turn
        speed = 0.0 if standing else float(generator.uniform(0.95, 1.55))
        people.append(_person(generator, len(people) + 1, *spot, heading, speed))
        taken.append((*spot, SHOULDERS))
        if generator.random() < 0.3 and count > len(people):
            beside = _beside(spot, heading, float(generator.uniform(0.5, 0.65)))
            if _is_free(*beside, taken[:-1]) and view.sees(*beside):
                people.append(_person(generator, len(people) + 1, *beside, heading, speed))
                taken.append((*beside, SHOULDERS))
    return tuple(people)


def _free_spot(
    generator: np.random.Generator, view: View, way: Walkway, taken: Sequence[Spot]
) -> tuple[float, float] | None:
    for _ in range(40):
        # Near places are drawn more often, as they fill the picture.
        z = way.z[0] + (way.z[1] - way.z[0]) * float(generator.random()) ** 1.4
        x = float(generator.uniform(*way.x))
        if view.sees(x, z) and _is_free(x, z, taken):
            return x, z
    return None


def _is_free(x: float, z: float, taken: Sequence[Spot]) -> bool:
    return all(np.hypot(x - other[0], z - other[1]) > other[2] + SHOULDERS for other in taken)


def _beside(spot: tuple[float, float], heading: float, distance: float) -> tuple[float, float]:
    """A companion's place."""
    return float(spot[0] - distance * np.sin(heading)), float(spot[1] + distance * np.cos(heading))


def _person(generator: np.random.Generator, identity: int, x: float, z: float, heading: float, speed: float) -> Person:
    return Person(
        identity=identity,
        x=x,
        z=z,
        heading=heading,
        speed=speed,
        height=float(np.clip(generator.normal(1.71, 0.09), 1.35, 1.95)),
        width=float(generator.uniform(0.9, 1.12)),
        phase=float(generator.uniform(0, 2 * np.pi)),
        outfit=outfit(generator),
        seed=new_seed(generator),
    )
