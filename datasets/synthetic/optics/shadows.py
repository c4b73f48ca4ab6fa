"""Shadows: which surfaces a light doesn't reach because something stands between, the ground, walls and people alike.

Every place in the scene lies on one ray of a light, and that ray would meet the ground somewhere. A shadow map is the
ground as the camera sees it, and holds for each pixel how high the highest thing stands that the ray to it passes. A
place is in shadow if the map holds more than its own height where its ray lands: heights order what lies on a ray.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from ivif.datasets.synthetic.optics.camera import Camera, Points, Window
from ivif.datasets.synthetic.optics.light import Light
from ivif.datasets.synthetic.optics.noise import Raster
from ivif.datasets.synthetic.optics.surface import hull

UNSHADED = -1.0
"""Height in the map where nothing stands in the way."""


class Sheet(NamedTuple):
    """A flat upright thing, such as a wall: its corners, and which coordinate is the same all over it (0: x, 2: z)."""

    corners: Points
    axis: int


class Landing(NamedTuple):
    """Where the rays to the pixels of a window land in the map's picture, and how high these pixels' surfaces are.

    `grain` is the height that two rows of the map stand for there.
    """

    columns: Raster
    rows: Raster
    heights: Raster
    grain: Raster


def land(light: Light, camera: Camera, window: Window, depth: Raster | float) -> Landing:
    """The landing of a light's rays to surfaces at `depth` behind the pixels of `window`."""
    x, y = camera.places(window, depth)
    y = np.maximum(y, 0)
    ground_x, ground_z = light.landing(x, y, np.asarray(depth, np.float32))
    before = ground_z > 0.5
    z = np.where(before, ground_z, 1)
    columns = np.where(before, camera.column + camera.focal * (ground_x - camera.x) / z, -1e6)
    rows = camera.horizon + camera.focal * camera.elevation / z
    steep = 1.0 if light.direction is None else float(light.direction[1] / np.hypot(*light.direction[::2]))
    # Only what is off the ground can be taken for its own shadow.
    grain = np.where(y > 0.05, np.minimum(2 * steep * z * z / (camera.focal * camera.elevation), 4.0), 0)
    return Landing(columns.astype(np.float32), rows.astype(np.float32), y, grain.astype(np.float32))


class ShadowMap:
    """The heights of what keeps a light from the ground.

    Args:
        light: the source.
        camera: the view.
        groups: world points ``[n, 3]`` whose hulls stand in the light; each counts as being at its mean height, so
            that tall things come in pieces.
        sheets: walls, whose heights are known at every place.
    """

    def __init__(self, light: Light, camera: Camera, groups: Iterable[Points], sheets: Sequence[Sheet] = ()) -> None:
        pieces = self._cast(light, camera, list(groups))
        walls = [(sheet, outline) for sheet in sheets for _, outline in self._cast(light, camera, [sheet.corners])]
        limit = Window(-camera.width // 2, int(camera.horizon), camera.width * 3 // 2, camera.height * 3 // 2)
        windows = [Window.around(outline, 1).clip(limit) for _, outline in pieces]
        pieces = [piece for piece, window in zip(pieces, windows, strict=True) if not window.empty]
        windows += [Window.around(outline, 1).clip(limit) for _, outline in walls]
        windows = [window for window in windows if not window.empty]
        self.window = Window(
            min((window.left for window in windows), default=0),
            min((window.top for window in windows), default=0),
            max((window.right for window in windows), default=0),
            max((window.bottom for window in windows), default=0),
        )
        self.heights = np.full(self.window.shape, UNSHADED, np.float32)
        corner = np.array((self.window.left, self.window.top))
        for height, outline in sorted(pieces, key=lambda piece: piece[0]):
            fixed = np.round((np.clip(outline - corner, -4000, 4000) - 0.5) * 16).astype(np.int32)
            cv2.fillConvexPoly(self.heights, fixed, height, cv2.LINE_8, shift=4)
        for sheet, outline in walls:
            self._raise(light, camera, sheet, outline)

    def _raise(self, light: Light, camera: Camera, sheet: Sheet, outline: Points) -> None:
        """Enter a wall: the height at which the ray to each place on the ground meets its plane."""
        window = Window.around(outline, 1).clip(self.window)
        if window.empty:
            return
        mask = np.zeros(window.shape, np.uint8)
        fixed = np.round((np.clip(outline - (window.left, window.top), -4000, 4000) - 0.5) * 16).astype(np.int32)
        cv2.fillConvexPoly(mask, fixed, 1, cv2.LINE_8, shift=4)
        slope, drop = camera.axes(window)
        z = camera.elevation / np.maximum(drop, 1e-3)
        place = z if sheet.axis == 2 else slope * z + np.float32(camera.x)
        if light.direction is not None:
            sideways: Raster = np.full_like(place, light.direction[sheet.axis])
            rise = float(light.direction[1])
        else:
            assert light.position is not None, "a light has a direction or a position"
            sideways, rise = float(light.position[sheet.axis]) - place, float(light.position[1])
        sideways[np.abs(sideways) < 1e-3] = 1e-3
        heights = (float(sheet.corners[0, sheet.axis]) - place) / sideways * np.float32(rise)
        target = self.heights[window.within(self.window)]
        np.maximum(target, np.where(mask > 0, heights, UNSHADED).astype(np.float32), out=target)

    @staticmethod
    def _cast(light: Light, camera: Camera, groups: list[Points]) -> list[tuple[float, Points]]:
        """(height, outline in the picture of the ground) of every group that throws a shadow before the camera."""
        if light.position is not None:
            groups = [group for group in groups if group[:, 1].min() < 0.9 * light.position[1]]
        if not groups:
            return []
        points = np.concatenate(groups)
        x, z = light.landing(points[:, 0], points[:, 1], points[:, 2])
        image = camera.project(np.stack((x, np.zeros_like(x), np.maximum(z, 1.0)), axis=1))
        ends = np.cumsum([len(group) for group in groups])
        pieces = []
        for group, start, end in zip(groups, (0, *ends[:-1]), ends, strict=True):
            if (z[start:end] > 1.0).any():
                pieces.append((float(group[:, 1].mean()), hull(image[start:end])))
        return pieces

    def blocked(self, landing: Landing, bias: Raster | float, soft: float = 0.0) -> Raster:
        """Share of the light that is kept from each pixel, 0..1.

        Args:
            landing: of the pixels' rays.
            bias: metres that something must be above a surface to count, which keeps things from shading themselves.
            soft: blur in pixels.
        """
        if self.window.empty:
            return np.zeros(landing.heights.shape, np.float32)
        found = cv2.remap(
            self.heights,
            landing.columns - np.float32(self.window.left + 0.5),
            landing.rows - np.float32(self.window.top + 0.5),
            cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=UNSHADED,
        )
        kept = (found > landing.heights + bias + landing.grain).astype(np.float32)
        return cv2.GaussianBlur(kept, (0, 0), soft) if soft > 0.3 else kept


def upright(x: float, z: float, radius: float, height: float) -> list[Points]:
    """A pole as groups of at most a metre."""
    levels = np.linspace(0, height, max(2, int(np.ceil(height)) + 1))
    return [np.array([(x + side, y, z) for side in (-radius, radius) for y in pair]) for pair in pairwise(levels)]
