"""RFN-Nest's recipe: the auto-encoder first, then the fusion networks towards the sources or the references."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, mse_loss

from ivif.fusion.networks.rfn_nest import RFNNest
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import ssim_terms
from ivif.fusion.training.recipe import Examples, Recipe, TrainingStep
from ivif.fusion.training.registry import register_recipe

_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@register_recipe
class RFNNestRecipe(Recipe):
    """Auto-encoder first, then the fusion networks with the auto-encoder held fixed (Li et al., 2021).

    One Adam serves both stages: parameters without a gradient stay as they are, as does what it knows of them.
    """

    network, module = "rfn_nest", RFNNest
    trained_on = (
        "MS-COCO for the auto-encoder (a script of NestFuse, its length not published, taken to equal the second's), "
        "then 2 epochs of 80,000 KAIST pairs; all resized to 256x256"
    )
    patch, batch, steps, learning_rate = 256, 4, 80_000, 1e-4
    crop = "resized"
    first_stage = 0.5
    slips = (
        "patches are cut anywhere in images, which keep their pixels; each image is stretched to 0..255 by its own "
        "extremes, not its batch's; multi-scale SSIM takes the coarsest scale once, not four times, at one range"
    )
    slips_with_references = (
        "the auto-encoder is learned first and held fixed then, as originally: trained along, with its own features "
        "as targets, nothing would hold their scale; features of all four levels count, the deepest as much as "
        "structure, which keeps the original loss's proportion of 1000 to 700"
    )

    def scaled(self, image: Tensor) -> Tensor:
        """To 0..255."""
        return 255 * image

    def step(self, step: TrainingStep, infrared: Tensor, visible: Tensor, *references: Tensor) -> dict[str, float]:
        """One step of the stage that `share` falls into."""
        rebuilding = step.share < self.first_stage
        for name, parameter in step.networks["generator"].named_parameters():
            parameter.requires_grad_(rebuilding or name.startswith("fusion_block"))
        if rebuilding:
            return self.rebuild(step, infrared, visible)
        return self.fuse(step, infrared, visible, *references)

    def rebuild(self, step: TrainingStep, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step of the auto-encoder, on both sources one by one, whatever supervises."""
        network: Any = step.networks["generator"]
        images = self.scaled(torch.cat((infrared, visible)))
        with step.autocast():
            again = network.decode(network.encode(images))
        loss = rfn_nest_autoencoder_loss(images, again.float(), self.published)
        return {"rebuild": step.descend("generator", loss), "loss": loss.item()}

    def fuse(self, step: TrainingStep, infrared: Tensor, visible: Tensor, *references: Tensor) -> dict[str, float]:
        """One step of the fusion networks."""
        losses = super().step(step, infrared, visible, *references)
        return {"fuse": losses["loss"], **losses}

    def forward(self, network: Any, examples: Examples) -> list[Tensor]:
        """The fused image, its maps of four levels, and the maps they are compared with.

        These are of the infrared and then the visible image; where references are, of them, ``[B, K, C, h, w]``.
        """
        sources = network.encode(examples.infrared), network.encode(examples.visible)
        mixed = network.fuse_maps(*sources)
        wanted = [*sources[0], *sources[1]]
        if examples.references is not None:
            wanted = _maps_of_each(network, examples.references.images)
        return [network.decode(mixed), *mixed, *wanted]

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """The second stage's loss: visible structure, features of both."""
        fused, *maps = outputs
        return rfn_nest_fusion_loss(examples.visible, fused, maps[:4], maps[4:8], maps[8:], self.published)

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Structure and features of the references."""
        fused, *maps = outputs
        return rfn_nest_reference_loss(fused, references, maps[:4], maps[4:])

    def initialise(self, networks: nn.ModuleDict, weights: Path) -> None:
        """Start from weights whose auto-encoder is learned: the second stage is the whole schedule."""
        super().initialise(networks, weights)
        self.first_stage = 0.0

    def not_trained(self, share: float) -> str:
        """The fusion networks in the first stage."""
        return "" if share > self.first_stage else "its fusion networks: the auto-encoder takes the first half"


@torch.no_grad()
def _maps_of_each(network: Any, images: Tensor) -> list[Tensor]:
    """The encoder's maps of ``[B, K, H, W]``, which are targets and take no gradient."""
    return [level.unflatten(0, images.shape[:2]) for level in network.encode(images.flatten(0, 1).unsqueeze(1))]


