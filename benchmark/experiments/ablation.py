"""Ablation: one network trained many times on references, one choice of the framework changed at a time.

Every training has the same steps, patches and initial weights as the others of its seed; what differs is what it is
told to imitate. Fused held-out pairs are measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from joblib import cpu_count
from numpy.typing import NDArray
from scipy.stats import t as student
from tabulate import tabulate
from tqdm import tqdm

from ivif.benchmark.metrics import Picture, expand_keys, get
from ivif.datasets.files import file_name, sha256_bytes, write_atomic
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair, PairDataset, PairImages
from ivif.datasets.workers import in_workers
from ivif.fusion.loading import load
from ivif.fusion.method import FusionError, FusionMethod
from ivif.fusion.reference.build import DONE, Plan, build_references
from ivif.fusion.reference.filter import NO_REGRET, UNSEEN, Rule, codes_of, value_of
from ivif.fusion.reference.pool import Pool, member
from ivif.fusion.reference.supervision import Aggregation, References
from ivif.fusion.results import fuse_images
from ivif.fusion.training.patches import training_split
from ivif.fusion.training.recipe import BY_SOURCES, ByReferences, Recipe
from ivif.fusion.training.recipes import recipe_for
from ivif.fusion.training.trainer import TrainingSettings, train, weights_name

MOST_REFERENCES = 9
"""References made of each pair; trainings use the first so many of them."""

METRICS = (*expand_keys(("core",)), *UNSEEN)
"""The core six, then metrics by which nothing is chosen."""


@dataclass(frozen=True)
class Variant:
    """What a network is trained on.

    Attributes:
        count: references a pair, best first; 0: none, the network's original supervision.
        rule: of the filter.
        enhancement: of the references.
        aggregation: how several references make one loss.
    """

    count: int = 5
    rule: str = NO_REGRET
    enhancement: str = "adaptive"
    aggregation: Aggregation = ByReferences.aggregation

    @property
    def folder(self) -> str:
        """A name for its trainings."""
        if not self.count:
            return "original"
        return f"{self.rule}-{self.enhancement}-{self.count}-{self.aggregation}"


MAIN, ORIGINAL = Variant(), Variant(count=0)

FACTORS: Mapping[str, Mapping[str, Variant]] = {
    "supervision": {"original": ORIGINAL, "references": MAIN},
    "K": {str(count): replace(MAIN, count=count) for count in (1, 3, 5, 7, 9)},
    "filter": {
        NO_REGRET: MAIN,
        **{rule: replace(MAIN, rule=rule) for rule in ("auto", "random")},
        "best": replace(MAIN, count=1),
    },
    "enhancement": {kind: replace(MAIN, enhancement=kind) for kind in ("none", "published", "adaptive")},
    "aggregation": {how: replace(MAIN, aggregation=how) for how in get_args(Aggregation)},
}
"""What is changed, one at a time, and to what. The best reference alone is K = 1."""


@dataclass(frozen=True)
class Study:
    """How an ablation is done.

    Attributes:
        out: folder of references, trainings and scores; finished parts in it are kept.
        network: what `recipe_for` finds its recipe by.
        pool: where candidates come from.
        steps, patch, batch: of every training; None: the network's own patch and batch.
        learning_rate: None: the network's own.
        seeds: trainings of each variant.
        held_out: pairs that are measured, of those held out; None: all.
        bfloat16: forward passes in bfloat16.
    """

    out: Path
    network: str
    pool: Pool
    steps: int = 300
    patch: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    seeds: int = 3
    held_out: int | None = None
    bfloat16: bool = False


@dataclass(frozen=True)
class Outcome:
    """What the trainings of one variant came to.

    Attributes:
        scores: mean over the held-out pairs, ``float64 [seeds, METRICS]``.
        used: references a pair that were trained on, on average.
    """

    scores: NDArray[np.float64]
    used: float


def ablate(dataset: PairDataset, study: Study, jobs: int = 0) -> dict[Variant, Outcome]:
    """Train and measure every variant; trainings in parallel.

    Args:
        dataset: pairs; `training_split` decides which are trained on and which are measured.
        study: how.
        jobs: processes; 0: one a processor core.

    Returns:
        Outcomes by variant.

    Raises:
        FusionError: unknown network, a patch that it does not take, no pair held out, pairs without references, or a
            training that failed.
    """
    variants = list(dict.fromkeys(variant for levels in FACTORS.values() for variant in levels.values()))
    _recipe(study, ORIGINAL)  # what cannot be trained is told before any work starts
    seen, _ = training_split(dataset)
    _train(dataset, study, ORIGINAL, seed=0)  # what it lacks is what no-regret references are to teach
    plans = {(plan := _plan(study, v, seed)).out: plan for seed in range(study.seeds) for v in variants if v.count}
    for plan in plans.values():
        failed = {name: why for name, why in build_references(dataset, plan, jobs).items() if why not in DONE}
        if failed:
            raise FusionError(f"{len(failed)} pairs have no references: {next(iter(failed.values()))}")
    tasks = [(variant, seed) for seed in range(study.seeds) for variant in variants]
    results = in_workers(_score, ((dataset, study, variant, seed) for variant, seed in tasks), jobs or cpu_count())
    found = dict(zip(tasks, tqdm(results, total=len(tasks), unit="training", desc="ablation"), strict=True))
    return {
        variant: Outcome(
            np.array([found[variant, seed] for seed in range(study.seeds)]),
            references.used(seen) if (references := _references(study, variant, seed=0)) else 0.0,
        )
        for variant in variants
    }


def _plan(study: Study, variant: Variant, seed: int) -> Plan:
    """How the references of a training are made: those of the random filter are drawn anew for every seed."""
    rule = Rule(variant.rule, MOST_REFERENCES, seed=seed if variant.rule == "random" else 0)
    own = f"{study.network}={_weights(study, ORIGINAL, seed=0)}" if variant.rule == NO_REGRET else None
    folder = _references_folder(study, variant, seed)
    return Plan(folder, study.pool, rule, variant.enhancement, member(own) if own else None)


def _references_folder(study: Study, variant: Variant, seed: int) -> Path:
    of_whom = {"random": str(seed), NO_REGRET: f"-for-{file_name(study.network)}"}.get(variant.rule, "")
    return study.out / "references" / f"{variant.rule}{of_whom}-{variant.enhancement}"


def _recipe(study: Study, variant: Variant) -> Recipe:
    recipe = recipe_for(study.network, ByReferences(variant.aggregation) if variant.count else BY_SOURCES)
    return recipe.customised(study.patch, study.batch, study.learning_rate)


def _references(study: Study, variant: Variant, seed: int) -> References | None:
    return References(_references_folder(study, variant, seed), variant.count) if variant.count else None


def _folder(study: Study, variant: Variant, seed: int) -> Path:
    recipe = _recipe(study, variant)
    setting = f"{recipe.network}-{study.steps}x{recipe.batch}x{recipe.patch}px-{recipe.learning_rate:g}"
    return study.out / "trainings" / setting / variant.folder / f"seed{seed}"


def _weights(study: Study, variant: Variant, seed: int) -> Path:
    return _folder(study, variant, seed) / f"{weights_name(_recipe(study, variant))}.safetensors"


def _train(dataset: PairDataset, study: Study, variant: Variant, seed: int) -> None:
    settings = TrainingSettings(
        _folder(study, variant, seed),
        bfloat16=study.bfloat16,
        schedule=study.steps,
        seed=seed,
        references=_references(study, variant, seed),
        validate_every=study.steps,
        quiet=True,
    )
    train(_recipe(study, variant), dataset, settings, str(study.steps))


def _score(dataset: PairDataset, study: Study, variant: Variant, seed: int) -> list[float]:
    """Train one network and measure it, or read what an earlier call found."""
    torch.set_num_threads(1)
    _train(dataset, study, variant, seed)
    weights = _weights(study, variant, seed)
    held_out = training_split(dataset)[1][: study.held_out]
    method = load(_recipe(study, variant).method, weights)
    key = sha256_bytes(f"{method.fingerprint()} {held_out.fingerprint()} {METRICS} {codes_of(METRICS)}".encode())
    kept = weights.with_name("scores.json")
    if kept.is_file() and (record := json.loads(kept.read_text()))["key"] == key:
        return record["scores"]
    scores = np.nanmean([list(_values(method, pair)) for pair in held_out], axis=0).tolist()
    write_atomic(kept, json.dumps({"key": key, "scores": scores}).encode())
    return scores


def _values(method: FusionMethod, pair: Pair) -> Iterator[float]:
    infrared, visible = pair.read()
    images = PairImages(infrared, luminance(visible))
    sources, fused = [Picture(image[None]) for image in images], Picture(fuse_images(method, images)[None])
    for key in METRICS:
        yield value_of(key, sources[0], sources[1], fused)


def ablation_text(study: Study, found: Mapping[Variant, Outcome]) -> str:
    """A table a factor, for a terminal: means over seeds with 95 % intervals, and ranks within the factor.

    Trainings of a seed have steps, patches and initial weights in common, so that levels are compared seed by seed.
    """
    tables = []
    for factor, levels in FACTORS.items():
        outcomes = [found[variant] for variant in levels.values()]
        ranks = _ranks([outcome.scores for outcome in outcomes])
        rank_of_main = ranks[list(levels.values()).index(MAIN)]
        rows = [
            [
                f"{level} (default)" if variant == MAIN else level,
                f"{outcome.used:.1f}",
                _interval(rank, 2) + _sign(rank_of_main - rank),
                *_cells(outcome.scores, found[MAIN].scores),
            ]
            for (level, variant), outcome, rank in zip(levels.items(), outcomes, ranks, strict=True)
        ]
        head = [factor, "references a pair", "mean rank ↓", *(f"{key} {get(key).arrow}" for key in METRICS)]
        tables.append(tabulate(rows, head, disable_numparse=True))
    what = f"{study.network}, {study.steps} steps, {study.seeds} seeds"
    notes = (
        f"{what}; mean over seeds ± half of a 95 % interval (Student's t); ranks over all {len(METRICS)} metrics",
        "+ and -: better and worse than the default, by a 95 % interval of the differences seed by seed; not corrected "
        "for the number of comparisons",
    )
    return "\n\n".join([*tables, "\n".join(notes)])


def _cells(scores: NDArray[np.float64], of_main: NDArray[np.float64]) -> Iterator[str]:
    """Metrics of a level, each with its interval and its sign against the default."""
    gains = (scores - of_main) * _directions()
    for values, gain in zip(scores.T, gains.T, strict=True):
        yield _interval(values, 4) + _sign(gain)


def _directions() -> NDArray[np.int64]:
    """1 for metrics of which more is better, -1 for others, ``[METRICS]``."""
    return np.array([1 if get(key).better == "higher" else -1 for key in METRICS])


def _ranks(values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Mean rank over the metrics of each level, 1 is best and NaN the worst: ``float64 [levels, seeds]``."""
    stacked = np.nan_to_num(np.stack(values) * _directions(), nan=-np.inf)
    above = (stacked[None] > stacked[:, None]).sum(axis=1)
    ties = (stacked[None] == stacked[:, None]).sum(axis=1)
    return (above + (ties + 1) / 2).mean(axis=2)


def _interval(values: NDArray[np.float64], digits: int) -> str:
    mean = f"{values.mean():.{digits}g}" if digits > 2 else f"{values.mean():.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {_half_interval(values):.2g}"


def _half_interval(values: NDArray[np.float64]) -> float:
    return float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def _sign(gains: NDArray[np.float64]) -> str:
    """Whether gains, one a seed, are surely above or below zero."""
    if len(gains) < 2 or not abs(gains.mean()) > _half_interval(gains):
        return ""
    return " +" if gains.mean() > 0 else " -"
