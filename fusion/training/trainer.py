"""Trainer: one loop for all recipes, from the first step to the weights that are shipped.

Interrupted at any moment it goes on from its last checkpoint and ends with the same bits as if it had never stopped:
patches and random numbers are functions of the step's number, not of what came before.
"""

from __future__ import annotations

import copy
import csv
import io
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from ivif.datasets.files import sha256_file, write_atomic
from ivif.datasets.locking import alone_in
from ivif.datasets.pairs import PairDataset
from ivif.fusion.method import FusionError
from ivif.fusion.reference.supervision import References
from ivif.fusion.training.patches import Patches, fixed_patches, training_split
from ivif.fusion.training.recipe import ByReferences, Recipe, TrainingStep
from ivif.fusion.weights.manifest import Manifest, write_weights

CHECKPOINT, LOG = "checkpoint.pt", "log.csv"

WATCHED = 8
"""Held-out pairs that validation patches are cut from: the first ones."""

AVERAGE = "average"
"""Key of the running average of weights among the networks."""


@dataclass(frozen=True)
class TrainingBudget:
    """When to stop: after so many steps in all, or so many seconds of this call; whichever is first."""

    steps: int
    seconds: float = float("inf")

    @classmethod
    def parse(cls, text: str | None, published_steps: int) -> TrainingBudget:
        """ "500" steps, "90s", "40m" or "2h"; None is the whole published schedule."""
        if text is None:
            return cls(published_steps)
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
        if not found or (not found[2] and "." in found[1]):
            raise FusionError(f"budget {text!r}: expected a number of steps, or a time such as 90s, 40m or 2h")
        if not found[2]:
            return cls(int(found[1]))
        return cls(published_steps, float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]])


Rate = Literal["recipe", "one-cycle"]


def one_cycle(share: float) -> float:
    """Factor on the learning rate: linear to 1 over the first tenth of the schedule, then a cosine down to 0.01.

    Args:
        share: of the schedule that is over at the end of the step, above 0; it stays at 0.01 beyond 1.
    """
    if share < 0.1:
        return share / 0.1
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (min(share, 1) - 0.1) / 0.9)) / 2


@dataclass(frozen=True)
class TrainingSettings:
    """How to train, beyond the recipe.

    Attributes:
        out: folder of checkpoint, log and weights.
        device: "cpu" or "cuda".
        bfloat16: forward passes in bfloat16; weights, losses and updates stay in float32.
        channels_last: memory layout of images and weights of convolutions; None: what is faster, which on CPUs the
            recipe knows.
        half: weights are shipped in half precision, which halves their size.
        schedule: steps that the recipe's schedule is stretched or squeezed to; None: the published number.
        rate: course of the learning rate over the schedule: "recipe", as its authors have it, or "one-cycle", which
            suits few steps; see `one_cycle`.
        average: decay of the running average of the fusing network's weights, which is validated and shipped in place
            of these, below 1; 0: none; None: the recipe's, which may have none.
        seed: of initial weights, patches and everything else random.
        initial: weights that the fusing network starts from; None: its authors' random ones.
        references: what recipes of references train on.
        validate_every, save_every: in steps and seconds.
        validation_patches: how many patches of held-out pairs the validation curve is of.
        quiet: no progress bar.
        validation_side: of these patches in pixels, if those trained on are not larger. Networks that normalise by
            the statistics of the image at hand are tested on whole images; small patches would mislead.
    """

    out: Path
    device: str = "cpu"
    bfloat16: bool = False
    channels_last: bool | None = None
    half: bool = False
    schedule: int | None = None
    rate: Rate = "recipe"
    average: float | None = None
    seed: int = 0
    initial: Path | None = None
    references: References | None = None
    validate_every: int = 100
    validation_patches: int = 4
    validation_side: int = 256
    save_every: float = 60.0
    quiet: bool = False


