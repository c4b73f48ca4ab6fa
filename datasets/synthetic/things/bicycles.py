"""Bicycles: two wheels and a frame of thin tubes, cold but for the tyres."""

from __future__ import annotations

import numpy as np

from ivif.datasets.synthetic.conditions import Colour, Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, point
from ivif.datasets.synthetic.optics.surface import TOWARDS, Material, SurfaceLayer
from ivif.datasets.synthetic.things.figures import Painter, Part
from ivif.datasets.synthetic.things.poses import BICYCLE, directions

TYRE, SPOKES = (0.02, 0.02, 0.021), (0.30, 0.30, 0.30)


class _Frame(Painter):
    """Wheels and tubes."""

    def __init__(self, place: Points, heading: float, phase: float, colour: Colour, condition: Condition) -> None:
        self.place, self.phase, self.condition, self.colour = place, phase, condition, colour
        self.forward, self.left = directions(heading)

    def _at(self, spots: list[tuple[float, float]]) -> Points:
        return np.array([self.place + ahead * self.forward + point(0, up, 0) for ahead, up in spots])

    def __call__(self, layer: SurfaceLayer, camera: Camera) -> None:
        """Paint onto `layer`."""
        depth = float(self.place[2])
        unit = camera.focal / depth
        normal = tuple(np.sign(-self.left[2] or 1.0) * self.left)
        metal = self.condition.temperatures["metal"]
        tyre = Material(TYRE, metal + 3.0).values(depth, normal)
        spokes = Material(SPOKES, metal, 0.8).values(depth, TOWARDS)
        tube = Material(self.colour, metal + 0.5, 0.9).values(depth, normal)
        angles = np.linspace(0, 2 * np.pi, 29)[:-1]
        for ahead, up in (BICYCLE.rear, BICYCLE.front):
            ring = self._at([(ahead + BICYCLE.radius * np.cos(a), up + BICYCLE.radius * np.sin(a)) for a in angles])
            image = camera.project(ring)
            pairs = [np.stack((image[spoke], image[(spoke + 14) % 28])) for spoke in range(0, 28, 4)]
            layer.stroke(pairs, 0.004 * unit, spokes)
            layer.stroke(image, 0.045 * unit, tyre, closed=True)
        saddle, bar, crank = BICYCLE.saddle, BICYCLE.bar, BICYCLE.crank
        head = (bar[0] + 0.04, bar[1] - 0.16)
        tubes = (
            [BICYCLE.rear, crank, head, (saddle[0] + 0.05, saddle[1] - 0.14), crank],
            [BICYCLE.rear, (saddle[0] + 0.05, saddle[1] - 0.14)],
            [BICYCLE.front, head, bar],
        )
        layer.stroke([camera.project(self._at(spots)) for spots in tubes], 0.034 * unit, tube)
        seat = Material(TYRE, metal + 4.0).values(depth, normal)
        layer.stroke(
            camera.project(self._at([(saddle[0] - 0.12, saddle[1]), (saddle[0] + 0.13, saddle[1])])), 0.06 * unit, seat
        )
        self._crank(layer, camera, unit, metal)
        self._lamp(layer, camera, unit, metal)

    def _crank(self, layer: SurfaceLayer, camera: Camera, unit: float, metal: float) -> None:
        ahead, up = BICYCLE.crank
        arm = BICYCLE.arm * np.array((np.cos(self.phase), np.sin(self.phase)))
        steel = Material(SPOKES, metal, 0.8).values(float(self.place[2]), TOWARDS)
        ends = self._at([(ahead - arm[0], up - arm[1]), (ahead + arm[0], up + arm[1])])
        layer.stroke(camera.project(ends), 0.028 * unit, steel)

    def _lamp(self, layer: SurfaceLayer, camera: Camera, unit: float, metal: float) -> None:
        """White in front, red behind, lit where vehicles have their lights on."""
        lit = 1.0 if self.condition.headlights else 0.0
        ahead = self.forward[2] < 0.2
        spot = (BICYCLE.bar[0] + 0.08, BICYCLE.bar[1] - 0.12) if ahead else (BICYCLE.rear[0] - 0.05, 0.70)
        glow = (7.0 * lit, 6.6 * lit, 5.6 * lit) if ahead else (1.6 * lit, 0.05 * lit, 0.03 * lit)
        lamp = Material((0.5, 0.5, 0.5) if ahead else (0.3, 0.02, 0.02), metal + 2, 0.9, glow)
        ends = camera.project(self._at([spot, spot]))
        ends[:, 0] += (-0.02 * unit, 0.02 * unit)
        layer.stroke(ends, 0.05 * unit, lamp.values(float(self.place[2]), TOWARDS))


def bicycle_part(x: float, z: float, heading: float, phase: float, colour: Colour, condition: Condition) -> Part:
    """(depth, painter) of a bicycle, which goes between the rider's legs: behind the near one, before the far one."""
    place = np.array((x, 0.0, z))
    return z + 0.5, _Frame(place, heading, phase, colour, condition)


def bicycle_casts(x: float, z: float, heading: float) -> list[Points]:
    """Point groups of the tyres and the frame, whose hulls throw shadows."""
    forward, _ = directions(heading)
    groups = []
    for ahead, up in (BICYCLE.rear, BICYCLE.front):
        for angle in np.arange(8) * np.pi / 4:
            arc = angle + np.array((0.0, np.pi / 8, np.pi / 4))
            rim = [(ahead + r * np.cos(a), up + r * np.sin(a)) for a in arc for r in (0.30, 0.36)]
            groups.append(np.array([np.array((x, 0.0, z)) + a * forward + point(0, b, 0) for a, b in rim]))
    tube = [(-0.30, 0.80), (-0.30, 0.86), (0.40, 0.86), (0.40, 0.92)]
    groups.append(np.array([np.array((x, 0.0, z)) + a * forward + point(0, b, 0) for a, b in tube]))
    return groups
