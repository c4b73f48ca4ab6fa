"""The functions of the public face: score, fuse, run, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ivif.benchmark.catalogue import matching
from ivif.benchmark.metrics import MetricError, get, measure, metric_names
from ivif.datasets.images import to_float, to_uint8
from ivif.pictures import Images, as_levels, as_uint8

Score = float | NDArray[np.float64]
"""A value for one fused image, ``float64 [B]`` for a batch."""


def score(
    fused: Images, infrared: Images, visible: Images, metrics: str | Sequence[str] = "core", frame: bool = False
) -> Any:
    """Measure fused images.

    Args:
        fused: one or a batch, see `ivif.pictures.as_levels`.
        infrared: their infrared sources; one for all, or as many.
        visible: likewise.
        metrics: keys or profiles ("core", "all", "ssim@cddfuse"), see `list_metrics`.
        frame: a pandas DataFrame, a row an image, in place of a dictionary.

    Returns:
        Values by key: floats, or ``float64 [B]`` where `fused` is a batch (a list, or four axes).

    Raises:
        ImageError: see `as_levels`.
        MetricError: an unknown metric, or images that it is not defined on.

    Examples:
        Half of the pixels are 10 grey levels from one source, and all equal the other:

        >>> infrared = np.full((4, 4), 50, np.uint8)
        >>> visible = infrared.copy()
        >>> visible[:2] = 60
        >>> score(infrared, infrared, visible, metrics="mse")  # (0 + 50) / 2
        {'mse': 25.0}

        A batch gives an array for each metric, names are understood as papers spell them:

        >>> score([infrared, visible], infrared, visible, metrics=["MSE", "SCD"])
        {'mse': array([25., 25.]), 'scd': array([0., 1.])}
        >>> score([infrared, visible], infrared, visible, metrics="mse", frame=True)
            mse
        0  25.0
        1  25.0
    """
    images = as_levels(infrared, "infrared"), as_levels(visible, "visible"), as_levels(fused, "fused")
    keys = [metrics] if isinstance(metrics, str) else list(metrics)
    found = {key: measured.values.cpu().double().numpy() for key, measured in measure(*images, keys).items()}
    if frame:
        import pandas

        return pandas.DataFrame(found)
    single = not isinstance(fused, list | tuple) and getattr(fused, "ndim", 2) < 4
    return {key: float(values[0]) if single else values for key, values in found.items()}


def list_metrics(pattern: str = "*") -> list[str]:
    """Keys of all metrics that a pattern such as ``*ssim*`` fits, in the order of tables.

    Examples:
        >>> list_metrics("*ssim*")
        ['ssim', 'ssim@mean', 'ssim@cddfuse', 'msssim', 'mefssim']
        >>> list_metrics("vif")
        ['vif']
    """
    return matching(metric_names(), [pattern])


def fuse(method: str | Any, infrared: Images, visible: Images, device: str = "cpu") -> Tensor:
    """Fuse a pair.

    Args:
        method: whatever may be named as a method (``sdnet+rts``, ``NAME=FILE``, ``package.module:Class``), or one that
            `ivif.load` gave.
        infrared: one image or a batch, see `ivif.pictures.as_uint8`; colours count as their luminance.
        visible: likewise; its colours are kept.
        device: where to fuse.

    Returns:
        ``uint8 [1 or 3, H, W]``; of a batch ``[B, 1 or 3, H, W]``.

    Raises:
        FusionError: no such method, or images that do not fit together.
        ImageError: see `as_uint8`.

    Examples:
        >>> infrared, visible = np.full((2, 2), 40, np.uint8), np.full((2, 2), 80, np.uint8)
        >>> fuse("average", infrared, visible)
        tensor([[[60, 60],
                 [60, 60]]], dtype=torch.uint8)
    """
    from ivif.fusion.loading import load

    fusing = (load(method) if isinstance(method, str) else method).to(device)
    pair = as_levels(infrared, "infrared"), as_uint8(visible, "visible")
    result = to_uint8(fusing.fuse(*(to_float(image).to(device) for image in pair)))
    single = not isinstance(visible, list | tuple) and getattr(visible, "ndim", 2) < 4
    return result[0] if single else result


def run(existing: Literal["resume", "add", "replace"] = "resume", **settings: Any) -> Any:
    """Run a benchmark, as ``python -m benchmark run`` does.

    Args:
        existing: what becomes of a run that stands in the directory: ``resume`` goes on with it and refuses to leave
            anything out, ``add`` keeps it and adds, ``replace`` takes its place.
        settings: those of `ivif.benchmark.RunConfig`.

    Returns:
        The run, see `ivif.benchmark.Run`.

    Raises:
        ConfigError: settings that do not go together.
    """
    from ivif.benchmark.config import RunConfig
    from ivif.benchmark.run_directory import Run
    from ivif.benchmark.running.runner import run as run_now

    wish = RunConfig.from_dict(settings)
    run_now(wish, existing)
    return Run(wish.checked().out)


def leaderboard(folder: str | Path | Any, form: str = "terminal") -> Any:
    """The tables of a run: "terminal", "md", "tex", "csv" or "json" as text, "frame" as a pandas DataFrame.

    Args:
        folder: of the run, or what `run` gave.
        form: see above.

    Raises:
        ConfigError: no run is there, or no such form.
    """
    from ivif.benchmark.config import ConfigError
    from ivif.benchmark.reports.exchange import to_frame
    from ivif.benchmark.reports.opening import judged
    from ivif.benchmark.reports.tables import FORMATS, leaderboard_text
    from ivif.benchmark.run_directory import Run

    finished = folder if isinstance(folder, Run) else Run(Path(folder))
    if form == "frame":
        return to_frame(judged(finished))
    known = {name: name for name in FORMATS}
    if form not in known:
        raise ConfigError(f"no form {form!r}; there are {', '.join(FORMATS)} and frame")
    return leaderboard_text(finished, known[form])


class FusionMetric:
    """A metric that is fed batch by batch, with the `update`, `compute`, `reset` of torchmetrics.

    Args:
        key: see `list_metrics`.

    Raises:
        MetricError: an unknown metric.

    Examples:
        >>> metric = FusionMetric("mse")
        >>> black, grey = np.zeros((4, 4), np.uint8), np.full((4, 4), 10, np.uint8)
        >>> metric.update(black, black, black)
        >>> metric.update(grey, black, black)
        >>> float(metric.compute())  # of 0 and 100
        50.0
        >>> metric.reset()
        >>> float(metric(black, grey, grey))
        100.0
    """

    def __init__(self, key: str) -> None:
        self.metric = get(key)
        self.values: list[Tensor] = []

    def update(self, fused: Images, infrared: Images, visible: Images) -> None:
        """Measure some more images, see `score`."""
        found = self.metric(as_levels(infrared, "infrared"), as_levels(visible, "visible"), as_levels(fused, "fused"))
        self.values.append(found.values.detach().cpu().double())

    def compute(self) -> Tensor:
        """Mean over all images since the last reset, ``float64 []``; those without a value don't count.

        Raises:
            MetricError: there has been no image.
        """
        if not self.values:
            raise MetricError(f"{self.metric.key}: compute() before any update()")
        return torch.cat(self.values).nanmean()

    def reset(self) -> None:
        """Forget all images."""
        self.values.clear()

    def __call__(self, fused: Images, infrared: Images, visible: Images) -> Tensor:
        """Measure some more images, and the mean of these alone."""
        self.update(fused, infrared, visible)
        return self.values[-1].nanmean()
