"""Extraction of infrared features by a background that a quadtree and Bezier surfaces reconstruct."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.registry import register

_SIDE, _SMALLEST = 512, 32
_SPREAD = 0.2 * 255


@register
class InfraredFeatureExtraction(ClassicalMethod):
    """Adds to the visible image what is bright in the infrared one; nothing becomes darker.

    The infrared background is drawn by Bezier surfaces over the blocks of a quadtree (of side 512 to 32; blocks whose
    grey values differ by more than a fifth of the range are divided), through 4 x 4 samples of local minima in each.
    What the infrared image has above it, plus ``(infrared - visible) H(infrared) / H(visible)`` (H: entropy), is
    added, dimmed so that few pixels saturate and by no less than a fifth.
    """

    name = "ifevip"
    title = "IFEVIP"
    family = "feature extraction"
    paper = (
        "Zhang, Zhang, Bai, Zhang, Infrared and visual image fusion through infrared feature extraction and visual "
        "information preservation, Infrared Physics & Technology 2017"
    )

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        infrared, visible = np.rint(infrared), np.rint(visible)
        features = np.maximum(infrared - background(infrared), 0)
        information = _entropy(visible)
        features += (infrared - visible) * (_entropy(infrared) / information if information else 1)
        total = np.sort((np.maximum(features, 0) + visible).ravel())
        brightest = total[-max(1, round(0.001 * total.size)) :].mean()
        dimming = min(255 / brightest, 0.8) if brightest else 0.8
        return visible + np.maximum(np.rint(features * dimming), 0)


def background(infrared: GreyPlane) -> GreyPlane:
    """What the infrared image would be without its bright features; whole grey levels."""
    square = np.clip(np.rint(_resized(infrared, (_SIDE, _SIDE))), 0, 255)
    # Minima of 32 x 32 pixels, 15 of them before each in both directions.
    eroded = cv2.erode(square, np.ones((_SMALLEST, _SMALLEST)), anchor=(_SMALLEST // 2 - 1,) * 2)
    samples = np.pad(eroded, (0, 1), "edge")
    drawn = np.empty_like(square)
    for top, left, side in blocks_of_equal_grey(square):
        places = np.array([0, side // 2 - 1, 3 * side // 4 - 1, side])
        basis = bernstein_basis(side)
        surface = basis @ samples[np.ix_(top + places, left + places)] @ basis.T
        drawn[top : top + side, left : left + side] = surface[:side, :side]
    smooth = cv2.GaussianBlur(_resized(drawn, infrared.shape), (9, 9), 4.5, borderType=cv2.BORDER_CONSTANT)
    return np.clip(np.rint(smooth), 0, 255)


def blocks_of_equal_grey(square: GreyPlane, top: int = 0, left: int = 0, side: int = _SIDE) -> Iterator[tuple]:
    """(top, left, side) of the blocks of a quadtree that need no division, or are the smallest."""
    block = square[top : top + side, left : left + side]
    if side <= _SMALLEST or block.max() - block.min() <= _SPREAD:
        yield top, left, side
        return
    half = side // 2
    for row in (top, top + half):
        for column in (left, left + half):
            yield from blocks_of_equal_grey(square, row, column, half)


def bernstein_basis(side: int) -> NDArray[np.float64]:
    """Cubic Bernstein polynomials at ``side + 1`` places of 0..1, ``[side + 1, 4]``."""
    place = np.linspace(0, 1, side + 1)
    rest = 1 - place
    return np.stack((rest**3, 3 * place * rest**2, 3 * place**2 * rest, place**3), 1)


def _resized(plane: GreyPlane, size: tuple[int, ...]) -> GreyPlane:
    """Bicubic, averaging where it is reduced."""
    image = torch.from_numpy(plane)[None, None]
    return interpolate(image, size, mode="bicubic", antialias=True)[0, 0].numpy()


def _entropy(plane: GreyPlane) -> float:
    """In bits, of whole grey levels."""
    share = np.bincount(plane.astype(np.intp).ravel(), minlength=256) / plane.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())
