"""DIDFuse's recipe: each image is rebuilt from what it is split into; on references, what both add up to is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import conv2d, l1_loss, mse_loss, pad, tanh

from ivif.fusion.networks.didfuse import DIDFuse, Features
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import sobel_kernels, ssim_map, weighted, weighted_map, weighted_squared_error
from ivif.fusion.training.recipe import CUT_ANYWHERE, Examples, Recipe
from ivif.fusion.training.registry import register_recipe


@register_recipe
class DIDFuseRecipe(Recipe):
    """Each image is rebuilt alone; nothing is fused in training (Zhao et al., IJCAI 2020).

    The authors' two optimisers, for encoder and decoder, have the same settings and are one here: Adam treats every
    parameter alone. On references, what was split and summed is rebuilt as these.
    """

    network, module = "didfuse", DIDFuse
    trained_on = "180 pairs of FLIR, centre crops of 128, in order; 120 epochs of 8 steps"
    patch, batch, steps, learning_rate = 128, 24, 960, 1e-3
    crop = "centre"
    slips = CUT_ANYWHERE

    def rate(self, share: float, updates: float) -> float:
        """A tenth after epoch 40 of 120, a hundredth after 80."""
        return 0.1 ** int(3 * share) if share < 1 else 0.01

    def forward(self, network: Any, examples: Examples) -> list[Tensor]:
        """What is rebuilt (both images, or the fused one where references are), both base maps, both detail maps."""
        left, right = network.encode(examples.infrared), network.encode(examples.visible)
        rebuilt = [left, right]
        if examples.references is not None:
            rebuilt = [Features(*(one + other for one, other in zip(left, right, strict=True)))]
        return [*map(network.decode, rebuilt), left.base, right.base, left.detail, right.detail]

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Reconstruction and decomposition."""
        infrared_again, visible_again, *maps = outputs
        images = examples.infrared, examples.visible
        return didfuse_loss(images, (infrared_again, visible_again), (maps[0], maps[1]), (maps[2], maps[3]))

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """References, and the decomposition's own terms."""
        fused, *maps = outputs
        return didfuse_reference_loss(fused, references, (maps[0], maps[1]), (maps[2], maps[3]))


def sobel_derivatives(image: Tensor) -> Tensor:
    """Sobel derivatives divided by 8, ``[B, 2, H, W]``: along rows, along columns; edge pixels repeated."""
    return conv2d(pad(image, (1, 1, 1, 1), "replicate"), sobel_kernels(image) / 8)


def dissimilarity(first: Tensor, second: Tensor) -> Tensor:
    """``clamp((1 - SSIM) / 2, 0, 1/2)`` at each pixel; its mean is what kornia up to 0.4 called its SSIM loss."""
    return (1 - ssim_map(first, second)).clamp(0, 1) / 2


def didfuse_loss(
    images: tuple[Tensor, Tensor],
    again: tuple[Tensor, Tensor],
    bases: tuple[Tensor, Tensor],
    details: tuple[Tensor, Tensor],
) -> Tensor:
    """Reconstruction of both images, base maps alike, detail maps different; pairs are (infrared, visible).

    ``sum over both images X of 2 [5 mean dissimilarity(X, X') + MSE(X, X')] + tanh(mean |B_I - B_V|) -
    0.5 tanh(mean |D_I - D_V|) + 10 mean |grad V - grad V'|`` with the gradient of `sobel_derivatives`.
    """
    rebuilt = torch.stack(
        [
            5 * dissimilarity(image, copy).mean() + mse_loss(copy, image)
            for image, copy in zip(images, again, strict=True)
        ]
    ).sum()
    texture = l1_loss(sobel_derivatives(again[1]), sobel_derivatives(images[1]))
    return 2 * rebuilt + tanh(l1_loss(*bases)) - 0.5 * tanh(l1_loss(*details)) + 10 * texture


def didfuse_reference_loss(
    fused: Tensor, targets: Targets, bases: tuple[Tensor, Tensor], details: tuple[Tensor, Tensor]
) -> Tensor:
    """``2 sum_k w_k mean [dissimilarity + squared error](F, R_k) + 10 sum_k w_k mean |grad F - grad R_k|
    + 0.5 tanh(mean |B_I - B_V|) - 0.5 tanh(mean |D_I - D_V|)``, the gradient being that of `sobel_derivatives`.
    """
    images, weights = targets.images, targets.weights
    rebuilt = weighted_map(dissimilarity, fused, images, weights) + weighted_squared_error(fused, images, weights)
    slopes = targets.details(sobel_derivatives)
    texture = weighted((sobel_derivatives(fused).unsqueeze(1) - slopes).abs(), weights)
    base, detail = ((first - second).abs().mean() for first, second in (bases, details))
    return 2 * rebuilt + 10 * texture + 0.5 * tanh(base) - 0.5 * tanh(detail)
