"""Campaign: every network trained by its authors' supervision and on references, under the same conditions.

A network's references are made for what its original training leaves it without, so that its twin is trained after it,
from the same initial weights, for as many steps on the same patches. A campaign's folder holds ::

    original/NAME, rts/NAME     checkpoint, log and weights of each training; NAME.s1, NAME.s2 ... of further seeds
    references/pool             candidates, shared by all networks
    references/NAME             references made for one of them
    lengths.json                how long each is trained and on how many pairs, where a time decided it
    report.md                   what has come of it so far
"""

from __future__ import annotations

import csv
import io
import json
import math
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from joblib import cpu_count
from tabulate import tabulate

from ivif.datasets import load as load_dataset
from ivif.datasets.files import write_atomic
from ivif.datasets.pairs import PairDataset
from ivif.datasets.workers import in_workers
from ivif.fusion.loading import default_names
from ivif.fusion.method import FusionError
from ivif.fusion.reference.build import DONE, Plan, build_references
from ivif.fusion.reference.filter import NO_REGRET, Rule
from ivif.fusion.reference.pool import Pool, member
from ivif.fusion.reference.supervision import References
from ivif.fusion.training.patches import training_split
from ivif.fusion.training.recipe import BY_SOURCES, ByReferences, BySources, Recipe, Supervision
from ivif.fusion.training.recipes import recipe_for
from ivif.fusion.training.trainer import LOG, WATCHED, Rate, TrainingSettings, train, weights_name

PLANS = Path(__file__).parent / "plans"
"""Plans that come with the project, by kind of device."""

PROBE_STEPS, PROBE_PAIRS = 4, 4
"""What a network's speed is measured on before the length of its schedule is decided; the first step doesn't count."""

SHARE_OF_TRAINING = 0.65
"""Of a network's time; the rest is for its own results and its references."""

RTS_STEP = 1.3
"""What a step on references takes beside one on the sources, about."""


@dataclass(frozen=True)
class Length:
    """How long a network is trained: steps of either training (None: its recipe's), and pairs of the data set."""

    steps: int | None
    pairs: int


@dataclass(frozen=True)
class Entry:
    """How one network of a campaign is trained; None is what its recipe says.

    Attributes:
        network: what `recipe_for` finds its recipe by.
        steps: length of both trainings; a time budget overrides it.
        patch, batch, learning_rate: of both.
        rate, average: see `TrainingSettings`.
        seeds: how many trainings of each kind; references are those of the first.
    """

    network: str
    steps: int | None = None
    patch: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    rate: Rate = "one-cycle"
    average: float | None = None
    seeds: int = 1

    def recipe(self, supervision: Supervision = BY_SOURCES) -> Recipe:
        """Its recipe with these numbers."""
        return recipe_for(self.network, supervision).customised(self.patch, self.batch, self.learning_rate)


