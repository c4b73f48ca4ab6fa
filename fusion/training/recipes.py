"""Recipes: how each network's authors trained it, as far as a loop needs to be told.

Where the authors' code has a slip, the corrected recipe mends it and ``published=True`` keeps it. Recipes with
adversaries are in `fusion.training.adversarial`.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from fusion.method import FusionError
from fusion.networks.didfuse import DIDFuse
from fusion.networks.mgt import MGT
from fusion.networks.pmgi import PMGI
from fusion.networks.rfn_nest import RFNNest
from fusion.networks.sdnet import SDNet
from fusion.networks.swinfusion import SwinFusion
from fusion.training.adversarial import DDcGANRecipe, FusionGANRecipe
from fusion.training.losses import (
    didfuse_loss,
    mgt_loss,
    pmgi_loss,
    rfn_nest_autoencoder_loss,
    rfn_nest_fusion_loss,
    sdnet_loss,
    swinfusion_loss,
)
from fusion.training.recipe import Recipe, Step, freeze_affine
from fusion.weights import read_weights

__all__ = ["RECIPES", "Recipe", "Step", "recipe_for"]

ANYWHERE = "patches are cut anywhere in shuffled images; fixed windows in fixed order give batches of near copies"


class OneLoss(Recipe):
    """Recipes with one network and one loss; subclasses scale images, run the network and compare."""

    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step down the loss."""
        infrared, visible = self.scaled(infrared), self.scaled(visible)
        with step.autocast():
            outputs = self.forward(step.networks["generator"], infrared, visible)
        loss = self.compare(infrared, visible, [output.float() for output in outputs])
        return {"loss": step.descend("generator", loss)}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """The loss that is trained with."""
        infrared, visible = self.scaled(infrared), self.scaled(visible)
        return self.compare(infrared, visible, self.forward(networks["generator"], infrared, visible))

    def scaled(self, image: Tensor) -> Tensor:
        """An image in 0..1 on the network's scale."""
        return image

    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        """What the loss looks at."""
        return [network(infrared, visible)]

    @abstractmethod
    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """The loss."""


class DIDFuseRecipe(OneLoss):
    """Each image is rebuilt alone; nothing is fused in training (Zhao et al., IJCAI 2020).

    The authors' two optimisers, for encoder and decoder, have the same settings and are one here: Adam treats every
    parameter alone.
    """

    network = "didfuse"
    trained_on = "180 pairs of FLIR, centre crops of 128, in order; 120 epochs of 8 steps"
    patch, batch, steps, learning_rate = 128, 24, 960, 1e-3
    crop = "centre"
    slips = ANYWHERE

    def build(self) -> nn.ModuleDict:
        """Encoder and decoder."""
        return nn.ModuleDict({"generator": DIDFuse()})

    def rate(self, share: float, updates: float) -> float:
        """A tenth after epoch 40 of 120, a hundredth after 80."""
        return 0.1 ** int(3 * share) if share < 1 else 0.01

    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        """Both images again, both base maps, both detail maps."""
        left, right = network.encode(infrared), network.encode(visible)
        return [network.decode(left), network.decode(right), left.base, right.base, left.detail, right.detail]

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """Reconstruction and decomposition."""
        infrared_again, visible_again, base_i, base_v, detail_i, detail_v = outputs
        again = infrared_again, visible_again
        return didfuse_loss((infrared, visible), again, (base_i, base_v), (detail_i, detail_v))


