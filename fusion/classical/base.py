"""What classical methods share: they are formulas on one plane of grey values, computed with NumPy on the CPU."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivif.fusion.method import FusionMethod

GreyPlane = NDArray[np.float64]
"""Grey values ``[H, W]`` on the scale 0..255, on which the papers state their parameters; not rounded."""


class ClassicalMethod(FusionMethod):
    """A method given by `combine` on one infrared and one visible plane."""

    @abstractmethod
    def combine(self, infrared: GreyPlane, visible: GreyPlane) -> GreyPlane:
        """Fuse two planes of one size to one; values outside 0..255 are clipped afterwards."""

    def fuse_planes(self, infrared: Tensor, visible: Tensor) -> Tensor:
        """`combine` for every pair of the batch and every visible channel."""
        left, right = (image.double().mul(255).cpu().numpy() for image in (infrared, visible))
        fused = torch.empty_like(visible)
        for index in range(len(right)):
            for channel, plane in enumerate(right[index]):
                fused[index, channel] = torch.from_numpy(self.combine(left[index, 0], plane) / 255)
        return fused
