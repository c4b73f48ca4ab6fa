"""FusionGAN's recipe: a generator that keeps content, and a discriminator that knows visible images or references."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import mse_loss

from ivif.fusion.networks.fusiongan import FusionGANDiscriminator, FusionGANGenerator, SpectralConv2d, spectral_norm
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import laplacian, reference_intensity_laplacian, sole_target, weighted
from ivif.fusion.training.recipe import Examples, Recipe, TrainingStep
from ivif.fusion.training.registry import register_recipe

_REAL, _FAKE = (0.7, 1.2), (0.0, 0.3)
"""Ends of the ranges that labels are drawn from."""


@register_recipe
class FusionGANRecipe(Recipe):
    """Two steps of the discriminator, then one of the generator, on every batch (Ma et al., 2019).

    Real samples are visible patches, content is infrared intensity and visible gradients; where references supervise,
    they are both.
    """

    network, module = "fusiongan", FusionGANGenerator
    trained_on = "windows of 41 TNO pairs, in order; 10 epochs, of which the published checkpoint saw 4"
    patch, stride, batch, epochs, learning_rate = 132, 14, 32, 10, 1e-4
    crop = "grid"
    patch_is_fixed = True
    discriminator_steps = 2
    slips = (
        "patches are cut anywhere in shuffled images; the authors' test code leaves out scale and shift of the "
        "normalisations and the division by spectral norms: here scale and shift stay at 1 and 0 and the division is "
        "part of the weights that are shipped, so that the network that is tested is the one that was trained"
    )

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Content of the sources, as it weighs in training."""
        return 100 * fusiongan_content(covered(examples.infrared), covered(examples.visible), outputs[0])

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Content of the references, as it weighs in training."""
        return 100 * reference_intensity_laplacian(outputs[0], references, gradient=5)

    def examples(self, infrared: Tensor, visible: Tensor, *references: Tensor) -> Examples:
        """References are of the part that a result covers."""
        found = super().examples(infrared, visible, *references)
        return found if found.references is None else replace(found, references=found.references.mapped(covered))

    def forward(self, network: Any, examples: Examples) -> list[Tensor]:
        """The fused image, which lacks a border."""
        return [network(examples.infrared, examples.visible)]

    def build(self) -> nn.ModuleDict:
        """Generator and discriminator."""
        networks = super().build()
        networks["discriminator"] = FusionGANDiscriminator()
        return networks

    def step(self, step: TrainingStep, infrared: Tensor, visible: Tensor, *references: Tensor) -> dict[str, float]:
        """Alternate on one batch; the generator stays the same until its turn, so it fuses once for all turns."""
        examples = self.examples(infrared, visible, *references)
        real = examples.references or sole_target(covered(examples.visible))
        with step.autocast():
            (fused,) = self.forward(step.networks["generator"], examples)
        judged = 0.0
        for _ in range(self.discriminator_steps):
            judged = step.descend("discriminator", self._judgement(step, real, fused.detach()))
        with step.autocast():
            score = step.networks["discriminator"](fused, update=False)
        adversarial = soft_label_loss(score.float(), *_REAL, step.generator)
        content = self.compared(examples, [fused.float()])
        loss = step.descend("generator", adversarial + content)
        return {"loss": loss, "content": content.item(), "discriminator": judged}

    def _judgement(self, step: TrainingStep, real: Targets, fused: Tensor) -> Tensor:
        discriminator, shape = step.networks["discriminator"], real.weights.shape
        with step.autocast():
            of_real = discriminator(real.images.flatten(0, 1).unsqueeze(1))
            of_fused = discriminator(fused, update=False)
        of_real = of_real.float().unflatten(0, shape).squeeze(2)
        return fusiongan_discriminator_loss(of_real, of_fused.float(), real.weights, step.generator)

    def shipped(self, networks: nn.ModuleDict) -> Any:
        """The generator with the weights that are shipped."""
        fuse = partial(functional_call, networks["generator"], self.exported(networks))
        return lambda infrared, visible: fuse((infrared, visible))

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The generator; corrected, with the weights that it worked with in training."""
        state = super().exported(networks)
        if not self.published:
            for name, layer in networks["generator"].named_modules():
                if isinstance(layer, SpectralConv2d):
                    state[f"{name}.weight"] = spectral_norm(layer.weight, layer.u)[0].detach()
        return state


def covered(image: Tensor) -> Tensor:
    """The part of a window that a result covers."""
    border = FusionGANGenerator.border
    return image[..., border:-border, border:-border]


def fusiongan_content(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """Infrared intensity and visible gradients, ``MSE(F, I) + 5 MSE(lap F, lap V)``; enters the loss 100 times."""
    return mse_loss(fused, infrared) + 5 * mse_loss(laplacian(fused), laplacian(visible))


def fusiongan_discriminator_loss(
    of_real: Tensor, of_fused: Tensor, weights: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """``mean sum_k w_k (D(R_k) - U[0.7, 1.2])^2 + mean (D(F) - U[0, 0.3])^2``.

    Args:
        of_real: D(R_k), ``[B, K]``; of the visible image alone, K = 1, where the sources supervise.
        of_fused: D(F), ``[B, 1]``.
        weights: ``[B, K]``.
        generator: see `soft_label_errors`.
    """
    errors = soft_label_errors(of_real, *_REAL, generator)
    return weighted(errors.unsqueeze(2), weights) + soft_label_loss(of_fused, *_FAKE, generator)


def soft_label_errors(score: Tensor, low: float, high: float, generator: torch.Generator | None = None) -> Tensor:
    """``(D - U[low, high])^2`` of each sample, with labels drawn anew for each.

    Args:
        score: of any shape, from a discriminator without bounds.
        low: end of the labels' range.
        high: end of the labels' range.
        generator: source of the labels, on the CPU.
    """
    drawn = torch.rand(score.shape, generator=generator, dtype=score.dtype).to(score.device)
    return (score - (low + (high - low) * drawn)) ** 2


def soft_label_loss(score: Tensor, low: float, high: float, generator: torch.Generator | None = None) -> Tensor:
    """Least squares against drawn labels, the mean of `soft_label_errors`."""
    return soft_label_errors(score, low, high, generator).mean()
