"""Resampling: how surely a network's retraining finds or follows people better, over images or sequences drawn anew.

A run directory keeps means alone, and what the detector found. Matches are made again from that and the labels, and
count only where they come to the very scores that the run recorded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivif.benchmark.people import (
    PEOPLE_SCORES,
    PeopleScore,
    identified_sequences,
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
from ivif.downstream.evaluation import evaluate_again
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
            precisions = DetectionScores(tuple(self.images[name] for name in names)).resampled(counts)
            return precisions[:, 0] if score.key == "ap50" else precisions.mean(axis=1)
        every = [self.sequences[name] for name in names]
        samples = (combined(every[place] for place in np.repeat(np.arange(len(every)), row)) for row in counts)
        return np.array([getattr(sample, score.key) for sample in samples])

    def value(self, score: PeopleScore) -> float:
        """A score of all of them."""
        if score.counted == "images":
            every = DetectionScores(tuple(self.images.values()))
            return every.ap50 if score.key == "ap50" else every.ap
        return getattr(combined(self.sequences.values()), score.key)


def made_again(run: Run, sets: Sequence[PairDataset], dataset: str, method: str) -> Parts:
    """The parts of a method's scores, or those of a camera alone.

    Args:
        run: where people were looked for.
        sets: its data sets, see `Run.datasets`.
        dataset, method: of whose scores; one of `CONTROLS` is a camera.

    Raises:
        ResamplingError: detections are gone or damaged, a library is missing, or the scores are not those recorded.
    """
    data = next((data for data in labelled_sets(sets) if data.name == dataset), None)
    if data is None:
        raise ResamplingError(f"{dataset} of {run.folder} has no labels any more")
    facts, entry = run.description["downstream"], run.people()[dataset].scores[method]
    label = facts["detector"]["label"]
    try:
        done = evaluate_again(_series(run, data, method), facts["sort"], run.folder, label, identified_sequences(data))
        detection = done.detection(label)
    except (BoxesError, DownstreamError, FusionError) as error:
        raise ResamplingError(f"{method} on {dataset} in {run.folder}: {error}") from error
    parts = Parts({image.name: image for image in detection.images} if detection else {}, done.tracking)
    for score in RESAMPLED:
        recorded = entry.value(score)
        if recorded is not None and not (parts.of(score) and abs(parts.value(score) - recorded) < EQUAL):
            raise ResamplingError(
                f"{method} on {dataset} in {run.folder}: detections and labels there are not those of the recorded "
                f"{score.label} any more; give the same run again"
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
