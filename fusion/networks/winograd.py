"""Winograd's minimal filtering: large convolutions with a third to a sixth of the multiplications, on the processor.

Outputs are made in tiles of 4x4. A tile and the pixels around it, n x n of them, are multiplied by a matrix from both
sides, and so are the taps; the products of both, summed over the channels, by a third matrix give the outputs. The sums
over channels are then n^2 matrix products, which takes n^2 multiplications a tile for 16 k^2: 36 for 144 with 3x3 taps,
64 for 400 with 5x5. In float32 results are up to seven times as far from exact ones as those of the direct sum.

Paper: Lavin, Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, partial
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_TILE = 4
"""Outputs along a side of a tile."""

_POINTS = {3: (0.0, 1.0, -1.0, 2.0, -2.0), 5: (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5)}
"""Where the polynomials behind the matrices of 3x3 and 5x5 taps are evaluated, besides infinity."""

_FEWEST_CHANNELS, _FEWEST_PRODUCTS, _FEWEST_PIXELS = 32, 12_000, 10_000
_TILES_AT_ONCE = 128
"""At least as many, if there are, so that the matrix products are worth their start."""

_Matrix = NDArray[np.float64]

direct = ContextVar("direct", default=False)
"""Whether all convolutions are to be direct sums, see `direct_sums`."""


@contextmanager
def direct_sums() -> Iterator[None]:
    """All convolutions inside are direct sums: to compare with, or to count what the layers say."""
    before = direct.set(True)
    try:
        yield
    finally:
        direct.reset(before)


@lru_cache
def transforms(taps: int) -> tuple[_Matrix, _Matrix, _Matrix]:
    """Matrices of inputs ``[n, n]``, of taps ``[n, k]`` and of products ``[4, n]`` for k taps, by Toom and Cook.

    With the finite points a: inputs by the coefficients of the polynomials that are 0 at all points but one, taps and
    outputs by the values of polynomials at the points.
    """
    points = np.array(_POINTS[taps])
    count = len(points) + 1
    inputs, kernel, outputs = np.zeros((count, count)), np.zeros((count, taps)), np.zeros((_TILE, count))
    for index, point in enumerate(points):
        others = np.delete(points, index)
        inputs[index, :-1] = np.poly(others)[::-1]
        kernel[index] = point ** np.arange(taps) / np.prod(point - others)
        outputs[:, index] = point ** np.arange(_TILE)
    inputs[-1], kernel[-1, -1], outputs[-1, -1] = np.poly(points)[::-1], 1, 1
    return inputs, kernel, outputs


def pays(maps: Tensor, weight: Tensor) -> bool:
    """Whether a convolution of stride 1, without gradients, is faster this way than directly."""
    out, channels, side, _ = weight.shape
    return (
        not direct.get()
        and maps.device.type == "cpu"
        and maps.dtype == weight.dtype == torch.float32
        and side in _POINTS
        and min(out, channels) >= _FEWEST_CHANNELS
        and out * channels >= _FEWEST_PRODUCTS
        and maps.shape[2] * maps.shape[3] >= _FEWEST_PIXELS
        and not torch.compiler.is_exporting()
    )


class Winograd:
    """A convolution without padding, its taps transformed.

    Args:
        weight: ``[out, C, k, k]``, k is 3 or 5.
        bias: ``[out]``.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        out, channels, self.taps, _ = weight.shape
        inputs, kernel, outputs = transforms(self.taps)
        self.inputs, self.outputs = inputs.astype(np.float32), outputs.astype(np.float32)
        both = torch.from_numpy(np.kron(kernel, kernel))
        transformed = weight.reshape(out, channels, -1).double() @ both.T
        self.weight = transformed.float().permute(2, 1, 0).contiguous()
        self.bias = (weight.new_zeros(out) if bias is None else bias).numpy()

    def __call__(self, maps: Tensor) -> Tensor:
        """``[B, C, H, W]`` to ``[B, out, H - k + 1, W - k + 1]``, in memory with channels last."""
        from ivif.fusion.networks import compiled  # Numba takes long to import

        images = maps.permute(0, 2, 3, 1).contiguous()
        batch, height, width, channels = images.shape
        height, width = height - self.taps + 1, width - self.taps + 1
        result = images.new_empty(batch, height, width, len(self.bias))
        across, threads = -(-width // _TILE), torch.get_num_threads()
        rows = min(-(-_TILES_AT_ONCE * threads // across), -(-height // _TILE))
        shares = list(pairwise(rows * across * thread // threads for thread in range(threads + 1)))
        spread = images.new_empty(len(self.weight), rows * across, channels)
        products = images.new_empty(len(self.weight), rows * across, len(self.bias))
        with _shared_out(threads) as in_shares:
            for image, target in zip(images.numpy(), result.numpy(), strict=True):
                for top in range(0, height, rows * _TILE):
                    to_spread = partial(compiled.spread_tiles, image, top, across, self.inputs, spread.numpy())
                    to_gather = partial(compiled.gather_tiles, products.numpy(), top, across, self.outputs, self.bias)
                    in_shares(to_spread, shares)
                    torch.bmm(spread, self.weight, out=products)
                    in_shares(partial(to_gather, target), shares)
        return result.permute(0, 3, 1, 2)


@contextmanager
def _shared_out(threads: int) -> Iterator[Callable[[Callable[..., None], Iterable[tuple[int, int]]], list[None]]]:
    """A function that calls another with each share of the tiles, in as many threads."""
    if threads == 1:
        yield lambda function, shares: list(map(function, shares))
        return
    with ThreadPoolExecutor(threads) as pool:
        yield lambda function, shares: list(pool.map(function, shares))
