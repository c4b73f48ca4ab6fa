"""Recipe: what a training loop needs to be told about a network, and the step it makes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from ivif.fusion.method import FusionError
from ivif.fusion.networks.blocks import BatchStatisticsNorm
from ivif.fusion.networks.own import require_image, to_range
from ivif.fusion.reference.supervision import Aggregation, Targets, aggregated, nearest
from ivif.fusion.registry import lookup_name
from ivif.fusion.training.losses import reference_intensity_laplacian
from ivif.fusion.weights import read_weights

Crop = Literal["anywhere", "grid", "centre", "resized"]
"""How patches come from images: anywhere at random; windows of a regular grid, in order; the middle of each image, in
order; each whole image resized without interpolation, in order."""

CUT_ANYWHERE = "patches are cut anywhere in shuffled images; fixed windows in fixed order give batches of near copies"
"""A slip that several authors' codes have in common, as the corrected recipes mend it."""


@dataclass(frozen=True)
class BySources:
    """Supervision by the sources: what a loss asks of the fused image are properties of both of them.

    Attributes:
        published: keep the slips of the authors' code; otherwise they are mended.
    """

    published: bool = False
    name: ClassVar[str] = "original"

    def targets(self) -> None:
        """There are none."""


@dataclass(frozen=True)
class ByReferences:
    """Supervision by references, in place of the sources (Li et al., Pattern Recognition 2024).

    Networks, optimisers and schedules stay the original ones. What the published code does otherwise than its loss
    means to do is mended: references carry the weights that the filter gave them in all terms, a reference's gradient
    is compared with a gradient, and every learning rate is the network's.

    Attributes:
        aggregation: how several references make one loss.
    """

    aggregation: Aggregation = "nearest"
    published: ClassVar[bool] = False
    name: ClassVar[str] = "rts"

    def targets(self, references: Tensor, weights: Tensor) -> Targets:
        """References ``[B, K, P, P]`` and their weights ``[B, K]`` as the aggregation wants them."""
        return aggregated(references, weights, self.aggregation)

    def seen_from(self, targets: Targets, fused: Tensor) -> Targets:
        """The same, as far as the aggregation asks what has been fused, ``[B, 1, P, P]``."""
        return nearest(targets, fused) if self.aggregation == "nearest" else targets


Supervision = BySources | ByReferences
BY_SOURCES = BySources()


@dataclass(frozen=True)
class TrainingStep:
    """What a recipe is handed to make one step.

    Attributes:
        networks: what `Recipe.build` made, by name.
        descend: ``descend(name, loss)`` moves the parameters of one network down the gradient of a loss and returns
            the loss as a number.
        autocast: ``with step.autocast():`` around forward passes, for mixed precision; losses stay outside.
        generator: source of whatever a step draws at random, on the CPU.
        number: of the step, from 0.
        share: of the schedule that is over, 0..1.
    """

    networks: nn.ModuleDict
    descend: Callable[[str, Tensor], float]
    autocast: Callable[[], AbstractContextManager]
    generator: torch.Generator
    number: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Examples:
    """The patches of a step on the network's scale, ``float32``.

    Attributes:
        infrared: ``[B, 1, P, P]``.
        visible: the same places, ``[B, 1, P, P]``.
        references: the same places of the references; None where the sources supervise.
    """

    infrared: Tensor
    visible: Tensor
    references: Targets | None = None


