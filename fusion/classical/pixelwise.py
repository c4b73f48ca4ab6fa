"""Pixel-wise rules: the two baselines that every table needs as a reference."""

from __future__ import annotations

import numpy as np

from ivif.fusion.classical.base import ClassicalMethod, GreyPlane
from ivif.fusion.registry import register


@register
class Average(ClassicalMethod):
    """Mean of both sources, ``F = (A + B) / 2``."""

    name = "average"
    title = "Average"
    family = "pixel-wise"
    paper = "baseline without a paper"

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        return (infrared + visible) / 2


@register
class Maximum(ClassicalMethod):
    """Brighter source at each pixel, ``F = max(A, B)``."""

    name = "maximum"
    title = "Maximum"
    family = "pixel-wise"
    paper = "baseline without a paper"

    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        return np.maximum(infrared, visible)
