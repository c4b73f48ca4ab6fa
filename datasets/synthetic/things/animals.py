"""Animals: dogs and deer, warm and about as large as a crouching person, but none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ivif.datasets.synthetic.conditions import Colour, Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Contact
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.optics.surface import Capsule, Material, SurfaceLayer
from ivif.datasets.synthetic.things.thing import Mover


class Build(NamedTuple):
    """Measures of a kind in metres: shoulder height, half length, girth, leg thickness, neck (forward, up), head."""

    height: float
    half: float
    girth: float
    leg: float
    neck: tuple[float, float]
    head: float


BUILDS = {
    "dog": Build(0.55, 0.34, 0.125, 0.034, (0.16, 0.20), 0.085),
    "deer": Build(0.95, 0.52, 0.20, 0.036, (0.26, 0.48), 0.095),
}


@dataclass(frozen=True)
class Animal(Mover):
    """A four-legged animal that goes straight on, or stands if `speed` is 0; `coat` is its colour."""

    x: float
    z: float
    heading: float
    speed: float
    kind: str
    coat: Colour
    phase: float = 0.0

    def at(self, seconds: float) -> Animal:
        """The same animal later."""
        reach = self.speed * seconds
        return replace(
            self,
            x=float(self.x + reach * np.cos(self.heading)),
            z=float(self.z + reach * np.sin(self.heading)),
            phase=float(self.phase + 2 * np.pi * reach / (1.3 * BUILDS[self.kind].height)),
        )

    def _rods(self) -> list[tuple[Points, Points, float, float, float]]:
        """Rods (start, end, radii, warmth relative to the trunk's surface)."""
        build = BUILDS[self.kind]
        forward = np.array((np.cos(self.heading), 0.0, np.sin(self.heading)))
        left, up = np.array((-forward[2], 0.0, forward[0])), np.array((0.0, 1.0, 0.0))
        back = np.array((self.x, build.height - build.girth, self.z))
        rump, shoulder = back - build.half * forward, back + build.half * forward
        vigour = min(1.0, self.speed / 0.8)
        rods = []
        for end, side, shift in ((1, 1, 0.0), (1, -1, np.pi), (-1, 1, np.pi), (-1, -1, 0.0)):
            hip = (shoulder if end > 0 else rump) + 0.62 * build.girth * side * left - 0.3 * build.girth * up
            swing = 0.42 * vigour * np.sin(self.phase + shift)
            bend = 0.5 * vigour * max(0.0, np.cos(self.phase + shift)) + 0.12
            half = hip[1] / 2
            knee = hip + half * (np.sin(swing) * forward - np.cos(swing) * up)
            foot = knee + half * (np.sin(swing - bend * end) * forward - np.cos(swing - bend * end) * up)
            foot[1] = max(foot[1], 0.02)
            rods += [(hip, knee, 1.7 * build.leg, build.leg, -1.0), (knee, foot, build.leg, 0.8 * build.leg, -3.5)]
        neck = shoulder + build.neck[0] * forward + build.neck[1] * up
        snout = neck + 1.9 * build.head * forward - 0.5 * build.head * up
        tail = rump - 0.24 * forward + 0.12 * up
        rods += [
            (rump, shoulder, 0.86 * build.girth, build.girth, 0.0),
            (shoulder, neck, 0.62 * build.girth, 0.42 * build.girth, 0.5),
            (neck, snout, build.head, 0.45 * build.head, 3.5),
            (rump, tail, 0.30 * build.girth, 0.12 * build.girth, -3.0),
        ]
        for side in (1, -1):
            ear = neck + 0.55 * build.head * side * left + 0.9 * build.head * up
            rods.append((ear, ear + 0.9 * build.head * up, 0.32 * build.head, 0.1 * build.head, 3.0))
        return rods

    def casts(self) -> list[Points]:
        axes = np.vstack((np.eye(3), -np.eye(3)))
        return [np.concatenate((a + axes * ra, b + axes * rb)) for a, b, ra, rb, _ in self._rods()]

    def contacts(self) -> list[Contact]:
        half = BUILDS[self.kind].half
        wide, deep = half * abs(np.cos(self.heading)), half * abs(np.sin(self.heading))
        return [(self.x, self.z, max(0.2, wide), max(0.2, deep))]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        rods = self._rods()
        ends = np.concatenate([np.stack((a, b)) for a, b, *_ in rods])
        margin = 0.3 * camera.focal / max(self.z, 0.5)
        limit = Window(-camera.width, -camera.height, 2 * camera.width, 2 * camera.height)
        layer = SurfaceLayer.blank(Window.around(camera.project(ends), margin).clip(limit))
        degrees = condition.temperatures
        fur = degrees["air"] + 0.42 * (degrees["skin"] - degrees["air"])
        for start, end, radius, end_radius, warmer in sorted(rods, key=lambda rod: -(rod[0][2] + rod[1][2])):
            coat = Material(self.coat, fur + warmer, 0.97)
            Capsule(start, end, radius, end_radius).paint(layer, camera, coat)
        x, y = camera.places(layer.window, self.z)
        tufts = noise.fractal(x - np.float32(self.x), y, (0.14, 0.06), self.z / camera.focal)
        layer.tint(np.clip(1 + 0.18 * tufts, 0.4, 1.6))
        layer.warm(0.8 * tufts)
        return layer