class Recipe:
    """How a network is trained: by its authors, or on references instead of the sources.

    A subclass names the `module` and says with `original` what its authors minimise; how references are compared with
    (`referenced`), what the loss looks at (`forward`) and all numbers have defaults.

    Attributes:
        module: the class of the network that fuses; made without arguments.
        network: its key, after which weights are called; the class's name in lower case if a recipe doesn't say.
        trained_on: the authors' training set.
        patch: side of the square training patches in pixels.
        patch_is_fixed: whether the networks work with that size alone.
        crop: how the authors cut patches; the corrected recipes cut anywhere.
        stride: of the grid of windows, which makes an epoch; None: one patch an image and epoch.
        augment: whether patches are flipped and turned (eight ways).
        batch: patches a step.
        steps: length of the schedule.
        epochs: length of the schedule over the patches of the data set at hand; where given, `steps` do not count.
        learning_rate: at the start.
        average: decay of the running average of weights that is validated and shipped; None: the weights themselves.
        channels_last: whether training is faster in that memory layout on CPUs. Few networks are: convolutions take
            the gradients of their weights at half the speed in it.
        slips: what the corrected recipe does otherwise than the authors' code, and why.
        slips_with_references: what is otherwise, beside these, on references.

    Args:
        supervision: what the loss compares with.
    """

    module: ClassVar[type[nn.Module]]
    network: ClassVar[str]
    trained_on: ClassVar[str] = ""
    patch: int = 64
    patch_is_fixed: ClassVar[bool] = False
    crop: ClassVar[Crop] = "anywhere"
    stride: int | None = None
    augment: ClassVar[bool] = False
    batch: int = 16
    steps: ClassVar[int] = 10_000
    epochs: ClassVar[int | None] = None
    learning_rate: float = 1e-4
    average: ClassVar[float | None] = None
    channels_last: ClassVar[bool] = False
    slips: ClassVar[str] = ""
    slips_with_references: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "module" in vars(cls) and "network" not in vars(cls):
            cls.network = cls.module.__name__.lower()

    def __init__(self, supervision: Supervision = BY_SOURCES) -> None:
        self.supervision = supervision

    @property
    def published(self) -> bool:
        """Whether the slips of the authors' code are kept."""
        return self.supervision.published

    @property
    def method(self) -> str:
        """What `fusion.load` finds the method by that fuses with this network."""
        return lookup_name(self.module)

    def customised(self, patch: int | None, batch: int | None, learning_rate: float | None) -> Self:
        """This recipe with other numbers where they are given; raises `FusionError` where the patch is fixed."""
        if patch and self.patch_is_fixed and patch != self.patch:
            raise FusionError(f"{self.network} trains on {self.patch}x{self.patch} patches alone; leave out --patch")
        self.patch, self.batch = patch or self.patch, batch or self.batch
        self.learning_rate = learning_rate or self.learning_rate
        return self

    # What a network's own recipe says

    def forward(self, network: Any, examples: Examples) -> list[Tensor]:
        """What the loss looks at, the fused image ``[B, 1, P, P]`` first.

        Raises:
            FusionError: the network gives something else than an image of its sources' size.
        """
        fused = network(examples.infrared, examples.visible)
        return [require_image(self.module.__name__, fused, examples.infrared)]

    def original(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """The loss against the sources, a scalar, of what `forward` gave."""
        raise FusionError(
            f"{type(self).__name__} has no loss against the sources: define original(self, examples, outputs), or "
            "train with --supervision rts"
        )

    def referenced(self, examples: Examples, outputs: list[Tensor], references: Targets) -> Tensor:
        """The loss against references, a scalar, of what `forward` gave.

        Unless a recipe says otherwise, ``sum_k w_k [MSE(F, R_k) + 5 MSE(lap F, lap R_k)]``. The squared error alone
        has its minimum at the references' mean, which is blurred where they disagree about details; the second
        derivative asks for these. Both terms grow alike with the scale of the images, so that 5, which did best for
        PMGI on held-out pairs of RoadScene, means the same on 0..1 and -1..1.
        """
        return reference_intensity_laplacian(outputs[0], references, gradient=5)

    def rate(self, share: float, updates: float) -> float:
        """Factor on the learning rate.

        Args:
            share: of the schedule that is over, 0..1.
            updates: made so far, of any network, divided by the steps of the schedule.
        """
        return 1.0

    # What follows from it

    def build(self) -> nn.ModuleDict:
        """New networks with the authors' initial weights; "generator" is the one that fuses."""
        generator = self.module()
        if not self.published:
            freeze_affine(generator)
        return nn.ModuleDict({"generator": generator})

    def optimizers(self, networks: nn.ModuleDict) -> dict[str, Optimizer]:
        """One optimiser a network that is trained."""
        return {name: Adam(trained(network), lr=self.learning_rate) for name, network in networks.items()}

    def initialise(self, networks: nn.ModuleDict, weights: Path) -> None:
        """Start the fusing network from a safetensors file; adversaries keep their random weights."""
        read_weights(networks["generator"], weights)
        if not self.published:
            freeze_affine(networks["generator"])

    def scaled(self, image: Tensor) -> Tensor:
        """An image in 0..1 on the network's scale."""
        return to_range(self.module, image)[0]

    def examples(self, infrared: Tensor, visible: Tensor, *references: Tensor) -> Examples:
        """Patches in 0..1, and references with their weights where they supervise, as the losses see them."""
        targets = self.supervision.targets(*references)
        scaled = None if targets is None else targets.mapped(self.scaled)
        return Examples(self.scaled(infrared), self.scaled(visible), scaled)

    def compared(self, examples: Examples, outputs: list[Tensor]) -> Tensor:
        """The loss: against the references where there are some, else against the sources."""
        if examples.references is None or not isinstance(self.supervision, ByReferences):
            return self.original(examples, outputs)
        return self.referenced(examples, outputs, self.supervision.seen_from(examples.references, outputs[0]))

    def step(self, step: TrainingStep, infrared: Tensor, visible: Tensor, *references: Tensor) -> dict[str, float]:
        """One step down the loss.

        Args:
            step: what to move, and how.
            infrared: patches ``float32 [B, 1, P, P]`` in 0..1.
            visible: the same.
            references: ``[B, K, P, P]`` and their weights ``[B, K]``, where they supervise.

        Returns:
            Losses by name, the fusing network's as "loss".
        """
        examples = self.examples(infrared, visible, *references)
        with step.autocast():
            outputs = self.forward(step.networks["generator"], examples)
        loss = self.compared(examples, [output.float() for output in outputs])
        return {"loss": step.descend("generator", loss)}

    def loss(self, networks: nn.ModuleDict, infrared: Tensor, visible: Tensor, *references: Tensor) -> Tensor:
        """What the network as it is shipped would lose, without adversaries: the scalar that validation watches."""
        examples = self.examples(infrared, visible, *references)
        return self.compared(examples, self.forward(self.shipped(networks), examples))

    def shipped(self, networks: nn.ModuleDict) -> Any:
        """The network that fuses as it does with the weights that are shipped."""
        return networks["generator"]

    def exported(self, networks: nn.ModuleDict) -> dict[str, Tensor]:
        """The state dict that is shipped."""
        return dict(networks["generator"].state_dict())

    def averaging(self, decay: float, number: int) -> float:
        """Decay of the running average of weights at a step, from 0.

        ``min(decay, (1 + n) / (10 + n))`` follows faster at first, so that a short training does not ship its initial
        weights.
        """
        return min(decay, (1 + number) / (10 + number))

    def not_trained(self, share: float) -> str:
        """What of the network has not been trained at all when this share of the schedule is over, in words."""
        return ""

    def facts(self) -> dict[str, Any]:
        """What is recorded with the weights about how they were trained."""
        found = {
            "supervision": self.supervision.name,
            "recipe": "published" if self.published else "corrected",
            "patch": self.patch,
            "batch": self.batch,
            "learning_rate": self.learning_rate,
            "corrected": self._corrected(),
            "authors_trained_on": self.trained_on,
        }
        if isinstance(self.supervision, ByReferences):
            found["aggregation"] = self.supervision.aggregation
        return found

    def _corrected(self) -> str:
        if self.published:
            return ""
        more = self.slips_with_references if isinstance(self.supervision, ByReferences) else ""
        return "; ".join(filter(None, (self.slips, more)))


def trained(network: nn.Module) -> list[nn.Parameter]:
    """The parameters of a network that are not held fixed."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@torch.no_grad()
def freeze_affine(network: nn.Module) -> None:
    """Set scale and shift of all normalisations that evaluation leaves out to 1 and 0, and keep them there."""
    for layer in network.modules():
        if isinstance(layer, BatchStatisticsNorm) and not layer.affine_in_eval:
            layer.weight.requires_grad_(False).fill_(1)
            layer.bias.requires_grad_(False).fill_(0)
