"""Camera settings: how the two cameras are made and set in one scene; no two photographers use the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ivif.datasets.synthetic.conditions import Colour


@dataclass(frozen=True)
class CameraSettings:
    """How both cameras are made and set.

    Attributes:
        exposure: factor on the condition's exposure.
        balance: factors on red, green and blue.
        veil: light from everywhere that the lens scatters over the picture, as a share of the mean.
        quality: of the JPEG file the visible picture has been through, 0..100.
        equalisation: share of histogram equalisation in the infrared camera's gain, 0..1; the rest is linear.
        headroom: where white lies between the temperatures of clothes (0) and of faces (1).
        detail: how strongly the infrared camera lifts fine contrast, 0 for not at all.
        grain: noise-equivalent temperature difference in degrees.
        vignette: degrees that the infrared picture's corners seem colder.
    """

    exposure: float = 1.0
    balance: Colour = (1.0, 1.0, 1.0)
    veil: float = 0.0
    quality: int = 92
    equalisation: float = 0.5
    headroom: float = 0.7
    detail: float = 0.5
    grain: float = 0.07
    vignette: float = 0.4


def draw_camera_settings(seed: int) -> CameraSettings:
    """Those of a scene."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 5]))
    warm = float(generator.normal(0, 0.05))
    return CameraSettings(
        exposure=float(np.exp(generator.normal(0, 0.16))),
        balance=(1 + warm, 1.0, 1 - warm + float(generator.normal(0, 0.02))),
        veil=float(generator.uniform(0.0, 0.12)),
        quality=int(generator.integers(84, 97)),
        equalisation=float(generator.uniform(0.1, 0.65)),
        headroom=float(generator.uniform(0.3, 1.0)),
        detail=float(generator.uniform(0.0, 0.35)),
        grain=float(generator.uniform(0.03, 0.08)),
        vignette=float(generator.uniform(0.1, 0.8)),
    )
