"""Wet ground: a mirror that everything stands on, the better the flatter one looks at it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.noise import Noise, Raster, smooth_step
from ivif.datasets.synthetic.optics.surface import PixelValues

HEAT_SHARE = 0.55
"""Reflectance of rough wet ground for heat, relative to its reflectance for light."""


class Standing(NamedTuple):
    """Something upright: where it is seen, how much of each pixel it covers, its depth (or that of each column)."""

    window: Window
    coverage: Raster
    depth: float | Raster


def mirror_share(camera: Camera, noise: Noise, wetness: float) -> Raster:
    """Share of light that wet ground mirrors at each pixel, ``[rows, columns]``; 0 above the horizon.

    Schlick's form of Fresnel's law for water, F = 0.02 + 0.98 (1 - cos)^5, times how wet the place is: puddles.
    """
    slope, drop = camera.rays(camera.window)
    cosine = np.clip(drop, 0, None) / np.sqrt(1 + drop * drop + slope * slope)
    share = 0.02 + 0.98 * (1 - cosine) ** 5
    z = np.minimum(camera.elevation / np.maximum(drop, 1e-3), 90)
    puddles = smooth_step(-0.7, 1.0, noise.fractal(slope * z + camera.x, z, (5.0, 2.2, 0.8), z * z / camera.focal / 3))
    return (wetness * share * (0.30 + 0.70 * puddles) * (drop > 0)).astype(np.float32)


def mirrored(light: PixelValues, things: list[Standing], camera: Camera, sky: PixelValues) -> PixelValues:
    """What a flat mirror in place of the ground would show.

    Args:
        light: the picture without the mirror, ``float32 [rows, columns, channels]``.
        things: what stands on the ground, from far to near.
        camera: the view.
        sky: what is mirrored where nothing stands, one value a channel.
    """
    image = np.broadcast_to(sky, light.shape).astype(np.float32).copy()
    whole = camera.window
    for window, coverage, depth in things:
        columns = np.arange(window.left, window.right, dtype=np.float32)
        foot = camera.horizon + camera.focal * camera.elevation / np.broadcast_to(depth, columns.shape)
        low, high = int(np.floor(foot.min())), int(np.ceil(2 * foot.max() - window.top)) + 1
        target = Window(window.left, low, window.right, high).clip(whole)
        if target.empty:
            continue
        rows = np.arange(target.top, target.bottom, dtype=np.float32)[:, None]
        # Pixel k covers k..k+1: its centre is mirrored.
        source = (2 * foot[None, :] - rows - 1).astype(np.float32)
        across = np.broadcast_to(columns[None, :], source.shape).astype(np.float32)
        cover = cv2.remap(coverage, across - window.left, source - window.top, cv2.INTER_LINEAR, borderValue=0)
        cover = (cover * (rows + 1 > foot[None, :]))[..., None]
        part = image[target.within(whole)]
        part *= 1 - cover
        part += cover * _picked(light, across, source)
    # Rough water smears what it mirrors up and down.
    return cv2.GaussianBlur(image, (0, 0), sigmaX=0.7 * camera.width / 640, sigmaY=0.018 * camera.height)


def _picked(light: PixelValues, columns: Raster, rows: Raster) -> PixelValues:
    return cv2.remap(light, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def flipped(window: Window, values: PixelValues, depth: float, camera: Camera) -> tuple[Window, PixelValues]:
    """The mirror image of one upright thing: the same pixels about the row where it stands."""
    foot = camera.horizon + camera.focal * camera.elevation / depth
    top = round(2 * foot) - window.bottom
    turned = Window(window.left, top, window.right, top + window.bottom - window.top)
    blur = 0.012 * camera.height
    return turned, cv2.GaussianBlur(np.ascontiguousarray(values[::-1]), (0, 0), sigmaX=0.5, sigmaY=blur)
