"""Surfaces: what both cameras need to know of every pixel, painted from far to near.

A layer holds, for each pixel, the channels below, all multiplied by the pixel's coverage (``ALPHA``), so that
layers and shapes combine by ``new = old * (1 - coverage) + shape``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.noise import Raster

ALBEDO = slice(0, 3)
"""Reflectance in red, green, blue, linear, 0..1."""
EMISSION = slice(3, 6)
"""Visible light given off, red, green, blue, in units of the light a white surface returns in full sun."""
TEMPERATURE = 6
"""Surface temperature in degrees Celsius."""
EMISSIVITY = 7
"""Thermal emissivity 0..1; the rest is reflected sky."""
DEPTH = 8
"""Distance along the viewing axis in metres."""
NORMAL = slice(9, 12)
"""Unit vector off the surface in world coordinates."""
GROUND = 12
"""1 where the surface is the ground, which takes shadows."""
ALPHA = 13
"""Coverage 0..1."""
PERSON = 14
"""Coverage by a person, without what they ride on."""
CHANNEL_COUNT = 15

TOWARDS = (0.0, 0.0, -1.0)
"""The normal of a surface that faces the camera."""

PixelValues = NDArray[Any]
"""Channels of each pixel, ``float32 [H, W, C]``, or colours ``[H, W, 3]``."""


class Material(NamedTuple):
    """What a surface is made of: reflectance, temperature (Celsius), emissivity, visible emission; `person` is 1 where
    it belongs to somebody."""

    albedo: tuple[float, float, float]
    temperature: float
    emissivity: float = 0.95
    emission: tuple[float, float, float] = (0.0, 0.0, 0.0)
    person: float = 0.0

    def values(self, depth: float, normal: tuple[float, float, float] = TOWARDS) -> PixelValues:
        """All channels of a fully covered pixel."""
        row = (*self.albedo, *self.emission, self.temperature, self.emissivity, depth, *normal, 0, 1, self.person)
        return np.array(row, np.float32)


@dataclass
class SurfaceLayer:
    """A painted rectangle: its place and its channels ``float32 [rows, columns, CHANNEL_COUNT]``."""

    window: Window
    values: PixelValues

    @classmethod
    def blank(cls, window: Window) -> SurfaceLayer:
        """A layer that covers nothing."""
        return cls(window, np.zeros((*window.shape, CHANNEL_COUNT), np.float32))

    @property
    def alpha(self) -> Raster:
        """Coverage, ``[rows, columns]``."""
        return self.values[..., ALPHA]

    def part(self, window: Window) -> PixelValues:
        """The channels inside `window`, which must lie within the layer."""
        return self.values[window.within(self.window)]

    def paint(self, window: Window, coverage: Raster, values: PixelValues) -> None:
        """Put `values` (of one pixel or of every pixel of `window`) over what is there, where `coverage` says."""
        inside = window.clip(self.window)
        if inside.empty:
            return
        crop = inside.within(window)
        target = self.part(inside)
        weight = coverage[crop][..., None]
        target *= 1 - weight
        target += weight * (values[crop] if values.ndim == 3 else values)

    def polygon(self, points: Points, values: PixelValues) -> None:
        """Paint an anti-aliased polygon given in image points."""
        window = Window.around(points, 2).clip(self.window)
        if not window.empty:
            self.paint(window, polygon_coverage(points, window), values)

    def stroke(self, lines: Points | list[Points], width: float, values: PixelValues, closed: bool = False) -> None:
        """Paint lines through image points, `width` pixels wide; a thinner line covers a share of its pixels."""
        lines = [lines] if isinstance(lines, np.ndarray) else lines
        window = Window.around(np.concatenate(lines), width + 2).clip(self.window)
        if window.empty:
            return
        mask = np.zeros(window.shape, np.uint8)
        corner = (window.left, window.top)
        fixed = [np.round((np.clip(line - corner, -4000, 4000) - 0.5) * 16).astype(np.int32) for line in lines]
        cv2.polylines(mask, fixed, closed, 255, max(1, round(width)), cv2.LINE_AA, shift=4)
        self.paint(window, mask.astype(np.float32) * np.float32(min(1.0, width) / 255), values)

    def tint(self, factor: Raster) -> None:
        """Multiply the reflectance by a texture."""
        self.values[..., ALBEDO] *= factor[..., None]

    def warm(self, degrees: Raster) -> None:
        """Add degrees to the temperature of what is covered."""
        self.values[..., TEMPERATURE] += degrees * self.alpha


def polygon_coverage(points: Points, window: Window) -> Raster:
    """Share of each pixel of `window` inside a polygon, 0..1."""
    mask = np.zeros(window.shape, np.uint8)
    corner = np.array((window.left, window.top))
    fixed = np.round((np.clip(points - corner, -4000, 4000) - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / 255


def hull(points: Points) -> Points:
    """The convex hull of image points, in order."""
    return cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)


@dataclass(frozen=True)
class Capsule:
    """A tapered rod between two world points, `start` and `end`, with a radius at each, in metres."""

    start: Points
    end: Points
    start_radius: float
    end_radius: float

    @property
    def depth(self) -> float:
        """Distance of its middle from the camera."""
        return float(self.start[2] + self.end[2]) / 2

    def coverage(self, camera: Camera) -> tuple[Window, Raster, PixelValues]:
        """Where the rod is seen, how much of each pixel it covers, and its normals ``[rows, columns, 3]``."""
        ends = camera.project(np.stack((self.start, self.end)))
        radii = np.array((self.start_radius, self.end_radius)) * camera.focal
        radii /= np.maximum((self.start[2], self.end[2]), 0.3)
        window = Window.around(ends, float(radii.max()) + 1).clip(_far_around(camera.window))
        columns = (np.arange(window.left, window.right, dtype=np.float32) + 0.5)[None, :]
        rows = (np.arange(window.top, window.bottom, dtype=np.float32) + 0.5)[:, None]
        (left, top), (end_left, end_top) = ends.tolist()
        across, down = end_left - left, end_top - top
        along = (columns - left) * across + (rows - top) * down
        share = np.clip(along / max(across * across + down * down, 1e-9), 0, 1)
        radius = float(radii[0]) + share * float(radii[1] - radii[0])
        right = columns - (left + share * across)
        down = rows - (top + share * down)
        distance = np.sqrt(right * right + down * down)
        # A rod thinner than a pixel covers a share of it rather than nothing.
        cover = np.clip(radius + 0.5 - distance, 0, 1) * np.minimum(1, 2 * radius)
        right, down = right / np.maximum(radius, 0.5), down / np.maximum(radius, 0.5)
        towards = np.sqrt(np.clip(1 - right * right - down * down, 0.05, 1))
        return window, cover.astype(np.float32), np.stack((right, -down, -towards), axis=-1).astype(np.float32)

    def paint(self, layer: SurfaceLayer, camera: Camera, material: Material) -> None:
        """Paint the rod with rounded shading."""
        window, cover, normals = self.coverage(camera)
        values = np.broadcast_to(material.values(self.depth), (*window.shape, CHANNEL_COUNT)).copy()
        values[..., NORMAL] = normals
        layer.paint(window, cover, values)


def _far_around(window: Window) -> Window:
    """A limit that keeps shapes next to the camera from asking for huge arrays."""
    height, width = window.shape
    return Window(-width, -height, 2 * width, 2 * height)
