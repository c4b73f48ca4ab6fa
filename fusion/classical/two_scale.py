"""Two scales: a mean filter splits the sources, saliency weights their details (TIF)."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.ndimage import uniform_filter

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.registry import register


@register
class TwoScaleImageFusion(ClassicalMethod):
    """Mean of the bases plus details weighted by how far a pixel stands out from its surroundings.

    ``base`` = 35 x 35 mean, ``detail = source - base``, saliency ``S = (base - median)^2`` with a 3 x 3 median, and
    ``F = (A_base + B_base) / 2 + (S_A A_detail + S_B B_detail) / (S_A + S_B)``.

    The mean continues the image periodically, as in the published results: within 17 pixels of a border the base
    contains the opposite side.
    """

    name = "tif"
    title = "TIF"
    family = "two-scale"
    paper = (
        "Bavirisetti, Dhuli, Two-scale image fusion of visible and infrared images using saliency detection, "
        "Infrared Physics & Technology 2016"
    )

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        bases = [uniform_filter(source, 35, mode="wrap") for source in (visible, infrared)]
        details = [source - base for source, base in zip((visible, infrared), bases, strict=True)]
        saliencies = [(base - _median(source)) ** 2 for source, base in zip((visible, infrared), bases, strict=True)]
        total = saliencies[0] + saliencies[1]
        share = np.divide(saliencies[0], total, out=np.full_like(total, 0.5), where=total > 0)
        return (bases[0] + bases[1]) / 2 + share * details[0] + (1 - share) * details[1]


def _median(source: GreyPlane) -> GreyPlane:
    """3 x 3 median, outermost pixels repeated; in single precision, which holds 8-bit grey values exactly."""
    return cv2.medianBlur(source.astype(np.float32), 3).astype(np.float64)