@dataclass(frozen=True)
class CampaignPlan:
    """What is trained, and on what.

    Attributes:
        entries: networks, in the order in which they are trained.
        dataset: name of the pairs; their training part is trained on.
        candidates: of the pool of references; empty: all fast methods that are here.
        count: references a pair.
    """

    entries: tuple[Entry, ...]
    dataset: str = "roadscene"
    candidates: tuple[str, ...] = ()
    count: int = Rule.count

    @classmethod
    def read(cls, path: Path) -> CampaignPlan:
        """A plan from YAML: the attributes above, and ``networks: {NAME: {steps: 500, ...}}`` for the entries.

        Raises:
            FusionError: it cannot be read, or has keys that mean nothing.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            networks = content.pop("networks")
            shared = content.pop("all", {})
            entries = tuple(Entry(name, **{**shared, **(own or {})}) for name, own in networks.items())
            content["candidates"] = tuple(content.get("candidates", ()))
            return cls(entries, **content)
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            known = ", ".join(one.name for one in fields(Entry)[1:])
            raise FusionError(
                f"{path}: {error}; expected dataset, candidates, count, all: {{...}} and networks: {{NAME: {{...}}}} "
                f"with {known}"
            ) from error

    def only(self, names: Sequence[str]) -> CampaignPlan:
        """The same plan for some of its networks; raises `FusionError` where it has no such network."""
        if unknown := set(names) - {entry.network for entry in self.entries}:
            raise FusionError(f"the plan has no {', '.join(sorted(unknown))}")
        chosen = tuple(entry for entry in self.entries if not names or entry.network in names)
        return CampaignPlan(chosen, self.dataset, self.candidates, self.count)


@dataclass(frozen=True)
class Campaign:
    """A plan at work.

    Attributes:
        plan: what is trained.
        out: its folder; whatever is finished or begun there is gone on with.
        device: "cpu" or "cuda".
        seconds: for everything, if time is short: schedules are cut to what fits.
    """

    plan: CampaignPlan
    out: Path
    device: str = "cpu"
    seconds: float = math.inf
    _began: float = field(default_factory=time.monotonic, repr=False)

    def run(self, jobs: int = 0) -> None:
        """Train whatever is not finished.

        Args:
            jobs: networks that are trained at a time, a thread each; 0: one a processor core, but one alone where time
                is short or a GPU is shared.
        """
        alone = self.device.startswith("cuda") or math.isfinite(self.seconds)
        processes = jobs or (1 if alone else cpu_count())
        if processes == 1:
            for place, entry in enumerate(self.plan.entries):
                self._train_network(entry, len(self.plan.entries) - place, jobs=0)
        else:
            list(in_workers(_lane, ((self, entry) for entry in self.plan.entries), processes))
        write_atomic(self.out / "report.md", self.report().encode())

    def _train_network(self, entry: Entry, left: int = 1, jobs: int = 1) -> None:
        """Both trainings of a network, of all seeds.

        Args:
            entry: the network.
            left: how many networks share the time that is left.
            jobs: processes that make references.
        """
        every = load_dataset(self.plan.dataset)
        length = self._length(entry, every, left)
        pairs = every.select([every[place * len(every) // length.pairs].name for place in range(length.pairs)])
        for seed in range(entry.seeds):
            self._train(entry, BySources.name, seed, length.steps, pairs)
        seen, held_out = training_split(pairs)
        needed = pairs.select([pair.name for part in (seen, held_out[:WATCHED]) for pair in part])
        self._make_references(entry, needed, jobs)
        for seed in range(entry.seeds):
            self._train(entry, ByReferences.name, seed, length.steps, pairs)
            write_atomic(self.out / "report.md", self.report().encode())

    def _length(self, entry: Entry, every: PairDataset, left: int) -> Length:
        """Length of a network's trainings; where a time decides it, once and for all."""
        if not math.isfinite(self.seconds):
            return Length(entry.steps, len(every))
        path = self.out / "lengths.json"
        decided: dict[str, dict[str, int]] = json.loads(path.read_text()) if path.is_file() else {}
        if entry.network not in decided:
            a_step, a_pair = self._speed(entry, every)
            share = (self.seconds - (time.monotonic() - self._began)) / left
            steps = share * SHARE_OF_TRAINING / (entry.seeds * (1 + RTS_STEP) * a_step)
            pairs = share * (1 - SHARE_OF_TRAINING) / a_pair
            bounds = min(PROBE_PAIRS, len(every)), len(every)
            decided[entry.network] = {
                "steps": max(1, int(steps)),
                "pairs": min(max(int(pairs), bounds[0]), bounds[1]),
            }
            write_atomic(path, json.dumps(decided, indent=1).encode())
        return Length(**decided[entry.network])

    def _speed(self, entry: Entry, every: PairDataset) -> tuple[float, float]:
        """Seconds that a step takes, and a pair's references."""
        with tempfile.TemporaryDirectory() as folder:
            probe = replace(self, out=Path(folder), seconds=math.inf)
            few = every[:PROBE_PAIRS]
            probe._train(entry, BySources.name, 0, PROBE_STEPS, few)
            with (probe.folder(entry, BySources.name, 0) / LOG).open(newline="") as file:
                seconds = [float(row["seconds"]) for row in csv.DictReader(file)]
            began = time.monotonic()
            probe._make_references(entry, few[:1], jobs=1)
            a_pair = (time.monotonic() - began) / cpu_count()
        return (seconds[-1] - seconds[0]) / (len(seconds) - 1), a_pair

    def _train(self, entry: Entry, kind: str, seed: int, steps: int | None, pairs: PairDataset) -> None:
        recipe = entry.recipe(BY_SOURCES if kind == BySources.name else ByReferences())
        settings = TrainingSettings(
            self.folder(entry, kind, seed),
            self.device,
            half=True,
            schedule=steps,
            rate=entry.rate,
            average=entry.average,
            seed=seed,
            references=References(self.references(entry)) if kind == ByReferences.name else None,
        )
        train(recipe, pairs, settings, None if steps is None else str(steps))

    def _make_references(self, entry: Entry, pairs: PairDataset, jobs: int) -> None:
        """References for what a network lacks, of the pairs that are trained on and those that are watched.

        The network fuses on the campaign's device; what is many small steps after that is for processor cores.
        """
        learner = member(f"{entry.network}={self.weights(entry, BySources.name)}", self.device)
        pool = Pool.of(self.out / "references" / "pool", self.plan.candidates or default_names())
        plan = Plan(self.references(entry), pool, Rule(NO_REGRET, self.plan.count), learner=learner)
        for pair in pairs:
            pool.made(learner, pair)
        failed = [reason for reason in build_references(pairs, plan, jobs).values() if reason not in DONE]
        if failed:
            raise FusionError(f"{entry.network}: {len(failed)} pairs have no references, such as {failed[0]}")

    # Where things are

    def folder(self, entry: Entry, kind: str, seed: int) -> Path:
        """Of one training."""
        return self.out / kind / (f"{entry.network}.s{seed}" if seed else entry.network)

    def references(self, entry: Entry) -> Path:
        """Of the references made for a network."""
        return self.out / "references" / entry.network

    def weights(self, entry: Entry, kind: str, seed: int = 0) -> Path:
        """What one training gives."""
        recipe = entry.recipe(BY_SOURCES if kind == BySources.name else ByReferences())
        return self.folder(entry, kind, seed) / f"{weights_name(recipe)}.safetensors"

    # What has come of it

    def trainings(self) -> Iterator[tuple[Entry, str, int]]:
        """All trainings of the plan, twins side by side."""
        for entry in self.plan.entries:
            for seed in range(entry.seeds):
                yield from ((entry, kind, seed) for kind in (BySources.name, ByReferences.name))

    def report(self) -> str:
        """A table of all trainings in Markdown."""
        rows = [
            [entry.network, kind, seed, *_progress(self.weights(entry, kind, seed))]
            for entry, kind, seed in self.trainings()
        ]
        head = ["network", "supervision", "seed", "steps", "seconds", "share of published pixels", "validation"]
        return tabulate(rows, head, tablefmt="github") + "\n"


