"""DDcGAN's recipe: a generator, and a discriminator for each kind of real image: both spectra, or the references."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer, RMSprop

from ivif.fusion.networks.ddcgan import DDcGANDiscriminator, DDcGANGenerator
from ivif.fusion.reference.supervision import Targets
from ivif.fusion.training.losses import filtered, sole_target, weighted, weighted_absolute_error, weighted_squared_error
from ivif.fusion.training.recipe import BY_SOURCES, ByReferences, Examples, Recipe, Supervision, TrainingStep
from ivif.fusion.training.registry import register_recipe

_EIGHT_NEIGHBOURS = ((0.125, 0.125, 0.125), (0.125, -1.0, 0.125), (0.125, 0.125, 0.125))
_LOG_EPS = 1e-8


@register_recipe
class DDcGANRecipe(Recipe):
    """Discriminators and generator take turns and repeat until their losses balance (Ma et al., 2020).

    Steps with even numbers are the discriminators': one update each, and more while their loss exceeds 1.7. Steps with
    odd numbers are the generator's: one update, more against the discriminators alone while either's loss is below
    1.4, then more while the whole loss exceeds 200. Discriminators always work in float32: their scores come close to
    0 and 1, where fewer digits leave no gradient.

    The sources have a discriminator for each spectrum; the references one for all.
    """

    network, module = "ddcgan", DDcGANGenerator
    trained_on = "27,264 pairs of patches from 36 TNO pairs (the paper's figures), one epoch"
    patch, batch, steps, learning_rate = 84, 24, 1136, 2e-4
    patch_is_fixed = True
    repeats = 3
    slips = (
        "patches are cut anywhere in shuffled images; the learning rate falls to 0.9 over the schedule, where the "
        "authors' counter advances with every update of any network; at most 3 repeats, not 20, so that steps take a "
        "time that can be foreseen"
    )

    def __init__(self, supervision: Supervision = BY_SOURCES) -> None:
        super().__init__(supervision)
        if self.published:
            self.repeats = 20

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """Content of the sources, as it weighs in training."""
        return 0.6 * ddcgan_content(examples.infrared, examples.visible, outputs[0])

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """Content of the references, as it weighs in training."""
        return 0.6 * ddcgan_reference_content(outputs[0], references)

    def real(self, examples: Examples) -> dict[str, Targets]:
        """What each discriminator is to take for real."""
        if examples.references is not None:
            return {"discriminator": examples.references}
        return {"visible": sole_target(examples.visible), "infrared": sole_target(examples.infrared)}

    def build(self) -> nn.ModuleDict:
        """Generator and discriminators."""
        networks = super().build()
        by_references = isinstance(self.supervision, ByReferences)
        for name in ("discriminator",) if by_references else ("visible", "infrared"):
            networks[name] = DDcGANDiscriminator()
        return networks

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """RMSProp for the generator, plain gradient descent for the discriminators."""
        found: dict[str, Optimizer] = {
            name: SGD(network.parameters(), self.learning_rate) for name, network in networks.items()
        }
        found["generator"] = RMSprop(networks["generator"].parameters(), self.learning_rate, alpha=0.9, eps=1e-10)
        return found

    def rate(self, share: float, updates: float) -> float:
        """``0.9^share``."""
        return 0.9 ** (updates if self.published else share)

    def step(self, step: TrainingStep, infrared: Tensor, visible: Tensor, *references: Tensor) -> dict[str, float]:
        """The turn that the step's number says."""
        turn = self._generate if step.number % 2 else self._judge
        losses = turn(step, self.examples(infrared, visible, *references))
        with torch.no_grad():
            for parameter in step.networks.parameters():
                parameter.clamp_(-8, 8)
        return losses

    def _judge(self, step: TrainingStep, examples: Examples) -> dict[str, float]:
        with torch.no_grad():
            fused = self._fused(step, examples)
        losses = {}
        for name, real in self.real(examples).items():
            for attempt in range(1 + self.repeats):
                loss = _judgement(step.networks[name], real, fused)
                if attempt and loss.item() <= 1.7:
                    break
                losses[f"judge_{name}"] = step.descend(name, loss)
        return losses

    def _generate(self, step: TrainingStep, examples: Examples) -> dict[str, float]:
        real = self.real(examples)
        adversarial, content = self._terms(step, examples, self._fused(step, examples))
        loss = step.descend("generator", adversarial + content)
        fooled = False
        for _ in range(self.repeats):
            fused = self._fused(step, examples)
            fooled = fooled or _all_fooled(step, real, fused)
            again = _fooling(step, real, fused)
            if fooled:
                again = again + self.compared(examples, [fused])
                if again.item() <= 200:
                    break
            step.descend("generator", again)
        return {"loss": loss, "content": content.item()}

    def _terms(self, step: TrainingStep, examples: Examples, fused: Tensor) -> tuple[Tensor, Tensor]:
        """What is wanted of the discriminators, and the content.

        Gradients are summed in the reverse order in which terms are made, and rounded so: each supervision keeps the
        order that its shipped weights were trained with.
        """
        if examples.references is None:
            return _fooling(step, self.real(examples), fused), self.compared(examples, [fused])
        content = self.compared(examples, [fused])
        return _fooling(step, self.real(examples), fused), content

    def _fused(self, step: TrainingStep, examples: Examples) -> Tensor:
        with step.autocast():
            return self.forward(step.networks["generator"], examples)[0].float()


