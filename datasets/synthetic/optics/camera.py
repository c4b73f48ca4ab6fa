"""Camera: the pinhole view that both sensors share, which makes their pictures registered to the pixel.

World coordinates are metres: x to the right, y up, z away from the camera, the ground at y = 0. The camera looks
along z without pitch (its picture is shifted instead), so that vertical edges stay vertical.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.synthetic.optics.noise import Raster

Points = NDArray[np.float64]
"""World points ``[N, 3]`` in metres, or image points ``[N, 2]`` in pixels."""


def point(x: float, y: float, z: float) -> Points:
    """One place or shift in the world, ``[3]``."""
    return np.array((x, y, z))


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels, possibly beyond the picture: ``left, top`` inclusive, ``right, bottom`` exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns), zero where the rectangle is empty."""
        return max(0, self.bottom - self.top), max(0, self.right - self.left)

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return 0 in self.shape

    def clip(self, other: Window) -> Window:
        """The part inside `other`."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Window(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def within(self, other: Window) -> tuple[slice, slice]:
        """Index of this rectangle in an array that covers `other`."""
        rows = slice(self.top - other.top, self.bottom - other.top)
        return rows, slice(self.left - other.left, self.right - other.left)

    @classmethod
    def around(cls, points: Points, margin: float = 1.0) -> Window:
        """The smallest rectangle that holds image points and `margin` pixels around them."""
        low, high = np.floor(points.min(0) - margin), np.ceil(points.max(0) + margin)
        return cls(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; focal length, principal column and horizon row in pixels, elevation and x in metres."""

    width: int
    height: int
    focal: float
    column: float
    horizon: float
    elevation: float
    x: float = 0.0

    @property
    def window(self) -> Window:
        """The whole picture."""
        return Window(0, 0, self.width, self.height)

    def project(self, points: Points) -> Points:
        """World points to image points; a pixel k covers k..k+1. Points behind the camera are put just before it."""
        x, y, z = np.asarray(points, dtype=np.float64).reshape(-1, 3).T
        z = np.maximum(z, 0.3)
        return np.stack(
            (self.column + self.focal * (x - self.x) / z, self.horizon + self.focal * (self.elevation - y) / z), axis=1
        )

    def axes(self, window: Window) -> tuple[Raster, Raster]:
        """(rightward, downward) slope of the ray through each column's and row's centre, as shares of the depth z.

        Shapes are ``[1, columns]`` and ``[rows, 1]``, so that what depends on one of them stays small.
        """
        columns = (np.arange(window.left, window.right, dtype=np.float32) + 0.5 - self.column) / self.focal
        rows = (np.arange(window.top, window.bottom, dtype=np.float32) + 0.5 - self.horizon) / self.focal
        return columns[None, :].astype(np.float32), rows[:, None].astype(np.float32)

    def rays(self, window: Window) -> tuple[Raster, Raster]:
        """`axes` of each pixel of `window`, ``[rows, columns]``."""
        slope, drop = self.axes(window)
        return np.broadcast_to(slope, window.shape).copy(), np.broadcast_to(drop, window.shape).copy()

    def places(self, window: Window, z: Raster | float) -> tuple[Raster, Raster]:
        """(x, y) in the world of what each pixel of `window` sees at depth `z`, ``[rows, columns]``."""
        slope, drop = self.axes(window)
        depth = np.broadcast_to(np.asarray(z, np.float32), window.shape)
        return slope * depth + np.float32(self.x), np.float32(self.elevation) - drop * depth
