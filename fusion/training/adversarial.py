"""Recipes with adversaries: FusionGAN against one discriminator, DDcGAN against two."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import SGD, Optimizer, RMSprop

from fusion.networks.ddcgan import DDcGANDiscriminator, DDcGANGenerator
from fusion.networks.fusiongan import FusionGANDiscriminator, FusionGANGenerator, SpectralConv2d, spectral_norm
from fusion.training.losses import (
    ddcgan_adversarial,
    ddcgan_content,
    ddcgan_discriminator_loss,
    ddcgan_generator_loss,
    fusiongan_content,
    fusiongan_discriminator_loss,
    fusiongan_generator_loss,
)
from fusion.training.recipe import Recipe, Step, freeze_affine


class FusionGANRecipe(Recipe):
    """Two steps of the discriminator, then one of the generator, on every batch (Ma et al., 2019)."""

    network = "fusiongan"
    trained_on = "windows of 41 TNO pairs, in order; 10 epochs, of which the published checkpoint saw 4"
    patch, stride, batch, epochs, learning_rate = 132, 14, 32, 10, 1e-4
    patch_is_fixed = True
    discriminator_steps = 2
    slips = (
        "patches are cut anywhere in shuffled images; the authors' test code leaves out scale and shift of the "
        "normalisations and the division by spectral norms: here scale and shift stay at 1 and 0 and the division is "
        "part of the weights that are shipped, so that the network that is tested is the one that was trained"
    )

    def build(self) -> nn.ModuleDict:
        """Generator and discriminator."""
        generator = FusionGANGenerator()
        if not self.published:
            freeze_affine(generator)
        return nn.ModuleDict({"generator": generator, "discriminator": FusionGANDiscriminator()})

    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """Alternate on one batch; the generator stays the same until its turn, so it fuses once for all turns."""
        infrared, visible = 2 * infrared - 1, 2 * visible - 1
        generator, discriminator = step.networks["generator"], step.networks["discriminator"]
        with step.autocast():
            fused = generator(infrared, visible)
        judged = 0.0
        for _ in range(self.discriminator_steps):
            with step.autocast():
                real, fake = discriminator(label(visible)), discriminator(fused.detach(), update=False)
            loss = fusiongan_discriminator_loss(real.float(), fake.float(), step.generator)
            judged = step.descend("discriminator", loss)
        with step.autocast():
            score = discriminator(fused, update=False)
        fused = fused.float()
        labels = label(infrared), label(visible)
        loss = fusiongan_generator_loss(*labels, fused, score.float(), step.generator)
        content = 100 * fusiongan_content(*labels, fused.detach()).item()
        return {"loss": step.descend("generator", loss), "content": content, "discriminator": judged}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """The content, as it weighs in training."""
        infrared, visible = 2 * infrared - 1, 2 * visible - 1
        fused = self.shipped(networks, infrared, visible)
        return 100 * fusiongan_content(label(infrared), label(visible), fused)

    def shipped(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """What the generator fuses with the weights that are shipped; images in -1..1."""
        generator = networks["generator"]
        return functional_call(generator, self.exported(networks), (infrared, visible))

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The generator; corrected, with the weights that it worked with in training."""
        state = super().exported(networks)
        if not self.published:
            for name, layer in networks["generator"].named_modules():
                if isinstance(layer, SpectralConv2d):
                    state[f"{name}.weight"] = spectral_norm(layer.weight, layer.u)[0].detach()
        return state


def label(image: Tensor) -> Tensor:
    """The part of a window that a result covers."""
    border = FusionGANGenerator.border
    return image[..., border:-border, border:-border]


