"""Stages: whether every step of Reference-then-Supervision, from one method to supervision, makes better pictures.

What supervises a network are K references with weights; a loss of squared differences sees of them nothing but their
weighted mean. Stages are measured as single pictures: the K references apart (the mean of their values), and the
pictures that they come to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from joblib import cpu_count
from numpy.typing import NDArray
from tabulate import tabulate
from torch import Tensor
from tqdm import tqdm

from ivif.benchmark.metrics import Picture, expand_keys, get
from ivif.benchmark.reports.statistics import Paired, corrected, paired, verdict
from ivif.datasets.images import ImageError, luminance
from ivif.datasets.pairs import Pair, PairDataset, PairError
from ivif.datasets.workers import in_workers
from ivif.fusion.method import FusionError
from ivif.fusion.reference.build import Plan, make
from ivif.fusion.reference.filter import UNSEEN, Choice, consensus_among, value_of
from ivif.fusion.reference.supervision import weighted_mean

CONSENSUS = "consensus"

COLUMNS = (CONSENSUS, *expand_keys(("core",)), *UNSEEN)
"""What is measured: all core metrics take part in the filter's choice, the last ones in none."""

OWN, FIRST, APART, MEAN, WEIGHTED, ENHANCED_APART, ENHANCED = (
    "what the network makes itself",
    "filter's first",
    "K references, apart",
    "mean of K",
    "weighted mean of K",
    "enhanced, apart",
    "weighted mean, enhanced",
)


class StageStep(NamedTuple):
    """A stage and the one that it is to improve on."""

    stage: str
    over: str


@dataclass(frozen=True)
class Stages:
    """What was measured.

    Attributes:
        pairs: names of the pairs.
        values: by stage, ``float64 [pairs, columns]``; columns are `COLUMNS`.
        failures: pairs without references, with the reason.
    """

    pairs: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    failures: Mapping[str, str]

    @property
    def steps(self) -> tuple[StageStep, ...]:
        """Which stage is compared with which; the best single method is the first stage.

        References for one network are also compared with what it makes itself.
        """
        best = next(iter(self.values))
        chain = [(FIRST, best), (APART, best), (MEAN, APART), (WEIGHTED, MEAN), (ENHANCED_APART, APART)]
        chain += [(ENHANCED, WEIGHTED)]
        chain += [(ENHANCED_APART, OWN), (ENHANCED, OWN)] if OWN in self.values else []
        return tuple(StageStep(*names) for names in chain)

    def tests(self) -> dict[StageStep, list[Paired]]:
        """For every step, one test a column."""
        return {
            step: [
                paired(before, after, key == CONSENSUS or get(key).better == "higher")
                for key, before, after in zip(COLUMNS, self.values[step.over].T, self.values[step.stage].T, strict=True)
            ]
            for step in self.steps
        }


def measure_stages(dataset: PairDataset, plan: Plan, jobs: int = 0) -> Stages:
    """Make references in memory and measure every stage of them; pairs in parallel.

    Args:
        dataset: pairs that no network was trained on which is in the pool.
        plan: how references are made; only its pool is written to disk.
        jobs: processes; 0: one a processor core.

    Raises:
        FusionError: unknown method in the pool, or no pair has references.
    """
    plan.pool.fill(dataset, jobs)
    processes = jobs or cpu_count()
    work = in_workers(_measure, ((plan, pair) for pair in dataset), processes)
    results = dict(zip(dataset, tqdm(work, total=len(dataset), unit="pair", desc="stages"), strict=True))
    failures = {pair.name: found for pair, found in results.items() if isinstance(found, str)}
    measured = {pair: found for pair, found in results.items() if not isinstance(found, str)}
    if not measured:
        raise FusionError(f"no pair of {dataset.name} has references: {next(iter(failures.values()), 'it is empty')}")
    best = _best_method([found.choice for found in measured.values()])
    calls = ((plan, best, pair, found.choice) for pair, found in measured.items())
    single = in_workers(_measure_method, calls, processes)
    values = {f"best single: {best}": np.array(list(single))}
    for stage in next(iter(measured.values())).stages:
        values[stage] = np.array([found.stages[stage] for found in measured.values()])
    return Stages(tuple(pair.name for pair in measured), values, failures)