def train(
    recipe: Recipe, dataset: PairDataset, settings: TrainingSettings, budget: str | None = None
) -> Manifest | None:
    """Train a network on the training part of a data set; goes on from `settings.out` if a checkpoint is there.

    Under ``torchrun`` every process takes its share of each batch and gradients are averaged.

    Args:
        recipe: what to train and how.
        dataset: pairs; `training_split` decides which are held out to validate on.
        settings: where and how.
        budget: see `TrainingBudget.parse`.

    Returns:
        The manifest of the weights written to ``OUT/NETWORK.safetensors``; None in all processes but the first.

    Raises:
        FusionError: a loss or gradient that is not finite, a checkpoint of another training, or a batch that cannot
            be divided among the processes.
        BusyError: another training writes into the same folder.
    """
    with _processes() as (rank, world):
        if recipe.batch % world:
            raise FusionError(f"a batch of {recipe.batch} cannot be divided among {world} processes; choose --batch")
        with nullcontext() if rank else alone_in(settings.out):
            return _train(recipe, dataset, settings, budget, rank, world)


def _train(
    recipe: Recipe, dataset: PairDataset, settings: TrainingSettings, budget: str | None, rank: int, world: int
) -> Manifest | None:
    seen, held_out = training_split(dataset)
    crop = recipe.crop if recipe.published else "anywhere"
    given = settings.references
    if (given is not None) != isinstance(recipe.supervision, ByReferences):
        raise FusionError(f"supervision {recipe.supervision.name}: references go with rts, and only with it")
    patches = Patches(seen, recipe.patch, settings.seed, recipe.augment, crop, recipe.stride, given)
    published_steps = _published_steps(recipe, patches)
    schedule = settings.schedule or published_steps
    limit = TrainingBudget.parse(budget, schedule)
    fixed = fixed_patches(
        held_out[:WATCHED], recipe.patch, settings.validation_side, settings.validation_patches, given
    )
    validation = tuple(image.to(settings.device) for image in fixed)

    torch.manual_seed(settings.seed)
    networks = recipe.build()
    if settings.initial is not None:
        recipe.initialise(networks, settings.initial)
    networks = networks.to(settings.device)
    if _channels_last(recipe, settings):
        networks = networks.to(memory_format=torch.channels_last)
    optimizers = recipe.optimizers(networks)
    decay = recipe.average if settings.average is None else settings.average
    if not 0 <= (decay or 0) < 1:
        raise FusionError(f"average {decay}: expected a decay of 0 or more, below 1")
    if decay:
        networks[AVERAGE] = copy.deepcopy(networks["generator"]).requires_grad_(False)
    state = State(recipe, settings, networks, optimizers, _data(seen, given), schedule)
    state.restore()

    def descend(name: str, loss: Tensor) -> float:
        state.updates += 1
        return _descend(networks[name], optimizers[name], loss, world)

    start = saved = time.monotonic()
    bar = tqdm(
        total=limit.steps,
        initial=state.step,
        unit="step",
        disable=rank > 0 or settings.quiet,
        mininterval=_bar_interval(),
    )
    while state.step < limit.steps and _agreed(time.monotonic() - start < limit.seconds, world):
        began, share = time.monotonic(), min(1, state.step / schedule)
        authors = settings.rate == "recipe"
        factor = recipe.rate(share, state.updates / schedule) if authors else one_cycle((state.step + 1) / schedule)
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * factor
        own_seed = (settings.seed << 32) + state.step * world + rank
        torch.manual_seed(own_seed)
        generator = torch.Generator().manual_seed(own_seed)
        step = TrainingStep(networks, descend, _autocast(settings), generator, state.step, share)
        networks.train()
        batch = patches.batch(state.step, recipe.batch, rank, world)
        losses = recipe.step(step, *(image.to(settings.device) for image in batch))
        if decay:
            _follow(networks[AVERAGE], networks["generator"], recipe.averaging(decay, state.step))
        state.advance(time.monotonic() - began, losses)
        if state.step % settings.validate_every == 0:
            state.log[-1]["validation"] = _validate(recipe, networks, validation)
        if rank == 0 and time.monotonic() - saved > settings.save_every:
            state.save()
            saved = time.monotonic()
        bar.update()
        bar.set_postfix({name: f"{value:.4g}" for name, value in losses.items()})
    bar.close()
    if rank > 0:
        return None
    if state.log:
        state.log[-1].setdefault("validation", _validate(recipe, networks, validation))
    state.save()
    return _export(state, published_steps, _provenance(seen, given))


