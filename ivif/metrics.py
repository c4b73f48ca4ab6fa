"""Every metric as a function of its own: ``ivif.metrics.vif(fused, infrared, visible)``, see `ivif.score`.

Examples:
    >>> import numpy as np
    >>> from ivif import metrics
    >>> half = np.repeat(np.uint8([[0], [255]]), 4, axis=1)
    >>> metrics.en(half, half, half)  # two grey values, as frequent
    1.0
    >>> metrics.MI(half, half, half)  # what it shares with either source
    2.0
"""

from __future__ import annotations

from collections.abc import Callable

from ivif.benchmark.metrics import MetricError, get, metric_names
from ivif.face import Score, score
from ivif.pictures import Images


def __getattr__(name: str) -> Callable[[Images, Images, Images], Score]:
    try:
        metric = get(name)
    except MetricError as error:
        raise AttributeError(str(error)) from error

    def measured(fused: Images, infrared: Images, visible: Images) -> Score:
        return score(fused, infrared, visible, metric.key)[metric.key]

    measured.__name__ = measured.__qualname__ = name
    measured.__doc__ = f"{metric.name} ({metric.better} is better): {metric.formula}\n\n{metric.notes}"
    return measured


def __dir__() -> list[str]:
    return [key for key in metric_names() if key.isidentifier()]
