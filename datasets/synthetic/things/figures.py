"""Figures: how a posed body is painted, of rods for limbs and shells for trunks, clothed and warm."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ivif.datasets.synthetic.conditions import Colour, Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window, point
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    CHANNEL_COUNT,
    NORMAL,
    TEMPERATURE,
    Capsule,
    Material,
    PixelValues,
    SurfaceLayer,
    hull,
    polygon_coverage,
)
from ivif.datasets.synthetic.things.poses import UP, Joints

SUMMERY = 23.0
"""Air temperature from which sleeves and trousers may be short, in degrees Celsius."""


@dataclass(frozen=True)
class Outfit:
    """What somebody wears.

    Attributes:
        jacket, trousers, shoes, skin, hair: colours.
        insulation: how little of the body's heat the jacket lets out, 0..1.
        coat, hood, skirt: shapes.
        long_hair, hat: on the head; `hat` is its colour, None for none.
        backpack, bag: colours of what is carried, None for nothing.
        light: whether arms and legs are bare in warm weather.
    """

    jacket: Colour
    trousers: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    insulation: float
    coat: bool = False
    hood: bool = False
    skirt: bool = False
    long_hair: bool = False
    hat: Colour | None = None
    backpack: Colour | None = None
    bag: Colour | None = None
    light: bool = False


DRY = 0.25
"""Insulation up to which jackets are no rain gear, even where people wear some."""

FILM = 0.6
"""Degrees by which wet rain gear is warmer than the air: its water evaporates."""


class Clothes:
    """Materials of one outfit under one condition."""

    def __init__(self, outfit: Outfit, condition: Condition) -> None:
        degrees = condition.temperatures
        skin, cloth, air = degrees["skin"], degrees["cloth"], degrees["air"]
        waterproof = condition.rain_gear and outfit.insulation > DRY
        if waterproof:
            cloth = air + FILM
        jacket = cloth - outfit.insulation * 0.45 * (cloth - air)

        def worn(colour: Colour, celsius: float, emissivity: float = 0.95) -> Material:
            return Material(colour, celsius, emissivity, person=1.0)

        summery = outfit.light and air >= SUMMERY
        self.jacket = worn(outfit.jacket, jacket)
        self.trousers = worn(outfit.trousers, cloth - 0.08 * (cloth - air))
        self.shoes = worn(outfit.shoes, air + 0.40 * (cloth - air), 0.94)
        self.skin = worn(outfit.skin, skin - 1.5, 0.98)
        self.face = worn(outfit.skin, skin, 0.98)
        self.hair = worn(outfit.hair, cloth if waterproof else skin - 0.48 * (skin - air), 0.96)
        self.hood = worn(outfit.jacket, jacket + 1.0)
        self.hat = worn(outfit.hat or outfit.jacket, air + 0.55 * (cloth - air))
        self.backpack = worn(outfit.backpack or outfit.jacket, air + 0.25 * (cloth - air), 0.94)
        self.bag = worn(outfit.bag or outfit.jacket, air + 0.06 * (cloth - air), 0.93)
        self.forearm = self.skin if summery else self.jacket
        self.shank = self.skin if summery or (outfit.skirt and air >= SUMMERY) else self.trousers


Part = tuple[float, "Painter"]
"""Depth and painter of one part of a figure."""


class Painter:
    """Something that paints itself onto a layer."""

    def __call__(self, layer: SurfaceLayer, camera: Camera) -> None:
        """Paint onto `layer`."""
        raise NotImplementedError


class Rods(Painter):
    """Rods, painted in order."""

    def __init__(self, rods: tuple[tuple[Capsule, Material], ...]) -> None:
        self.rods = rods

    def __call__(self, layer: SurfaceLayer, camera: Camera) -> None:
        """Paint onto `layer`."""
        for rod, material in self.rods:
            rod.paint(layer, camera, material)


class _Torso(Painter):
    """Trunk from the neck to the hem: filled outlines, rounded around the spine."""

    def __init__(self, pose: Joints, size: float, girth: float, outfit: Outfit, warm: Clothes) -> None:
        self.pose, self.size, self.girth, self.outfit, self.warm = pose, size, girth, outfit, warm

    def __call__(self, layer: SurfaceLayer, camera: Camera) -> None:
        """Paint onto `layer`."""
        pose, size, spine = self.pose, self.size, self.pose.spine
        hem, flare = (0.50, 1.22) if self.outfit.coat else (0.05, 1.0)
        rings = [
            self._ring(pose.chest + 0.125 * size * spine, 0.085, 0.075),
            self._ring(pose.chest + 0.070 * size * spine, 0.186, 0.110),
            self._ring(pose.chest - 0.040 * size * spine, 0.196, 0.142),
            self._ring(pose.pelvis + 0.16 * size * spine, 0.176, 0.132),
            self._ring(pose.pelvis - 0.05 * size * spine, 0.188, 0.138),
        ]
        if self.outfit.coat:
            rings.append(self._ring(pose.pelvis - hem * size * UP, 0.176 * flare, 0.124 * flare))
        if self.outfit.skirt and not self.outfit.coat:
            skirt = (self._ring(pose.pelvis, 0.170, 0.125), self._ring(pose.pelvis - 0.40 * size * UP, 0.215, 0.17))
            self._fill(layer, camera, np.concatenate(skirt), self.warm.trousers)
        for upper, lower in pairwise(rings):
            self._fill(layer, camera, np.concatenate((upper, lower)), self.warm.jacket)
        low, high = pose.neck - 0.01 * size * spine, pose.neck + 0.06 * size * UP
        Capsule(low, high, 0.060 * size * self.girth, 0.052 * size).paint(layer, camera, self.warm.skin)
        throat, half = pose.neck - 0.025 * size * spine, 0.045 * size * pose.left
        Capsule(throat - half, throat + half, 0.042, 0.042).paint(layer, camera, self.warm.jacket)

    def _ring(self, centre: Points, across: float, along: float) -> Points:
        angles = np.linspace(0, 2 * np.pi, 13)[:-1]
        wide = np.outer(np.cos(angles), self.pose.left) * across * self.girth
        return centre + self.size * (wide + np.outer(np.sin(angles), self.pose.forward) * along * self.girth)

    def _fill(self, layer: SurfaceLayer, camera: Camera, points: Points, material: Material) -> None:
        outline = hull(camera.project(points))
        window = Window.around(outline, 2).clip(layer.window)
        if window.empty:
            return
        middle, half = (outline[:, 0].min() + outline[:, 0].max()) / 2, np.ptp(outline[:, 0]) / 2
        columns = np.arange(window.left, window.right, dtype=np.float32) + 0.5
        across = np.clip((columns - middle) / max(half, 0.5), -0.97, 0.97) * np.float32(0.95)
        values = np.broadcast_to(material.values(float(self.pose.pelvis[2])), (*window.shape, CHANNEL_COUNT)).copy()
        values[..., NORMAL] = np.stack((across, np.full_like(across, 0.12), -np.sqrt(1 - across**2)), axis=-1)[None]
        layer.paint(window, polygon_coverage(outline, window), values)


class _Head(Painter):
    """Head: face where it looks, hair, hat or hood elsewhere."""

    def __init__(self, pose: Joints, size: float, warm: Clothes, outfit: Outfit) -> None:
        self.pose, self.size, self.warm, self.outfit = pose, size, warm, outfit

    def __call__(self, layer: SurfaceLayer, camera: Camera) -> None:
        """Paint onto `layer`."""
        size, head = self.size, self.pose.head
        if self.outfit.long_hair and not self.outfit.hood:
            back = head - 0.045 * size * self.pose.forward
            nape = back - 0.17 * size * UP - 0.02 * size * self.pose.forward
            locks = Capsule(back, nape, 0.088 * size, 0.080 * size)
            if self.pose.forward[2] > -0.2:
                self._face(layer, camera)
                locks.paint(layer, camera, self.warm.hair)
                return
            locks.paint(layer, camera, self.warm.hair)
        self._face(layer, camera)

    def _face(self, layer: SurfaceLayer, camera: Camera) -> None:
        size, head = self.size, self.pose.head
        rod = Capsule(
            head - point(0, 0.055 * size, 0) + self.pose.forward * 0.02,
            head + point(0, 0.055 * size, 0),
            0.075 * size,
            0.103 * size,
        )
        window, cover, normals = rod.coverage(camera)
        shape = (*window.shape, CHANNEL_COUNT)
        face = np.broadcast_to(self.warm.face.values(rod.depth), shape)
        covering = self.warm.hood if self.outfit.hood else self.warm.hair
        hair = np.broadcast_to(covering.values(rod.depth), shape)
        rows = (np.arange(window.top, window.bottom, dtype=np.float32) + 0.5)[:, None]
        ends = camera.project(np.stack((rod.start, rod.end)))
        height = np.clip((ends[0, 1] - rows) / max(float(ends[0, 1] - ends[1, 1]), 1e-6), -1, 2)
        looks = normals @ self.pose.forward.astype(np.float32)
        # Hair line: high on the forehead, down to the neck behind.
        bald = looks - 0.45 if self.outfit.hood else 0.9 * looks + 0.55 - 0.85 * np.maximum(height, 0.2)
        share = np.clip(0.5 + 3 * bald, 0, 1)[..., None].astype(np.float32)
        values = face * share + hair * (1 - share)
        if self.outfit.hat and not self.outfit.hood:
            brim = np.clip(0.5 + 6 * (height - 0.85), 0, 1)[..., None].astype(np.float32)
            brim = np.broadcast_to(brim, (*shape[:2], 1))
            values = values * (1 - brim) + self.warm.hat.values(rod.depth) * brim
        values[..., NORMAL] = normals
        self._features(values, normals, height)
        layer.paint(window, cover, values)

    def _features(self, values: PixelValues, normals: PixelValues, height: np.ndarray) -> None:
        """Shaded eyes, a cool nose."""
        looks = np.clip(normals @ self.pose.forward.astype(np.float32), 0, 1)
        aside = normals @ self.pose.left.astype(np.float32)
        eyes = np.exp(-(((np.abs(aside) - 0.38) / 0.20) ** 2) - ((height - 0.50) / 0.16) ** 2) * (looks > 0.3)
        nose = np.exp(-((aside / 0.22) ** 2) - ((height - 0.28) / 0.2) ** 2) * (looks > 0.5)
        values[..., ALBEDO] *= (1 - 0.55 * eyes)[..., None]
        values[..., TEMPERATURE] += 0.8 * eyes - 2.2 * nose


def figure_parts(pose: Joints, size: float, girth: float, outfit: Outfit, condition: Condition) -> list[Part]:
    """(depth, painter) of every part of a body, in no order."""
    warm = Clothes(outfit, condition)
    middle = float(pose.pelvis[2])
    parts: list[Part] = []
    for side in (0, 1):
        parts.append(_leg(pose, side, size, girth, warm))
        parts.append(_arm(pose, side, size, girth, warm))
    if outfit.bag:
        hand = pose.wrists[0] + (pose.wrists[0] - pose.elbows[0]) * 0.30
        sack = Capsule(hand - point(0, 0.1, 0), hand - point(0, 0.30, 0), 0.07, 0.12)
        parts.append((float(hand[2]), Rods(((sack, warm.bag),))))
    parts.append((middle, _Torso(pose, size, girth, outfit, warm)))
    if outfit.backpack:
        back = -pose.forward * 0.19 * size
        low, high = pose.pelvis + 0.14 * size * pose.spine + back, pose.chest + 0.03 * size * pose.spine + back
        parts.append((float(high[2]), Rods(((Capsule(low, high, 0.15 * size, 0.13 * size), warm.backpack),))))
    parts.append((float(pose.head[2]) - 0.03, _Head(pose, size, warm, outfit)))
    return parts


def _leg(pose: Joints, side: int, size: float, girth: float, warm: Clothes) -> Part:
    hip, knee, ankle, toe = pose.hips[side], pose.knees[side], pose.ankles[side], pose.toes[side]
    rods = (
        (Capsule(ankle - point(0, 0.02, 0), toe, 0.056 * size, 0.044 * size), warm.shoes),
        (Capsule(hip, knee, 0.098 * size * girth, 0.074 * size), warm.trousers),
        (Capsule(knee, ankle, 0.072 * size, 0.058 * size), warm.shank),
    )
    # The jacket hangs over the hips, so that legs come before the torso.
    return float(knee[2] + hip[2]) / 2 + 0.5, Rods(rods)


def _arm(pose: Joints, side: int, size: float, girth: float, warm: Clothes) -> Part:
    shoulder, elbow, wrist = pose.shoulders[side], pose.elbows[side], pose.wrists[side]
    hand = wrist + (wrist - elbow) * 0.30
    rods = (
        (Capsule(wrist, hand, 0.036 * size, 0.034 * size), warm.skin),
        (Capsule(shoulder, elbow, 0.072 * size * girth, 0.057 * size), warm.jacket),
        (Capsule(elbow, wrist, 0.056 * size, 0.046 * size), warm.forearm),
    )
    middle = float(pose.pelvis[2])
    return float(shoulder[2] + elbow[2]) / 2 + 0.02 * np.sign(shoulder[2] - middle), Rods(rods)
