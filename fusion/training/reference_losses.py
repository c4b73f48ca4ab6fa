"""Reference losses: how far a fused image is from several references, each counting with its weight.

Fused images are ``[B, 1, H, W]``, references ``[B, K, H, W]`` on the same scale, weights ``[B, K]`` with rows that sum
to 1; `Targets` holds both. Every network keeps the norms and gradient operators of its own loss: ``l(F; R, w) = mean
over the batch of sum_k w_k l(F, R_k)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import mse_loss, tanh

from fusion.reference.supervision import Targets
from fusion.training.losses import (
    ddcgan_judgement,
    laplacian,
    ms_ssim,
    neighbour_difference,
    sobel_derivatives,
    sobel_magnitude,
    ssim_map,
)


def weighted(errors: Tensor, weights: Tensor) -> Tensor:
    """Errors ``[B, K, ...]``, averaged over all but the first two axes, weighted, averaged over the batch: a scalar."""
    return (errors.flatten(2).mean(2) * weights).sum(1).mean()


def squared_error(fused: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """``sum_k w_k MSE(F, R_k)``."""
    return weighted((fused - references) ** 2, weights)


def absolute_error(fused: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """``sum_k w_k mean |F - R_k|``."""
    return weighted((fused - references).abs(), weights)


def similarity(fused: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """``sum_k w_k SSIM(R_k, F)`` of images in 0..1."""
    again = fused.expand_as(references).flatten(0, 1).unsqueeze(1)
    maps = ssim_map(references.flatten(0, 1).unsqueeze(1), again)
    return weighted(maps.unflatten(0, references.shape[:2]), weights)


def dissimilarity(fused: Tensor, references: Tensor, weights: Tensor) -> Tensor:
    """``sum_k w_k mean clamp((1 - SSIM) / 2, 0, 1/2)``."""
    again = fused.expand_as(references).flatten(0, 1).unsqueeze(1)
    maps = (1 - ssim_map(references.flatten(0, 1).unsqueeze(1), again)).clamp(0, 1) / 2
    return weighted(maps.unflatten(0, references.shape[:2]), weights)


def didfuse_reference_loss(
    fused: Tensor, targets: Targets, bases: tuple[Tensor, Tensor], details: tuple[Tensor, Tensor]
) -> Tensor:
    """``2 sum_k w_k [dissimilarity + MSE](F, R_k) + 10 sum_k w_k mean |grad F - grad R_k| + 0.5 tanh(mean |B_I - B_V|)
    - 0.5 tanh(mean |D_I - D_V|)``, the gradient being that of `sobel_derivatives`.
    """
    images, weights = targets.images, targets.weights
    rebuilt = dissimilarity(fused, images, weights) + squared_error(fused, images, weights)
    slopes = targets.details(sobel_derivatives)
    texture = weighted((sobel_derivatives(fused).unsqueeze(1) - slopes).abs(), weights)
    base, detail = ((first - second).abs().mean() for first, second in (bases, details))
    return 2 * rebuilt + 10 * texture + 0.5 * tanh(base) - 0.5 * tanh(detail)


def intensity_and_laplacian(fused: Tensor, targets: Targets, gradient: float) -> Tensor:
    """``sum_k w_k [MSE(F, R_k) + gradient MSE(lap F, lap R_k)]``: PMGI and FusionGAN with 5, SDNet with 10."""
    details = squared_error(laplacian(fused), targets.details(laplacian), targets.weights)
    return squared_error(fused, targets.images, targets.weights) + gradient * details


def ddcgan_reference_content(fused: Tensor, targets: Targets) -> Tensor:
    """``sum_k w_k [|F - R_k|_2^2 / 16 + 1.2 |grad F - grad R_k|_1]``, sums over pixels; enters the loss 0.6 times."""
    pixels = fused.shape[2] * fused.shape[3]
    details = absolute_error(neighbour_difference(fused), targets.details(neighbour_difference), targets.weights)
    return pixels * (squared_error(fused, targets.images, targets.weights) / 16 + 1.2 * details)


def ddcgan_reference_judgement(of_references: Tensor, of_fused: Tensor, weights: Tensor) -> Tensor:
    """``mean -sum_k w_k log D(R_k) - log(1 - D(F))``; probabilities ``[B, K]`` and ``[B, 1]``."""
    return weighted(ddcgan_judgement(of_references).unsqueeze(2), weights) + ddcgan_judgement(1 - of_fused).mean()


def rfn_nest_reference_loss(
    fused: Tensor, targets: Targets, fused_maps: Sequence[Tensor], reference_maps: Sequence[Tensor]
) -> Tensor:
    """``sum_k w_k (1 - MS-SSIM(F', R_k)) + sum over levels of v MSE(maps_F, sum_k w_k maps_k) / 1000``.

    F' is F stretched to 0..255, v = 1, 10, 100, 1000 from shallow to deep. All four levels count, as the authors' loop
    over levels means to; in their code the deepest alone does.

    Args:
        fused: ``[B, 1, H, W]`` of any scale.
        targets: in 0..255.
        fused_maps: what the fusion networks gave, level by level, ``[B, C, h, w]``.
        reference_maps: what the encoder gives for the references, ``[B, K, C, h, w]``.
    """
    low, high = fused.amin((1, 2, 3), keepdim=True), fused.amax((1, 2, 3), keepdim=True)
    stretched = (fused - low) / (high - low + 1e-5) * 255
    alike = torch.stack(
        [
            torch.stack([ms_ssim(image[None], other[None, None]) for other in others])
            for image, others in zip(stretched, targets.images, strict=True)
        ]
    )
    weights = targets.weights
    structure = ((1 - alike) * weights).sum(1).mean()
    levels = zip((0.001, 0.01, 0.1, 1.0), fused_maps, reference_maps, strict=True)
    features = [v * mse_loss(mixed, (maps * weights[..., None, None, None]).sum(1)) for v, mixed, maps in levels]
    return structure + torch.stack(features).sum()


def swinfusion_reference_loss(fused: Tensor, targets: Targets, intensity: float = 20, gradient: float = 20) -> Tensor:
    """``20 sum_k w_k mean |F - R_k| + 20 sum_k w_k mean ||grad F| - |grad R_k|| + 10 (1 - sum_k w_k SSIM(R_k, F))``.

    The gradient is that of `sobel_magnitude`; MGT's weights of the first two terms are 50.
    """
    images, weights = targets.images, targets.weights
    texture = absolute_error(sobel_magnitude(fused), targets.details(sobel_magnitude), weights)
    alike = similarity(fused, images, weights)
    return intensity * absolute_error(fused, images, weights) + gradient * texture + 10 * (1 - alike)
