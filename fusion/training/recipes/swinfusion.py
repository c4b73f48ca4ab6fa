"""SwinFusion's recipe: brightest intensity, strongest gradient, structure; a running average of weights is shipped."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor, nn
from torch.optim import Optimizer

from fusion.networks.swinfusion import SwinFusion
from fusion.reference.supervision import Targets
from fusion.training.losses import intensity_gradient_structure, reference_intensity_gradient_structure
from fusion.training.recipe import Examples, Recipe, TrainingStep
from fusion.training.registry import register_recipe
from fusion.weights import read_weights


@register_recipe
class SwinFusionRecipe(Recipe):
    """Brightest intensity, strongest gradient, structure of both sources, or those of the references (Ma et al., 2022).

    What is validated and shipped is the running average of the weights.
    """

    network, module = "swinfusion", SwinFusion
    trained_on = "MSRS, random crops of 128 turned and flipped; 10,000 steps"
    patch, batch, steps, learning_rate = 128, 12, 10_000, 2e-5
    augment = True
    decay = 0.999
    """Of the running average of weights."""
    slips = (
        "the running average follows faster at first (decay (1 + n) / (10 + n) at step n until it reaches 0.999), so "
        "that a short training does not ship its initial weights"
    )

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Intensity, gradient, structure."""
        return intensity_gradient_structure(examples.infrared, examples.visible, outputs[0], intensity=20, gradient=20)

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Intensity, gradient, structure."""
        return reference_intensity_gradient_structure(outputs[0], references, intensity=20, gradient=20)

    def build(self) -> nn.ModuleDict:
        """The network, and the running average of its weights."""
        networks = super().build()
        networks["average"] = copy.deepcopy(networks["generator"]).requires_grad_(False)
        return networks

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """For the network alone."""
        return super().optimizers(nn.ModuleDict({"generator": networks["generator"]}))

    def initialise(self, networks: nn.ModuleDict, weights: Path) -> None:
        """Network and running average alike."""
        for network in networks.values():
            read_weights(network, weights)

    def step(self, step: TrainingStep, infrared: Tensor, visible: Tensor, *references: Tensor) -> dict[str, float]:
        """One step down the loss, then the average follows."""
        losses = super().step(step, infrared, visible, *references)
        average, network = step.networks["average"].parameters(), step.networks["generator"].parameters()
        decay = self.decay if self.published else min(self.decay, (1 + step.number) / (10 + step.number))
        for mean, new in zip(average, network, strict=True):
            mean.lerp_(new.detach(), 1 - decay)
        return losses

    def shipped(self, networks: nn.ModuleDict) -> nn.Module:
        """The running average."""
        return networks["average"]

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The running average, as the authors test it."""
        return dict(networks["average"].state_dict())
