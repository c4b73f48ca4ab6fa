"""PMGI's recipe: intensity and gradient of the sources in proportion, or of the references."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss

from ivif.fusion.networks.pmgi import PMGI
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import laplacian, reference_intensity_laplacian
from ivif.fusion.training.recipe import CUT_ANYWHERE, Examples, Recipe
from ivif.fusion.training.registry import register_recipe


@register_recipe
class PMGIRecipe(Recipe):
    """Proportional maintenance of gradient and intensity (Zhang et al., AAAI 2020)."""

    network, module = "pmgi", PMGI
    trained_on = "windows of images like TNO's, in order; 15 epochs, of which the published checkpoint saw 2"
    patch, stride, batch, epochs, learning_rate = 120, 14, 32, 15, 1e-4
    crop = "grid"
    channels_last = True
    slips = (
        f"{CUT_ANYWHERE}; the authors train scale and shift of every normalisation, but their test code leaves them "
        "out: here they stay at 1 and 0, so that the network that is tested is the one that was trained"
    )
    slips_with_references = (
        "the gradient weighs 5 times the intensity, between the 1 of the RtS authors' code and the 7 of PMGI's own "
        "loss, chosen on held-out RoadScene pairs"
    )

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Intensity and gradient."""
        return pmgi_loss(examples.infrared, examples.visible, outputs[0])

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Intensity and Laplacian."""
        return 100 * reference_intensity_laplacian(outputs[0], references, gradient=5)


def pmgi_loss(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """Proportional maintenance of intensity and gradient.

    ``100 [MSE(F, I) + 0.3 MSE(F, V) + 4 MSE(lap F, lap I) + 5 MSE(lap F, lap V)]``.
    """
    details = laplacian(fused)
    intensity = mse_loss(fused, infrared) + 0.3 * mse_loss(fused, visible)
    gradient = 4 * mse_loss(details, laplacian(infrared)) + 5 * mse_loss(details, laplacian(visible))
    return 100 * (intensity + gradient)
