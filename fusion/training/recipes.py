"""Recipes: how each network's authors trained it, as far as a loop needs to be told.

A recipe builds what is trained, says what one step minimises, and knows how long the published schedule is. Where the
authors' code has a slip, the corrected recipe mends it and ``published=True`` keeps it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from fusion.method import FusionError
from fusion.networks.blocks import BatchStatisticsNorm
from fusion.networks.pmgi import PMGI
from fusion.networks.sdnet import SDNet
from fusion.training.losses import pmgi_loss, sdnet_loss


@dataclass(frozen=True)
class Step:
    """What a recipe is handed to make one step.

    Attributes:
        networks: what `Recipe.build` made, by name.
        descend: ``descend(name, loss)`` moves the parameters of one network down the gradient of a loss and returns
            the loss as a number.
        autocast: ``with step.autocast():`` around forward passes, for mixed precision; losses stay outside.
        generator: source of whatever a step draws at random, on the CPU.
    """

    networks: nn.ModuleDict
    descend: Callable[[str, Tensor], float]
    autocast: Callable[[], AbstractContextManager]
    generator: torch.Generator


class Recipe(ABC):
    """How a network was trained by its authors.

    Attributes:
        network: key of the network.
        patch: side of the square training patches in pixels.
        stride: of the grid that cut the published patches, which makes an epoch.
        batch: patches a step.
        epochs: length of the published schedule.
        learning_rate: of Adam, at the start.
        augment: whether patches are flipped and turned.
        slips: what the corrected recipe does otherwise than the authors' code, and why.
    """

    network: ClassVar[str]
    patch: ClassVar[int]
    stride: ClassVar[int]
    batch: ClassVar[int]
    epochs: ClassVar[int]
    learning_rate: ClassVar[float]
    augment: ClassVar[bool] = False
    slips: ClassVar[str] = ""

    def __init__(self, published: bool = False) -> None:
        self.published = published

    @abstractmethod
    def build(self) -> nn.ModuleDict:
        """New networks with the authors' initial weights; "generator" is the one that fuses."""

    @abstractmethod
    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step on patches ``float32 [B, 1, P, P]`` in 0..1; returns losses by name."""

    @abstractmethod
    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """What the fusing network minimises without adversaries: the scalar that validation watches."""

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """One optimiser a network."""
        return {name: Adam(_trained(network), lr=self.learning_rate) for name, network in networks.items()}

    def rate(self, share: float) -> float:
        """Factor on the learning rate when this share (0..1) of the published schedule is over."""
        return 1.0

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The state dict that is shipped."""
        return dict(networks["generator"].state_dict())


def _trained(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


class _SupervisedBySources(Recipe):
    """Recipes with one network and one loss, on images scaled to -1..1."""

    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        with step.autocast():
            outputs = self.forward(step.networks["generator"], 2 * infrared - 1, 2 * visible - 1)
        loss = self.compare(2 * infrared - 1, 2 * visible - 1, [output.float() for output in outputs])
        return {"loss": step.descend("generator", loss)}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        outputs = self.forward(networks["generator"], 2 * infrared - 1, 2 * visible - 1)
        return self.compare(2 * infrared - 1, 2 * visible - 1, outputs)

    @abstractmethod
    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        """What the loss looks at, the fused image first."""

    @abstractmethod
    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """The loss."""


class SDNetRecipe(_SupervisedBySources):
    """Squeeze and decomposition (Zhang and Ma, IJCV 2021)."""

    network = "sdnet"
    patch, stride, batch, epochs, learning_rate = 120, 10, 32, 15, 1e-4

    def build(self) -> nn.ModuleDict:
        return nn.ModuleDict({"generator": SDNet()})

    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        fused = network(infrared, visible)
        return [fused, *network.decompose(fused)]

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        fused, infrared_again, visible_again = outputs
        return sdnet_loss(infrared, visible, fused, infrared_again, visible_again)


class PMGIRecipe(_SupervisedBySources):
    """Proportional maintenance of gradient and intensity (Zhang et al., AAAI 2020)."""

    network = "pmgi"
    patch, stride, batch, epochs, learning_rate = 120, 14, 32, 15, 1e-4
    slips = (
        "the authors train scale and shift of every normalisation, but their test code leaves them out; here they stay "
        "at 1 and 0, so that the network that is tested is the one that was trained"
    )

    def build(self) -> nn.ModuleDict:
        network = PMGI()
        if not self.published:
            freeze_affine(network)
        return nn.ModuleDict({"generator": network})

    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        return [network(infrared, visible)]

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        return pmgi_loss(infrared, visible, outputs[0])


def freeze_affine(network: nn.Module) -> None:
    """Keep scale and shift of all normalisations that evaluation leaves out at 1 and 0."""
    for layer in network.modules():
        if isinstance(layer, BatchStatisticsNorm) and not layer.affine_in_eval:
            layer.weight.requires_grad_(False)
            layer.bias.requires_grad_(False)


RECIPES: dict[str, type[Recipe]] = {recipe.network: recipe for recipe in (PMGIRecipe, SDNetRecipe)}
"""Recipes by network."""


def recipe_for(network: str, published: bool = False) -> Recipe:
    """The recipe of a network; raises `FusionError` if there is none."""
    if network not in RECIPES:
        raise FusionError(f"no recipe for {network!r}; there are {', '.join(RECIPES)}")
    return RECIPES[network](published)
