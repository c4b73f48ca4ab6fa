"""Metrics of fused images: pure batched functions on 8-bit luminance, each registered with its facts.

A leaf of the project: imports torch and NumPy alone, so that anything may score images with it.
"""

# Tables show metrics in the order in which they register: file by file as imported here, in each from top to bottom.
# isort: off
from ivif.benchmark.metrics import information, contrast, correlation, fidelity, gradient, artifacts
from ivif.benchmark.metrics import structural_similarity, multi_exposure, fusion_quality
from ivif.benchmark.metrics import perception, features, error

# isort: on
from ivif.benchmark.metrics.picture import MetricError, Picture
from ivif.benchmark.metrics.registry import (
    Measured,
    Metric,
    expand_keys,
    get,
    measure,
    metric,
    metric_names,
    profiles,
    variant,
)

__all__ = [
    "Measured",
    "Metric",
    "MetricError",
    "Picture",
    "artifacts",
    "contrast",
    "correlation",
    "error",
    "expand_keys",
    "features",
    "fidelity",
    "fusion_quality",
    "get",
    "gradient",
    "information",
    "measure",
    "metric",
    "metric_names",
    "multi_exposure",
    "perception",
    "profiles",
    "structural_similarity",
    "variant",
]
