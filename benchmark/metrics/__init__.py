"""Metrics of fused images: pure batched functions on 8-bit luminance, each registered with its facts.

A leaf of the project: imports torch and NumPy alone, so that anything may score images with it.
"""

# isort: off (the order is that of tables)
from benchmark.metrics import information, contrast, correlation, fidelity, gradient, artifacts, structure, error

# isort: on
from benchmark.metrics.picture import MetricError, Picture
from benchmark.metrics.registry import Measured, Metric, Original, expand, get, measure, metric, names, profiles

__all__ = [
    "Measured",
    "Metric",
    "MetricError",
    "Original",
    "Picture",
    "artifacts",
    "contrast",
    "correlation",
    "error",
    "expand",
    "fidelity",
    "get",
    "gradient",
    "information",
    "measure",
    "metric",
    "names",
    "profiles",
    "structure",
]
