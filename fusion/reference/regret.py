"""Regret: what a candidate has that the network which is to learn lacks, and what it would take away.

A network learns nothing from a picture that is only better than other candidates. It is compared with its own result,
metric by metric; a reference that gains much but gives something up is worth less than one that nobody regrets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

KEYS = ("en", "sd", "mi", "scd", "vif", "qabf", "nabf")
"""Metrics of a gain, which weigh the same."""

LOWER_IS_BETTER = ("nabf",)

LARGEST_GAIN = 2.0
"""Gains count up to so many of the pool's standard deviations, either way."""

REGRET = 0.5
"""What the worst gain weighs beside the mean of all."""

TAUGHT = 0.5
"""Gain in standard deviations of the pool from which a reference counts as teaching a metric."""


@dataclass(frozen=True)
class Yardstick:
    """What a picture has to beat: the result of the network that is to learn.

    Attributes:
        image: the network's own result, ``uint8 [1, H, W]``.
        own: its values by metric.
        spread: standard deviation over the pool by metric, the unit of gains.
    """

    image: Tensor
    own: Mapping[str, float]
    spread: Mapping[str, float]

    @classmethod
    def of(cls, image: Tensor, own: Mapping[str, float], pool: Sequence[Mapping[str, float]]) -> Yardstick:
        """A network's result and its values, and the spread of the candidates' values over the pool."""
        spread = {key: float(np.std([found[key] for found in pool])) for key in KEYS}
        return cls(image, {key: own[key] for key in KEYS}, spread)

    def gains(self, values: Mapping[str, float]) -> dict[str, float]:
        """By how many standard deviations of the pool a picture is better than the network's own result, by metric.

        Args:
            values: the picture's, by key.
        """
        found = {}
        for key in KEYS:
            sign = -1.0 if key in LOWER_IS_BETTER else 1.0
            difference = sign * (values[key] - self.own[key])
            unit = max(self.spread[key], 1e-9)
            found[key] = float(np.nan_to_num(np.clip(difference / unit, -LARGEST_GAIN, LARGEST_GAIN)))
        return found


def no_regret(gains: Mapping[str, float]) -> float:
    """Mean gain, and half the worst one: above 0, a picture is worth learning from."""
    return float(np.mean(list(gains.values())) + REGRET * min(gains.values()))


def taught(gains: Mapping[str, float]) -> list[str]:
    """The metrics in which a picture is clearly better than the network's own result, the largest gain first."""
    return sorted((key for key in gains if gains[key] >= TAUGHT), key=lambda key: -gains[key])
