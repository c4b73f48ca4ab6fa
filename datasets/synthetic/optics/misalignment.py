"""Misalignment: two cameras side by side that look a little apart and are not triggered at the same time.

The infrared camera is the reference. A still point at depth z lies in the visible picture displaced by

    (columns - f * baseline / z, rows)    pixels, f: focal length in pixels

and what moves also by what it moved in `seconds`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Misalignment:
    """Where the visible camera differs from the infrared one.

    Attributes:
        columns, rows: shift of its picture to the right and down, as a share of the picture's width.
        baseline: metres that it stands further right.
        seconds: how much later it takes its picture.
    """

    columns: float = 0.0
    rows: float = 0.0
    baseline: float = 0.0
    seconds: float = 0.0


def draw_misalignment(seed: int) -> Misalignment:
    """A visible shift of up to 2% of the width, up to 20 cm between the cameras, 30 to 120 ms between the pictures."""
    generator = np.random.default_rng(np.random.SeedSequence([seed, 6]))
    angle, size = generator.uniform(0, 2 * np.pi), generator.uniform(0.006, 0.02)
    side = -1.0 if generator.random() < 0.5 else 1.0
    return Misalignment(
        columns=float(size * np.cos(angle)),
        rows=float(0.6 * size * np.sin(angle)),
        baseline=side * float(generator.uniform(0.06, 0.20)),
        seconds=float(generator.uniform(0.03, 0.12)),
    )
