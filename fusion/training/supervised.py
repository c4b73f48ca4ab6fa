"""Supervised: the recipes of Reference-then-Supervision, each network's own with references in place of the sources.

Li et al., Pattern Recognition 2024. A recipe here shares network, optimisers and schedule with the original one. What
the published code does otherwise than its loss means to do is mended: references carry the weights that the filter
gave them in all terms, a reference's gradient is compared with a gradient, and every learning rate is the network's.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer, RMSprop

from fusion.method import FusionError
from fusion.networks.ddcgan import DDcGANDiscriminator, DDcGANGenerator
from fusion.reference.supervision import Aggregation, Targets, aggregated
from fusion.training.adversarial import DDcGANRecipe, FusionGANRecipe, label
from fusion.training.losses import ddcgan_judgement, soft_label_loss
from fusion.training.recipe import Recipe, Step
from fusion.training.recipes import (
    DIDFuseRecipe,
    MGTRecipe,
    OneLoss,
    PMGIRecipe,
    RFNNestRecipe,
    SDNetRecipe,
    SwinFusionRecipe,
)
from fusion.training.reference_losses import (
    ddcgan_reference_content,
    ddcgan_reference_judgement,
    didfuse_reference_loss,
    intensity_and_laplacian,
    rfn_nest_reference_loss,
    squared_error,
    swinfusion_reference_loss,
    weighted,
)


class Supervised(Recipe):
    """What recipes with references share; a mixin before a network's original recipe.

    Attributes:
        aggregation: how several references make one loss.
    """

    supervision = "rts"
    aggregation: Aggregation = "weighted"

    def targets(self, references: Tensor, weights: Tensor) -> Targets:
        """References in 0..1 as the aggregation wants them."""
        return aggregated(references, weights, self.aggregation)

    def facts(self) -> dict[str, Any]:
        """Also how references are aggregated."""
        return {**super().facts(), "aggregation": self.aggregation}


class SupervisedLoss(Supervised, OneLoss):
    """Recipes with one network and one loss against references; subclasses say which."""

    def step(self, step: Step, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> dict[str, float]:
        """One step down the loss."""
        targets = self.targets(*supervision).mapped(self.scaled)
        scaled = self.scaled(infrared), self.scaled(visible)
        with step.autocast():
            outputs = self.forward(step.networks["generator"], *scaled)
        outputs = [output.float() for output in outputs]
        return {"loss": step.descend("generator", self.against(targets, scaled, outputs))}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> Tensor:
        """The loss that is trained with."""
        targets = self.targets(*supervision).mapped(self.scaled)
        scaled = self.scaled(infrared), self.scaled(visible)
        outputs = self.forward(networks["generator"], *scaled)
        return self.against(targets, scaled, outputs)

    def against(self, targets: Targets, sources: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """The loss; all images on the network's scale."""
        raise NotImplementedError


