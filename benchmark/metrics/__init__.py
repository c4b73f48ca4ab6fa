"""Metrics of fused images: pure batched functions on 8-bit luminance, each registered with its facts.

A leaf of the project: imports torch and NumPy alone, so that anything may score images with it.
"""

# The order is that of tables.
# isort: off
from benchmark.metrics import information, contrast, correlation, fidelity, gradient, artifacts, structure
from benchmark.metrics import perception, features, error

# isort: on
from benchmark.metrics.picture import MetricError, Picture
from benchmark.metrics.registry import Measured, Metric, expand, get, measure, metric, names, profiles, variant

__all__ = [
    "Measured",
    "Metric",
    "MetricError",
    "Picture",
    "artifacts",
    "contrast",
    "correlation",
    "error",
    "expand",
    "features",
    "fidelity",
    "get",
    "gradient",
    "information",
    "measure",
    "metric",
    "names",
    "perception",
    "profiles",
    "structure",
    "variant",
]
