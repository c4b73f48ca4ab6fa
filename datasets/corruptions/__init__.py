"""Corruptions: what goes wrong with the sources of fusion in use, camera by camera, in five severities.

After Hendrycks, Dietterich: Benchmarking neural network robustness to common corruptions and perturbations, ICLR 2019.
The functions are written on OpenCV and NumPy: collections of augmentations draw a new amount and pattern at each call,
and none of them knows the faults of thermal detectors.
"""

from __future__ import annotations

from ivif.datasets.corruptions import alignment, infrared, visible
from ivif.datasets.corruptions.corrupted import CLEAN, CorruptedSource, CorruptionLevel, corrupted, levels_of
from ivif.datasets.corruptions.registry import Corruption, corruption_names, find_corruption
from ivif.datasets.corruptions.severities import PIXELS, SEVERITIES, TARGETS, amount_of, amounts

__all__ = [
    "CLEAN",
    "PIXELS",
    "SEVERITIES",
    "TARGETS",
    "CorruptedSource",
    "Corruption",
    "CorruptionLevel",
    "alignment",
    "amount_of",
    "amounts",
    "corrupted",
    "corruption_names",
    "find_corruption",
    "infrared",
    "levels_of",
    "visible",
]
