"""Pyramids: differences or ratios between an image and its ever coarser low-pass copies."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.classical.multiscale import LEVELS, depth, stronger
from ivif.fusion.registry import register
from ivif.fusion.tiles import SIDE

KERNEL = np.array([1, 4, 6, 4, 1]) / 16
"""Burt and Adelson's generating kernel with a = 3/8, the binomial one."""


def gaussian_pyramid(image: GreyPlane, levels: int) -> list[GreyPlane]:
    """``G_0 = image, G_(i+1) = REDUCE(G_i)``, finest first, ``levels + 1`` planes.

    REDUCE filters rows and columns with `KERNEL`, mirrors at the border without repeating the edge pixel, and keeps
    every second row and column, starting with the first.

    Paper: P. J. Burt, E. H. Adelson, The Laplacian pyramid as a compact image code, IEEE Trans. Communications, 1983.
    """
    planes = [image]
    for _ in range(levels):
        planes.append(_filtered(planes[-1], KERNEL)[::2, ::2])
    return planes


def expand_level(coarse: GreyPlane, shape: tuple[int, ...]) -> GreyPlane:
    """EXPAND: `coarse` at twice its resolution, interpolated with the kernel of REDUCE, in the `shape` it came from."""
    # Not cv2.pyrUp, which mirrors an odd-sized image at its far border differently from its near one.
    sparse = np.zeros(shape)
    sparse[::2, ::2] = coarse
    return _filtered(sparse, 2 * KERNEL)


def _filtered(image: GreyPlane, kernel: GreyPlane) -> GreyPlane:
    return np.asarray(cv2.sepFilter2D(image, cv2.CV_64F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101), np.float64)


def laplacian_pyramid(image: GreyPlane, levels: int) -> list[GreyPlane]:
    """``L_i = G_i - EXPAND(G_(i+1))`` finest first, and the base ``G_levels`` last."""
    planes = gaussian_pyramid(image, levels)
    details = [fine - expand_level(coarse, fine.shape) for fine, coarse in pairwise(planes)]
    return [*details, planes[-1]]


def from_laplacian(pyramid: list[GreyPlane]) -> GreyPlane:
    """The image of a Laplacian pyramid, ``G_i = L_i + EXPAND(G_(i+1))``; exact inverse of `laplacian_pyramid`."""
    image = pyramid[-1]
    for detail in reversed(pyramid[:-1]):
        image = detail + expand_level(image, detail.shape)
    return image


def ratio_pyramid(image: GreyPlane, levels: int) -> list[GreyPlane]:
    """``R_i = G_i / EXPAND(G_(i+1))`` finest first, and the base ``G_levels`` last; `image` must be positive."""
    planes = gaussian_pyramid(image, levels)
    ratios = [fine / expand_level(coarse, fine.shape) for fine, coarse in pairwise(planes)]
    return [*ratios, planes[-1]]


def from_ratio(pyramid: list[GreyPlane]) -> GreyPlane:
    """The image of a ratio pyramid, ``G_i = R_i * EXPAND(G_(i+1))``; exact inverse of `ratio_pyramid`."""
    image = pyramid[-1]
    for ratio in reversed(pyramid[:-1]):
        image = ratio * expand_level(image, ratio.shape)
    return image


class _Pyramid(ClassicalMethod):
    family = "pyramid"
    tile = SIDE
    margin = 128
    grid = 2**LEVELS


@register
class Laplacian(_Pyramid):
    """Laplacian pyramid: ``F_i = A_i if |A_i| >= |B_i| else B_i`` in every detail plane, mean of both bases.

    Burt (1984) chooses the larger absolute value pixel by pixel; Burt and Kolczynski (1993) generalise it to windows
    and weights, which are not used here.
    """

    name = "laplacian"
    title = "LP"
    paper = "Burt, Kolczynski, Enhanced image capture through fusion, ICCV 1993; pyramid: Burt, Adelson, IEEE TCOM 1983"

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        levels = depth(infrared.shape)
        left, right = laplacian_pyramid(infrared, levels), laplacian_pyramid(visible, levels)
        details = [stronger(first, second) for first, second in zip(left[:-1], right[:-1], strict=True)]
        return from_laplacian([*details, (left[-1] + right[-1]) / 2])


@register
class RatioOfLowPass(_Pyramid):
    """Ratio-of-low-pass pyramid: at each level the ratio of larger contrast, ``|R_i - 1|``, survives.

    Luminance relative to its surroundings is what the eye calls contrast, hence ratios instead of differences.

    Attributes:
        offset: grey levels added before and removed after, so that black surroundings give a large contrast but no
            division by zero.
    """

    name = "rolp"
    title = "RP"
    paper = "Toet, Image fusion by a ratio of low-pass pyramid, Pattern Recognition Letters, 1989"
    offset = 1.0

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        levels = depth(infrared.shape)
        left, right = (ratio_pyramid(image + self.offset, levels) for image in (infrared, visible))
        ratios = [1 + stronger(first - 1, second - 1) for first, second in zip(left[:-1], right[:-1], strict=True)]
        return from_ratio([*ratios, (left[-1] + right[-1]) / 2]) - self.offset