def _channels_last(recipe: Recipe, settings: TrainingSettings) -> bool:
    if settings.channels_last is not None:
        return settings.channels_last
    return recipe.channels_last or not settings.device.startswith("cpu")


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move a running average of parameters by one step; buffers are copied."""
    for mean, value in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(value, 1 - decay)
    for mine, new in zip(average.buffers(), network.buffers(), strict=True):
        mine.copy_(new)


def _shipped_networks(networks: nn.ModuleDict) -> nn.ModuleDict:
    """The networks, with the running average as the one that fuses where there is one."""
    if AVERAGE not in networks:
        return networks
    return nn.ModuleDict({**dict(networks.items()), "generator": networks[AVERAGE]})


def _published_steps(recipe: Recipe, patches: Patches) -> int:
    """Length of the recipe's own schedule."""
    if recipe.epochs is None:
        return recipe.steps
    return recipe.epochs * max(1, len(patches.windows(recipe.stride)) // type(recipe).batch)


def _data(seen: PairDataset, references: References | None) -> dict[str, str]:
    """Hashes of what is trained on."""
    split = {"split": seen.fingerprint()}
    names = [pair.name for pair in seen]
    return split if references is None else {**split, "references": references.fingerprint(names)}


def _provenance(seen: PairDataset, references: References | None) -> dict[str, str]:
    """How the references that are trained on were made, and how many a pair are used."""
    if references is None:
        return {}
    settings = references.settings(next(iter(seen)).name)
    return {"references_made_by": f"{settings}; {references.used(seen):.1f} of each pair on average are used"}


def _agreed(go_on: bool, world: int) -> bool:
    """Whether the first process wants to go on: clocks differ, but all must stop at the same step."""
    if world == 1:
        return go_on
    word = torch.tensor(int(go_on), device="cuda" if distributed.get_backend() == "nccl" else "cpu")
    distributed.broadcast(word, src=0)
    return bool(word)


def _descend(network: nn.Module, optimizer: Optimizer, loss: Tensor, world: int) -> float:
    """One update of a network's parameters; gradients are averaged over the processes."""
    optimizer.zero_grad(set_to_none=True)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    pairs = [(parameter, grad) for parameter, grad in zip(parameters, found, strict=True) if grad is not None]
    gradients = torch.cat([gradient.flatten() for _, gradient in pairs])
    if world > 1:
        distributed.all_reduce(gradients)
        gradients /= world
    norm = gradients.norm()
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise FusionError(f"loss {loss.item()}, gradient norm {norm.item()}: training diverged; try float32")
    for (parameter, _), gradient in zip(pairs, gradients.split([grad.numel() for _, grad in pairs]), strict=True):
        parameter.grad = gradient.view(parameter.shape)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def _validate(recipe: Recipe, networks: nn.ModuleDict, validation: tuple[Tensor, ...]) -> float:
    """Mean of the loss over held-out patches, one at a time."""
    networks.eval()
    networks = _shipped_networks(networks)
    losses = [
        recipe.loss(networks, *pair).item() for pair in zip(*(images.split(1) for images in validation), strict=True)
    ]
    return sum(losses) / len(losses)


class State:
    """Everything a training is at a step: weights, optimisers, and the log so far."""

    def __init__(
        self,
        recipe: Recipe,
        settings: TrainingSettings,
        networks: nn.ModuleDict,
        optimizers: dict[str, Optimizer],
        data: dict[str, str],
        schedule: int,
    ) -> None:
        self.recipe, self.settings, self.networks, self.optimizers = recipe, settings, networks, optimizers
        self.identity = {
            "network": recipe.network,
            **recipe.facts(),
            **data,
            **({"initial": sha256_file(settings.initial)} if settings.initial else {}),
            "seed": settings.seed,
            "schedule": schedule,
            **({"rate": settings.rate} if settings.rate != "recipe" else {}),
            **({} if settings.average is None else {"average": settings.average}),
        }
        self.step = self.updates = 0
        self.seconds = 0.0
        self.log: list[dict[str, float]] = []

    def advance(self, seconds: float, losses: dict[str, float]) -> None:
        """Count a step that is done."""
        self.step += 1
        self.seconds += seconds
        self.log.append({"step": self.step, "seconds": self.seconds, **losses})

    def save(self) -> None:
        """Write the checkpoint and the loss curves, each whole or not at all."""
        buffer = io.BytesIO()
        content = {
            "identity": self.identity,
            "step": self.step,
            "updates": self.updates,
            "seconds": self.seconds,
            "log": self.log,
            "networks": self.networks.state_dict(),
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
        }
        torch.save(content, buffer)
        write_atomic(self.settings.out / CHECKPOINT, buffer.getvalue())
        write_atomic(self.settings.out / LOG, self._curves().encode())

    def restore(self) -> None:
        """Go back to the checkpoint, if there is one; raises `FusionError` if it is of another training."""
        path = self.settings.out / CHECKPOINT
        if not path.is_file():
            return
        content: dict[str, Any] = torch.load(path, map_location=self.settings.device, weights_only=True)
        before = content["identity"]
        if changed := [key for key in before | self.identity if before.get(key) != self.identity.get(key)]:
            differences = "; ".join(f"{key} {before.get(key)!r}, now {self.identity.get(key)!r}" for key in changed)
            raise FusionError(f"{path} is of another training ({differences}); give another --out")
        self.networks.load_state_dict(content["networks"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(content["optimizers"][name])
        self.step, self.updates = content["step"], content["updates"]
        self.seconds, self.log = content["seconds"], content["log"]

    def _curves(self) -> str:
        names = list(dict.fromkeys(name for row in self.log for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.log)
        return text.getvalue()


def _export(state: State, published_steps: int, provenance: dict[str, str]) -> Manifest:
    """Write the weights, and beside them how they came to be."""
    recipe, settings, published = state.recipe, state.settings, type(state.recipe)()
    tail = state.log[-50:]
    names = [name for name in dict.fromkeys(name for row in tail for name in row) if name not in ("step", "seconds")]
    missing = recipe.not_trained(state.step / state.identity["schedule"])
    curves = {name: [row[name] for row in tail if name in row] for name in names}
    record = {
        **state.identity,
        **provenance,
        "steps": state.step,
        "published_schedule": {"steps": published_steps, "patch": published.patch, "batch": published.batch},
        "share_of_published_steps": state.step / published_steps,
        "share_of_published_pixels": state.step / published_steps * _pixels(recipe) / _pixels(published),
        "seconds": round(state.seconds, 1),
        **({"not_trained": missing} if missing else {}),
        "last_losses": {name: sum(values) / len(values) for name, values in curves.items()},
    }
    exported = recipe.exported(_shipped_networks(state.networks))
    tensors = {name: _shipped(tensor, settings.half) for name, tensor in exported.items()}
    path = settings.out / f"{weights_name(recipe)}.safetensors"
    licence = "as its author says" if ":" in recipe.method else "Apache-2.0"
    return write_weights(path, tensors, recipe.method, licence, recipe=record)


def weights_name(recipe: Recipe) -> str:
    """What the weights of a recipe are called: as the method that uses them."""
    by_references = isinstance(recipe.supervision, ByReferences)
    return f"{recipe.network}+{recipe.supervision.name}" if by_references else recipe.network


def _pixels(recipe: Recipe) -> int:
    """Pixels that a step sees of each source."""
    return recipe.batch * recipe.patch**2


def _shipped(tensor: Tensor, half: bool) -> Tensor:
    """A tensor in half precision, where that is wanted and holds its values."""
    tensor = tensor.detach().cpu().contiguous()
    narrow = tensor.half() if half and tensor.dtype == torch.float32 else tensor
    return narrow if not narrow.is_floating_point() or bool(torch.isfinite(narrow).all()) else tensor


def _autocast(settings: TrainingSettings) -> Callable[[], Any]:
    if not settings.bfloat16:
        return nullcontext
    return lambda: torch.autocast(settings.device.split(":")[0], torch.bfloat16)


def _bar_interval() -> float:
    return 0.1 if sys.stderr.isatty() else 30


@contextmanager
def _processes() -> Iterator[tuple[int, int]]:
    """(rank, number) of the processes that ``torchrun`` started; (0, 1) without it."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield 0, 1
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield distributed.get_rank(), world
        distributed.barrier()  # nobody leaves while another one may still talk to it
    finally:
        distributed.destroy_process_group()
