"""Diffusion: base layers by a nonlinear heat equation of second (ADF) or fourth order (FPDE)."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.registry import register
from ivif.fusion.tiles import in_tiles


class _DiffusionFusion(ClassicalMethod):
    """Mean of both bases plus both details, weighted with the principal component of the details.

    ``F = (A_base + B_base) / 2 + w (A - A_base) + (1 - w) (B - B_base)``, see `principal_share` for w.
    """

    family = "diffusion"
    reach: ClassVar[int]
    """How far around a pixel its base layer looks."""

    @abstractmethod
    def smooth(self, source: GreyPlane) -> GreyPlane:
        """The base layer of a source."""

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        visible_base, infrared_base = (in_tiles(self.smooth, plane, margin=self.reach) for plane in (visible, infrared))
        visible_detail, infrared_detail = visible - visible_base, infrared - infrared_base
        share = principal_share(visible_detail, infrared_detail)
        return (visible_base + infrared_base) / 2 + share * visible_detail + (1 - share) * infrared_detail


@register
class AnisotropicDiffusionFusion(_DiffusionFusion):
    """Base layers by anisotropic diffusion, details weighted by a Karhunen-Loeve transform.

    10 steps of `anisotropic_diffusion` with time step 0.15 and contrast 30.
    """

    name = "adf"
    title = "ADF"
    paper = (
        "Bavirisetti, Dhuli, Fusion of infrared and visible sensor images based on anisotropic diffusion and "
        "Karhunen-Loeve transform, IEEE Sensors Journal 2016"
    )
    reach = 10

    def smooth(self, source: GreyPlane) -> GreyPlane:
        return anisotropic_diffusion(source, steps=10, time_step=0.15, contrast=30.0)


@register
class FourthOrderDiffusionFusion(_DiffusionFusion):
    """Base layers by a fourth-order equation, which leaves ramps where anisotropic diffusion leaves steps.

    15 steps of `fourth_order_diffusion` with time step 0.9 and contrast 4; details weighted by principal components.
    """

    name = "fpde"
    title = "FPDE"
    paper = (
        "Bavirisetti, Xiao, Liu, Multi-sensor image fusion based on fourth order partial differential equations, "
        "FUSION 2017"
    )
    reach = 4 * 15

    def smooth(self, source: GreyPlane) -> GreyPlane:
        return fourth_order_diffusion(source, steps=15, time_step=0.9, contrast=4.0)


def principal_share(first: GreyPlane, second: GreyPlane) -> float:
    """The first plane's share ``v1 / (v1 + v2)`` of the principal eigenvector v of both planes' covariance, in 0..1.

    Planes of negative correlation give v1 and v2 opposite signs, and the quotient leaves 0..1, without any bound where
    both planes vary equally: details would come out many times too strong and inverted. It is limited to 0..1 here, so
    that the plane that varies more takes the whole. The papers and their published results don't limit it.
    """
    _, vectors = np.linalg.eigh(np.cov(first.ravel(), second.ravel()))
    major, minor = vectors[:, -1]
    if major * minor < 0:
        return float(abs(major) > abs(minor))
    return float(major / (major + minor))


def anisotropic_diffusion(source: GreyPlane, steps: int, time_step: float, contrast: float) -> GreyPlane:
    """Smooth by heat that flows between the 8 neighbours of a pixel, less across strong edges.

    A step is ``I += time_step sum_n exp(-(d_n / contrast)^2) d_n / distance_n^2`` with ``d_n`` the neighbour minus the
    pixel. Nothing flows over the border, so that the mean is conserved.

    Paper: Perona, Malik, "Scale-space and edge detection using anisotropic diffusion", IEEE TPAMI 1990.
    """
    plane = source.copy()
    for _ in range(steps):
        change = np.zeros_like(plane)
        for here, there, weight in _NEIGHBOURS:
            difference = plane[there] - plane[here]
            flow = weight * np.exp(-((difference / contrast) ** 2)) * difference
            change[here] += flow
            change[there] -= flow
        plane += time_step * change
    return plane


_ALL, _FIRST, _LAST = slice(None), slice(None, -1), slice(1, None)
_NEIGHBOURS = (
    ((_ALL, _FIRST), (_ALL, _LAST), 1.0),
    ((_FIRST, _ALL), (_LAST, _ALL), 1.0),
    ((_FIRST, _FIRST), (_LAST, _LAST), 0.5),
    ((_FIRST, _LAST), (_LAST, _FIRST), 0.5),
)
"""Every pair of neighbours once: where the pixel is, where its neighbour is, 1 / squared distance."""


def fourth_order_diffusion(source: GreyPlane, steps: int, time_step: float, contrast: float) -> GreyPlane:
    """Smooth curvature away: straight ramps stay as they are.

    A step is ``I -= time_step (d_xx(c I_xx) + d_yy(c I_yy))`` with ``c = 1 / (1 + (I_xx^2 + I_yy^2) / contrast^2)``.
    Second derivatives are central differences of central differences (one-sided at the border).

    Paper: You, Kaveh, "Fourth-order partial differential equations for noise removal", IEEE TIP 2000. It has the
    Laplacian in place of the two second derivatives; this form is the one of the published FPDE results.
    """
    plane = source.copy()
    for _ in range(steps):
        curvature_y, curvature_x = _second_derivative(plane, 0), _second_derivative(plane, 1)
        conductance = 1 / (1 + (curvature_x**2 + curvature_y**2) / contrast**2)
        bend_y, bend_x = (
            _second_derivative(conductance * curvature_y, 0),
            _second_derivative(conductance * curvature_x, 1),
        )
        plane -= time_step * (bend_y + bend_x)
    return plane


def _second_derivative(plane: GreyPlane, axis: int) -> GreyPlane:
    return np.gradient(np.gradient(plane, axis=axis), axis=axis)
