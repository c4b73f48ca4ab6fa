"""Air: fog, smoke and rain between the scene and the visible camera; infrared light passes fog droplets and soot."""

from __future__ import annotations

import cv2
import numpy as np

from ivif.datasets.synthetic.conditions import Condition
from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.noise import Noise, Raster, smooth_step
from ivif.datasets.synthetic.optics.surface import PixelValues

PLUMES = ((6.5, 0.30), (9.5, 0.34), (14.0, 0.42), (21.0, 0.55))
"""Depths of the curtains that smoke consists of, in metres, and the share of its optical depth in each."""

SMOKE_DRIFT = 0.55
"""Metres a second that smoke drifts."""


class Air:
    """What the air does to light at one moment.

    Args:
        condition: fog, smoke, and their colour.
        camera: the view.
        noise: decides the smoke's billows.
        seconds: time, with which smoke drifts.
        source: (x, side) where the smoke rises, and to which side it drifts.
    """

    def __init__(
        self,
        condition: Condition,
        camera: Camera,
        noise: Noise,
        seconds: float = 0.0,
        source: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self.condition, self.camera = condition, camera
        self.curtains: list[tuple[float, Raster]] = []
        if condition.smoke:
            for number, (depth, share) in enumerate(PLUMES):
                thick = condition.smoke * share * _billows(camera, depth, number, noise, seconds, source)
                self.curtains.append((depth, thick))

    @property
    def clear(self) -> bool:
        """Whether light passes unhindered."""
        return not (self.condition.fog or self.condition.smoke)

    def left(self, window: Window, depth: Raster | float) -> Raster:
        """Share of light that survives the way from `depth` to the camera, for each pixel of `window`."""
        depth = np.asarray(depth, np.float32)
        thick = np.broadcast_to(self.condition.fog * depth, window.shape).astype(np.float32)
        for distance, curtain in self.curtains:
            thick = thick + curtain[window.within(self.camera.window)] * smooth_step(
                0.75 * distance, 1.25 * distance, depth
            )
        return np.exp(-thick)

    def through(self, radiance: PixelValues, coverage: Raster, window: Window, depth: Raster | float) -> PixelValues:
        """Light that arrives, and the air's own: Koschmieder's law, L t + F (1 - t); all multiplied by coverage."""
        if self.clear:
            return radiance
        left = self.left(window, depth)
        own = (coverage * (1 - left))[..., None] * np.array(self.condition.fog_colour, np.float32)
        return radiance * left[..., None] + own


def _billows(
    camera: Camera, depth: float, number: int, noise: Noise, seconds: float, source: tuple[float, float]
) -> Raster:
    """Density 0..1 of one curtain: rising and widening from its source, torn by turbulence."""
    step = 2 if min(camera.width, camera.height) >= 200 else 1
    x, y = (part[step // 2 :: step, step // 2 :: step] for part in camera.places(camera.window, depth))
    place, side = source
    drift = np.float32(SMOKE_DRIFT * seconds * side)
    warp = noise.fractal(x - drift + 11 * number, y - 0.4 * drift, (3.1, 1.5), 0.0)
    puffs = noise.fractal(
        x - drift + 7 * number + 0.5 * warp, y * 0.9 - 0.6 * abs(drift) + 0.4 * warp, (4.2, 2.1, 0.9, 0.4)
    )
    along = side * (x - np.float32(place))
    spread = 0.9 + 0.42 * np.clip(along, 0, 30)
    column = smooth_step(-1.2, 1.0, along) * np.exp(-(((y - 0.25 * np.clip(along, 0, 8)) / (0.8 + spread)) ** 2))
    thick = column * np.clip(0.62 + 0.55 * puffs, 0, 1.6)
    return cv2.resize(thick.astype(np.float32), (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)


def streaks(shape: tuple[int, int], strength: float, generator: np.random.Generator) -> Raster:
    """Rain drops smeared by their fall, as light added in shares of the light around: ``[rows, columns]``."""
    height, width = shape
    unit = width / 640
    sheet = np.zeros(shape, np.float32)
    for count, long, bright in ((260, 9.0, 0.10), (90, 22.0, 0.16), (16, 52.0, 0.22)):
        count = int(count * strength)
        slant = 0.10 + 0.04 * generator.standard_normal(count)
        x, y = generator.uniform(0, width, count), generator.uniform(-long, height, count)
        reach = long * unit * generator.uniform(0.6, 1.3, count)
        weights = bright * generator.uniform(0.4, 1.2, count)
        starts = np.round(np.stack((x, y), 1) * 16).astype(int)
        ends = np.round(np.stack((x + slant * reach, y + reach), 1) * 16).astype(int)
        for start, end, weight in zip(starts, ends, weights, strict=True):
            cv2.line(sheet, start.tolist(), end.tolist(), float(weight), 1, cv2.LINE_8, 4)
    return cv2.GaussianBlur(sheet, (0, 0), 0.6 * max(unit, 0.7))
