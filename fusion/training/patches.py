"""Patches: which pairs are trained on, and which patch comes at which step.

A patch is a pure function of seed, step and place in the batch, so that a resumed training sees exactly what an
uninterrupted one would have seen, without any state to keep.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ivif.datasets.files import sha256_bytes
from ivif.datasets.images import luminance, to_float
from ivif.datasets.pairs import Pair, PairDataset
from ivif.fusion.method import FusionError
from ivif.fusion.reference.supervision import References
from ivif.fusion.training.recipe import Crop

VALIDATION_SHARE = 1 / 7


def training_split(dataset: PairDataset) -> tuple[PairDataset, PairDataset]:
    """The part trained on and the part held out, about 6 : 1, decided by a hash of each pair's name.

    Held out are hashes below 1/7, so that a pair stays on its side whatever other pairs there are. Of few pairs this
    may take none or all: then the smallest hashes are held out, a seventh of the pairs and at least one.

    Raises:
        FusionError: fewer than two pairs, which leave nothing to train on or nothing to hold out.
    """
    if len(dataset) < 2:
        raise FusionError(
            f"{len(dataset)} pair in {dataset.name}: one is held out to validate on and the others are trained on, "
            "which takes 2 or more"
        )
    places = {pair.name: int(sha256_bytes(pair.name.encode())[:8], 16) / 16**8 for pair in dataset}
    held_out = {name for name, place in places.items() if place < VALIDATION_SHARE}
    if len(held_out) in (0, len(places)):
        held_out = set(sorted(places, key=places.__getitem__)[: max(1, round(VALIDATION_SHARE * len(places)))])
    train = [name for name in places if name not in held_out]
    validation = [name for name in places if name in held_out]
    return dataset.select(train), dataset.select(validation)


class Patches:
    """Square patches of aligned luminance pairs, which are kept in memory as 8 bit.

    Args:
        dataset: pairs; those smaller than a patch are left out, unless they are resized.
        size: side of a patch in pixels.
        seed: of the random order.
        augment: flip and turn patches by quarter turns.
        crop: see `fusion.training.recipe.Crop`.
        stride: of the grid, if that is the crop.
        references: what else is cut at the same place, to train on.

    Raises:
        FusionError: no pair is large enough, or one has no references.
    """

    def __init__(
        self,
        dataset: PairDataset,
        size: int,
        seed: int,
        augment: bool = False,
        crop: Crop = "anywhere",
        stride: int | None = None,
        references: References | None = None,
    ) -> None:
        read = [_read(pair, references) for pair in dataset]
        read = [(_resized(images, size), weights) for images, weights in read] if crop == "resized" else read
        read = [(images, weights) for images, weights in read if min(images.shape[1:]) >= size]
        self.pairs, self.weights = [images for images, _ in read], [weights for _, weights in read]
        if not self.pairs:
            raise FusionError(f"{dataset.name} has no pair of at least {size}x{size} pixels to cut patches from")
        self.size, self.seed, self.augment = size, seed, augment
        areas = np.array([pair.shape[1] * pair.shape[2] for pair in self.pairs], dtype=np.float64)
        self.shares = areas / areas.sum()
        self.fixed = [] if crop == "anywhere" else self.windows(stride if crop == "grid" else None)

    def windows(self, stride: int | None) -> list[tuple[int, int, int]]:
        """(pair, top, left) of the patches that a grid of `stride` pixels cuts; None: the middle of each pair."""
        if stride is None:
            return self._centres()
        return [
            (index, top, left)
            for index, pair in enumerate(self.pairs)
            for top in range(0, pair.shape[1] - self.size + 1, stride)
            for left in range(0, pair.shape[2] - self.size + 1, stride)
        ]

    def _centres(self) -> list[tuple[int, int, int]]:
        return [
            (index, (pair.shape[1] - self.size) // 2, (pair.shape[2] - self.size) // 2)
            for index, pair in enumerate(self.pairs)
        ]

    def batch(self, step: int, count: int, rank: int = 0, world: int = 1) -> tuple[Tensor, ...]:
        """Infrared and visible patches of a step, ``float32 [B, 1, size, size]`` in 0..1, B = count / world.

        With references, these, ``[B, K, size, size]``, and their weights, ``[B, K]``, come third and fourth.

        Args:
            step: number of the step, from 0.
            count: patches of all processes together.
            rank: number of the process, where several train together; each gets its part of one batch.
            world: how many processes there are.
        """
        own = range(rank * count // world, (rank + 1) * count // world)
        cut, weights = zip(*(self._patch(step, step * count + index, index) for index in own), strict=True)
        patches = to_float(torch.stack(cut))
        sources = patches[:, :1], patches[:, 1:2]
        return sources if patches.shape[1] == 2 else (*sources, patches[:, 2:], torch.stack(weights))

    def _patch(self, step: int, number: int, index: int) -> tuple[Tensor, Tensor]:
        random = np.random.default_rng((self.seed, step, index))
        pair, top, left = self.fixed[number % len(self.fixed)] if self.fixed else self._anywhere(random)
        patch = self.pairs[pair][:, top : top + self.size, left : left + self.size]
        if self.augment:
            patch = torch.rot90(patch, int(random.integers(4)), (1, 2))
            patch = patch.flip(2) if random.integers(2) else patch
        return patch, self.weights[pair]

    def _anywhere(self, random: np.random.Generator) -> tuple[int, int, int]:
        pair = int(random.choice(len(self.pairs), p=self.shares))  # training, nothing secret  # nosec B311
        top, left = (int(random.integers(side - self.size + 1)) for side in self.pairs[pair].shape[1:])
        return pair, top, left


def _read(pair: Pair, references: References | None) -> tuple[Tensor, Tensor]:
    """Infrared, visible and references, ``uint8 [2 + K, H, W]``, and the references' weights, ``[K]``."""
    infrared, visible = pair.read()
    sources = torch.cat((infrared, luminance(visible)))
    if references is None:
        return sources, torch.empty(0)
    images, weights = references.read(pair.name)
    if images.shape[1:] != sources.shape[1:]:
        raise FusionError(f"{pair.name}: references of {list(images.shape[1:])} for {list(sources.shape[1:])} pixels")
    return torch.cat((sources, images)), weights


def _resized(pair: Tensor, size: int) -> Tensor:
    return interpolate(pair[None], size=(size, size), mode="nearest")[0]


def fixed_patches(
    dataset: PairDataset, smallest: int, size: int, count: int, references: References | None = None
) -> tuple[Tensor, ...]:
    """The same patches of held-out pairs every time, to watch a training with; see `Patches.batch`.

    They are of `size` pixels; smaller if no pair is as large: of a multiple of 16, or `smallest`.
    """
    largest = max(min(pair.shape[1:]) for pair in Patches(dataset, smallest, seed=0).pairs)
    side = max(smallest, min(size, largest // 16 * 16))
    return Patches(dataset, side, seed=0, references=references).batch(0, count)
