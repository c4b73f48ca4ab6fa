"""People: who walks, stands or rides, how tall and in which clothes; clothed for one camera, warm for the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.conditions import Colour, Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Contact
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.optics.surface import NORMAL, SurfaceLayer
from ivif.datasets.synthetic.things.bicycles import bicycle_casts, bicycle_part
from ivif.datasets.synthetic.things.figures import Outfit, figure_parts
from ivif.datasets.synthetic.things.poses import Joints, riding, walking
from ivif.datasets.synthetic.things.thing import Mover

COOL_AIR = 9.0
"""Degrees below skin at which air cools clothes as unevenly as it ever does."""


@dataclass(frozen=True)
class Person(Mover):
    """Somebody who walks or rides, or stands if `speed` is 0.

    Attributes:
        identity: the track's number.
        x, z: place on the ground, metres.
        heading: direction of the way, radians from the x axis.
        speed: metres a second.
        height: metres.
        width: girth relative to the average.
        phase: of the gait or of the pedals, radians.
        outfit: clothes and skin.
        seed: decides creases and warm patches.
        bicycle: colour of what they ride, None for those on foot.
    """

    identity: int
    x: float
    z: float
    heading: float
    speed: float
    height: float
    width: float
    phase: float
    outfit: Outfit
    seed: int
    bicycle: Colour | None = None

    @property
    def size(self) -> float:
        """Height relative to 1.75 m."""
        return self.height / 1.75

    @property
    def riding(self) -> bool:
        """Whether they are on a bicycle."""
        return self.bicycle is not None

    @property
    def cycles(self) -> float:
        """Radians of gait or pedals a metre of way: a cycle is two steps of 0.41 body heights, or a turn of cranks."""
        return 2 * np.pi / (4.6 if self.riding else 0.82 * self.height)

    def joints(self) -> Joints:
        """The skeleton in its present pose."""
        if self.riding:
            return riding(self.x, self.z, self.heading, -self.phase, self.size, self.width)
        return walking(self.x, self.z, self.heading, self.phase, self.size, self.width, self.speed, self.seed)

    def casts(self) -> list[Points]:
        pose, size = self.joints(), self.size
        groups = [
            _ball(pose.head, 0.12 * size),
            np.concatenate([_ball(joint, 0.10 * size) for joint in (*pose.hips, *pose.shoulders)]),
        ]
        chains = ((pose.hips, pose.knees, 0.075), (pose.knees, pose.ankles, 0.055), (pose.shoulders, pose.elbows, 0.05))
        for starts, ends, radius in (*chains, (pose.elbows, pose.wrists, 0.04), (pose.ankles, pose.toes, 0.04)):
            for start, end in zip(starts, ends, strict=True):
                groups.append(np.concatenate((_ball(start, radius * size), _ball(end, radius * size * 0.8))))
        return groups + (bicycle_casts(self.x, self.z, self.heading) if self.riding else [])

    def contacts(self) -> list[Contact]:
        return [(self.x, self.z, 0.34, 0.26)]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        pose = self.joints()
        reach = 0.45 if self.riding else 0.3
        corners = np.concatenate([_ball(joint, reach) for joint in pose.everything()])
        if self.riding:
            middle = np.array((self.x, 0.35, self.z))
            corners = np.concatenate(
                (corners, _ball(middle + 0.55 * pose.forward, 0.42), _ball(middle - 0.55 * pose.forward, 0.42))
            )
        limit = Window(-camera.width, -camera.height, 2 * camera.width, 2 * camera.height)
        layer = SurfaceLayer.blank(Window.around(camera.project(corners), 3).clip(limit))
        parts = figure_parts(pose, self.size, self.width, self.outfit, condition)
        if self.bicycle is not None:
            parts.append(bicycle_part(self.x, self.z, self.heading, -self.phase, self.bicycle, condition))
        for _, paint in sorted(parts, key=lambda part: -part[0]):
            paint(layer, camera)
        self._texture(layer, camera, condition, noise)
        return layer

    def _texture(self, layer: SurfaceLayer, camera: Camera, condition: Condition, noise: Noise) -> None:
        """Creases and seams for the eye, warm patches for the thermal camera; fixed to the body, not to the picture."""
        x, up = camera.places(layer.window, self.z)
        right = x - np.float32(self.x) + np.float32(self.seed % 89)
        pixel = self.z / camera.focal
        creases = noise.fractal(right, up, (0.22, 0.10, 0.05), pixel, aspect=1.3)
        patches = noise.fractal(right + 31, up, (0.38, 0.17, 0.08), pixel)
        layer.tint(np.clip(1 + 0.15 * creases, 0.4, 1.6))
        towards = np.clip(-layer.values[..., NORMAL][..., 2], 0, 1)
        # Seen at a grazing angle, cloth shows the cooler air around it; where the air is as warm, nothing differs.
        cooler = (condition.temperatures["skin"] - condition.temperatures["air"]) / COOL_AIR
        layer.warm((min(1.0, cooler) * (1.6 * patches - 4.5 * (1 - towards) ** 1.6)).astype(np.float32))


def _ball(centre: Points, radius: float) -> Points:
    """Six points on a sphere."""
    axes = np.vstack((np.eye(3), -np.eye(3)))
    return centre + radius * axes
