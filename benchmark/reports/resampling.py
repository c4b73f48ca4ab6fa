"""Resampling: how surely a network's retraining finds or follows people better, over images or sequences drawn anew.

A run directory keeps means alone, and what the detector found. Matches are made again from that and the labels, and
count only where they come to the very scores that the run recorded.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ivif.benchmark.config import ConfigError
from ivif.benchmark.people import (
    PEOPLE_SCORES,
    PeopleBoard,
    PeopleEntry,
    PeopleScore,
    identified_sequences,
    json_numbers,
    labelled_sets,
    series_of_camera,
    series_of_results,
)
from ivif.benchmark.reports.statistics import drawn, middle
from ivif.benchmark.run_directory import Run
from ivif.datasets.boxes import BoxesError
from ivif.datasets.pairs import PairDataset
from ivif.downstream.detection import DetectionScores, ImageMatches
from ivif.downstream.errors import DownstreamError
from ivif.downstream.evaluation import Evaluation, evaluate_again
from ivif.downstream.labelled_images import CONTROLS
from ivif.downstream.series import Series
from ivif.downstream.tracking import TrackingScores, combined
from ivif.errors import IvifError
from ivif.fusion.method import FusionError

RESAMPLED = tuple(score for score in PEOPLE_SCORES if score.key in ("ap50", "map", "hota", "mota"))
"""Scores with an interval; of all of them more is better."""

FEWEST = 6
"""Images or sequences that an interval takes: were fewer all on one side, it could be by chance (2 / 2^5 > .05)."""

EQUAL = 1e-9
"""By how much a score made again may miss the recorded one."""


class ResamplingError(IvifError, ValueError):
    """Scores that cannot be made again from what a run directory holds; the message says why."""


@dataclass(frozen=True)
class Parts:
    """What one method's scores on one data set are made of.

    Attributes:
        images: matches by image.
        sequences: counts by sequence.
    """

    images: Mapping[str, ImageMatches]
    sequences: Mapping[str, TrackingScores]

    def of(self, score: PeopleScore) -> Mapping[str, object]:
        """What a score is drawn from."""
        return self.images if score.counted == "images" else self.sequences

    def samples(self, score: PeopleScore, names: Sequence[str], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """A score of samples ``[R]`` that hold each of the names ``counts[r, n]`` times."""
        if score.counted == "images":
            thresholds = slice(0, 1) if score.key == "ap50" else slice(None)
            every = DetectionScores(tuple(self.images[name] for name in names))
            return every.resampled(counts, thresholds).mean(axis=1)
        parts = [self.sequences[name] for name in names]
        samples = (combined(parts[place] for place in np.repeat(np.arange(len(parts)), row)) for row in counts)
        return np.array([getattr(sample, score.key) for sample in samples])

    def among(self, images: Collection[str], sequences: Collection[str]) -> Parts:
        """Those of some of the images and sequences."""
        return Parts(
            {name: own for name, own in self.images.items() if name in images},
            {name: own for name, own in self.sequences.items() if name in sequences},
        )

    def entry(self, images: Collection[str], sequences: Collection[str]) -> PeopleEntry:
        """The scores of some of the images and sequences, as a run directory has those of all."""
        chosen = self.among(images, sequences)
        shown, followed = tuple(chosen.images.values()), tuple(chosen.sequences.values())
        return PeopleEntry(
            json_numbers(DetectionScores(shown).as_row()) if shown else {},
            json_numbers(combined(followed).as_row()) if followed else {},
            len(shown),
            len(followed),
        )

    def value(self, score: PeopleScore) -> float:
        """A score of all of them."""
        if score.counted == "images":
            every = DetectionScores(tuple(self.images.values()))
            return every.ap50 if score.key == "ap50" else every.ap
        return getattr(combined(self.sequences.values()), score.key)


class Looks:
    """What was found and followed in the images of a run, made again from its files once for all who ask.

    Args:
        run: where people were looked for.
        sets: its data sets, see `Run.datasets`; None: loaded when they are needed.
        known: what its directory was written from, where that is still at hand, by data set and method.
    """

    def __init__(
        self,
        run: Run,
        sets: Sequence[PairDataset] | None = None,
        known: Mapping[tuple[str, str], Evaluation] | None = None,
    ) -> None:
        self.run = run
        self._sets = None if sets is None else list(sets)
        self._evaluations = dict(known or {})
        self._parts: dict[tuple[str, str], Parts] = {}

    def evaluation(self, dataset: str, method: str) -> Evaluation:
        """Detections, tracks and scores of a method's images, or of a camera's (one of `CONTROLS`).

        Raises:
            ResamplingError: detections are gone or damaged, or a library is missing.
        """
        place = dataset, method
        if place not in self._evaluations:
            self._evaluations[place] = self._made_again(dataset, method)
        return self._evaluations[place]

    def parts(self, dataset: str, method: str) -> Parts:
        """The parts of the scores of a method or camera.

        Raises:
            ResamplingError: see `evaluation`; or the scores are not those recorded.
        """
        place = dataset, method
        if place not in self._parts:
            self._parts[place] = self._checked(dataset, method)
        return self._parts[place]

    @cached_property
    def _people(self) -> dict[str, PeopleBoard]:
        return self.run.people()

    def _data(self, dataset: str) -> PairDataset:
        if self._sets is None:
            try:
                self._sets = self.run.datasets()
            except ConfigError as error:
                raise ResamplingError(f"{self.run.folder}: {error}") from error
        data = next((data for data in labelled_sets(self._sets) if data.name == dataset), None)
        if data is None:
            raise ResamplingError(f"{dataset} of {self.run.folder} has no labels any more")
        return data

    def _made_again(self, dataset: str, method: str) -> Evaluation:
        if "downstream" not in self.run.description:
            raise ResamplingError(f"{self.run.folder}: nobody was looked for there")
        data, facts = self._data(dataset), self.run.description["downstream"]
        label = facts["detector"]["label"]
        try:
            series = _series(self.run, data, method)
            return evaluate_again(series, facts["sort"], self.run.folder, label, identified_sequences(data))
        except (BoxesError, ConfigError, DownstreamError, FusionError) as error:
            raise ResamplingError(f"{method} on {dataset} in {self.run.folder}: {error}") from error

    def _checked(self, dataset: str, method: str) -> Parts:
        done, entry = self.evaluation(dataset, method), self._people[dataset].scores[method]
        try:
            detection = done.detection(self.run.description["downstream"]["detector"]["label"])
        except DownstreamError as error:
            raise ResamplingError(f"{method} on {dataset} in {self.run.folder}: {error}") from error
        parts = Parts({image.name: image for image in detection.images} if detection else {}, done.tracking)
        for score in RESAMPLED:
            recorded = entry.value(score)
            if recorded is not None and not (parts.of(score) and abs(parts.value(score) - recorded) < EQUAL):
                raise ResamplingError(
                    f"{method} on {dataset} in {self.run.folder}: detections and labels there are not those of the "
                    f"recorded {score.label} any more; give the same run again"
                )
        return parts


def _series(run: Run, data: PairDataset, method: str) -> Series:
    if method in CONTROLS and method not in run.methods:
        return series_of_camera(data, method)
    return series_of_results(data, run.results(method, data.name))


def gain_interval(score: PeopleScore, couples: Sequence[tuple[Parts, Parts]], seed: int = 0) -> tuple[float, float]:
    """95 % interval of what a score gains from the first to the second of a couple, mean over couples.

    All are drawn alike, over the images or sequences that all of them have.

    Args:
        score: one of `RESAMPLED`.
        couples: before and after, one a seed of the training.
        seed: of the draws.

    Returns:
        Lower and upper end; NaN where there are fewer than `FEWEST` images or sequences.
    """
    every = [parts.of(score) for couple in couples for parts in couple]
    names = [name for name in every[0] if all(name in own for own in every)]
    if len(names) < FEWEST:
        return math.nan, math.nan
    counts = drawn(len(names), seed)
    gains = [after.samples(score, names, counts) - before.samples(score, names, counts) for before, after in couples]
    return middle(np.mean(gains, axis=0))
