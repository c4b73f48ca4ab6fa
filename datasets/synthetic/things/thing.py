"""Thing: what everything in a scene says of itself: looks, shadows, the ground it darkens, the room it takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Contact, Light
from ivif.datasets.synthetic.optics.noise import Noise, Raster
from ivif.datasets.synthetic.optics.shadows import Sheet
from ivif.datasets.synthetic.optics.surface import SurfaceLayer

Spot = tuple[float, float, float]
"""x, z and radius of a place that is taken, metres."""


class Pane(NamedTuple):
    """A sheet of window glass: its distance from the camera, and its corners in order, ``[4, 3]`` metres."""

    depth: float
    corners: Points


NEAR_A_LAMP = 13.0
"""Metres from a lamp within which a thing's shadow matters."""


class Thing(ABC):
    """Something in a scene.

    Attributes:
        least_shading: metres that something must be above its surface to shade it, which keeps it from shading itself.
        sweats: whether it gives most of the sun's warmth off as vapour, as leaves do.
    """

    least_shading: ClassVar[float] = 0.12
    sweats: ClassVar[bool] = False

    @property
    @abstractmethod
    def depth(self) -> float:
        """Distance from the camera; decides the painting order."""

    @abstractmethod
    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        """Its layer."""

    def depths(self, camera: Camera, window: Window) -> Raster | float:
        """Its distance from the camera, or that of its part in each column of `window`."""
        return self.depth

    def casts(self) -> list[Points]:
        """Point groups whose hulls throw shadows."""
        return []

    def sheets(self) -> list[Sheet]:
        """Walls that throw shadows."""
        return []

    def in_reach(self, light: Light) -> bool:
        """Whether it stands in sunlight, or close enough to a lamp for its shadow to matter."""
        return light.position is None

    def contacts(self) -> list[Contact]:
        """Spots of ground that it keeps dark by standing on them."""
        return []

    def obstacles(self) -> list[Spot]:
        """Where people cannot stand because of it."""
        return []

    def panes(self) -> list[Pane]:
        """Glass through which only the visible camera sees."""
        return []


class Located(Thing):
    """A thing at one place: `x` metres to the right, `z` metres away."""

    x: float
    z: float

    @property
    def depth(self) -> float:
        """Distance from the camera."""
        return self.z

    def in_reach(self, light: Light) -> bool:
        """Whether it stands in sunlight, or close enough to a lamp for its shadow to matter."""
        if light.position is None:
            return True
        x, _, z = light.position
        return bool(np.hypot(self.x - x, self.z - z) < NEAR_A_LAMP)


class Mover(Located):
    """A thing that moves with `speed` (m/s) along its `heading` (radians from the x axis)."""

    heading: float
    speed: float

    def beams(self, condition: Condition) -> list[Light]:
        """Light that it throws before it."""
        return []
