"""Light: sun, lamps and headlights, what they illuminate and where they leave shadows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.synthetic.camera import Camera, Points, Window
from datasets.synthetic.noise import Field, smooth_step
from datasets.synthetic.surface import ALBEDO, ALPHA, DEPTH, GROUND, NORMAL, Layer, Values, hull

REACH = 60.0
"""Longest shadow in metres."""


@dataclass(frozen=True)
class Light:
    """A source: parallel light from `direction` (towards the source) or a point at `position`.

    Attributes:
        colour: strength in red, green, blue; of a point source, at 1 m.
        axis: where a spot looks, None for a bare source.
        spread: cosines of the angle from the axis where the spot ends and where it is full.
    """

    colour: Points
    direction: Points | None = None
    position: Points | None = None
    axis: Points | None = None
    spread: tuple[float, float] = (0.0, 1.0)

    def irradiance(self, layer: Layer, camera: Camera) -> Field:
        """Light that arrives at each pixel's surface, before its colour: ``[rows, columns]``."""
        values = layer.values
        share = 1 / np.maximum(values[..., ALPHA], 1e-3)
        normal = [values[..., NORMAL][..., axis] * share for axis in range(3)]
        if self.direction is not None:
            facing = np.asarray(sum(part * np.float32(self.direction[axis]) for axis, part in enumerate(normal)))
            return _wrapped(facing)
        assert self.position is not None, "a light has a direction or a position"
        slope, drop = camera.rays(layer.window)
        z = values[..., DEPTH] * share
        towards = [
            np.float32(self.position[0]) - slope * z,
            np.float32(self.position[1] - camera.elevation) + drop * z,
            np.float32(self.position[2]) - z,
        ]
        square = towards[0] ** 2 + towards[1] ** 2 + towards[2] ** 2
        inverse = 1 / np.sqrt(np.maximum(square, 0.05))
        facing = np.asarray(sum(part * way for part, way in zip(normal, towards, strict=True))) * inverse
        light = _wrapped(facing) / np.maximum(square, 0.6)
        if self.axis is not None:
            cosine = -inverse * sum(way * np.float32(self.axis[axis]) for axis, way in enumerate(towards))
            light = light * smooth_step(*self.spread, cosine)
        return light

    def cast(self, points: Points) -> Points:
        """Where points throw their shadows onto the ground: world points with y = 0."""
        height = points[:, 1:2]
        if self.direction is not None:
            reach = height / max(float(self.direction[1]), 0.05)
            shadow = points - reach * self.direction
        else:
            assert self.position is not None, "a light has a direction or a position"
            # Points at or above the lamp would throw it upwards; they are taken just below.
            above = np.minimum(height, 0.93 * self.position[1])
            share = self.position[1] / (self.position[1] - above)
            shadow = self.position + (points - self.position) * share
        shift = shadow - points
        length = np.linalg.norm(shift[:, ::2], axis=1, keepdims=True)
        shadow = points + shift * np.minimum(1, REACH / np.maximum(length, 1e-6))
        shadow[:, 1] = 0
        return shadow


def _wrapped(facing: Field) -> Field:
    """Lambert's cosine, softened at the terminator as by rough surfaces and light from around."""
    return np.clip((facing + 0.12) / 1.12, 0, None).astype(np.float32)


def reflected(layer: Layer, light: Light, camera: Camera) -> Values:
    """What a layer sends to the camera of one light: ``[rows, columns, 3]``, multiplied by coverage."""
    return layer.values[..., ALBEDO] * (light.irradiance(layer, camera)[..., None] * light.colour.astype(np.float32))


def ambient_reflected(layer: Layer, ambient: tuple[float, float, float]) -> Values:
    """What a layer sends back of the whole sky's light; surfaces that look up get more."""
    share = 1 / np.maximum(layer.alpha, 1e-3)
    facing = (0.72 + 0.28 * layer.values[..., NORMAL][..., 1] * share)[..., None]
    return layer.values[..., ALBEDO] * facing * np.array(ambient, np.float32)


def shadow_of(groups: Iterable[Points], light: Light, camera: Camera, soft: float) -> tuple[Window, Field] | None:
    """(window, share of light taken away) of an object's shadow on the ground, or None out of sight.

    Args:
        groups: point groups whose hulls make the object.
        light: the source.
        camera: the view.
        soft: blur in pixels.
    """
    outlines = []
    for group in groups:
        points = light.cast(group)
        if (points[:, 2] > 1.0).all():
            outlines.append(hull(camera.project(points)))
    if not outlines:
        return None
    window = Window.around(np.concatenate(outlines), 3 * soft + 2).clip(camera.window)
    if window.empty:
        return None
    mask: NDArray = np.zeros(window.shape, np.uint8)
    for outline in outlines:
        fixed = np.round((np.clip(outline - (window.left, window.top), -4000, 4000) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, shift=4)
    if soft > 0.3:
        mask = cv2.GaussianBlur(mask, (0, 0), soft)
    return window, mask.astype(np.float32) / 255


def contact_shade(spot: tuple[float, float, float, float], camera: Camera) -> tuple[Window, Field] | None:
    """(window, darkening) of the ground where an object stands and hides the sky; None out of sight."""
    x, z, half_width, half_depth = spot
    angles = np.linspace(0, 2 * np.pi, 17)[:-1]
    ring = np.stack((x + 1.8 * half_width * np.cos(angles), 0 * angles, z + 1.8 * half_depth * np.sin(angles)), axis=1)
    window = Window.around(camera.project(ring), 1).clip(camera.window)
    if window.empty or z < 1:
        return None
    slope, drop = camera.rays(window)
    ground = camera.elevation / np.maximum(drop, 1e-4)
    distance = ((slope * ground - x) / half_width) ** 2 + ((ground - z) / half_depth) ** 2
    return window, (0.62 * np.exp(-distance * 0.9)).astype(np.float32)


def ground_share(layer: Layer) -> Field:
    """Share of each pixel that is ground."""
    return layer.values[..., GROUND]
