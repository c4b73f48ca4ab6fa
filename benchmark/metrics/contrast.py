"""Contrast: how far the grey values of the fused image spread."""

from __future__ import annotations

from torch import Tensor

from benchmark.metrics.picture import Picture, deviations, term, total
from benchmark.metrics.registry import Original, metric


@term
def deviation_energy(picture: Picture) -> Tensor:
    """Sum of squared deviations from the mean, ``[B]``."""
    return total(deviations(picture).square())


@metric(
    "sd",
    "Standard deviation",
    high=127.5,
    unit="grey level",
    family="contrast",
    formula="SD = sqrt(1/(MN) sum (F - mean F)^2)",
    paper="Rao: In-fibre Bragg grating sensors. Measurement Science and Technology 8, 1997 (as the field cites it)",
    agrees="CDDFuse, IVIF_ZOO and LFT agree; RFN-Nest divides by another count; code that stays in uint8 saturates "
    "deviations and squares (8.85 instead of 34.8 in a published table)",
    originals=[
        Original("SD", "LFT_octave", relative=1e-9),
        Original("SD", "CDDFuse_py_float64in", relative=1e-9),
        Original("SD", "CDDFuse_py", relative=1e-6),
    ],
    rewards_noise=True,
)
def standard_deviation(infrared: Picture, visible: Picture, fused: Picture) -> Tensor:
    """Spread of the grey values, divided by the number of pixels (not that number minus one).

    Ignores the sources: stretching the contrast of any image raises it.
    """
    return (deviation_energy(fused) / fused.pixels).sqrt()
