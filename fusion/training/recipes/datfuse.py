"""DATFuse's recipe: near both sources, with the structure of the brighter one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, mse_loss

from ivif.fusion.networks.datfuse import DATFuse
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import sobel_kernels, ssim_terms, weighted_map, weighted_squared_error
from ivif.fusion.training.recipe import Examples, Recipe
from ivif.fusion.training.registry import register_recipe

_STRUCTURE, _GRADIENT = 10, 100


@register_recipe
class DATFuseRecipe(Recipe):
    """Squared errors to both sources and structure of their maximum, or the same of the references (Tang et al., 2023).

    Neither the authors' patches nor their number is known: length and patch are this project's.
    """

    network, module = "datfuse", DATFuse
    trained_on = "grey patches of pairs that are not named; 10 epochs of batches of 128"
    batch, steps, learning_rate = 128, 1500, 1e-3
    slips = (
        "the gradient term is left out: its operator gives the mean over a batch of Sobel's derivatives, which is 0 "
        "but for the pixels at the borders"
    )

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Intensity and structure; the authors' code has a gradient term too, of the borders."""
        infrared, visible, (fused,) = examples.infrared, examples.visible, outputs
        loss = datfuse_loss(infrared, visible, fused)
        return loss + _GRADIENT * border_gradient_error(infrared, visible, fused) if self.published else loss

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Intensity and structure; there are two sources, so a reference's squared error counts twice."""
        images, weights = references.images, references.weights
        alike = weighted_map(inner_ssim_map, outputs[0], images, weights)
        return 2 * weighted_squared_error(outputs[0], images, weights) + _STRUCTURE * (1 - alike)


def inner_ssim_map(first: Tensor, second: Tensor) -> Tensor:
    """SSIM of images in 0..1 under a Gaussian of 11x11 and standard deviation 1.5, where that lies inside them."""
    luminance, structure = ssim_terms(first, second, side=11, padding=0, extent=1.0)
    return luminance * structure


def datfuse_loss(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """``MSE(F, I) + MSE(F, V) + 10 (1 - SSIM(F, max(I, V)))``."""
    alike = inner_ssim_map(torch.maximum(infrared, visible), fused).mean()
    return mse_loss(fused, infrared) + mse_loss(fused, visible) + _STRUCTURE * (1 - alike)


def border_gradient_error(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """``|g(F) - max(g(I), g(V))|`` with g the mean over a whole batch of Sobel's derivatives, signed, of both axes."""
    across, down = sobel_kernels(fused)
    theirs, ours = (
        [conv2d(image, (across - down)[None], padding=1).mean() for image in images]
        for images in ((infrared, visible), (fused,))
    )
    return (ours[0] - torch.maximum(*theirs)).abs()