class _Measured(NamedTuple):
    """What was chosen for one pair, and the values of every stage in the order of `COLUMNS`."""

    choice: Choice
    stages: dict[str, list[float]]


def _best_method(choices: Sequence[Choice]) -> str:
    """The method with the best mean score among those that no gate ever held back."""
    scores: dict[str, list[float]] = {}
    for choice in choices:
        for found in choice.judged:
            if found.score is not None:
                scores.setdefault(found.method, []).append(found.score)
    passed = {name: own for name, own in scores.items() if len(own) == len(choices)}
    if not passed:
        raise FusionError("no method passed the filter's gates on every pair: none stands for single methods")
    return max(passed, key=lambda name: np.mean(passed[name]))


def _measure_method(plan: Plan, method: str, pair: Pair, choice: Choice) -> list[float]:
    torch.set_num_threads(1)
    infrared, visible = pair.read()
    measure = _Meter((infrared, luminance(visible)), choice)
    found = (candidate.luminance for candidate in plan.pool.candidates(pair) if candidate.method == method)
    return next(measure(image) for image in found if image is not None)


def _measure(plan: Plan, pair: Pair) -> _Measured | str:
    torch.set_num_threads(1)
    try:
        made = make(plan, pair)
    except (FusionError, ImageError, PairError) as error:
        return f"{pair.name}: {error}"
    references, enhanced, choice = made.references, [result.image for result in made.enhanced], made.choice
    measure = _Meter(made.sources, choice)
    even = [1 / len(references)] * len(references)
    apart, enhanced_apart = ([measure(image) for image in images] for images in (references, enhanced))
    stages = {
        **({} if made.own is None else {OWN: measure(made.own)}),
        FIRST: apart[0],
        APART: _mean(apart, choice.weights),
        MEAN: measure(weighted_mean(references, even)),
        WEIGHTED: measure(weighted_mean(references, choice.weights)),
        ENHANCED_APART: _mean(enhanced_apart, choice.weights),
        ENHANCED: measure(weighted_mean(enhanced, choice.weights)),
    }
    return _Measured(choice, stages)


class _Meter:
    """Measures pictures of one pair: consensus is the place that a picture would take in the pair's pool."""

    def __init__(self, sources: tuple[Tensor, Tensor], choice: Choice) -> None:
        self.sources = Picture(sources[0][None]), Picture(sources[1][None])
        self.pool = [found.metrics for found in choice.judged if not found.rejected]

    def __call__(self, image: Tensor) -> list[float]:
        """Values of ``uint8 [1, H, W]`` in the order of `COLUMNS`."""
        picture = Picture(image[None])
        place = consensus_among(lambda key: value_of(key, *self.sources, picture), self.pool)
        return [place, *(value_of(key, *self.sources, picture) for key in COLUMNS[1:])]


def _mean(values: Sequence[Sequence[float]], weights: Sequence[float]) -> list[float]:
    return np.average(np.array(values), axis=0, weights=weights).tolist()


def stages_text(found: Stages) -> str:
    """Means of every stage, and how each step changed them, for a terminal."""
    arrows = ["", *("↑" if key == CONSENSUS else get(key).arrow for key in COLUMNS)]
    rows = [[stage, *values.mean(axis=0).tolist()] for stage, values in found.values.items()]
    head = [f"{name} {arrow}".strip() for name, arrow in zip(("stage", *COLUMNS), arrows, strict=True)]
    means = tabulate(rows, head, floatfmt=".4g")
    tests = found.tests()
    adjusted = corrected(list(tests.values()))
    signs = [
        [f"{step.stage} over {step.over}", *map(_sign, own, p)]
        for (step, own), p in zip(tests.items(), adjusted.tolist(), strict=True)
    ]
    changes = tabulate(signs, ["step", *COLUMNS], disable_numparse=True)
    note = "+ and -: better and worse by Wilcoxon's signed-rank test, corrected by Holm for this table; pairs won:lost."
    lacking = "".join(f"\nleft out: {reason}" for reason in found.failures.values())
    return f"{len(found.pairs)} pairs\n\n{means}\n\n{changes}\n\n{note}{lacking}"


def _sign(test: Paired, p: float) -> str:
    return f"{test.wins}:{test.losses}{('', ' +', ' -')[verdict(test, p)]}"
