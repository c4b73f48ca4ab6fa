"""Population: people put on the walkways of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ivif.datasets.synthetic.places.choices import CAR_COLOURS, new_seed, outfit, pick
from ivif.datasets.synthetic.places.world import View
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.thing import Spot

STANDING_ROOM = 0.35
"""Radius of the place one person takes, metres."""


@dataclass(frozen=True)
class Walkway:
    """A rectangle of ground (ranges of x and z) that people walk along, at `heading` or opposite to it.

    `cyclists` is the share of those who ride a bicycle.
    """

    x: tuple[float, float]
    z: tuple[float, float]
    heading: float
    cyclists: float = 0.0


def populate(
    generator: np.random.Generator, view: View, ways: Sequence[Walkway], count: int, blocked: Sequence[Spot]
) -> tuple[Person, ...]:
    """At most `count` people on the walkways, in sight, neither inside things (`blocked`) nor inside each other."""
    people: list[Person] = []
    taken = list(blocked)
    while count > len(people):
        way = pick(generator, ways)
        spot = _free_spot(generator, view, way, taken)
        # A crowded walkway takes nobody; each try lowers the count, so that this ends.
        count -= spot is None
        if spot is None:
            continue
        somebody = _somebody(generator, len(people) + 1, spot, way)
        people.append(somebody)
        taken.append((*spot, 0.9 if somebody.riding else STANDING_ROOM))
        if not somebody.riding and generator.random() < 0.3 and count > len(people):
            beside = _beside(spot, somebody.heading, float(generator.uniform(0.5, 0.65)))
            if _is_free(*beside, taken[:-1]) and view.sees(*beside):
                people.append(_person(generator, len(people) + 1, *beside, somebody.heading, somebody.speed))
                taken.append((*beside, STANDING_ROOM))
    return tuple(people)


def _somebody(generator: np.random.Generator, identity: int, spot: tuple[float, float], way: Walkway) -> Person:
    """Somebody who stands, walks along the walkway or rides along it."""
    standing, rides = bool(generator.random() < 0.2), bool(generator.random() < way.cyclists)
    turn = np.pi * float(generator.integers(2)) + float(generator.normal(0, 0.12))
    heading = float(generator.uniform(0, 2 * np.pi)) if standing and not rides else way.heading + turn
    speed = float(generator.uniform(0.95, 1.55))
    person = _person(generator, identity, *spot, heading, 0.0 if standing and not rides else speed)
    if not rides:
        return person
    clothes = replace(person.outfit, coat=False, skirt=False, bag=None)
    return replace(person, speed=2.4 * speed, outfit=clothes, bicycle=pick(generator, CAR_COLOURS))


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
    return all(np.hypot(x - other[0], z - other[1]) > other[2] + STANDING_ROOM for other in taken)


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


def somebody_at(generator: np.random.Generator, x: float, z: float) -> Person:
    """Somebody who stands at a place and looks about; not one of the people who count."""
    return _person(generator, 0, x, z, float(generator.uniform(0, 2 * np.pi)), 0.0)
