"""SDNet's recipe: squeeze towards the sources or the references, and decompose the result into the sources again."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ivif.fusion.networks.sdnet import SDNet
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import (
    filtered,
    laplacian,
    reference_intensity_laplacian,
    sole_target,
    weighted_squared_error,
)
from ivif.fusion.training.recipe import CUT_ANYWHERE, Examples, Recipe
from ivif.fusion.training.registry import register_recipe

_LOW_PASS = ((0.0947, 0.1183, 0.0947), (0.1183, 0.1478, 0.1183), (0.0947, 0.1183, 0.0947))


@register_recipe
class SDNetRecipe(Recipe):
    """Squeeze and decomposition (Zhang and Ma, IJCV 2021)."""

    network, module = "sdnet", SDNet
    trained_on = "windows of images like TNO's, in order; 15 epochs, of which the published checkpoint saw 11"
    patch, stride, batch, epochs, learning_rate = 120, 10, 32, 15, 1e-4
    crop = "grid"
    slips = CUT_ANYWHERE
    slips_with_references = "what is decomposed are the sources, not the references, of which one image has many"

    def forward(self, network: Any, examples: Examples) -> list[Tensor]:
        """The fused image, and both sources decomposed from it."""
        fused = network(examples.infrared, examples.visible)
        return [fused, *network.decompose(fused)]

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Intensity, texture where it is strongest, decomposition."""
        return sdnet_loss(examples.infrared, examples.visible, *outputs)

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Intensity, Laplacian, decomposition."""
        fused, *again = outputs
        wanted = [sole_target(source) for source in (examples.infrared, examples.visible)]
        decomposed = [
            weighted_squared_error(copy, target.images, target.weights)
            for copy, target in zip(again, wanted, strict=True)
        ]
        return reference_intensity_laplacian(fused, references, gradient=10) + torch.stack(decomposed).sum()


def sdnet_decision(infrared: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
    """Which source has the stronger texture at each pixel: two masks of 0 and 1 that sum to 1, infrared first.

    Texture is ``|lap(low-pass x)|`` with a 3x3 Gaussian. The visible image wins where it is strictly stronger.
    """
    left, right = (laplacian(filtered(image, _LOW_PASS)).abs() for image in (infrared, visible))
    visible_wins = (right > left).to(visible.dtype)
    return 1 - visible_wins, visible_wins


def sdnet_loss(
    infrared: Tensor, visible: Tensor, fused: Tensor, infrared_again: Tensor, visible_again: Tensor
) -> Tensor:
    """Squeeze and decomposition, with the adaptive decision S of `sdnet_decision`.

    ``MSE(F, I) + 0.5 MSE(F, V) + 80 [mean S_I (lap F - lap I)^2 + mean S_V (lap F - lap V)^2] + MSE(I', I) +
    MSE(V', V)``, where I' and V' are decomposed from F.
    """
    infrared_wins, visible_wins = sdnet_decision(infrared, visible)
    details = laplacian(fused)
    texture = infrared_wins * (details - laplacian(infrared)) ** 2 + visible_wins * (details - laplacian(visible)) ** 2
    intensity = mse_loss(fused, infrared) + 0.5 * mse_loss(fused, visible)
    decomposition = mse_loss(infrared_again, infrared) + mse_loss(visible_again, visible)
    return intensity + 80 * texture.mean() + decomposition
