"""Recipe: what a training loop needs to be told about a network, and what it hands over at each step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from fusion.method import FusionError
from fusion.networks.blocks import BatchStatisticsNorm
from fusion.weights import read_weights

Crop = Literal["anywhere", "grid", "centre", "resized"]
"""How patches come from images: anywhere at random; windows of a regular grid, in order; the middle of each image, in
order; each whole image resized without interpolation, in order."""


@dataclass(frozen=True)
class Step:
    """What a recipe is handed to make one step.

    Attributes:
        networks: what `Recipe.build` made, by name.
        descend: ``descend(name, loss)`` moves the parameters of one network down the gradient of a loss and returns
            the loss as a number.
        autocast: ``with step.autocast():`` around forward passes, for mixed precision; losses stay outside.
        generator: source of whatever a step draws at random, on the CPU.
        number: of the step, from 0.
        share: of the schedule that is over, 0..1.
    """

    networks: nn.ModuleDict
    descend: Callable[[str, Tensor], float]
    autocast: Callable[[], AbstractContextManager]
    generator: torch.Generator
    number: int = 0
    share: float = 0.0


class Recipe(ABC):
    """How a network was trained by its authors.

    Attributes:
        network: key of the network.
        supervision: what the loss compares with: "original", the sources as the authors do, or "rts", references.
        trained_on: the authors' training set.
        patch: side of the square training patches in pixels.
        patch_is_fixed: whether the networks work with that size alone.
        crop: how the authors cut patches; the corrected recipes cut anywhere.
        stride: of the grid of windows, which makes an epoch; None: one patch an image and epoch.
        augment: whether patches are flipped and turned (eight ways).
        batch: patches a step.
        epochs: length of the published schedule over the patches of the data set at hand.
        steps: length of the published schedule where it is known in steps; it overrides `epochs`.
        learning_rate: at the start.
        slips: what the corrected recipe does otherwise than the authors' code, and why.
    """

    network: ClassVar[str]
    supervision: ClassVar[str] = "original"
    trained_on: ClassVar[str]
    patch: int
    patch_is_fixed: ClassVar[bool] = False
    crop: ClassVar[Crop] = "grid"
    stride: int | None = None
    augment: ClassVar[bool] = False
    batch: int
    epochs: ClassVar[int] = 1
    steps: ClassVar[int | None] = None
    learning_rate: float
    slips: ClassVar[str] = ""

    def __init__(self, published: bool = False) -> None:
        self.published = published

    def customised(self, patch: int | None, batch: int | None, learning_rate: float | None) -> Self:
        """This recipe with other numbers where they are given; raises `FusionError` where the patch is fixed."""
        if patch and self.patch_is_fixed and patch != self.patch:
            raise FusionError(f"{self.network} trains on {self.patch}x{self.patch} patches alone; leave out --patch")
        self.patch, self.batch = patch or self.patch, batch or self.batch
        self.learning_rate = learning_rate or self.learning_rate
        return self

    @abstractmethod
    def build(self) -> nn.ModuleDict:
        """New networks with the authors' initial weights; "generator" is the one that fuses."""

    @abstractmethod
    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step on patches ``float32 [B, 1, P, P]`` in 0..1; losses by name, the fusing network's as "loss"."""

    @abstractmethod
    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """What the fusing network minimises without adversaries: the scalar that validation watches."""

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """One optimiser a network that is trained."""
        return {name: Adam(trained(network), lr=self.learning_rate) for name, network in networks.items()}

    def rate(self, share: float, updates: float) -> float:
        """Factor on the learning rate.

        Args:
            share: of the schedule that is over, 0..1.
            updates: made so far, of any network, divided by the steps of the schedule.
        """
        return 1.0

    def initialise(self, networks: nn.ModuleDict, weights: Path) -> None:
        """Start the fusing network from a safetensors file; adversaries keep their random weights."""
        read_weights(networks["generator"], weights)
        if not self.published:
            freeze_affine(networks["generator"])

    def lacks(self, share: float) -> str:
        """What the network has not learned at all when this share of the schedule is over, in words."""
        return ""

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The state dict that is shipped."""
        return dict(networks["generator"].state_dict())

    def facts(self) -> dict[str, Any]:
        """What is recorded with the weights about how they were trained."""
        return {
            "supervision": self.supervision,
            "recipe": "published" if self.published else "corrected",
            "patch": self.patch,
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "corrected": "" if self.published else self.slips,
            "authors_trained_on": self.trained_on,
        }


def trained(network: nn.Module) -> list[nn.Parameter]:
    """The parameters of a network that are not held fixed."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@torch.no_grad()
def freeze_affine(network: nn.Module) -> None:
    """Set scale and shift of all normalisations that evaluation leaves out to 1 and 0, and keep them there."""
    for layer in network.modules():
        if isinstance(layer, BatchStatisticsNorm) and not layer.affine_in_eval:
            layer.weight.requires_grad_(False).fill_(1)
            layer.bias.requires_grad_(False).fill_(0)