def _lane(campaign: Campaign, entry: Entry) -> None:
    torch.set_num_threads(1)
    campaign._train_network(entry)


def _progress(weights: Path) -> list[Any]:
    path = weights.with_suffix(".json")
    if not path.is_file():
        log = weights.parent / "log.csv"
        done = max(0, len(log.read_text().splitlines()) - 1) if log.is_file() else 0
        return [f"{done}, unfinished" if done else "", "", "", ""]
    record = json.loads(path.read_text())["recipe"]
    return [
        record["steps"],
        f"{record['seconds']:.0f}",
        f"{record['share_of_published_pixels']:.2%}",
        f"{record['last_losses'].get('validation', math.nan):.4g}",
    ]


def pack(campaign: Campaign, folder: Path, largest: int = 16 * 2**20) -> list[Path]:
    """Weights, records and curves of a campaign in few files, to take along; checkpoints stay.

    Args:
        campaign: the campaign.
        folder: where ``campaign-1.zip`` ... are written.
        largest: bytes that none of them exceeds.

    Raises:
        FusionError: a single file is larger than that.
    """
    names = ("*.safetensors", "*.json", "log.csv", "report.md")
    found = sorted(
        {path for name in names for path in campaign.out.glob(f"**/{name}")} - set(_references(campaign.out))
    )
    if too_large := [path for path in found if path.stat().st_size > largest - 2**16]:
        raise FusionError(f"{too_large[0]} is larger than a packed file of {largest} bytes may be")
    bins: list[list[Path]] = []
    for path in sorted(found, key=lambda one: -one.stat().st_size):
        room = (box for box in bins if sum(one.stat().st_size for one in (*box, path)) <= largest - 2**16)
        box = next(room, None)
        if box is None:
            bins.append(box := [])
        box.append(path)
    packed = []
    for number, box in enumerate(bins, start=1):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in box:
                archive.write(path, path.relative_to(campaign.out))
        packed.append(folder / f"campaign-{number}.zip")
        write_atomic(packed[-1], buffer.getvalue())
    return packed


def _references(out: Path) -> Iterator[Path]:
    return (out / "references").glob("**/*")