class DIDFuseSupervised(SupervisedLoss, DIDFuseRecipe):
    """What was taken apart and summed is rebuilt as the references."""

    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        """The fused image, both base maps, both detail maps."""
        left, right = network.encode(infrared), network.encode(visible)
        both = type(left)(*(one + other for one, other in zip(left, right, strict=True)))
        return [network.decode(both), left.base, right.base, left.detail, right.detail]

    def against(self, targets: Targets, sources: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """References, and the decomposition's own terms."""
        fused, base_i, base_v, detail_i, detail_v = outputs
        return didfuse_reference_loss(fused, targets, (base_i, base_v), (detail_i, detail_v))


class PMGISupervised(SupervisedLoss, PMGIRecipe):
    """Intensity and gradient of the references."""

    slips = (
        f"{PMGIRecipe.slips}; the gradient weighs 5 times the intensity, between the 1 of the RtS authors' code and "
        "the 7 of PMGI's own loss, chosen on held-out RoadScene pairs"
    )

    def against(self, targets: Targets, sources: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """Intensity and Laplacian."""
        return 100 * intensity_and_laplacian(outputs[0], targets, gradient=5)


class SDNetSupervised(SupervisedLoss, SDNetRecipe):
    """Intensity and gradient of the references; both sources can still be decomposed from the result."""

    slips = f"{SDNetRecipe.slips}; what is decomposed are the sources, not the references, of which one image has many"

    def against(self, targets: Targets, sources: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """Intensity, Laplacian, decomposition."""
        fused, *again = outputs
        sure = torch.ones_like(targets.weights[:, :1])
        decomposed = [squared_error(copy, source, sure) for copy, source in zip(again, sources, strict=True)]
        return intensity_and_laplacian(fused, targets, gradient=10) + torch.stack(decomposed).sum()


class SwinFusionSupervised(SupervisedLoss, SwinFusionRecipe):
    """Intensity, gradient and structure of the references; the running average is shipped."""

    def step(self, step: Step, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> dict[str, float]:
        """One step down the loss, then the average follows."""
        losses = SupervisedLoss.step(self, step, infrared, visible, *supervision)
        self.follow(step)
        return losses

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> Tensor:
        """The loss of the running average."""
        average = nn.ModuleDict({"generator": networks["average"]})
        return SupervisedLoss.loss(self, average, infrared, visible, *supervision)

    def against(self, targets: Targets, sources: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """Intensity, gradient, structure."""
        return swinfusion_reference_loss(outputs[0], targets)


class MGTSupervised(SupervisedLoss, MGTRecipe):
    """SwinFusion's loss with MGT's weights."""

    def against(self, targets: Targets, sources: tuple[Tensor, Tensor], outputs: list[Tensor]) -> Tensor:
        """Intensity, gradient, structure."""
        return swinfusion_reference_loss(outputs[0], targets, intensity=50, gradient=50)


class RFNNestSupervised(Supervised, RFNNestRecipe):
    """The auto-encoder as before; then, with it held fixed, the fusion networks towards the references."""

    slips = (
        f"{RFNNestRecipe.slips}; the auto-encoder is learned first and held fixed then, as originally: trained along, "
        "with its own features as targets, nothing would hold their scale; features of all four levels count, the "
        "deepest as much as structure, which keeps the original loss's proportion of 1000 to 700"
    )

    def fuse(self, step: Step, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> dict[str, float]:
        """Structure and features of the references."""
        targets = self.targets(*supervision)
        with step.autocast():
            outputs = self._outputs(step.networks["generator"], targets, infrared, visible)
        loss = self._against(targets, *outputs)
        return {"fuse": step.descend("generator", loss), "loss": loss.item()}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> Tensor:
        """The second stage's loss, in the first stage too."""
        targets = self.targets(*supervision)
        return self._against(targets, *self._outputs(networks["generator"], targets, infrared, visible))

    @staticmethod
    def _outputs(
        network: Any, targets: Targets, infrared: Tensor, visible: Tensor
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The fused image, its maps, and those of the references, which are targets and take no gradient."""
        mixed = network.fuse_maps(network.encode(255 * infrared), network.encode(255 * visible))
        shape = targets.images.shape[:2]
        with torch.no_grad():
            maps = network.encode(255 * targets.images.flatten(0, 1).unsqueeze(1))
        maps = [level.unflatten(0, shape).float() for level in maps]
        return network.decode(mixed).float(), [level.float() for level in mixed], maps

    @staticmethod
    def _against(targets: Targets, fused: Tensor, fused_maps: list[Tensor], maps: list[Tensor]) -> Tensor:
        return rfn_nest_reference_loss(fused, targets.mapped(lambda image: 255 * image), fused_maps, maps)


class FusionGANSupervised(Supervised, FusionGANRecipe):
    """References are content and real samples."""

    def step(self, step: Step, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> dict[str, float]:
        """Two steps of the discriminator, one of the generator."""
        targets = self._labels(*supervision)
        with step.autocast():
            fused = step.networks["generator"](2 * infrared - 1, 2 * visible - 1)
        judged = 0.0
        for _ in range(self.discriminator_steps):
            judged = step.descend("discriminator", self._judgement(step, targets, fused.detach()))
        discriminator = step.networks["discriminator"]
        with step.autocast():
            score = discriminator(fused, update=False)
        adversarial = soft_label_loss(score.float(), 0.7, 1.2, step.generator)
        content = 100 * intensity_and_laplacian(fused.float(), targets, gradient=5)
        loss = step.descend("generator", adversarial + content)
        return {"loss": loss, "content": content.item(), "discriminator": judged}

    def _labels(self, *supervision: Tensor) -> Targets:
        """The references where the result covers them, in -1..1."""
        return self.targets(*supervision).mapped(lambda image: label(2 * image - 1))

    def _judgement(self, step: Step, targets: Targets, fused: Tensor) -> Tensor:
        discriminator, weights = step.networks["discriminator"], targets.weights
        with step.autocast():
            real, fake = discriminator(targets.images.flatten(0, 1).unsqueeze(1)), discriminator(fused, update=False)
        labels = 0.7 + 0.5 * torch.rand(weights.shape, generator=step.generator).to(weights.device)
        errors = (real.float().unflatten(0, weights.shape).squeeze(2) - labels) ** 2
        return weighted(errors.unsqueeze(2), weights) + soft_label_loss(fake.float(), 0.0, 0.3, step.generator)

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> Tensor:
        """The content, as it weighs in training."""
        fused = self.shipped(networks, 2 * infrared - 1, 2 * visible - 1)
        return 100 * intensity_and_laplacian(fused, self._labels(*supervision), gradient=5)


class DDcGANSupervised(Supervised, DDcGANRecipe):
    """One discriminator, whose real samples are the references, and their content; turns and repeats as before."""

    def build(self) -> nn.ModuleDict:
        """Generator and discriminator."""
        return nn.ModuleDict({"generator": DDcGANGenerator(), "discriminator": DDcGANDiscriminator()})

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """RMSProp for the generator, plain gradient descent for the discriminator."""
        return {
            "generator": RMSprop(networks["generator"].parameters(), self.learning_rate, alpha=0.9, eps=1e-10),
            "discriminator": SGD(networks["discriminator"].parameters(), self.learning_rate),
        }

    def step(self, step: Step, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> dict[str, float]:
        """The turn that the step's number says."""
        turn = self._generate_for if step.number % 2 else self._judge_for
        losses = turn(step, (infrared, visible), self.targets(*supervision))
        with torch.no_grad():
            for parameter in step.networks.parameters():
                parameter.clamp_(-8, 8)
        return losses

    def _judge_for(self, step: Step, sources: tuple[Tensor, Tensor], targets: Targets) -> dict[str, float]:
        with torch.no_grad():
            fused = self._fused(step, sources)
        judged = 0.0
        for attempt in range(1 + self.repeats):
            loss = self._judgement(step, fused, targets)
            if attempt and loss.item() <= 1.7:
                break
            judged = step.descend("discriminator", loss)
        return {"discriminator": judged}

    def _generate_for(self, step: Step, sources: tuple[Tensor, Tensor], targets: Targets) -> dict[str, float]:
        fused = self._fused(step, sources)
        content = 0.6 * ddcgan_reference_content(fused, targets)
        loss = step.descend("generator", self._adversarial(step, fused) + content)
        fooled = False
        for _ in range(self.repeats):
            fused = self._fused(step, sources)
            with torch.no_grad():
                fooled = fooled or self._judgement(step, fused, targets).item() >= 1.4
            again = self._adversarial(step, fused)
            if fooled:
                again = again + 0.6 * ddcgan_reference_content(fused, targets)
                if again.item() <= 200:
                    break
            step.descend("generator", again)
        return {"loss": loss, "content": content.item()}

    def _fused(self, step: Step, sources: tuple[Tensor, Tensor]) -> Tensor:
        with step.autocast():
            return step.networks["generator"](*sources).float()

    def _adversarial(self, step: Step, fused: Tensor) -> Tensor:
        return ddcgan_judgement(step.networks["discriminator"](fused)).mean()

    def _judgement(self, step: Step, fused: Tensor, targets: Targets) -> Tensor:
        judge = step.networks["discriminator"]
        shape = targets.weights.shape
        real = judge(targets.images.flatten(0, 1).unsqueeze(1)).unflatten(0, shape).squeeze(2)
        return ddcgan_reference_judgement(real, judge(fused), targets.weights)

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> Tensor:
        """The content, as it weighs in training."""
        return 0.6 * ddcgan_reference_content(networks["generator"](infrared, visible), self.targets(*supervision))


SUPERVISED: dict[str, type[Supervised]] = {
    recipe.network: recipe
    for recipe in (
        DIDFuseSupervised,
        PMGISupervised,
        SDNetSupervised,
        FusionGANSupervised,
        DDcGANSupervised,
        RFNNestSupervised,
        SwinFusionSupervised,
        MGTSupervised,
    )
}
"""Recipes with references by network."""


def supervised_recipe_for(network: str, aggregation: Aggregation = "weighted") -> Supervised:
    """The recipe of a network with references; raises `FusionError` if there is none."""
    if network not in SUPERVISED:
        raise FusionError(f"no recipe for {network!r}; there are {', '.join(SUPERVISED)}")
    recipe = SUPERVISED[network]()
    recipe.aggregation = aggregation
    return recipe
