"""Street furniture: lamps, poles, signs, bollards, bins, fences."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window, point
from ivif.datasets.synthetic.optics.light import Contact
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.optics.shadows import upright
from ivif.datasets.synthetic.optics.surface import ALBEDO, Capsule, Material, SurfaceLayer
from ivif.datasets.synthetic.things.thing import Located, Spot, Thing

STEEL = (0.16, 0.165, 0.17)


def _blank_around(camera: Camera, points: Points, margin: float) -> SurfaceLayer:
    return SurfaceLayer.blank(Window.around(camera.project(points), margin).clip(camera.window))


@dataclass(frozen=True)
class Lamp(Located):
    """A street lamp: foot (x, z), height, reach of its arm (signed, along x), colour of its light."""

    x: float
    z: float
    height: float
    arm: float
    colour: tuple[float, float, float]
    working: bool = True

    @property
    def head(self) -> Points:
        """Where the light comes from."""
        return np.array((self.x + self.arm, self.height - 0.08, self.z))

    def casts(self) -> list[Points]:
        return upright(self.x, self.z, 0.05, self.height)

    def contacts(self) -> list[Contact]:
        return [(self.x, self.z, 0.16, 0.14)]

    def obstacles(self) -> list[Spot]:
        return [(self.x, self.z, 0.12)]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        foot, top = np.array((self.x, 0.0, self.z)), np.array((self.x, self.height, self.z))
        points = np.stack((foot, top, self.head + point(0.5 * np.sign(self.arm), 0.3, 0)))
        layer = _blank_around(camera, points, 0.25 * camera.focal / self.z + 2)
        steel = Material(STEEL, condition.temperatures["metal"], 0.85)
        Capsule(foot, np.array((self.x, 0.9, self.z)), 0.085, 0.075).paint(layer, camera, steel)
        Capsule(np.array((self.x, 0.9, self.z)), top, 0.06, 0.042).paint(layer, camera, steel)
        Capsule(top, self.head + point(0, 0.08, 0), 0.035, 0.035).paint(layer, camera, steel)
        ends = self.head - point(0.22, 0, 0), self.head + point(0.22, 0, 0)
        heat = 9.0 * condition.lamps * self.working
        housing = Material((0.2, 0.2, 0.21), condition.temperatures["metal"] + heat, 0.9)
        Capsule(ends[0] + point(0, 0.05, 0), ends[1] + point(0, 0.05, 0), 0.075, 0.075).paint(layer, camera, housing)
        strength = 14.0 * condition.lamps * self.working
        glow = tuple(strength * part for part in self.colour)
        glass = Material((0.4, 0.4, 0.4), condition.temperatures["metal"] + 1.8 * heat, 0.9, glow)  # type: ignore[arg-type]
        Capsule(*ends, 0.055, 0.055).paint(layer, camera, glass)
        return layer


@dataclass(frozen=True)
class Sign(Located):
    """A traffic sign on a pole; its face is seen in the visible band alone."""

    x: float
    z: float
    height: float
    kind: str
    text: str

    def casts(self) -> list[Points]:
        return upright(self.x, self.z, 0.05, self.height)

    def contacts(self) -> list[Contact]:
        return [(self.x, self.z, 0.12, 0.1)]

    def obstacles(self) -> list[Spot]:
        return [(self.x, self.z, 0.12)]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        foot, top = np.array((self.x, 0.0, self.z)), np.array((self.x, self.height, self.z))
        layer = _blank_around(camera, np.stack((foot, top)), 0.5 * camera.focal / self.z + 2)
        Capsule(foot, top, 0.035, 0.035).paint(layer, camera, Material(STEEL, condition.temperatures["metal"], 0.85))
        self._draw_face(layer, camera, condition)
        return layer

    def _draw_face(self, layer: SurfaceLayer, camera: Camera, condition: Condition) -> None:
        shapes = {"round": 24, "triangle": 3, "plate": 4}
        corners = shapes[self.kind]
        turn = {"round": 0.0, "triangle": np.pi / 2, "plate": np.pi / 4}[self.kind]
        for radius, colour in self._rings():
            angles = turn + np.arange(corners) * 2 * np.pi / corners
            ring = np.stack((np.cos(angles), np.sin(angles), np.zeros(corners)), axis=1) * radius
            metal = Material(colour, condition.temperatures["metal"] - 0.8, 0.9)
            layer.polygon(camera.project(ring + point(self.x, self.height - 0.3, self.z - 0.05)), metal.values(self.z))
        self._write(layer, camera)

    def _rings(self) -> list[tuple[float, tuple[float, float, float]]]:
        red, white, blue = (0.50, 0.03, 0.03), (0.72, 0.72, 0.70), (0.04, 0.11, 0.42)
        if self.kind == "plate":
            return [(0.46, white), (0.43, blue)]
        return [(0.36, red), (0.27, white)]

    def _write(self, layer: SurfaceLayer, camera: Camera) -> None:
        scale = camera.focal / self.z
        window = layer.window
        mask = np.zeros(window.shape, np.uint8)
        centre = camera.project(np.array([(self.x, self.height - 0.3, self.z)]))[0] - (window.left, window.top)
        size = scale * 0.3 / 22
        if size < 0.2 or not mask.size:
            return
        (width, height), _ = cv2.getTextSize(self.text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
        place = int(centre[0] - width / 2), int(centre[1] + height / 2)
        cv2.putText(mask, self.text, place, cv2.FONT_HERSHEY_DUPLEX, size, 255, max(1, round(size * 2)), cv2.LINE_AA)
        ink = (mask.astype(np.float32) / 255 * layer.alpha)[..., None]
        tone = np.float32(0.7 if self.kind == "plate" else 0.03)
        layer.values[..., ALBEDO] += ink * (tone - layer.values[..., ALBEDO])


@dataclass(frozen=True)
class Post(Located):
    """A bollard or another plain upright cylinder, with a reflecting collar; `warmer` is what heats it from inside."""

    x: float
    z: float
    height: float
    radius: float
    colour: tuple[float, float, float]
    collar: bool = True
    warmer: float = 1.2

    def casts(self) -> list[Points]:
        return upright(self.x, self.z, self.radius, self.height)

    def contacts(self) -> list[Contact]:
        return [(self.x, self.z, self.radius * 1.6, self.radius * 1.3)]

    def obstacles(self) -> list[Spot]:
        return [(self.x, self.z, self.radius)]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        rise = np.array([(self.x, 0.0, self.z), (self.x, self.height, self.z)])
        layer = _blank_around(camera, rise, self.radius * camera.focal / self.z + 2)
        body = Material(self.colour, condition.temperatures["metal"] + self.warmer, 0.93)
        Capsule(rise[0] + point(0, 0.03, 0), rise[1], self.radius, self.radius * 0.95).paint(layer, camera, body)
        if self.collar:
            low, high = (rise[0] + point(0, self.height * share, 0) for share in (0.72, 0.82))
            Capsule(low, high, self.radius, self.radius).paint(
                layer, camera, Material((0.7, 0.68, 0.6), condition.temperatures["metal"] + self.warmer, 0.93)
            )
        return layer


@dataclass(frozen=True)
class Crate(Located):
    """A box on the ground: container, bench, cabinet or machine.

    Attributes:
        x, z: middle of its foot.
        width, length, height: along its own axes, metres.
        heading: of its length, radians from the x axis.
        colour: of its faces.
        warmer: degrees above other metal, for machines that run.
        emissivity: of its faces.
    """

    x: float
    z: float
    width: float
    length: float
    height: float
    heading: float
    colour: tuple[float, float, float]
    warmer: float = 0.5
    emissivity: float = 0.93

    def _corners(self) -> Points:
        """The foot's corners in order, ``[4, 3]``."""
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        own = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (self.length / 2, self.width / 2)
        return np.stack(
            (
                self.x + own[:, 0] * cosine - own[:, 1] * sine,
                np.zeros(4),
                self.z + own[:, 0] * sine + own[:, 1] * cosine,
            ),
            axis=1,
        )

    def casts(self) -> list[Points]:
        foot = self._corners()
        levels = np.linspace(0, self.height, max(2, round(3 * self.height)))
        return [np.concatenate((foot + point(0, a, 0), foot + point(0, b, 0))) for a, b in pairwise(levels)]

    def contacts(self) -> list[Contact]:
        reach = 0.5 * max(self.width, self.length)
        return [(self.x, self.z, reach, reach)]

    def obstacles(self) -> list[Spot]:
        return [(self.x, self.z, 0.6 * max(self.width, self.length))]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        foot = self._corners()
        top = foot + point(0, self.height, 0)
        layer = _blank_around(camera, np.concatenate((foot, top)), 2)
        body = Material(self.colour, condition.temperatures["metal"] + self.warmer, self.emissivity)
        eye = np.array((camera.x, camera.elevation, 0.0))
        sides = [np.stack((foot[k], foot[(k + 1) % 4], top[(k + 1) % 4], top[k])) for k in range(4)]
        for face in (*sides, top):
            normal = np.cross(face[1] - face[0], face[3] - face[0])
            normal = -normal / np.linalg.norm(normal)
            if normal @ (eye - face[0]) > 0:
                layer.polygon(camera.project(face), body.values(self.z, tuple(normal)))
        x, y = camera.places(layer.window, self.z)
        dirt = noise.fractal(x - np.float32(self.x), y, (0.7, 0.25, 0.1), self.z / camera.focal)
        panels = np.mod(x - np.float32(self.x), 0.6) < 0.02
        layer.tint(np.clip(0.92 + 0.10 * dirt - 0.25 * panels - 0.25 * np.exp(-np.clip(y, 0, 2) / 0.15), 0.2, 1.5))
        layer.warm(0.4 * dirt)
        return layer


