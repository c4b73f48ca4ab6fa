"""Metrics as terms of a loss: the same formulas on unrounded images, with gradients.

A term is not the number of the table: that one is of 8-bit images, as users have them on disk. Higher is better, as in
tables: minimise ``1 - ivif.losses.ssim(...)``.

Examples:
    >>> import torch
    >>> from ivif import losses
    >>> infrared, visible = torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)
    >>> fused = torch.rand(2, 1, 32, 32, requires_grad=True)
    >>> loss = 1 - losses.ssim(fused, infrared, visible)
    >>> loss.backward()
    >>> bool(fused.grad.abs().sum() > 0)
    True
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ivif.benchmark.metrics import MetricError, get
from ivif.benchmark.metrics.picture import Picture, Plane

DIFFERENTIABLE = ("ssim", "vif", "qabf", "ag", "sf")
"""Metrics whose formulas have a gradient almost everywhere."""

_TINY = 1e-3
"""Grey levels of a fixed texture below any rounding, without which roots have no gradient where an image is flat."""


def differentiable(key: str, fused: Tensor, infrared: Tensor, visible: Tensor) -> Tensor:
    """Mean of a metric over a batch, differentiable in the fused images.

    Args:
        key: one of `DIFFERENTIABLE`.
        fused: ``float [B, 1, H, W]`` in 0..1, which may exceed it while a network learns.
        infrared: ``[B or 1, 1, H, W]``.
        visible: the same.

    Returns:
        A scalar of the type of `fused`.

    Raises:
        MetricError: another metric, or images of different sizes.
    """
    if key not in DIFFERENTIABLE:
        raise MetricError(f"{key} has no gradient to learn from; there are {', '.join(DIFFERENTIABLE)}")
    if fused.ndim != 4 or {image.shape[1:] for image in (infrared, visible)} != {fused.shape[1:]}:
        shapes = ", ".join(str(list(image.shape)) for image in (fused, infrared, visible))
        raise MetricError(f"expected three batches [B, 1, H, W] of one size, found {shapes}")
    planes = [_plane(image) for image in (infrared, visible, fused)]
    return get(key).function(*planes).mean().to(fused.dtype)


def _plane(image: Tensor) -> Picture:
    texture = torch.rand(image.shape[2:], generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plane = Plane(255 * image.double() + _TINY * texture.to(image.device))
    return plane  # type: ignore[return-value]  # these formulas ask for nothing but its values


def __getattr__(name: str) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    if name not in DIFFERENTIABLE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(DIFFERENTIABLE)}")

    def of(fused: Tensor, infrared: Tensor, visible: Tensor) -> Tensor:
        return differentiable(name, fused, infrared, visible)

    of.__name__ = of.__qualname__ = name
    of.__doc__ = f"{get(name).name} of unrounded images, with a gradient; see `differentiable`."
    return of