class PMGIRecipe(OneLoss):
    """Proportional maintenance of gradient and intensity (Zhang et al., AAAI 2020)."""

    network = "pmgi"
    trained_on = "windows of images like TNO's, in order; 15 epochs, of which the published checkpoint saw 2"
    patch, stride, batch, epochs, learning_rate = 120, 14, 32, 15, 1e-4
    slips = (
        f"{ANYWHERE}; the authors train scale and shift of every normalisation, but their test code leaves them out: "
        "here they stay at 1 and 0, so that the network that is tested is the one that was trained"
    )

    def build(self) -> nn.ModuleDict:
        """One network."""
        network = PMGI()
        if not self.published:
            freeze_affine(network)
        return nn.ModuleDict({"generator": network})

    def scaled(self, image: Tensor) -> Tensor:
        """To -1..1."""
        return 2 * image - 1

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """Intensity and gradient."""
        return pmgi_loss(infrared, visible, outputs[0])


class SDNetRecipe(OneLoss):
    """Squeeze and decomposition (Zhang and Ma, IJCV 2021)."""

    network = "sdnet"
    trained_on = "windows of images like TNO's, in order; 15 epochs, of which the published checkpoint saw 11"
    patch, stride, batch, epochs, learning_rate = 120, 10, 32, 15, 1e-4
    slips = ANYWHERE

    def build(self) -> nn.ModuleDict:
        """Squeeze network and decomposition heads."""
        return nn.ModuleDict({"generator": SDNet()})

    def scaled(self, image: Tensor) -> Tensor:
        """To -1..1."""
        return 2 * image - 1

    def forward(self, network: Any, infrared: Tensor, visible: Tensor) -> list[Tensor]:
        """The fused image, and both sources decomposed from it."""
        fused = network(infrared, visible)
        return [fused, *network.decompose(fused)]

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """Intensity, texture where it is strongest, decomposition."""
        fused, infrared_again, visible_again = outputs
        return sdnet_loss(infrared, visible, fused, infrared_again, visible_again)


