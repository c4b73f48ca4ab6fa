"""World: what is in a scene and where; knows nothing of light and temperature."""

from __future__ import annotations

from dataclasses import dataclass

from ivif.datasets.synthetic.optics.camera import Camera
from ivif.datasets.synthetic.places.ground import Ground
from ivif.datasets.synthetic.things.animals import Animal
from ivif.datasets.synthetic.things.furniture import Lamp
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.thing import Spot, Thing
from ivif.datasets.synthetic.things.vehicles import Vehicle


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

    @property
    def standing(self) -> tuple[Thing, ...]:
        """All that stands still."""
        return (*self.things, *self.lamps)

    def obstacles(self) -> list[Spot]:
        """What people cannot stand in."""
        return [spot for thing in self.standing for spot in thing.obstacles()]
