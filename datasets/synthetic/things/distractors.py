"""Distractors: what looks like a person in one band and is none: printed and dressed for the eye, hot for the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ivif.datasets.synthetic.conditions import Colour, Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Contact
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.optics.shadows import upright
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    ALPHA,
    EMISSION,
    EMISSIVITY,
    PERSON,
    TEMPERATURE,
    Material,
    SurfaceLayer,
)
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.thing import Spot, Thing

POSTER_FRAME = 0.12
"""Width of a poster's frame in metres."""


class _Likeness(Thing):
    """Something made after a `figure`, which stands where the figure does."""

    figure: Person

    @property
    def depth(self) -> float:
        return self.figure.z

    def obstacles(self) -> list[Spot]:
        return [(self.figure.x, self.figure.z, 0.6)]


@dataclass(frozen=True)
class Dummy(_Likeness):
    """A shop-window dummy on the pavement: a clothed figure as cold as the air."""

    figure: Person

    def casts(self) -> list[Points]:
        return self.figure.casts()

    def contacts(self) -> list[Contact]:
        return self.figure.contacts()

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        layer = self.figure.draw(camera, condition, noise)
        _make_lifeless(layer, condition.temperatures["metal"] + 0.8, 0.93)
        return layer


@dataclass(frozen=True)
class Poster(_Likeness):
    """A board with a life-size picture of somebody: flat, and for the infrared camera empty.

    `figure` stands where the board does; `lit` boards glow at night.
    """

    figure: Person
    colour: Colour
    lit: bool = True

    @property
    def _size(self) -> tuple[float, float, float]:
        """(half width, lower edge, upper edge) in metres."""
        return 0.62 * self.figure.size, 0.25, self.figure.height + 0.42

    def _outline(self, inset: float = 0.0) -> Points:
        half, low, high = self._size
        x, z = self.figure.x, self.figure.z + 0.02
        sides = ((-half + inset, low + inset), (half - inset, low + inset))
        return np.array(
            [(x + side, up, z) for side, up in (*sides, (half - inset, high - inset), (inset - half, high - inset))]
        )

    def casts(self) -> list[Points]:
        half, _, high = self._size
        return upright(self.figure.x, self.figure.z, half, high)

    def contacts(self) -> list[Contact]:
        return [(self.figure.x, self.figure.z, 0.6, 0.25)]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        outline = self._outline()
        layer = SurfaceLayer.blank(
            Window.around(camera.project(outline * (1, 0, 1)), 3 + 2.4 * camera.focal / self.depth).clip(camera.window)
        )
        metal = condition.temperatures["metal"]
        feet = Material((0.08, 0.08, 0.085), metal, 0.9).values(self.depth)
        half, low, _ = self._size
        for side in (-0.8, 0.8):
            x, z = self.figure.x + side * half, self.depth
            leg = np.array([(x - 0.04, 0.0, z), (x + 0.04, 0.0, z), (x + 0.04, low, z), (x - 0.04, low, z)])
            layer.polygon(camera.project(leg), feet)
        layer.polygon(camera.project(outline), feet)
        layer.polygon(
            camera.project(self._outline(0.5 * POSTER_FRAME)),
            Material(self.colour, metal + 0.5, 0.88).values(self.depth),
        )
        self._print(layer, camera, condition, noise)
        _make_lifeless(layer, metal + 0.5, 0.88)
        if self.lit:
            layer.values[..., EMISSION] += 0.9 * condition.lamps * layer.values[..., ALBEDO]
        return layer

    def _print(self, layer: SurfaceLayer, camera: Camera, condition: Condition, noise: Noise) -> None:
        """The picture of the figure, a hand's breadth above the board's edge."""
        printed = self.figure.draw(camera, condition, noise)
        lift = round(0.36 * camera.focal / self.depth)
        window = printed.window
        raised = Window(window.left, window.top - lift, window.right, window.bottom - lift)
        inside = raised.clip(layer.window)
        if inside.empty:
            return
        source = printed.values[inside.within(raised)]
        target = layer.part(inside)
        cover = source[..., ALPHA, None] * (target[..., ALPHA, None] > 0.5)
        target[..., ALBEDO] += cover * (source[..., ALBEDO] - target[..., ALBEDO])


def _make_lifeless(layer: SurfaceLayer, celsius: float, emissivity: float) -> None:
    """Give everything that is covered one temperature, and belong to nobody."""
    cover = layer.alpha
    layer.values[..., TEMPERATURE] = celsius * cover
    layer.values[..., EMISSIVITY] = emissivity * cover
    layer.values[..., PERSON] = 0


def flat(figure: Person) -> Person:
    """Somebody who looks at the camera and stands still: as on a poster."""
    return replace(figure, heading=-np.pi / 2, speed=0.0)
