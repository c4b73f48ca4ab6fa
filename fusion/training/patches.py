"""Patches: which pairs are trained on, and which patch comes at which step.

A batch is a pure function of seed, step and process, so that a resumed training sees exactly what an uninterrupted
one would have seen, without any state to keep.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from datasets.files import sha256_bytes
from datasets.images import luminance, to_float
from datasets.pairs import PairDataset

VALIDATION_SHARE = 1 / 7


def training_split(dataset: PairDataset) -> tuple[PairDataset, PairDataset]:
    """The part trained on and the part held out, about 6 : 1, decided by a hash of each pair's name alone.

    A pair stays on its side whatever other pairs there are.
    """
    held_out = [int(sha256_bytes(pair.name.encode())[:8], 16) / 16**8 < VALIDATION_SHARE for pair in dataset]
    train = [pair.name for pair, held in zip(dataset, held_out, strict=True) if not held]
    validation = [pair.name for pair, held in zip(dataset, held_out, strict=True) if held]
    return dataset.select(train), dataset.select(validation)


class Patches:
    """Square patches of aligned luminance pairs, which are kept in memory as 8 bit.

    Args:
        dataset: pairs; those smaller than a patch are left out.
        size: side of a patch in pixels.
        seed: of the random order.
        augment: flip and turn patches by quarter turns.
    """

    def __init__(self, dataset: PairDataset, size: int, seed: int, augment: bool = False) -> None:
        pairs = (torch.cat((infrared, luminance(visible))) for infrared, visible in (pair.read() for pair in dataset))
        self.pairs = [pair for pair in pairs if min(pair.shape[1:]) >= size]
        if not self.pairs:
            raise ValueError(f"{dataset.name} has no pair of at least {size}x{size} pixels to cut patches from")
        self.size, self.seed, self.augment = size, seed, augment

    def windows(self, stride: int) -> int:
        """How many patches a regular grid of `stride` pixels would cut: the length of a published epoch."""
        return sum(
            ((pair.shape[1] - self.size) // stride + 1) * ((pair.shape[2] - self.size) // stride + 1)
            for pair in self.pairs
        )

    def batch(self, step: int, count: int, rank: int = 0) -> tuple[Tensor, Tensor]:
        """Infrared and visible patches of a step, ``float32 [count, 1, size, size]`` in 0..1.

        Args:
            step: number of the step, from 0.
            count: patches.
            rank: number of the process, where several train together.
        """
        random = np.random.default_rng((self.seed, step, rank))
        patches = torch.stack([self._patch(random) for _ in range(count)])
        infrared, visible = to_float(patches).split(1, dim=1)
        return infrared, visible

    def _patch(self, random: np.random.Generator) -> Tensor:
        areas = np.array([pair.shape[1] * pair.shape[2] for pair in self.pairs], dtype=np.float64)
        pair = self.pairs[random.choice(len(self.pairs), p=areas / areas.sum())]
        top, left = (int(random.integers(side - self.size + 1)) for side in pair.shape[1:])
        patch = pair[:, top : top + self.size, left : left + self.size]
        if self.augment:
            patch = torch.rot90(patch, int(random.integers(4)), (1, 2))
            patch = patch.flip(2) if random.integers(2) else patch
        return patch


def fixed_patches(dataset: PairDataset, size: int, count: int) -> tuple[Tensor, Tensor]:
    """The same patches of held-out pairs every time, to watch a training with; see `Patches.batch`."""
    return Patches(dataset, size, seed=0).batch(0, count)
