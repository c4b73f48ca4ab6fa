"""People: walking figures of rods and shells, clothed for one camera and warm for the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from datasets.synthetic.camera import Camera, Points, Window, point
from datasets.synthetic.conditions import Condition
from datasets.synthetic.noise import Noise
from datasets.synthetic.surface import (
    ALBEDO,
    CHANNELS,
    NORMAL,
    TEMPERATURE,
    Capsule,
    Layer,
    Material,
    hull,
    polygon_coverage,
)

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Outfit:
    """What somebody wears. `insulation` in 0..1: how little of the body's heat the jacket lets out."""

    jacket: Colour
    trousers: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    insulation: float
    coat: bool = False
    hood: bool = False
    backpack: Colour | None = None
    bag: Colour | None = None


class Joints(NamedTuple):
    """A posed skeleton in world metres; pairs are (left, right)."""

    pelvis: Points
    chest: Points
    neck: Points
    head: Points
    hips: tuple[Points, Points]
    knees: tuple[Points, Points]
    ankles: tuple[Points, Points]
    toes: tuple[Points, Points]
    shoulders: tuple[Points, Points]
    elbows: tuple[Points, Points]
    wrists: tuple[Points, Points]
    forward: Points
    left: Points


@dataclass(frozen=True)
class Person:
    """Somebody who walks straight on, or stands if `speed` is 0.

    Attributes:
        identity: the track's number.
        x, z: place on the ground at time 0, metres.
        heading: direction of the walk, radians from the x axis.
        speed: metres a second.
        height: metres.
        width: girth relative to the average.
        phase: of the gait at time 0, radians.
        outfit: clothes and skin.
        seed: decides creases and warm patches.
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

    @property
    def depth(self) -> float:
        """Distance from the camera."""
        return self.z

    def at(self, seconds: float) -> Person:
        """The same person later."""
        reach = self.speed * seconds
        # One gait cycle covers two steps of about 0.41 body heights.
        phase = self.phase + 2 * np.pi * reach / (0.82 * self.height)
        x, z = self.x + reach * np.cos(self.heading), self.z + reach * np.sin(self.heading)
        return replace(self, x=float(x), z=float(z), phase=float(phase))

    def joints(self) -> Joints:
        """The skeleton in its present pose: thigh and arm swing as sines, knees bend while their leg swings forward."""
        size = self.height / 1.75
        forward = np.array((np.cos(self.heading), 0.0, np.sin(self.heading)))
        left = np.array((-np.sin(self.heading), 0.0, np.cos(self.heading)))
        up = np.array((0.0, 1.0, 0.0))
        vigour = min(1.0, self.speed / 1.2)
        hips, knees, ankles, toes, shoulders, elbows, wrists = (list[Points]() for _ in range(7))
        for side, phase in ((1.0, self.phase), (-1.0, self.phase + np.pi)):
            swing = np.radians(25 * vigour) * np.sin(phase)
            bend = np.radians(6 + 52 * vigour * max(0.0, np.cos(phase)) ** 1.4)
            hip = side * 0.095 * size * left
            knee = hip + 0.43 * size * _swung(forward, up, swing)
            ankle = knee + 0.42 * size * _swung(forward, up, swing - bend)
            lift = np.radians(15 * vigour * np.cos(phase))
            toe = ankle + 0.17 * size * (forward * np.cos(lift) - up * (0.12 + max(0.0, np.sin(-lift)) * 0.5))
            for found, joint in ((hips, hip), (knees, knee), (ankles, ankle), (toes, toe)):
                found.append(joint)
            arm = np.radians(4 - 26 * vigour * np.sin(phase))
            fold = np.radians(12 + 22 * vigour * max(0.0, -np.sin(phase)) + (0 if vigour else 18 * (self.seed % 3)))
            shoulder = up * 0.462 * size + side * 0.168 * size * self.width * left
            elbow = shoulder + 0.29 * size * _swung(forward, up, arm) + side * 0.035 * left
            wrist = elbow + 0.25 * size * _swung(forward, up, arm + fold)
            for found, joint in ((shoulders, shoulder), (elbows, elbow), (wrists, wrist)):
                found.append(joint)
        lowest = min(float(point[1]) for point in (*ankles, *toes))
        pelvis = np.array((self.x, 0.065 * size - lowest, self.z))
        lean = forward * 0.03 * vigour

        def moved(points: list[Points], shift: Points) -> tuple[Points, Points]:
            return points[0] + shift, points[1] + shift

        upper = pelvis + lean
        return Joints(
            pelvis,
            upper + up * 0.40 * size,
            upper + up * 0.55 * size,
            upper + up * 0.70 * size + forward * 0.02,
            moved(hips, pelvis),
            moved(knees, pelvis),
            moved(ankles, pelvis),
            moved(toes, pelvis),
            moved(shoulders, upper),
            moved(elbows, upper),
            moved(wrists, upper),
            forward,
            left,
        )

    def casts(self) -> list[Points]:
        """Point groups whose hulls throw shadows."""
        pose = self.joints()
        size = self.height / 1.75
        groups = [
            _ball(pose.head, 0.12 * size),
            np.concatenate([_ball(p, 0.10 * size) for p in (*pose.hips, *pose.shoulders)]),
        ]
        chains = ((pose.hips, pose.knees, 0.075), (pose.knees, pose.ankles, 0.055), (pose.shoulders, pose.elbows, 0.05))
        for starts, ends, radius in (*chains, (pose.elbows, pose.wrists, 0.04), (pose.ankles, pose.toes, 0.04)):
            for start, end in zip(starts, ends, strict=True):
                groups.append(np.concatenate((_ball(start, radius * size), _ball(end, radius * size * 0.8))))
        return groups

    def contact(self) -> tuple[float, float, float, float]:
        """Where it darkens the ground: x, z, half width, half depth."""
        return self.x, self.z, 0.34, 0.26

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> Layer:
        """Its layer."""
        pose = self.joints()
        corners = np.concatenate([_ball(p, 0.3) for p in (pose.head, *pose.toes, *pose.wrists, *pose.elbows)])
        limit = Window(-camera.width, -camera.height, 2 * camera.width, 2 * camera.height)
        layer = Layer.blank(Window.around(camera.project(corners), 3).clip(limit))
        for _, paint in sorted(self._parts(pose, condition), key=lambda part: -part[0]):
            paint(layer, camera)
        self._texture(layer, camera, noise)
        return layer

    def _parts(self, pose: Joints, condition: Condition) -> list[tuple[float, _Painter]]:
        """(depth, painter) of every part, in no order."""
        size, girth = self.height / 1.75, self.width
        warm = _Clothes(self.outfit, condition)
        parts: list[tuple[float, _Painter]] = []
        for side in (0, 1):
            hip, knee, ankle, toe = pose.hips[side], pose.knees[side], pose.ankles[side], pose.toes[side]
            shoulder, elbow, wrist = pose.shoulders[side], pose.elbows[side], pose.wrists[side]
            hand = wrist + (wrist - elbow) * 0.30
            leg = _Rods(
                (
                    (Capsule(ankle - point(0, 0.02, 0), toe, 0.050 * size, 0.038 * size), warm.shoes),
                    (Capsule(hip, knee, 0.092 * size * girth, 0.064 * size), warm.trousers),
                    (Capsule(knee, ankle, 0.062 * size, 0.046 * size), warm.trousers),
                )
            )
            arm = _Rods(
                (
                    (Capsule(wrist, hand, 0.036 * size, 0.034 * size), warm.skin),
                    (Capsule(shoulder, elbow, 0.062 * size * girth, 0.048 * size), warm.jacket),
                    (Capsule(elbow, wrist, 0.047 * size, 0.038 * size), warm.jacket),
                )
            )
            # The jacket hangs over the hips, so that legs come before the torso.
            parts.append((float(knee[2] + hip[2]) / 2 + 0.5, leg))
            parts.append((float(shoulder[2] + elbow[2]) / 2 + 0.02 * np.sign(shoulder[2] - self.z), arm))
            if self.outfit.bag and side == 0:
                low = hand - point(0, 0.30, 0)
                parts.append((float(hand[2]), _Rods(((Capsule(hand - point(0, 0.1, 0), low, 0.07, 0.12), warm.bag),))))
        hem = 0.52 if self.outfit.coat else 0.06
        parts.append((self.z, _Torso(pose, size, girth, hem * size, warm)))
        if self.outfit.backpack:
            back = -pose.forward * 0.19 * size
            low, high = pose.pelvis + point(0, 0.14 * size, 0) + back, pose.chest + point(0, 0.03 * size, 0) + back
            parts.append((float(high[2]), _Rods(((Capsule(low, high, 0.15 * size, 0.13 * size), warm.backpack),))))
        parts.append((self.z - 0.01, _Head(pose, size, warm, self.outfit.hood)))
        return parts

    def _texture(self, layer: Layer, camera: Camera, noise: Noise) -> None:
        """Creases and seams for the eye, warm patches for the thermal camera; fixed to the body, not to the picture."""
        slope, drop = camera.rays(layer.window)
        right = (slope * np.float32(self.z) - np.float32(self.x)).astype(np.float32) + np.float32(self.seed % 89)
        up = np.float32(camera.elevation) - drop * np.float32(self.z)
        pixel = self.z / camera.focal
        creases = noise.fractal(right, up, (0.22, 0.10, 0.05), pixel, aspect=1.3)
        patches = noise.fractal(right + 31, up, (0.38, 0.17, 0.08), pixel)
        layer.tint(np.clip(1 + 0.13 * creases, 0.4, 1.6))
        towards = np.clip(-layer.values[..., NORMAL][..., 2], 0, 1)
        # Seen at a grazing angle, cloth shows the cooler air around it.
        layer.warm((1.25 * patches - 3.2 * (1 - towards) ** 2).astype(np.float32))


class _Painter:
    """Something that paints itself onto a layer."""

    def __call__(self, layer: Layer, camera: Camera) -> None:
        raise NotImplementedError


class _Rods(_Painter):
    def __init__(self, rods: tuple[tuple[Capsule, Material], ...]) -> None:
        self.rods = rods

    def __call__(self, layer: Layer, camera: Camera) -> None:
        for rod, material in self.rods:
            rod.paint(layer, camera, material)


class _Clothes:
    """Materials of one outfit under one condition."""

    def __init__(self, outfit: Outfit, condition: Condition) -> None:
        degrees = condition.temperatures
        skin, cloth, air = degrees["skin"], degrees["cloth"], degrees["air"]
        jacket = cloth - outfit.insulation * 0.55 * (cloth - air)
        self.jacket = Material(outfit.jacket, jacket, 0.95)
        self.trousers = Material(outfit.trousers, cloth - 0.12 * (cloth - air), 0.95)
        self.shoes = Material(outfit.shoes, air + 0.45 * (cloth - air), 0.94)
        self.skin = Material(outfit.skin, skin - 1.0, 0.98)
        self.face = Material(outfit.skin, skin, 0.98)
        self.hair = Material(outfit.hair, skin - 0.35 * (skin - air), 0.96)
        self.hood = Material(outfit.jacket, jacket + 1.0, 0.95)
        self.backpack = Material(outfit.backpack or outfit.jacket, air + 0.18 * (cloth - air), 0.94)
        self.bag = Material(outfit.bag or outfit.jacket, air + 0.05 * (cloth - air), 0.93)


class _Torso(_Painter):
    """Trunk from shoulders to hem: a filled outline, rounded around the spine."""

    def __init__(self, pose: Joints, size: float, girth: float, hem: float, warm: _Clothes) -> None:
        self.pose, self.size, self.girth, self.hem, self.warm = pose, size, girth, hem, warm

    def __call__(self, layer: Layer, camera: Camera) -> None:
        pose, size, girth = self.pose, self.size, self.girth
        waist = pose.pelvis + point(0, 0.16 * size, 0)
        flare = 1.25 if self.hem > 0.2 else 1.0
        low = pose.pelvis - point(0, self.hem, 0)
        rings = [
            self._ring(pose.chest + point(0, 0.075 * size, 0), 0.205, 0.085),
            self._ring(pose.chest - point(0, 0.03 * size, 0), 0.195, 0.125),
            self._ring(waist, 0.165, 0.115),
            self._ring(low, 0.180 * flare, 0.125 * flare),
        ]
        for upper, lower in pairwise(rings):
            self._fill(layer, camera, np.concatenate((upper, lower)), self.warm.jacket)
        neck = Capsule(
            pose.chest + point(0, 0.08 * size, 0),
            pose.neck + point(0, 0.06 * size, 0),
            0.060 * size * girth,
            0.052 * size,
        )
        neck.paint(layer, camera, self.warm.skin)
        throat, half = pose.neck - point(0, 0.015, 0), 0.05 * size * pose.left
        collar = Capsule(throat - half, throat + half, 0.045, 0.045)
        collar.paint(layer, camera, self.warm.jacket)

    def _ring(self, centre: Points, across: float, along: float) -> Points:
        angles = np.linspace(0, 2 * np.pi, 13)[:-1]
        wide = np.outer(np.cos(angles), self.pose.left) * across * self.girth
        return centre + self.size * (wide + np.outer(np.sin(angles), self.pose.forward) * along * self.girth)

    def _fill(self, layer: Layer, camera: Camera, points: Points, material: Material) -> None:
        outline = hull(camera.project(points))
        window = Window.around(outline, 2).clip(layer.window)
        if window.empty:
            return
        middle, half = (outline[:, 0].min() + outline[:, 0].max()) / 2, np.ptp(outline[:, 0]) / 2
        columns = np.arange(window.left, window.right, dtype=np.float32) + 0.5
        across = np.clip((columns - middle) / max(half, 0.5), -0.97, 0.97) * np.float32(0.95)
        values = np.broadcast_to(material.values(float(self.pose.pelvis[2])), (*window.shape, CHANNELS)).copy()
        values[..., NORMAL] = np.stack((across, np.full_like(across, 0.12), -np.sqrt(1 - across**2)), axis=-1)[None]
        layer.paint(window, polygon_coverage(outline, window), values)


class _Head(_Painter):
    """Head: face where it looks, hair or hood elsewhere."""

    def __init__(self, pose: Joints, size: float, warm: _Clothes, hood: bool) -> None:
        self.pose, self.size, self.warm, self.hood = pose, size, warm, hood

    def __call__(self, layer: Layer, camera: Camera) -> None:
        size, head = self.size, self.pose.head
        rod = Capsule(
            head - point(0, 0.055 * size, 0) + self.pose.forward * 0.02,
            head + point(0, 0.055 * size, 0),
            0.072 * size,
            0.098 * size,
        )
        window, cover, normals = rod.coverage(camera)
        shape = (*window.shape, CHANNELS)
        face = np.broadcast_to(self.warm.face.values(rod.depth), shape)
        covering = self.warm.hood if self.hood else self.warm.hair
        hair = np.broadcast_to(covering.values(rod.depth), shape)
        rows = (np.arange(window.top, window.bottom, dtype=np.float32) + 0.5)[:, None]
        ends = camera.project(np.stack((rod.start, rod.end)))
        height = np.clip((ends[0, 1] - rows) / max(float(ends[0, 1] - ends[1, 1]), 1e-6), -1, 2)
        looks = normals @ self.pose.forward.astype(np.float32)
        # Hair line: high on the forehead, down to the neck behind.
        bald = 0.75 * looks + 0.75 - 0.75 * np.maximum(height, 0.2) if not self.hood else looks - 0.45
        share = np.clip(0.5 + 3 * bald, 0, 1)[..., None].astype(np.float32)
        values = face * share + hair * (1 - share)
        values[..., NORMAL] = normals
        self._features(values, normals, height)
        layer.paint(window, cover, values)

    def _features(self, values: np.ndarray, normals: np.ndarray, height: np.ndarray) -> None:
        """Shaded eyes, a cool nose."""
        looks = np.clip(normals @ self.pose.forward.astype(np.float32), 0, 1)
        aside = normals @ self.pose.left.astype(np.float32)
        eyes = np.exp(-(((np.abs(aside) - 0.38) / 0.20) ** 2) - ((height - 0.50) / 0.16) ** 2) * (looks > 0.3)
        nose = np.exp(-((aside / 0.22) ** 2) - ((height - 0.28) / 0.2) ** 2) * (looks > 0.5)
        values[..., ALBEDO] *= (1 - 0.55 * eyes)[..., None]
        values[..., TEMPERATURE] += 0.8 * eyes - 2.2 * nose


def _swung(forward: Points, up: Points, angle: float) -> Points:
    """A limb that hangs down, swung forward by `angle`."""
    return forward * np.sin(angle) - up * np.cos(angle)


def _ball(centre: Points, radius: float) -> Points:
    """Six points on a sphere."""
    axes = np.vstack((np.eye(3), -np.eye(3)))
    return centre + radius * axes
