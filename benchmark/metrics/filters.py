"""Filters: small separable convolutions as sums of shifted images.

For kernels of a few taps this is an order of magnitude faster on the CPU than a general float64 convolution, runs on
any device, and says plainly what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import exp

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

ROW_AXIS, COLUMN_AXIS = -2, -1


@lru_cache
def gaussian(taps: int, sigma: float) -> tuple[float, ...]:
    """Samples of a Gaussian at whole pixels around the middle of `taps`, with sum 1."""
    middle = (taps - 1) / 2
    values = [exp(-((index - middle) ** 2) / (2 * sigma**2)) for index in range(taps)]
    return tuple(value / sum(values) for value in values)


def correlate_valid(image: Tensor, taps: Sequence[float], axis: int) -> Tensor:
    """Correlate along one axis without padding: ``out[i] = sum_k taps[k] image[i + k]``; shorter by len(taps) - 1."""
    length = image.shape[axis] - len(taps) + 1
    result = image.narrow(axis, 0, length) * taps[0]
    for offset, weight in enumerate(taps[1:], start=1):
        result.add_(image.narrow(axis, offset, length), alpha=weight)
    return result


def compilable(*images: Tensor) -> bool:
    """Whether compiled loops compute with images: on the processor, in float64, without gradients."""
    return all(image.device.type == "cpu" and image.dtype == torch.float64 for image in images) and not any(
        image.requires_grad for image in images
    )


def numbers(image: Tensor) -> NDArray[np.float64]:
    """All numbers of an image in one line, as `compiled` takes them; to be read, as it may be a copy."""
    return image.contiguous().numpy().reshape(-1)


def room(result: Tensor) -> NDArray[np.float64]:
    """All numbers of an image in one line, to be written by `compiled`; of what ``new_empty`` makes, never a copy."""
    return result.view(-1).numpy()


def blur_valid(image: Tensor, taps: Sequence[float], step: int = 1) -> Tensor:
    """The same symmetric taps, an odd number, along both axes, without padding.

    Args:
        image: ``[..., H, W]``.
        taps: likewise for rows and columns.
        step: distance of the rows and columns that are kept.
    """
    if not compilable(image):
        return correlate_valid(correlate_valid(image, taps, COLUMN_AXIS), taps, ROW_AXIS)[..., ::step, ::step]
    from ivif.benchmark.metrics import compiled_windows  # Numba takes long to import

    *batch, height, width = image.shape
    height, width = height - len(taps) + 1, width - len(taps) + 1
    result = image.new_empty(*batch, -(-height // step), width)
    weights = np.array(taps)
    for one, blurred in zip(image.contiguous().flatten(0, -3), result.flatten(0, -3), strict=True):
        compiled_windows.blur(one.numpy(), weights, step, blurred.numpy())
    return result if step == 1 else result[..., ::step].contiguous()


def sobel(image: Tensor, padding: str = "constant") -> tuple[Tensor, Tensor]:
    """Sobel differences of ``[B, 1, H, W]``: (left minus right, bottom minus top), of the image's size.

    Args:
        image: integers in float64 give exact results.
        padding: "constant" (zeros outside the image), "replicate" or "reflect".
    """
    padded = pad(image, (1, 1, 1, 1), padding)
    smooth, difference = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)
    leftward = correlate_valid(correlate_valid(padded, smooth, ROW_AXIS), (1.0, 0.0, -1.0), COLUMN_AXIS)
    downward = correlate_valid(correlate_valid(padded, smooth, COLUMN_AXIS), difference, ROW_AXIS)
    return leftward, downward