def _fooling(step: TrainingStep, real: dict[str, Targets], fused: Tensor) -> Tensor:
    """What the generator wants of all discriminators."""
    return ddcgan_adversarial(*(step.networks[name](fused) for name in real))


@torch.no_grad()
def _all_fooled(step: TrainingStep, real: dict[str, Targets], fused: Tensor) -> bool:
    """Whether the generator has all discriminators' losses up at 1.4."""
    return min(_judgement(step.networks[name], images, fused).item() for name, images in real.items()) >= 1.4


def _judgement(discriminator: nn.Module, real: Targets, fused: Tensor) -> Tensor:
    """A discriminator's loss."""
    shape = real.weights.shape
    of_real = discriminator(real.images.flatten(0, 1).unsqueeze(1)).unflatten(0, shape).squeeze(2)
    return ddcgan_discriminator_loss(of_real, discriminator(fused), real.weights)


def neighbour_difference(image: Tensor) -> Tensor:
    """Mean of the eight neighbours minus the centre, zeros around the image; the gradient of DDcGAN."""
    return filtered(image, _EIGHT_NEIGHBOURS)


def ddcgan_content(infrared: Tensor, visible: Tensor, fused: Tensor) -> Tensor:
    """Infrared intensity and visible gradients, ``|F - I|_2^2 / 16 + 1.2 |grad F - grad V|_1``.

    Sums over pixels, mean over the batch; gradients by `neighbour_difference`. Enters the loss 0.6 times.
    """
    intensity = ((fused - infrared) ** 2).sum((1, 2, 3))
    gradient = (neighbour_difference(fused) - neighbour_difference(visible)).abs().sum((1, 2, 3))
    return (intensity / 16 + 1.2 * gradient).mean()


def ddcgan_reference_content(fused: Tensor, targets: Targets) -> Tensor:
    """``sum_k w_k [|F - R_k|_2^2 / 16 + 1.2 |grad F - grad R_k|_1]``, sums over pixels; enters the loss 0.6 times."""
    pixels = fused.shape[2] * fused.shape[3]
    slopes = targets.details(neighbour_difference)
    details = weighted_absolute_error(neighbour_difference(fused), slopes, targets.weights)
    return pixels * (weighted_squared_error(fused, targets.images, targets.weights) / 16 + 1.2 * details)


def ddcgan_adversarial(*of_fused: Tensor) -> Tensor:
    """What the generator wants, ``sum over discriminators D of mean -log D(F)``; the arguments are D(F) ``[B, 1]``."""
    return torch.stack([_surprise(probability).mean() for probability in of_fused]).sum()


def ddcgan_discriminator_loss(of_real: Tensor, of_fused: Tensor, weights: Tensor) -> Tensor:
    """``mean -sum_k w_k log D(R_k) - log(1 - D(F))``; probabilities ``[B, K]`` and ``[B, 1]``, weights ``[B, K]``."""
    return weighted(_surprise(of_real).unsqueeze(2), weights) + _surprise(1 - of_fused).mean()


def _surprise(probability: Tensor) -> Tensor:
    """``-log p`` of each sample, finite at 0."""
    return -torch.log(probability + _LOG_EPS)
