"""What happens between two cameras: the infrared picture does not lie on the visible one.

Every displacement is a field of arrows, one a pixel, that is scaled until their mean length is the amount in pixels. So
a shift, a turn and a warp of one amount are off equally far. Pixels are taken from there by cubic interpolation, which
does not blur; borders are mirrored.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ivif.datasets.corruptions.optics import smooth_pattern
from ivif.datasets.corruptions.registry import FloatImage, corruption

Displacements = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Displacements to the right and down, ``[H, W]`` each."""


def _moved(image: FloatImage, field: Displacements, amount: float) -> FloatImage:
    """The picture displaced along a field whose mean length is made `amount`."""
    right, down = (np.broadcast_to(part, image.shape[:2]).astype(np.float32) for part in field)
    scale = np.float32(amount / max(float(np.hypot(right, down).mean()), 1e-9))
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    places = columns - scale * right, rows - scale * down
    moved = cv2.remap(image, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)


def _from_centre(image: FloatImage) -> Displacements:
    """Every pixel's place, from the picture's centre."""
    height, width = image.shape[:2]
    across = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    down = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    return across, down


@corruption("shift", "Shift", "infrared", "pixels", 60, steady=True, moves=True)
def shift(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """All pixels displaced alike, in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    return _moved(image, (np.array([[np.cos(angle)]]), np.array([[np.sin(angle)]])), amount)


@corruption("rotation", "Rotation", "infrared", "pixels", 60, steady=True, moves=True)
def rotation(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Turned about the centre, either way: small angles, for which arrows stand upright on the radius."""
    across, down = _from_centre(image)
    way = 1 if random.random() < 0.5 else -1
    return _moved(image, (-way * down, way * across), amount)


@corruption("scale", "Scale", "infrared", "pixels", 60, steady=True, moves=True)
def scale(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Enlarged or made smaller about the centre, as by a lens of another focal length."""
    across, down = _from_centre(image)
    way = 1 if random.random() < 0.5 else -1
    return _moved(image, (way * across, way * down), amount)


@corruption("perspective", "Perspective", "infrared", "pixels", 60, steady=True, moves=True)
def perspective(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Seen by a camera that is turned aside: x (p . x), the first order of a homography's last row p, random."""
    across, down = _from_centre(image)
    width = image.shape[1]
    angle = random.uniform(0, 2 * np.pi)
    tilt = (np.cos(angle) * across + np.sin(angle) * down) / width
    return _moved(image, (across * tilt, down * tilt), amount)


@corruption("parallax", "Parallax-like warp", "infrared", "pixels", 60, moves=True)
def parallax(image: FloatImage, amount: float, random: np.random.Generator) -> FloatImage:
    """Displaced along a baseline by what the depth of each place would ask for: smooth, random, all one way.

    The baseline is horizontal within ten degrees. Depth is unknown: a surface of four by five knots stands for it.
    """
    angle = random.uniform(-0.17, 0.17) + (np.pi if random.random() < 0.5 else 0)
    length = np.abs(1 + 0.6 * smooth_pattern(image.shape[:2], (4, 5), random))
    return _moved(image, (length * np.float32(np.cos(angle)), length * np.float32(np.sin(angle))), amount)
