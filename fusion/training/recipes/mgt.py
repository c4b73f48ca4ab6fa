"""MGT's recipe: SwinFusion's losses with other weights."""

from __future__ import annotations

from torch import Tensor

from ivif.fusion.networks.mgt import MGT
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import intensity_gradient_structure, reference_intensity_gradient_structure
from ivif.fusion.training.recipe import Examples, Recipe
from ivif.fusion.training.registry import register_recipe


@register_recipe
class MGTRecipe(Recipe):
    """Brightest intensity, strongest gradient, structure; as far as MGT's files tell, which give the weights."""

    network, module = "mgt", MGT
    trained_on = "1083 pairs of MSRS, random crops of 128; 100 epochs"
    patch, batch, steps, learning_rate = 128, 4, 27_000, 2e-4

    def rate(self, share: float, updates: float) -> float:
        """A tenth after epoch 50 of 100, a hundredth after 80."""
        return 1.0 if share <= 0.51 else 0.1 if share <= 0.81 else 0.01

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Intensity, gradient, structure."""
        return intensity_gradient_structure(examples.infrared, examples.visible, outputs[0], intensity=50, gradient=50)

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Intensity, gradient, structure."""
        return reference_intensity_gradient_structure(outputs[0], references, intensity=50, gradient=50)
