"""Shelter: a bus stop with a glass front, which is a wall for the infrared camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Contact
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.optics.surface import Capsule, Material, SurfaceLayer
from ivif.datasets.synthetic.things.thing import Located, Pane, Spot

FRAME = (0.10, 0.105, 0.11)
"""Colour of posts and roof."""

WAITING_ROOM = 1.3
"""Metres between its front and its back."""


@dataclass(frozen=True)
class Shelter(Located):
    """A roof on four posts with a glass front towards the camera; people wait behind the glass.

    Attributes:
        x: middle.
        z: of the front.
        width, height: metres.
    """

    x: float
    z: float
    width: float = 3.4
    height: float = 2.45

    def _corners(self, up: float) -> Points:
        half = self.width / 2
        places = ((-half, 0.0), (half, 0.0), (half, WAITING_ROOM), (-half, WAITING_ROOM))
        return np.array([(self.x + across, up, self.z + back) for across, back in places])

    def contacts(self) -> list[Contact]:
        return [(float(x), float(z), 0.14, 0.12) for x, _, z in self._corners(0.0)]

    def obstacles(self) -> list[Spot]:
        ends = np.linspace(-self.width / 2, self.width / 2, 5)
        return [(self.x + float(end), self.z + WAITING_ROOM / 2, 0.55 * WAITING_ROOM) for end in ends]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        feet, tops = self._corners(0.0), self._corners(self.height)
        points = np.concatenate((feet, tops))
        layer = SurfaceLayer.blank(
            Window.around(camera.project(points), 0.2 * camera.focal / self.z + 2).clip(camera.window)
        )
        metal = Material(FRAME, condition.temperatures["metal"] + 0.4, 0.9)
        front = ((feet[k], tops[k]) for k in (0, 1))
        for low, high in (*front, (tops[0], tops[1])):
            Capsule(low, high, 0.045, 0.045).paint(layer, camera, metal)
        layer.polygon(camera.project(tops), metal.values(self.z, (0.0, 1.0, 0.0)))
        return layer

    def panes(self) -> list[Pane]:
        low, high = self._corners(0.12), self._corners(self.height - 0.05)
        return [Pane(self.z, np.stack((low[0], low[1], high[1], high[0])))]
