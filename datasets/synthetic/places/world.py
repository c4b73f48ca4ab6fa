"""World: what is in a scene and where; knows nothing of light and temperature."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from datasets.synthetic.conditions import Condition
from datasets.synthetic.optics.camera import Camera, Points
from datasets.synthetic.optics.noise import Noise
from datasets.synthetic.optics.surface import SurfaceLayer
from datasets.synthetic.places.ground import Ground
from datasets.synthetic.things.animals import Animal
from datasets.synthetic.things.furniture import Crate, Lamp, Post, Sign
from datasets.synthetic.things.people import Person
from datasets.synthetic.things.plants import Tree
from datasets.synthetic.things.vehicles import Vehicle

Spot = tuple[float, float, float]
"""x, z and radius of a place that is taken, metres."""


class Thing(Protocol):
    """Something that stands still in the scene."""

    @property
    def depth(self) -> float:
        """Distance from the camera; decides the painting order."""

    def casts(self) -> list[Points]:
        """Point groups whose hulls throw shadows."""

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        """Its layer."""


class Mover(Thing, Protocol):
    """Something that moves: where it is, and at which speed (m/s) along its heading (radians from the x axis)."""

    @property
    def x(self) -> float:
        """Metres to the right."""

    @property
    def z(self) -> float:
        """Metres away."""

    @property
    def heading(self) -> float:
        """Where it goes."""

    @property
    def speed(self) -> float:
        """How fast."""


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
    """A composed scene at time 0.

    Attributes:
        kind: of place: street, square, park, yard, hall or field.
        view: where the camera stands.
        ground: what everything stands on.
        things: what stands still, lamps apart.
        lamps: street lamps.
        vehicles, people, animals: what moves.
        sun_azimuth: where the sun stands, radians from the x axis towards z.
        smoke: x of the place where smoke rises if it does, and the side (-1, 1) to which it drifts.
        indoors: whether there is a roof above.
    """

    kind: str
    view: View
    ground: Ground
    things: tuple[Thing, ...]
    lamps: tuple[Lamp, ...]
    vehicles: tuple[Vehicle, ...] = ()
    people: tuple[Person, ...] = ()
    animals: tuple[Animal, ...] = ()
    sun_azimuth: float = -0.8
    smoke: tuple[float, float] = (0.0, 1.0)
    indoors: bool = False


def obstacles(things: Iterable[Thing]) -> list[Spot]:
    """What people cannot stand in."""
    found: list[Spot] = []
    for thing in things:
        if isinstance(thing, Tree):
            found.append((thing.x, thing.z, 0.3 if thing.trunk else thing.spread))
        elif isinstance(thing, Sign | Lamp):
            found.append((thing.x, thing.z, 0.12))
        elif isinstance(thing, Post):
            found.append((thing.x, thing.z, thing.radius))
        elif isinstance(thing, Crate):
            found.append((thing.x, thing.z, 0.6 * max(thing.width, thing.length)))
        elif isinstance(thing, Vehicle):
            spots = thing.place(np.array([(reach, 0.0, 0.0) for reach in (-1.6, 0.0, 1.6)]))
            found += [(float(spot[0]), float(spot[2]), 1.1) for spot in spots]
        elif hasattr(thing, "figure"):
            found.append((thing.figure.x, thing.figure.z, 0.6))
    return found