@dataclass(frozen=True)
class Fence(Thing):
    """A railing along x or z: two rails and posts, too thin for their shadows to matter."""

    start: tuple[float, float]
    end: tuple[float, float]
    height: float
    colour: tuple[float, float, float]
    spacing: float = 0.4

    @property
    def depth(self) -> float:
        return max(self.start[1], self.end[1])

    def _posts(self) -> Points:
        start, end = np.array(self.start), np.array(self.end)
        count = max(2, int(np.hypot(*(end - start)) / self.spacing))
        feet = start + (end - start) * np.linspace(0, 1, count)[:, None]
        feet = feet[feet[:, 1] > 2.5]
        return np.stack((feet[:, 0], np.zeros(len(feet)), feet[:, 1]), axis=1)

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        feet = self._posts()
        tops = feet + point(0, self.height, 0)
        layer = _blank_around(camera, np.concatenate((feet, tops)), 4)
        if not len(feet):
            return layer
        depth = float(feet[:, 2].mean())
        unit = camera.focal / depth
        metal = Material(self.colour, condition.temperatures["metal"] + 0.6, 0.9).values(depth)
        posts = [camera.project(np.stack(ends)) for ends in zip(feet, tops, strict=True)]
        rails = [camera.project(feet + point(0, self.height * share, 0)) for share in (0.15, 1.0)]
        layer.stroke(posts, 0.03 * unit, metal)
        layer.stroke(rails, 0.045 * unit, metal)
        return layer
