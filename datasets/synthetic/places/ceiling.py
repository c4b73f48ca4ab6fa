"""Ceiling: the roof of a hall with its light panels and ducts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.noise import Noise, band, repeated_band
from ivif.datasets.synthetic.optics.surface import (
    ALBEDO,
    ALPHA,
    DEPTH,
    EMISSION,
    EMISSIVITY,
    NORMAL,
    TEMPERATURE,
    SurfaceLayer,
)
from ivif.datasets.synthetic.things.thing import Thing

PANEL, ROW = 2.4, 3.2
"""Distance between light panels along and across the hall, metres."""


@dataclass(frozen=True)
class Ceiling(Thing):
    """A level roof at `height`, to `half` metres on both sides and `end` metres away; `seed` decides broken lamps.

    It throws no shadow, as no light comes from above it.
    """

    height: float
    half: float
    end: float
    seed: int

    @property
    def depth(self) -> float:
        """Where it stands in the painting order: behind everything."""
        return self.end + 1

    def draw(self, camera: Camera, condition: Condition, noise: Noise) -> SurfaceLayer:
        """Its layer."""
        layer = SurfaceLayer.blank(Window(0, 0, camera.width, max(1, int(camera.horizon))))
        _, drop = camera.rays(layer.window)
        z = np.minimum((self.height - camera.elevation) / np.maximum(-drop, 1e-4), 500).astype(np.float32)
        x, _ = camera.places(layer.window, z)
        length = z * z / np.float32(camera.focal * (self.height - camera.elevation))
        side = z / np.float32(camera.focal)
        cover = band(z, 0, self.end, length) * band(x, -self.half, self.half, side)
        tiles = np.maximum(repeated_band(x, 0, 0.03, 0.6, side), repeated_band(z, 0, 0.03, 0.6, length))
        panel = repeated_band(z, 0.3, 1.5, PANEL, length) * repeated_band(x, 0.5, 1.0, ROW, side)
        cell = (np.floor(x / ROW) * 7 + np.floor(z / PANEL) * 13 + self.seed % 97).astype(np.int64)
        works = np.random.default_rng(self.seed).random(64)[np.mod(cell, 64)] < 0.85
        lit = (panel * works).astype(np.float32)
        values = layer.values
        tone = 0.50 - 0.12 * tiles + 0.03 * noise.fractal(x, z, (2.5, 0.8), side)
        values[..., ALBEDO] = tone[..., None]
        values[..., EMISSION] = (1.4 * lit)[..., None] * np.array(condition.skyline, np.float32) / 0.45
        values[..., TEMPERATURE] = (
            condition.temperatures["wall"] + 0.8 + 7.0 * lit + 0.4 * noise.fractal(x, z, (4.0, 1.5), side)
        )
        values[..., EMISSIVITY] = 0.93
        values[..., DEPTH] = z
        values[..., NORMAL] = (0, -1, 0)
        values[..., ALPHA] = 1
        values *= cover[..., None]
        return layer
