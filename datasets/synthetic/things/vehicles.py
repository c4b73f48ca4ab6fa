"""Vehicles: cars and vans as solid shapes, driving or parked, warm or cold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Contact, Light
from ivif.datasets.synthetic.optics.noise import Noise, smooth_step
from ivif.datasets.synthetic.optics.surface import EMISSION, NORMAL, Material, SurfaceLayer, hull, polygon_coverage
from ivif.datasets.synthetic.things.thing import Mover, Spot


class Shape(NamedTuple):
    """Outline of a model in its own plane: (forward, up) in metres; half widths of body and roof."""

    body: tuple[tuple[float, float], ...]
    """Counter-clockwise from the rear bumper's lower edge, along the belt line to the front bumper."""
    cabin: tuple[tuple[float, float], ...]
    """Rear foot, rear top, front top, front foot of the glazed part."""
    half: float
    roof_half: float
    axles: tuple[float, float]
    wheel: float


SHAPES = {
    "sedan": Shape(
        (
            (-2.16, 0.30),
            (-2.22, 0.62),
            (-2.12, 0.92),
            (-1.6, 0.98),
            (0.98, 0.96),
            (1.95, 0.80),
            (2.18, 0.60),
            (2.14, 0.28),
        ),
        ((-1.75, 0.96), (-0.95, 1.42), (0.20, 1.44), (1.08, 0.94)),
        0.88,
        0.62,
        (-1.32, 1.36),
        0.32,
    ),
    "hatchback": Shape(
        ((-1.86, 0.32), (-1.95, 0.62), (-1.90, 0.98), (0.88, 0.98), (1.68, 0.84), (1.90, 0.62), (1.86, 0.30)),
        ((-1.88, 0.97), (-1.45, 1.47), (0.05, 1.50), (0.98, 0.96)),
        0.86,
        0.62,
        (-1.16, 1.22),
        0.31,
    ),
    "van": Shape(
        ((-2.30, 0.36), (-2.38, 0.70), (-2.36, 1.12), (1.70, 1.08), (2.15, 0.95), (2.32, 0.66), (2.28, 0.34)),
        ((-2.36, 1.10), (-2.28, 1.93), (0.95, 1.96), (1.82, 1.06)),
        0.96,
        0.82,
        (-1.45, 1.55),
        0.34,
    ),
}

HEADLIGHT_POWER = 36.0
"""Strength of a headlight's beam at 1 m."""

COMFORTABLE = 2.5
"""Deceleration of a driver who sees the halt coming, metres a second squared."""


def rounded(outline: Sequence[tuple[float, ...]], share: float) -> list[tuple[float, ...]]:
    """An open outline with its corners cut by a share of each edge (Chaikin's rule); ends stay."""
    points = np.array(outline)
    starts, ends = points[:-1], points[1:]
    cut = np.stack((starts + share * (ends - starts), ends - share * (ends - starts)), axis=1).reshape(
        -1, points.shape[1]
    )
    return [tuple(point) for point in np.concatenate((points[:1], cut[1:-1], points[-1:])).tolist()]


class Face(NamedTuple):
    """A flat piece: corners ``[n, 3]`` in world metres, outward normal, what it is made of."""

    points: Points
    normal: Points
    kind: str


