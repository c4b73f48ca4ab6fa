"""World: what is in a scene and where; knows nothing of light and temperature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from datasets.synthetic.camera import Camera, Points
from datasets.synthetic.conditions import Condition
from datasets.synthetic.furniture import Lamp, Post, Sign
from datasets.synthetic.ground import Ground
from datasets.synthetic.noise import Noise
from datasets.synthetic.people import Person
from datasets.synthetic.plants import Tree
from datasets.synthetic.surface import Layer
from datasets.synthetic.vehicles import Vehicle


class Thing(Protocol):
    """Something that stands still in the scene."""

    @property
    def depth(self) -> float:
        """Distance from the camera; decides the painting order."""

    def casts(self) -> list[Points]:
        """Point groups whose hulls throw shadows."""

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> Layer:
        """Its layer."""


@dataclass(frozen=True)
class View:
    """Where the camera stands: principal column and horizon as shares of the picture, elevation in metres."""

    column: float
    horizon: float
    elevation: float

    def camera(self, size: tuple[int, int]) -> Camera:
        """The camera for a picture of ``(width, height)``."""
        width, height = size
        focal = max(width, height * 4 / 3) * 0.98
        return Camera(width, height, focal, width * self.column, height * self.horizon, self.elevation)

    def sees(self, x: float, z: float) -> bool:
        """Whether somebody at this place is well inside the picture's sides (of a 4:3 picture)."""
        return -0.93 * self.column < x / z < 0.93 * (1 - self.column)


@dataclass(frozen=True)
class World:
    """A composed scene at time 0."""

    layout: str
    view: View
    ground: Ground
    things: tuple[Thing, ...]
    lamps: tuple[Lamp, ...]
    vehicles: tuple[Vehicle, ...]
    people: tuple[Person, ...]
    sun_azimuth: float
    """Where the sun stands, radians from the x axis towards z."""


def obstacles(things: Iterable[Thing]) -> list[tuple[float, float, float]]:
    """(x, z, radius) of what people cannot stand in."""
    found = []
    for thing in things:
        if isinstance(thing, Tree):
            found.append((thing.x, thing.z, 0.4 if thing.trunk else thing.spread))
        elif isinstance(thing, Post | Sign | Lamp):
            found.append((thing.x, thing.z, 0.25))
        elif isinstance(thing, Vehicle):
            spots = thing.place(np.array([(reach, 0.0, 0.0) for reach in (-1.6, 0.0, 1.6)]))
            found += [(float(spot[0]), float(spot[2]), 1.1) for spot in spots]
    return found
