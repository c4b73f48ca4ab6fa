"""Plants: trees, bushes and hedges as crowds of leaf clumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Points, Window, point
from ivif.datasets.synthetic.optics.light import Contact
from ivif.datasets.synthetic.optics.noise import Noise, Raster, smooth_step
from ivif.datasets.synthetic.optics.shadows import upright
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    ALPHA,
    DEPTH,
    EMISSIVITY,
    NORMAL,
    TEMPERATURE,
    Capsule,
    Material,
    SurfaceLayer,
)
from ivif.datasets.synthetic.things.thing import Located, Spot, Thing


@dataclass(frozen=True)
class Tree(Located):
    """A tree or, with a trunk of length 0, a bush.

    Attributes:
        x, z: foot, metres.
        trunk: length of bare trunk.
        spread, rise: half width and height of the crown.
        green: leaf colour.
        seed: decides the arrangement of clumps and branches.
        clumps: how many.
    """

    least_shading = 1.3
    sweats = True

    x: float
    z: float
    trunk: float
    spread: float
    rise: float
    green: tuple[float, float, float]
    seed: int
    clumps: int = 26

    def _clumps(self) -> Points:
        """Clump centres and radii ``[clumps, 4]`` (x, y, z, radius), low ones first."""
        generator = np.random.default_rng(self.seed)
        direction = generator.normal(size=(self.clumps, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        distance = generator.random((self.clumps, 1)) ** 0.45
        offset = direction * distance * np.array((self.spread, self.rise / 2, self.spread)) * 0.78
        centre = np.array((self.x, self.trunk + self.rise / 2, self.z)) + offset
        radius = generator.uniform(0.24, 0.42, (self.clumps, 1)) * min(self.spread, self.rise / 2)
        rows = np.hstack((centre, radius))
        return rows[np.argsort(rows[:, 1])]

    def casts(self) -> list[Points]:
        axes = np.vstack(
            (np.eye(3), -np.eye(3), np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * 0.577)
        )
        groups = [row[:3] + axes * row[3] * 1.1 for row in self._clumps()]
        if self.trunk:
            groups += upright(self.x, self.z, 0.13, self.trunk + self.rise * 0.4)
        return groups

    def contacts(self) -> list[Contact]:
        reach = self._reach()
        return [(self.x, self.z, reach, reach * 0.7)]

    def obstacles(self) -> list[Spot]:
        return [(self.x, self.z, self._reach())]

    def _reach(self) -> float:
        """Half width near the ground."""
        return 0.3 if self.trunk else self.spread

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        top = self.trunk + self.rise * 1.1
        corners = [(self.x + side * self.spread * 1.25, y, self.z) for side in (-1, 1) for y in (0.0, top)]
        layer = SurfaceLayer.blank(Window.around(camera.project(np.array(corners)), 2).clip(camera.window))
        if layer.window.empty:
            return layer
        if self.trunk:
            self._draw_wood(layer, camera, condition, noise)
        self._draw_leaves(layer, camera, condition, noise)
        return layer

    def _draw_wood(self, layer: SurfaceLayer, camera: Camera, condition: Condition, noise: Noise) -> None:
        bark = Material((0.095, 0.075, 0.055), condition.temperatures["trunk"])
        thick = 0.035 + 0.022 * self.spread + 0.012 * self.trunk
        fork = np.array((self.x, self.trunk + 0.25 * self.rise, self.z))
        Capsule(np.array((self.x, 0.0, self.z)), fork, thick * 1.25, thick * 0.75).paint(layer, camera, bark)
        for row in self._clumps()[::3]:
            Capsule(fork - point(0, 0.1 * self.rise, 0), row[:3], thick * 0.55, thick * 0.12).paint(layer, camera, bark)
        x, y = camera.places(layer.window, self.z)
        grain = noise.fractal(x, y, (0.10, 0.05), self.z / camera.focal, aspect=4.0)
        layer.tint(np.clip(1 + 0.25 * grain, 0.3, 2))
        layer.warm(0.35 * grain)

    def _draw_leaves(self, layer: SurfaceLayer, camera: Camera, condition: Condition, noise: Noise) -> None:
        x, y = camera.places(layer.window, self.z)
        pixel = self.z / camera.focal
        shift = np.float32(self.seed % 211)
        leaves = noise.fractal(x + shift, y, (0.55, 0.24, 0.11, 0.055), pixel)
        for row in self._clumps():
            _paint_clump(layer, row, x, y, leaves, pixel, self, condition)


def _paint_clump(
    layer: SurfaceLayer,
    row: Points,
    x: Raster,
    y: Raster,
    leaves: Raster,
    pixel: float,
    tree: Tree,
    condition: Condition,
) -> None:
    """A ball of leaves: ragged outline, lit from above, dark below and inside."""
    place, middle, depth, radius = row.tolist()
    reach = radius * 1.5
    columns = np.flatnonzero(np.abs(x[0] - place) < reach)
    rows = np.flatnonzero(np.abs(y[:, 0] - middle) < reach)
    if not (len(columns) and len(rows)):
        return
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    right, up = (x[area] - place) / radius, (y[area] - middle) / radius
    outline = 1 - right * right - up * up + 0.42 * leaves[area]
    soft = min(0.9, 0.25 + 1.5 * pixel / radius)
    cover = smooth_step(0.02, soft, outline)
    values = layer.values[area]
    depth_in_crown = float(np.clip((depth - tree.z) / tree.spread, -1, 1))
    height = (middle - tree.trunk) / tree.rise
    light = np.clip(0.62 + 0.30 * up + 0.30 * leaves[area] + 0.25 * height - 0.12 * depth_in_crown, 0.10, 1.7)
    degrees = condition.temperatures["foliage"] + 0.45 * leaves[area] + 0.5 * (1 - height) - 0.3 * up
    towards = np.sqrt(np.clip(1 - right * right - up * up, 0.15, 1))
    values *= 1 - cover[..., None]
    values[..., ALBEDO] += (cover * light)[..., None] * np.array(tree.green, np.float32)
    values[..., TEMPERATURE] += cover * degrees
    values[..., EMISSIVITY] += np.float32(0.97) * cover
    values[..., DEPTH] += np.float32(tree.z) * cover
    for axis, part in enumerate((0.7 * right, 0.45 + 0.5 * up, -towards)):
        values[..., NORMAL.start + axis] += cover * part
    values[..., ALPHA] += cover


@dataclass(frozen=True)
class Treeline(Thing):
    """Woods on the horizon: a ragged band from `start` to `end` (x) at depth `z`, too far to throw shadows."""

    sweats = True

    z: float
    start: float
    end: float
    height: float
    green: tuple[float, float, float]
    seed: int

    @property
    def depth(self) -> float:
        return self.z

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        corners = np.array([(x, y, self.z) for x in (self.start, self.end) for y in (-0.5, self.height * 1.6)])
        layer = SurfaceLayer.blank(Window.around(camera.project(corners)).clip(camera.window))
        if layer.window.empty:
            return layer
        x, y = camera.places(layer.window, self.z)
        shift, pixel = np.float32(self.seed % 223), self.z / camera.focal
        crowns = self.height * (
            0.75 + 0.16 * noise.at(x + shift, np.zeros_like(x), 9.0) + 0.10 * noise.at(x, x * 0, 4.0)
        )
        leaves = noise.fractal(x + shift, y, (3.0, 1.4, 0.6, 0.3), pixel)
        cover = smooth_step(-0.35, 0.35, crowns - y + 0.5 * leaves) * (y > -0.5)
        cover *= smooth_step(0, 2, x - self.start) * smooth_step(0, 2, self.end - x)
        light = np.clip(0.55 + 0.35 * y / self.height + 0.30 * leaves, 0.1, 1.6)
        values = layer.values
        values[..., ALBEDO] = np.array(self.green, np.float32) * light[..., None]
        values[..., TEMPERATURE] = condition.temperatures["foliage"] + 0.5 * leaves
        values[..., EMISSIVITY] = 0.97
        values[..., DEPTH] = self.z
        values[..., NORMAL] = (0, 0.5, -0.8)
        values[..., ALPHA] = 1
        values *= cover[..., None]
        return layer
