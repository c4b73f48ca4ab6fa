"""Light: sun, lamps and headlights, and what they illuminate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.noise import Raster, smooth_step
from ivif.datasets.synthetic.optics.surface import ALBEDO, DEPTH, GROUND, NORMAL, PixelValues, SurfaceLayer

Contact = tuple[float, float, float, float]
"""A spot of ground that something darkens by standing there: x, z, half width, half depth, metres."""

LONGEST = 60.0
"""Longest shadow in metres."""


@dataclass(frozen=True)
class Light:
    """A source: parallel light from `direction` (towards the source) or a point at `position`.

    Attributes:
        colour: strength in red, green, blue; of a point source, at 1 m.
        axis: where a spot looks, None for a bare source.
        spread: cosines of the angle from the axis where the spot ends and where it is full.
        reach: metres from a point source at which nothing of it is left.
    """

    colour: Points
    direction: Points | None = None
    position: Points | None = None
    axis: Points | None = None
    spread: tuple[float, float] = (0.0, 1.0)
    reach: float = np.inf

    def window(self, camera: Camera) -> Window:
        """The part of the picture that its light can reach."""
        if self.position is None or not np.isfinite(self.reach):
            return camera.window
        x, y, z = self.position
        corners = [
            (x + right * self.reach, up, max(z + away * self.reach, 0.6))
            for right in (-1, 1)
            for up in (0.0, y + 0.5)
            for away in (-1, 1)
        ]
        return Window.around(camera.project(np.array(corners))).clip(camera.window)

    def towards(self, x: Raster, y: Raster, z: Raster) -> tuple[Raster, Raster, Raster]:
        """The way from places to a point source, metres."""
        assert self.position is not None, "parallel light has no place"
        right, up, away = self.position.tolist()
        return right - x, up - y, away - z

    def irradiance(self, normal: PixelValues, depth: Raster, window: Window, camera: Camera) -> Raster:
        """Light that arrives at each pixel's surface, before its colour: ``[rows, columns]``.

        Args:
            normal: off the surfaces seen by the pixels of `window`, ``[rows, columns, 3]``.
            depth: their distance, ``[rows, columns]``.
            window: where they lie.
            camera: the view.
        """
        if self.direction is not None:
            return _wrapped(normal @ self.direction.astype(np.float32))
        x, y = camera.places(window, depth)
        way = self.towards(x, y, depth)
        square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2]
        inverse = 1 / np.sqrt(np.maximum(square, 0.05))
        facing = normal[..., 0] * way[0] + normal[..., 1] * way[1] + normal[..., 2] * way[2]
        light = _wrapped(facing * inverse) / np.maximum(square, 0.6)
        if np.isfinite(self.reach):
            light *= np.clip(1.25 - np.float32(1.25 / self.reach**2) * square, 0, 1)
        if self.axis is not None:
            right, up, away = self.axis.tolist()
            light *= smooth_step(*self.spread, -inverse * (right * way[0] + up * way[1] + away * way[2]))
        return light

    def landing(self, x: Raster, y: Raster, z: Raster) -> tuple[Raster, Raster]:
        """(x, z) where the ray that passes a place meets the ground behind it."""
        if self.direction is not None:
            right, up, away = self.direction.tolist()
            reach = np.minimum(y / max(up, 0.05), LONGEST / max(float(np.hypot(right, away)), 1e-3))
            return x - reach * right, z - reach * away
        assert self.position is not None, "a light has a direction or a position"
        # Places at or above the lamp would land behind it; they are taken just below.
        right, height, away = self.position.tolist()
        share = height / (height - np.minimum(y, 0.93 * height))
        return right + (x - right) * share, away + (z - away) * share


def _wrapped(facing: Raster) -> Raster:
    """Lambert's cosine, softened at the terminator as by rough surfaces and light from around."""
    return np.clip((facing + np.float32(0.12)) * np.float32(1 / 1.12), 0, None)


def reflected(layer: SurfaceLayer, light: Light, camera: Camera) -> PixelValues:
    """What a layer sends to the camera of one light: ``[rows, columns, 3]``, multiplied by coverage."""
    share = 1 / np.maximum(layer.alpha, 1e-3)
    normal, depth = layer.values[..., NORMAL] * share[..., None], layer.values[..., DEPTH] * share
    arriving = light.irradiance(normal, depth, layer.window, camera)
    return layer.values[..., ALBEDO] * (arriving[..., None] * light.colour.astype(np.float32))


def ambient_reflected(albedo: PixelValues, normal: PixelValues, ambient: tuple[float, float, float]) -> PixelValues:
    """What surfaces send back of the whole sky's light, ``[rows, columns, 3]``; those that look up get more."""
    facing = np.float32(0.72) + np.float32(0.28) * normal[..., 1]
    return albedo * (facing[..., None] * np.array(ambient, np.float32))


def contact_shade(spot: Contact, camera: Camera) -> tuple[Window, Raster] | None:
    """(window, darkening) of the ground where an object stands and hides the sky; None out of sight."""
    x, z, half_width, half_depth = spot
    angles = np.linspace(0, 2 * np.pi, 17)[:-1]
    ring = np.stack((x + 1.8 * half_width * np.cos(angles), 0 * angles, z + 1.8 * half_depth * np.sin(angles)), axis=1)
    window = Window.around(camera.project(ring), 1).clip(camera.window)
    if window.empty or z < 1:
        return None
    slope, drop = camera.rays(window)
    ground = camera.elevation / np.maximum(drop, 1e-4)
    distance = ((slope * ground + camera.x - x) / half_width) ** 2 + ((ground - z) / half_depth) ** 2
    return window, (0.62 * np.exp(-distance * 0.9)).astype(np.float32)


def ground_share(layer: SurfaceLayer) -> Raster:
    """Share of each pixel that is ground."""
    return layer.values[..., GROUND]
