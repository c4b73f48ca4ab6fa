"""Supervision: the references of a pair as training sees them, and how several become one target."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ivif._checkout import as_typed
from ivif.datasets.files import sha256_bytes, sha256_file
from ivif.datasets.images import luminance, read_image, to_float, to_uint8
from ivif.datasets.pairs import Pair
from ivif.fusion.method import FusionError
from ivif.fusion.reference.build import REFERENCE_RECORD

Aggregation = Literal["nearest", "weighted", "mean", "max"]
"""How K references make one loss: those most that the fused image is near to already; each with its weight; each alike;
their pixel-wise maximum alone."""

NEAR = 3.0
"""By how much of the mean distance a reference may be farther than the nearest one until it counts 1/e of its weight.

Nearer to 0 MI, VIF and Qabf gain and SCD loses, as single references do; nearer to infinity it is the weighted mean.
"""

Operator = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class References:
    """A folder that `fusion.reference.build` made.

    Attributes:
        folder: the folder.
        count: how many references of each pair are used, best first; None: as many as were asked for when they were
            made. Weights are scaled to a sum of 1.
    """

    folder: Path
    count: int | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise FusionError(f"{self.count} references a pair: training needs 1 or more")
        if not (self.folder / "pairs").is_dir():
            raise FusionError(f"{self.folder} is no folder of references; {as_typed('fusion references')} makes one")

    def read(self, pair: str) -> tuple[Tensor, Tensor]:
        """References ``uint8 [K, H, W]`` and weights ``float32 [K]`` of a pair, which sum to 1.

        Pairs with fewer references get copies of the last one with weight 0.

        Raises:
            FusionError: the pair has no references, or they differ in size.
            ImageError: one of them cannot be read.
        """
        folder, record = self._folder(pair), self._record(pair)
        weights = record["weights"][: self.count]
        images = [read_image(folder / f"{number}.png")[0] for number in range(1, 1 + len(weights))]
        if len({image.shape for image in images}) > 1:
            raise FusionError(f"{folder}: references differ in size, found {[list(image.shape) for image in images]}")
        lacking = (self.count or record["rule"]["count"]) - len(images)
        total = sum(weights)
        return torch.stack(images + images[-1:] * lacking), torch.tensor([w / total for w in weights] + [0.0] * lacking)

    def candidate(self, pair: str) -> Tensor:
        """The best reference as it was before enhancement, ``uint8 [1, H, W]``.

        Raises:
            FusionError: the pair has no references.
            ImageError: what it was made from is not there any more.
        """
        best, *_ = self._record(pair)["files"]
        return luminance(read_image(self.folder / best))

    def used(self, pairs: Iterable[Pair]) -> float:
        """How many references a pair has on average, of those that are used."""
        counts = [len(self._record(pair.name)["weights"][: self.count]) for pair in pairs]
        return sum(counts) / len(counts)

    def most(self, pairs: Iterable[Pair]) -> int:
        """The largest number of references that a pair has."""
        return max(len(self._record(pair.name)["weights"]) for pair in pairs)

    def settings(self, pair: str) -> str:
        """How the references of a pair were made, in words."""
        return _settings(self._record(pair))

    def fingerprint(self, pairs: list[str]) -> str:
        """A hash that changes when a reference or weight of these pairs does.

        Raises:
            FusionError: a pair has no references, or some were made by other settings than the others.
        """
        parts = []
        records = {pair: self._record(pair) for pair in pairs}
        first = _settings(records[pairs[0]])
        for pair, record in records.items():
            if (settings := _settings(record)) != first:
                raise FusionError(
                    f"{self.folder}: references of {pairs[0]} were made by {first}, those of {pair} by {settings}; "
                    f"{as_typed(f'fusion references --out {self.folder}')}, with the options you want, makes them alike"
                )
            weights = record["weights"][: self.count]
            files = [sha256_file(self._folder(pair) / f"{number}.png") for number in range(1, 1 + len(weights))]
            parts.append(f"{pair} {weights} {files}")
        return sha256_bytes("\n".join(parts).encode())

    def _folder(self, pair: str) -> Path:
        return self.folder / "pairs" / pair

    def _record(self, pair: str) -> dict[str, Any]:
        folder = self._folder(pair)
        try:
            record = json.loads((folder / REFERENCE_RECORD).read_text())
            found = {key: record[key] for key in ("weights", "files", "rule", "enhancement")}
            return {**found, "learner": record.get("learner")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FusionError(
                f"{folder}: no references ({error}); {as_typed(f'fusion references --out {self.folder}')} makes them"
            ) from error


def _settings(record: dict[str, Any]) -> str:
    rule, steps = record["rule"], record["enhancement"]
    learner = f" for {record['learner']}" if record["learner"] else ""
    return f"{rule['name']}{learner}, K {rule['count']}, enhancement {steps[0]['kind']}"


def weighted_mean(images: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
    """What a loss of squared differences sees of references ``uint8 [1, H, W]``: their mean, ``uint8 [1, H, W]``."""
    shares = torch.tensor(weights, dtype=torch.float32)[:, None, None, None]
    return to_uint8((to_float(torch.stack(list(images))) * shares).sum(0))


@dataclass(frozen=True)
class Targets:
    """What a batch of fused images is compared with.

    Attributes:
        images: ``[B, K, H, W]``.
        weights: ``[B, K]``, rows sum to 1.
        candidates: ``[B, M, H, W]``; where they are given, details are at each pixel those of the one that has the
            strongest there.
    """

    images: Tensor
    weights: Tensor
    candidates: Tensor | None = None

    def mapped(self, function: Operator) -> Targets:
        """All images changed by one function, such as onto another scale."""
        candidates = None if self.candidates is None else function(self.candidates)
        return Targets(function(self.images), self.weights, candidates)

    def details(self, operator: Operator) -> Tensor:
        """A derivative, ``[B, 1, H, W]`` to ``[B, C, H, W]``, of every image: ``[B, K, C, H, W]``, without C = 1."""
        if self.candidates is None:
            return each(operator, self.images)
        found = each(operator, self.candidates)
        strength = found.abs() if found.ndim == 4 else found.norm(dim=2, keepdim=True)
        strongest = strength.argmax(1, keepdim=True)
        return found.gather(1, strongest.expand(-1, 1, *found.shape[2:]))


def each(operator: Operator, images: Tensor) -> Tensor:
    """An operator on single images applied to every one of ``[B, K, H, W]``: ``[B, K, ...]``."""
    return operator(images.flatten(0, 1).unsqueeze(1)).unflatten(0, images.shape[:2]).squeeze(2)


def aggregated(references: Tensor, weights: Tensor, how: Aggregation) -> Targets:
    """References and weights as an aggregation wants them.

    Args:
        references: ``[B, K, H, W]``.
        weights: ``[B, K]``, rows sum to 1; references of weight 0 don't exist.
        how: "weighted" and "nearest" leave both as they are (see `nearest`); "mean" gives all that exist the same
            weight; "max" makes them one reference, of their largest intensity and their strongest details at each
            pixel.
    """
    exists = weights > 0
    if how in ("weighted", "nearest"):
        return Targets(references, weights)
    if how == "mean":
        return Targets(references, exists / exists.sum(1, keepdim=True))
    candidates = torch.where(exists[..., None, None], references, references[:, :1])
    return Targets(candidates.amax(1, keepdim=True), torch.ones_like(weights[:, :1]), candidates)


def nearest(targets: Targets, fused: Tensor) -> Targets:
    """The same references, with weights moved to those that each fused image is near to already.

    The minimum of a weighted sum of squares is the references' mean, which has less contrast and less in common with
    either source than each of them where they disagree. A weight ``w_k exp(-(d_k - min d) / (NEAR mean d))``, d being
    the mean squared difference, lets a network settle on what it can do.

    Args:
        targets: references.
        fused: ``[B, 1, H, W]`` on their scale; takes no gradient from here.
    """
    distances = ((fused.detach() - targets.images) ** 2).mean((2, 3))
    unit = (NEAR * (distances * targets.weights).sum(1, keepdim=True)).clamp_min(1e-12)
    closest = distances.masked_fill(targets.weights == 0, torch.inf).amin(1, keepdim=True)
    weights = targets.weights * torch.exp(-((distances - closest) / unit).clamp_min(0))
    return replace(targets, weights=weights / weights.sum(1, keepdim=True))