class DDcGANRecipe(Recipe):
    """Discriminators and generator take turns and repeat until their losses balance (Ma et al., 2020).

    Steps with even numbers are the discriminators': one update each, and more while their loss exceeds 1.7. Steps with
    odd numbers are the generator's: one update, more against the discriminators alone while either's loss is below
    1.4, then more while the whole loss exceeds 200. Discriminators always work in float32: their scores come close to
    0 and 1, where fewer digits leave no gradient.
    """

    network = "ddcgan"
    trained_on = "27,264 pairs of patches from 36 TNO pairs (the paper's figures), one epoch"
    crop = "anywhere"
    patch, batch, steps, learning_rate = 84, 24, 1136, 2e-4
    patch_is_fixed = True
    repeats = 3
    slips = (
        "patches are cut anywhere in shuffled images; the learning rate falls to 0.9 over the schedule, where the "
        "authors' counter advances with every update of any network; at most 3 repeats, not 20, so that steps take a "
        "time that can be foreseen"
    )

    def __init__(self, published: bool = False) -> None:
        super().__init__(published)
        if published:
            self.repeats = 20

    def build(self) -> nn.ModuleDict:
        """Generator, and a discriminator for each spectrum."""
        return nn.ModuleDict(
            {"generator": DDcGANGenerator(), "visible": DDcGANDiscriminator(), "infrared": DDcGANDiscriminator()}
        )

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """RMSProp for the generator, plain gradient descent for the discriminators."""
        generator = RMSprop(networks["generator"].parameters(), self.learning_rate, alpha=0.9, eps=1e-10)
        judges = {name: SGD(networks[name].parameters(), self.learning_rate) for name in ("visible", "infrared")}
        return {"generator": generator, **judges}

    def rate(self, share: float, updates: float) -> float:
        """``0.9^share``."""
        return 0.9 ** (updates if self.published else share)

    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """The turn that the step's number says."""
        real = {"visible": visible, "infrared": infrared}
        turn = self._generate if step.number % 2 else self._judge
        losses = turn(step, real)
        with torch.no_grad():
            for parameter in step.networks.parameters():
                parameter.clamp_(-8, 8)
        return losses

    def _judge(self, step: Step, real: dict[str, Tensor]) -> dict[str, float]:
        with torch.no_grad(), step.autocast():
            fused = step.networks["generator"](real["infrared"], real["visible"]).float()
        losses = {}
        for name, image in real.items():
            for attempt in range(1 + self.repeats):
                loss = self._judged(step, name, image, fused)
                if attempt and loss.item() <= 1.7:
                    break
                losses[f"judge_{name}"] = step.descend(name, loss)
        return losses

    def _generate(self, step: Step, real: dict[str, Tensor]) -> dict[str, float]:
        fused, scores = self._fused_and_scores(step, real)
        content = 0.6 * ddcgan_content(real["infrared"], real["visible"], fused.detach()).item()
        loss = step.descend("generator", ddcgan_generator_loss(real["infrared"], real["visible"], fused, **scores))
        fooled = False
        for _ in range(self.repeats):
            fused, scores = self._fused_and_scores(step, real)
            fooled = fooled or self._fooled(step, real, fused)
            again = ddcgan_adversarial(**scores)
            if fooled:
                again = ddcgan_generator_loss(real["infrared"], real["visible"], fused, **scores)
                if again.item() <= 200:
                    break
            step.descend("generator", again)
        return {"loss": loss, "content": content}

    @torch.no_grad()
    def _fooled(self, step: Step, real: dict[str, Tensor], fused: Tensor) -> bool:
        """Whether the generator has both discriminators' losses up at 1.4."""
        return min(self._judged(step, name, image, fused).item() for name, image in real.items()) >= 1.4

    def _judged(self, step: Step, name: str, image: Tensor, fused: Tensor) -> Tensor:
        real, fake = (step.networks[name](picture) for picture in (image, fused))
        return ddcgan_discriminator_loss(real, fake)

    def _fused_and_scores(self, step: Step, real: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        with step.autocast():
            fused = step.networks["generator"](real["infrared"], real["visible"]).float()
        return fused, {f"of_{name}": step.networks[name](fused) for name in real}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """The content, as it weighs in training."""
        return 0.6 * ddcgan_content(infrared, visible, networks["generator"](infrared, visible))