class RFNNestRecipe(Recipe):
    """Auto-encoder first, then the fusion networks with the auto-encoder held fixed (Li et al., 2021).

    One Adam serves both stages: parameters without a gradient stay as they are, as does what it knows of them.
    """

    network = "rfn_nest"
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

    def build(self) -> nn.ModuleDict:
        """Auto-encoder and fusion networks."""
        return nn.ModuleDict({"generator": RFNNest()})

    def initialise(self, networks: nn.ModuleDict, weights: Path) -> None:
        """Start from weights whose auto-encoder is learned: the second stage is the whole schedule."""
        super().initialise(networks, weights)
        self.first_stage = 0.0

    def lacks(self, share: float) -> str:
        """The fusion networks in the first stage."""
        return "" if share > self.first_stage else "its fusion networks: the auto-encoder takes the first half"

    def step(self, step: Step, infrared: Tensor, visible: Tensor, *supervision: Tensor) -> dict[str, float]:
        """One step of the stage that `share` falls into."""
        rebuilding = step.share < self.first_stage
        for name, parameter in step.networks["generator"].named_parameters():
            parameter.requires_grad_(rebuilding or name.startswith("fusion_block"))
        if rebuilding:
            return self.rebuild(step, infrared, visible)
        return self.fuse(step, infrared, visible, *supervision)

    def rebuild(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step of the auto-encoder, on both sources apart."""
        network: Any = step.networks["generator"]
        images = 255 * torch.cat((infrared, visible))
        with step.autocast():
            again = network.decode(network.encode(images))
        loss = rfn_nest_autoencoder_loss(images, again.float(), self.published)
        return {"rebuild": step.descend("generator", loss), "loss": loss.item()}

    def fuse(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step of the fusion networks."""
        network: Any = step.networks["generator"]
        infrared, visible = 255 * infrared, 255 * visible
        with step.autocast():
            sources = network.encode(infrared), network.encode(visible)
            mixed = network.fuse_maps(*sources)
            fused = network.decode(mixed)
        fused_maps, infrared_maps, visible_maps = ([level.float() for level in maps] for maps in (mixed, *sources))
        loss = rfn_nest_fusion_loss(visible, fused.float(), fused_maps, infrared_maps, visible_maps, self.published)
        return {"fuse": step.descend("generator", loss), "loss": loss.item()}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """The second stage's loss, in the first stage too."""
        network: Any = networks["generator"]
        sources = network.encode(255 * infrared), network.encode(255 * visible)
        mixed = network.fuse_maps(*sources)
        return rfn_nest_fusion_loss(255 * visible, network.decode(mixed), mixed, *sources, self.published)


class SwinFusionRecipe(OneLoss):
    """Brightest intensity, strongest gradient, structure of both; a running average is shipped (Ma et al., 2022)."""

    network = "swinfusion"
    trained_on = "MSRS, random crops of 128 turned and flipped; 10,000 steps"
    patch, batch, steps, learning_rate = 128, 12, 10_000, 2e-5
    crop, augment = "anywhere", True
    decay = 0.999
    """Of the running average of weights."""
    slips = (
        "the running average follows faster at first (decay (1 + n) / (10 + n) at step n until it reaches 0.999), so "
        "that a short training does not ship its initial weights"
    )

    def build(self) -> nn.ModuleDict:
        """The network, and the running average of its weights."""
        network = SwinFusion()
        return nn.ModuleDict({"generator": network, "average": copy.deepcopy(network).requires_grad_(False)})

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """For the network alone."""
        return super().optimizers(nn.ModuleDict({"generator": networks["generator"]}))

    def step(self, step: Step, infrared: Tensor, visible: Tensor) -> dict[str, float]:
        """One step down the loss, then the average follows."""
        losses = super().step(step, infrared, visible)
        self.follow(step)
        return losses

    def follow(self, step: Step) -> None:
        """Move the running average towards the weights as they are after a step."""
        average, network = step.networks["average"].parameters(), step.networks["generator"].parameters()
        decay = self.decay if self.published else min(self.decay, (1 + step.number) / (10 + step.number))
        for mean, new in zip(average, network, strict=True):
            mean.lerp_(new.detach(), 1 - decay)

    def initialise(self, networks: nn.ModuleDict, weights: Path) -> None:
        """Network and running average alike."""
        for network in networks.values():
            read_weights(network, weights)

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor) -> Tensor:
        """The loss of the running average."""
        return super().loss(nn.ModuleDict({"generator": networks["average"]}), infrared, visible)

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The running average, as the authors test it."""
        return dict(networks["average"].state_dict())

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """Intensity, gradient, structure."""
        return swinfusion_loss(infrared, visible, outputs[0])


class MGTRecipe(OneLoss):
    """SwinFusion's loss with other weights, as far as MGT's files tell."""

    network = "mgt"
    trained_on = "1083 pairs of MSRS, random crops of 128; 100 epochs"
    patch, batch, steps, learning_rate = 128, 4, 27_000, 2e-4
    crop = "anywhere"

    def build(self) -> nn.ModuleDict:
        """One network."""
        return nn.ModuleDict({"generator": MGT()})

    def rate(self, share: float, updates: float) -> float:
        """A tenth after epoch 50 of 100, a hundredth after 80."""
        return 1.0 if share <= 0.51 else 0.1 if share <= 0.81 else 0.01

    def compare(self, infrared: Tensor, visible: Tensor, outputs: list[Tensor]) -> Tensor:
        """Intensity, gradient, structure."""
        return mgt_loss(infrared, visible, outputs[0])


RECIPES: dict[str, type[Recipe]] = {
    recipe.network: recipe
    for recipe in (
        DIDFuseRecipe,
        PMGIRecipe,
        SDNetRecipe,
        FusionGANRecipe,
        DDcGANRecipe,
        RFNNestRecipe,
        SwinFusionRecipe,
        MGTRecipe,
    )
}
"""Recipes by network."""


def recipe_for(network: str, published: bool = False) -> Recipe:
    """The recipe of a network; raises `FusionError` if there is none."""
    if network not in RECIPES:
        raise FusionError(f"no recipe for {network!r}; there are {', '.join(RECIPES)}")
    return RECIPES[network](published)
