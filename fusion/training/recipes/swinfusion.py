"""SwinFusion's recipe: brightest intensity, strongest gradient, structure; a running average of weights is shipped."""

from __future__ import annotations

from torch import Tensor

from ivif.fusion.networks.swinfusion import SwinFusion
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import intensity_gradient_structure, reference_intensity_gradient_structure
from ivif.fusion.training.recipe import Examples, Recipe
from ivif.fusion.training.registry import register_recipe


@register_recipe
class SwinFusionRecipe(Recipe):
    """Brightest intensity, strongest gradient, structure of both sources, or those of the references (Ma et al., 2022).

    What is validated and shipped is the running average of the weights.
    """

    network, module = "swinfusion", SwinFusion
    trained_on = "MSRS, random crops of 128 turned and flipped; 10,000 steps"
    patch, batch, steps, learning_rate = 128, 12, 10_000, 2e-5
    augment = True
    average = 0.999
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

    def averaging(self, decay: float, number: int) -> float:
        """The authors' average does not follow faster at first."""
        return decay if self.published else super().averaging(decay, number)