def ms_ssim(first: Tensor, second: Tensor, published: bool = False, axes: tuple[int, ...] = (0, 1, 2, 3)) -> Tensor:
    """Multi-scale SSIM of images in 0..255: five scales, each half of the last, Gaussian 11x11 without padding.

    With the mean similarity s and contrast-structure c of each scale mapped by ``(x + 1) / 2``, which keeps powers of
    negative values real: ``s_5^w_5 product over i < 5 of c_i^w_i``, w = .0448, .2856, .3001, .2363, .1333. The
    window shrinks to the image where that is smaller.

    Args:
        first: ``[B, 1, H, W]``, at least 16x16.
        second: ``[B, K, H, W]``.
        published: as in the library that RFN-Nest was trained with: s_5^w_5 enters each of the four factors, hence
            four times, and values that don't exceed 128 anywhere count as images in 0..1 (L = 1).
        axes: which means are taken over; (2, 3) gives a value for each couple of images, ``[B, K]``.

    Paper:
        Wang, Simoncelli, Bovik, Multiscale structural similarity for image quality assessment, Asilomar 2003.
    """
    product: Tensor | float = 1.0
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        if scale:
            first, second = avg_pool2d(first, 2), avg_pool2d(second, 2)
        extent = 1.0 if published and float(first.detach().max()) <= 128 else 255.0
        luminance, structure = ssim_terms(first, second, min(11, *first.shape[2:]), 0, extent)
        if scale < len(_SCALE_WEIGHTS) - 1:
            product = product * ((structure.mean(axes) + 1) / 2) ** weight
    coarsest = (((luminance * structure).mean(axes) + 1) / 2) ** _SCALE_WEIGHTS[-1]
    return product * coarsest ** (len(_SCALE_WEIGHTS) - 1 if published else 1)


def rfn_nest_autoencoder_loss(image: Tensor, again: Tensor, published: bool = False) -> Tensor:
    """First stage, ``MSE(X', X) + 100 (1 - MS-SSIM(X', X))``: the auto-encoder rebuilds single images.

    The authors' script for this stage is not published with the network; the form is that of NestFuse, the weight
    that of their file's name.
    """
    return mse_loss(again, image) + 100 * (1 - ms_ssim(again, image, published))


def rfn_nest_fusion_loss(
    visible: Tensor,
    fused: Tensor,
    fused_maps: Sequence[Tensor],
    infrared_maps: Sequence[Tensor],
    visible_maps: Sequence[Tensor],
    published: bool = False,
) -> Tensor:
    """Second stage: visible detail in the image, infrared strength in the maps of four levels.

    ``700 (1 - MS-SSIM(F', V)) + sum over levels of w MSE(maps_F, 6 maps_I + 3 maps_V)``, w = 1, 10, 100, 1000 from
    shallow to deep; F' is F stretched to 0..255.

    Args:
        visible: ``[B, 1, H, W]`` in 0..255.
        fused: ``[B, 1, H, W]`` of any scale.
        fused_maps: what the fusion networks gave, level by level.
        infrared_maps: what the encoder gave.
        visible_maps: what the encoder gave.
        published: stretch by minimum and maximum of the whole batch instead of each image's, and `ms_ssim` so too.
    """
    structure = 1 - ms_ssim(_stretched(fused, (0, 1, 2, 3) if published else (1, 2, 3)), visible, published)
    levels = zip((1, 10, 100, 1000), fused_maps, infrared_maps, visible_maps, strict=True)
    features = [weight * mse_loss(mixed, 6 * left + 3 * right) for weight, mixed, left, right in levels]
    return 700 * structure + torch.stack(features).sum()


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
    alike = ms_ssim(_stretched(fused, (1, 2, 3)), targets.images, axes=(2, 3))
    weights = targets.weights
    structure = ((1 - alike) * weights).sum(1).mean()
    levels = zip((0.001, 0.01, 0.1, 1.0), fused_maps, reference_maps, strict=True)
    features = [v * mse_loss(mixed, (maps * weights[..., None, None, None]).sum(1)) for v, mixed, maps in levels]
    return structure + torch.stack(features).sum()


def _stretched(fused: Tensor, axes: tuple[int, ...]) -> Tensor:
    """To 0..255 by the extremes over some axes."""
    low, high = fused.amin(axes, keepdim=True), fused.amax(axes, keepdim=True)
    return (fused - low) / (high - low + 1e-5) * 255