@dataclass(frozen=True)
class Vehicle(Mover):
    """A car. `heading` is the angle of its nose from the x axis; `speed` in metres a second along it.

    `warmth` in 0..1: how hot engine and tyres are; `room`: metres to where it has to stop, braking gently.
    """

    least_shading = 0.7

    x: float
    z: float
    heading: float
    shape: str
    colour: tuple[float, float, float]
    speed: float = 0.0
    warmth: float = 0.0
    lights: bool = False
    room: float = np.inf

    def at(self, seconds: float) -> Vehicle:
        """The same car later."""
        reach, soon = self._driven(seconds), self._driven(seconds + 0.05)
        return replace(
            self,
            x=self.x + reach * np.cos(self.heading),
            z=self.z + reach * np.sin(self.heading),
            speed=(soon - reach) / 0.05,
        )

    def _driven(self, seconds: float) -> float:
        """Metres driven: at even speed, then slowing down evenly to a halt at `room`."""
        braking = min(self.room, self.speed**2 / (2 * COMFORTABLE))
        even = self.room - braking
        if not self.speed or self.speed * seconds <= even:
            return self.speed * seconds
        # Uniform deceleration: v^2 = 2 a s.
        slowing = self.speed**2 / (2 * max(braking, 1e-3))
        rest = min(seconds - even / self.speed, self.speed / slowing)
        return even + self.speed * rest - slowing * rest**2 / 2

    def place(self, points: Points) -> Points:
        """Own coordinates (forward, up, left) to world coordinates."""
        forward, up, left = np.asarray(points, dtype=np.float64).reshape(-1, 3).T
        cosine, sine = np.cos(self.heading), np.sin(self.heading)
        return np.stack((self.x + forward * cosine - left * sine, up, self.z + forward * sine + left * cosine), axis=1)

    def headlights(self) -> Points:
        """Places of the two headlights."""
        nose = SHAPES[self.shape].body[-2]
        return self.place(np.array([(nose[0], nose[1] + 0.02, side * 0.62) for side in (-1, 1)]))

    def beams(self, condition: Condition) -> list[Light]:
        if not (self.lights and condition.headlights):
            return []
        nose = self.headlights().mean(0)
        forward = np.array((np.cos(self.heading), -0.06, np.sin(self.heading)))
        forward /= np.linalg.norm(forward)
        colour = HEADLIGHT_POWER * np.array((1.0, 0.97, 0.88))
        return [Light(colour, position=nose, axis=forward, spread=(0.86, 0.985), reach=40.0)]

    def casts(self) -> list[Points]:
        model = SHAPES[self.shape]
        low = [(forward, 0.05, side * model.half) for forward, _ in model.body for side in (-1, 1)]
        body = [(forward, up, side * model.half) for forward, up in model.body for side in (-1, 1)]
        cabin = [(forward, up, side * model.roof_half) for forward, up in model.cabin for side in (-1, 1)]
        return [self.place(np.array([*low, *body])), self.place(np.array([*body[4:-4], *cabin]))]

    def contacts(self) -> list[Contact]:
        middle = self.place(np.array([(reach, 0.0, 0.0) for reach in (-1.3, 0.0, 1.3)]))
        return [(float(x), float(z), 1.0, 1.0) for x, _, z in middle]

    def obstacles(self) -> list[Spot]:
        spots = self.place(np.array([(reach, 0.0, 0.0) for reach in (-1.6, 0.0, 1.6)]))
        return [(float(spot[0]), float(spot[2]), 1.1) for spot in spots]

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        everything = np.concatenate(self.casts())
        limit = Window(-camera.width, -camera.height, 2 * camera.width, 2 * camera.height)
        layer = SurfaceLayer.blank(Window.around(camera.project(everything), 3).clip(limit))
        eye = np.array((0.0, camera.elevation, 0.0))
        self._draw_wheels(layer, camera, condition, eye, near=False)
        for face in self._visible(self._body(), eye):
            self._paint(layer, camera, condition, face)
        self._draw_wheels(layer, camera, condition, eye, near=True)
        for face in self._visible(self._trim(), eye, sort=False):
            self._paint(layer, camera, condition, face)
        self._draw_seams(layer, camera, condition, eye)
        for face in self._visible(self._cabin(), eye):
            self._paint(layer, camera, condition, face)
        for face in self._visible(self._panes(), eye, sort=False):
            self._paint(layer, camera, condition, face)
        self._texture(layer, camera, condition, noise)
        return layer

    @staticmethod
    def _visible(faces: Iterator[Face], eye: Points, sort: bool = True) -> list[Face]:
        seen = [face for face in faces if face.normal @ (eye - face.points.mean(0)) > 0]
        return sorted(seen, key=lambda face: -face.points[:, 2].mean()) if sort else seen

    def _face(self, points: Sequence[tuple[float, ...]], outward: tuple[float, float, float], kind: str) -> Face:
        """A face from own coordinates; `outward` (own coordinates) only decides the normal's sign."""
        corners = self.place(np.array(points))
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        side = self.place(np.array(outward))[0] - self.place(np.zeros(3))[0]
        return Face(corners, normal if normal @ side >= 0 else -normal, kind)

    def _body(self) -> Iterator[Face]:
        model = SHAPES[self.shape]
        outline, half = rounded(model.body, 0.25), model.half
        for start, end in pairwise(outline):
            quad = [(*start, -half), (*start, half), (*end, half), (*end, -half)]
            outward = (start[1] - end[1], end[0] - start[0], 0.0)
            kind = "hood" if start[0] > 0.8 else "paint"
            yield self._face(quad, outward, kind if outward[1] > 0.05 else "front" if start[0] > 0 else "rear")
        for side in (-1.0, 1.0):
            yield self._face([(*point, side * half) for point in outline], (0.0, 0.0, side), "side")

    def _trim(self) -> Iterator[Face]:
        """Lamps, grille and number plates on nose and tail."""
        model = SHAPES[self.shape]
        (tail, tail_up), (nose, nose_up) = model.body[1], model.body[-2]
        nose, tail = nose + 0.01, tail - 0.01
        for side in (-1, 1):
            inner, outer = side * (model.half - 0.42), side * (model.half - 0.06)
            lamp = [(nose, nose_up - 0.07, inner), (nose, nose_up - 0.07, outer), (nose - 0.08, nose_up + 0.09, outer)]
            yield self._face([*lamp, (nose - 0.05, nose_up + 0.09, inner)], (1, 0, 0), "headlight")
            low, high = tail_up - 0.02, tail_up + 0.20
            lamp = [(tail, low, inner), (tail, low, outer), (tail + 0.03, high, outer), (tail + 0.03, high, inner)]
            yield self._face(lamp, (-1, 0, 0), "taillight")
        for place, up, outward in ((nose, nose_up - 0.22, 1.0), (tail, tail_up - 0.18, -1.0)):
            plate = [(place, up, -0.26), (place, up, 0.26), (place, up + 0.12, 0.26), (place, up + 0.12, -0.26)]
            yield self._face(plate, (outward, 0, 0), "plate")
        grille = [(nose, nose_up - 0.06, -0.42), (nose, nose_up - 0.06, 0.42), (nose, nose_up + 0.08, 0.42)]
        yield self._face([*grille, (nose, nose_up + 0.08, -0.42)], (1, 0, 0), "grille")

    def _cabin(self, smooth: bool = True) -> Iterator[Face]:
        model = SHAPES[self.shape]
        foot, top = model.half - 0.05, model.roof_half
        widths = (foot, top, top, foot)
        corners: list[tuple[float, ...]] = [(*point, width) for point, width in zip(model.cabin, widths, strict=True)]
        if smooth:
            corners = rounded(corners, 0.14)
        for start, end in pairwise(corners):
            quad = [(*start[:2], -start[2]), start, end, (*end[:2], -end[2])]
            yield self._face(quad, (start[1] - end[1], end[0] - start[0], 0.0), "roof")
        for side in (-1.0, 1.0):
            yield self._face([(ahead, up, side * width) for ahead, up, width in corners], (0.0, 0.0, side), "roof")

    def _panes(self) -> Iterator[Face]:
        """Glass, inset in the cabin's faces."""
        for face in self._cabin(smooth=False):
            if abs(face.normal[1]) > 0.95:
                continue
            middle = face.points.mean(0)
            inset = middle + (face.points - middle) * 0.84 + face.normal * 0.004
            is_side = abs(self._own_side(face.normal)) > 0.5
            if not is_side:
                yield Face(inset, face.normal, "glass")
                continue
            rear_foot, rear_top, front_top, front_foot = inset
            for start, end in ((0.0, 0.47), (0.53, 1.0)):
                low = [rear_foot + share * (front_foot - rear_foot) for share in (start, end)]
                high = [rear_top + share * (front_top - rear_top) for share in (end, start)]
                yield Face(np.array([*low, *high]), face.normal, "glass")

    def _own_side(self, normal: Points) -> float:
        """Share of a world vector along the car's left."""
        return float(-normal[0] * np.sin(self.heading) + normal[2] * np.cos(self.heading))

    def _draw_wheels(self, layer: SurfaceLayer, camera: Camera, condition: Condition, eye: Points, near: bool) -> None:
        model = SHAPES[self.shape]
        angles = np.linspace(0, 2 * np.pi, 25)[:-1]
        left = np.array((-np.sin(self.heading), 0.0, np.cos(self.heading)))
        side = 1.0 if left @ (eye - self.place(np.zeros(3))[0]) > 0 else -1.0
        side = side if near else -side
        tyre_heat = condition.temperatures["metal"] + self.warmth * (
            condition.temperatures["tyre"] - condition.temperatures["metal"]
        )
        tyre = Material((0.02, 0.02, 0.021), tyre_heat + 1.0)
        rim = Material((0.22, 0.22, 0.23), tyre_heat + 3.0 * self.warmth, 0.8)
        for axle in model.axles:
            rings = [
                self.place(
                    np.stack(
                        (axle + r * np.cos(angles), model.wheel + r * np.sin(angles), np.full(24, side * w)), axis=1
                    )
                )
                for r, w in (
                    (model.wheel, model.half - 0.22),
                    (model.wheel, model.half + 0.01),
                    (0.62 * model.wheel, model.half + 0.015),
                )
            ]
            depth = float(rings[1][:, 2].mean())
            towards = side * left
            solid = hull(camera.project(np.concatenate(rings[:2])))
            layer.polygon(solid, tyre.values(depth, tuple(towards)))
            if near:
                arch = np.stack(
                    (axle + 1.2 * model.wheel * np.cos(angles), model.wheel + 1.2 * model.wheel * np.sin(angles))
                )
                arch[1] = np.maximum(arch[1], 0.33)
                hollow = self.place(np.stack((*arch, np.full(24, side * (model.half + 0.003))), axis=1))
                layer.polygon(camera.project(hollow), tyre.values(depth, tuple(towards)))
                layer.polygon(solid, tyre.values(depth, tuple(towards)))
                layer.polygon(camera.project(rings[2]), rim.values(depth, tuple(towards)))

    def _draw_seams(self, layer: SurfaceLayer, camera: Camera, condition: Condition, eye: Points) -> None:
        """Gaps around the doors, handles and a mirror, on the side that is seen."""
        model = SHAPES[self.shape]
        left = np.array((-np.sin(self.heading), 0.0, np.cos(self.heading)))
        side = 1.0 if left @ (eye - self.place(np.zeros(3))[0]) > 0 else -1.0
        (rear, foot), (front, _) = model.cabin[0], model.cabin[3]
        middle, unit = rear + 0.5 * (front - rear), camera.focal / self.z
        degrees = condition.temperatures["body"]
        dark = Material((0.012, 0.012, 0.013), degrees - 0.5).values(self.z, tuple(side * left))
        for ahead in (front - 0.12, middle, rear + 0.35):
            ends = np.array([(ahead, up, side * (model.half + 0.005)) for up in (foot, 0.40)])
            layer.stroke(camera.project(self.place(ends)), 0.016 * unit, dark)
        for ahead in (middle + 0.16, rear + 0.52):
            ends = np.array([(ahead + reach, foot - 0.12, side * (model.half + 0.01)) for reach in (0.0, 0.16)])
            layer.stroke(camera.project(self.place(ends)), 0.035 * unit, dark)
        shell = self._material("side", condition).values(self.z, tuple(side * left))
        ends = np.array([(front - 0.42, foot + 0.10, side * (model.half + reach)) for reach in (0.04, 0.17)])
        layer.stroke(camera.project(self.place(ends)), 0.13 * unit, shell)

    def _paint(self, layer: SurfaceLayer, camera: Camera, condition: Condition, face: Face) -> None:
        values = self._material(face.kind, condition).values(self.z, tuple(face.normal))
        image = camera.project(face.points)
        if face.kind not in ("side", "glass"):
            layer.polygon(image, values)
            return
        window = Window.around(image, 2).clip(layer.window)
        if window.empty:
            return
        _, up = camera.places(window, self.z)
        bent = np.broadcast_to(values, (*window.shape, len(values))).copy()
        if face.kind == "side":
            # Flanks bulge: they look down below the door handles and up above.
            bent[..., NORMAL] += np.clip(0.9 * (up - 0.62), -0.35, 0.55)[..., None] * np.array((0, 1, 0), np.float32)
        else:
            # Panes mirror the sky above, and let one look inside below.
            bent[..., EMISSION] *= np.clip(1.5 * (up - 0.95) / 0.5, 0.25, 1.6)[..., None]
        layer.paint(window, polygon_coverage(image, window), bent)

    def _material(self, kind: str, condition: Condition) -> Material:
        degrees = condition.temperatures
        body, engine = degrees["body"], degrees["engine"]
        hot = self.warmth * (engine - body)
        shine = np.array(condition.skyline) * float(np.mean(condition.ambient))
        lit = self.lights and condition.headlights
        if kind == "glass":
            return Material((0.03, 0.035, 0.04), degrees["window"] - 1.5 + 3 * self.warmth, 0.85, tuple(shine * 0.30))
        if kind == "headlight":
            beam = (26.0, 25.0, 22.0) if lit else (0.0, 0.0, 0.0)
            return Material((0.55, 0.56, 0.58), body + 0.35 * hot, 0.88, beam)
        if kind == "taillight":
            return Material((0.30, 0.012, 0.01), body + 1.0, 0.9, (1.6, 0.05, 0.03) if lit else (0.0, 0.0, 0.0))
        if kind == "plate":
            return Material((0.66, 0.66, 0.60), body, 0.9)
        if kind == "grille":
            return Material((0.03, 0.03, 0.032), body + 0.85 * hot, 0.95)
        warmer = {"hood": 0.42, "front": 0.5, "side": 0.10, "rear": 0.12}.get(kind, 0.03)
        return Material(self.colour, body + warmer * hot, 0.90, tuple(shine * (0.16 if kind != "side" else 0.05)))

    def _texture(self, layer: SurfaceLayer, camera: Camera, condition: Condition, noise: Noise) -> None:
        """Dirt below, reflections of the street on the flanks; heat that fades from the engine backwards."""
        x, height = camera.places(layer.window, self.z)
        waves = noise.fractal(x - np.float32(self.x), height, (1.6, 0.5, 0.2), self.z / camera.focal, aspect=0.35)
        sill = 0.45 + 0.55 * smooth_step(0.34, 0.46, height)
        layer.tint(np.clip(0.72 + 0.35 * np.clip(height, 0, 1.2) + 0.10 * waves, 0.3, 1.5) * sill)
        layer.warm((0.5 * waves + 0.8 * np.exp(-np.clip(height, 0, 2) / 0.3) * self.warmth * 4).astype(np.float32))
