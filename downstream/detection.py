"""Scores of detections: average precision by the COCO protocol, miss rate by the Caltech protocol, working point.

COCO: Lin et al.: Microsoft COCO: common objects in context. ECCV, 2014. Caltech: Dollar, Wojek, Schiele, Perona:
Pedestrian detection: an evaluation of the state of the art. PAMI 34(4), 2012.

pycocotools matches detections and truth, image by image. Its matches are kept, and all scores are functions of
them, so that images can be drawn again for bootstrap intervals without matching again.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import DISTRACTOR, Boxes
from ivif.downstream.errors import DownstreamError, require

COCO_THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Least intersection over union of a match, ten of them."""

SIZES = ("all", "small", "medium", "large")
"""Ranges of a box's area as COCO has them: all, below 32 x 32, up to 96 x 96, above; in pixels of the scored image."""

MAX_DETECTIONS = 100
"""Detections of an image that count, the best first (COCO)."""

RECALLS = np.linspace(0, 1, 101)
"""Recalls at which COCO looks up the precision."""

FALSE_ALARMS = np.logspace(-2, 0, 9)
"""False positives an image at which Caltech looks up the miss rate."""

WORKING_SCORE = 0.25
"""Least score of a detection at the working point: ultralytics' own default."""


@dataclass(frozen=True)
class ImageMatches:
    """What was matched in one image, for S sizes (`SIZES`), T thresholds (`COCO_THRESHOLDS`) and D detections.

    Attributes:
        name: of the image.
        scores: ``float64 [D]``, best first.
        matched: detections with a true box, ``bool [S, T, D]``.
        ignored: detections that don't count (in an ignore region, or of another size), ``bool [S, T, D]``.
        objects: number of true boxes that count, ``int64 [S]``.
    """

    name: str
    scores: NDArray[np.float64]
    matched: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: NDArray[np.int64]


@dataclass(frozen=True)
class DetectionScores:
    """Scores over images; each is computed when it is asked for. NaN where there is no true box.

    Attributes:
        images: the matches of every image, also of those without true boxes.
        working_score: detections from here on count for `precision` and `recall`.
    """

    images: tuple[ImageMatches, ...]
    working_score: float = WORKING_SCORE

    @property
    def objects(self) -> int:
        """Number of true boxes that count."""
        return int(sum(image.objects[0] for image in self.images))

    @cached_property
    def ap(self) -> float:
        """COCO AP: mean over IoU 0.50, 0.55 ... 0.95 (mAP of one class), 0..1."""
        return self._average_precision(slice(None))

    @cached_property
    def ap50(self) -> float:
        """AP at IoU 0.5, 0..1."""
        return self._average_precision(slice(0, 1))

    @cached_property
    def ap75(self) -> float:
        """AP at IoU 0.75, 0..1."""
        return self._average_precision(slice(5, 6))

    @cached_property
    def ap_small(self) -> float:
        """AP of boxes below 32 x 32 pixels, 0..1."""
        return self._average_precision(slice(None), "small")

    @cached_property
    def ap_medium(self) -> float:
        """AP of boxes from 32 x 32 to 96 x 96 pixels, 0..1."""
        return self._average_precision(slice(None), "medium")

    @cached_property
    def ap_large(self) -> float:
        """AP of boxes above 96 x 96 pixels, 0..1."""
        return self._average_precision(slice(None), "large")

    @cached_property
    def miss_rate(self) -> float:
        """Log-average miss rate at IoU 0.5: geometric mean of the miss rates at 0.01..1 false positives an image.

        Each is that of the last point of the curve with so few false positives; 1 where there is none. Miss rates
        below 1e-10 count as 1e-10. All true boxes count that are not ignored, whatever their height, and aspect ratios
        are taken as they are (Caltech's "reasonable" subset and its standard aspect ratio are not applied).
        """
        if not self.objects:
            return float("nan")
        hits, alarms = _curve(self.images, SIZES.index("all"), slice(0, 1))
        missed = np.concatenate(([1.0], 1 - hits[0] / self.objects))
        allowed = np.searchsorted(alarms[0] / len(self.images), FALSE_ALARMS, side="right")
        return float(np.exp(np.log(np.maximum(missed[allowed], 1e-10)).mean()))

    @cached_property
    def precision(self) -> float:
        """Share of the detections at the working point that are right, IoU 0.5; NaN without any."""
        hits, alarms = self._working_point()
        return hits / (hits + alarms) if hits + alarms else float("nan")

    @cached_property
    def recall(self) -> float:
        """Share of the true boxes that are found at the working point, IoU 0.5."""
        return self._working_point()[0] / self.objects if self.objects else float("nan")

    def select(self, indices: Sequence[int] | NDArray[np.intp]) -> DetectionScores:
        """The scores of some of the images, each as often as it is named: a bootstrap sample, say."""
        return DetectionScores(tuple(self.images[index] for index in indices), self.working_score)

    def resampled(self, counts: NDArray[np.int64], thresholds: slice = slice(None)) -> NDArray[np.float64]:
        """AP of bootstrap samples, as of what `select` gives, without sorting again; ties aside, the same.

        Args:
            counts: how often each of R samples holds each of the N images, ``[R, N]``.
            thresholds: which of `COCO_THRESHOLDS`.

        Returns:
            At each of these, ``[R, T]``; NaN where a sample has no true box.
        """
        size = SIZES.index("all")
        right, wrong, owners = _ranked(self.images, size, thresholds)
        objects = counts @ np.array([image.objects[size] for image in self.images])
        found = np.full((len(counts), len(right)), np.nan)
        for number in np.flatnonzero(objects):
            times = counts[number, owners]
            curve = (right * times).cumsum(axis=1), (wrong * times).cumsum(axis=1)
            found[number] = _precisions(*curve, objects[number]).mean(axis=1)
        return found

    def as_row(self) -> dict[str, float]:
        """Scores by the names tables use."""
        return {
            "mAP": self.ap,
            "AP50": self.ap50,
            "AP75": self.ap75,
            "AP small": self.ap_small,
            "AP medium": self.ap_medium,
            "AP large": self.ap_large,
            "LAMR": self.miss_rate,
            "precision": self.precision,
            "recall": self.recall,
        }

    def _average_precision(self, thresholds: slice, size: str = "all") -> float:
        """Mean over recalls and thresholds of the best precision at that recall or a higher one."""
        index = SIZES.index(size)
        objects = sum(image.objects[index] for image in self.images)
        if not objects:
            return float("nan")
        return float(_precisions(*_curve(self.images, index, thresholds), objects).mean())

    def _working_point(self) -> tuple[int, int]:
        """Hits and false alarms."""
        hits = alarms = 0
        for image in self.images:
            counts = (image.scores >= self.working_score) & ~image.ignored[0, 0]
            hits += int((counts & image.matched[0, 0]).sum())
            alarms += int((counts & ~image.matched[0, 0]).sum())
        return hits, alarms


def _curve(images: Sequence[ImageMatches], size: int, thresholds: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hits and false alarms among the best 1, 2, 3 ... detections of all images, ``[T, D]`` each."""
    right, wrong, _ = _ranked(images, size, thresholds)
    return right.cumsum(axis=1), wrong.cumsum(axis=1)


def _ranked(
    images: Sequence[ImageMatches], size: int, thresholds: slice
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int64]]:
    """Which of all images' detections, best first, are right, which wrong, ``[T, D]``; and of which image, ``[D]``."""
    order = np.argsort(-np.concatenate([image.scores for image in images]), kind="stable")
    matched = np.concatenate([image.matched[size, thresholds] for image in images], axis=1)[:, order]
    counts = ~np.concatenate([image.ignored[size, thresholds] for image in images], axis=1)[:, order]
    owners = np.repeat(np.arange(len(images)), [len(image.scores) for image in images])[order]
    return matched & counts, ~matched & counts, owners


def _precisions(hits: NDArray[np.int64], alarms: NDArray[np.int64], objects: int) -> NDArray[np.float64]:
    """Best precision at each of `RECALLS` or a higher one, ``[T, 101]``, of curves ``[T, D]`` of all true boxes."""
    precision = hits / np.maximum(hits + alarms, 1)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    best = np.concatenate((best, np.zeros((len(best), 1))), axis=1)  # recalls that are never reached
    places = (np.searchsorted(recall, RECALLS, side="left") for recall in hits / objects)
    return np.array([row[place] for row, place in zip(best, places, strict=True)])


def detection_scores(
    detections: Mapping[str, Boxes],
    truths: Mapping[str, Boxes],
    label: str = "person",
    working_score: float = WORKING_SCORE,
) -> DetectionScores:
    """Compare detections with the truth.

    Ignore regions are COCO's crowds: a detection without a true box that lies in one, by a share of its area of at
    least the threshold, doesn't count.

    Args:
        detections: by image, with scores; at least all images of `truths`, empty boxes where nothing was found.
            Images that `truths` lacks are unlabelled and not scored.
        truths: by image, empty boxes where there is nobody.
        label: the class that is scored; boxes of others are left out on both sides.
        working_score: see `DetectionScores`.

    Raises:
        DownstreamError: no image at all, or images without detections; pycocotools is not installed.
    """
    if not truths:
        raise DownstreamError("no labelled image: there is nothing to compare the detections with")
    if missing := sorted(set(truths) - set(detections)):
        raise DownstreamError(
            f"{len(missing)} of {len(truths)} labelled images have no detections: {', '.join(missing[:5])}; an image "
            "in which nothing was found needs empty boxes"
        )
    names = list(truths)
    true = [_rows(truths[name], label) for name in names]
    found = [_rows(detections[name], label) for name in names]
    evaluated = _evaluate(true, found)
    per_image = (evaluated[number :: len(names)] for number in range(len(names)))
    matches = (_matches(name, results) for name, results in zip(names, per_image, strict=True))
    return DetectionScores(tuple(matches), working_score)


def check_classes(truths: Iterable[Boxes], label: str) -> None:
    """Refuse labels that know objects, but none of the class that is looked for.

    Raises:
        DownstreamError: with the classes there are.
    """
    counts = Counter(name for boxes in truths for name in boxes[~boxes.ignore].labels)
    if counts and label not in counts:
        classes = ", ".join(f"{name} ({count})" for name, count in counts.most_common(5))
        raise DownstreamError(f"no object is labelled {label!r}; there are {classes}; choose another label")


def _rows(boxes: Boxes, label: str) -> list[dict[str, Any]]:
    """Boxes as COCO writes them, without ids."""
    return [
        {
            "category_id": 1,
            "bbox": [left, top, right - left, bottom - top],
            "area": (right - left) * (bottom - top),
            "iscrowd": int(ignored),
            "score": score,
        }
        for (left, top, right, bottom), ignored, score, name in zip(
            boxes.xyxy.tolist(), boxes.ignore, boxes.scores.tolist(), boxes.labels, strict=True
        )
        if name in (label, DISTRACTOR)
    ]


def _evaluate(true: list[list[dict[str, Any]]], found: list[list[dict[str, Any]]]) -> list[dict[str, Any] | None]:
    """pycocotools' results, one a size and image, images running fastest."""
    evaluation = require("pycocotools.cocoeval")
    with contextlib.redirect_stdout(io.StringIO()):  # it tells its progress
        evaluator = evaluation.COCOeval(_as_coco(true), _as_coco(found), "bbox")
        evaluator.params.maxDets = [MAX_DETECTIONS]
        evaluator.evaluate()
    return evaluator.evalImgs


def _as_coco(images: list[list[dict[str, Any]]]) -> Any:
    coco = require("pycocotools.coco").COCO()
    rows = [{**row, "image_id": number} for number, image in enumerate(images, start=1) for row in image]
    coco.dataset = {
        "images": [{"id": number} for number in range(1, len(images) + 1)],
        "categories": [{"id": 1}],
        # Ids begin at 1: pycocotools reads a match with id 0 as none.
        "annotations": [{**row, "id": number} for number, row in enumerate(rows, start=1)],
    }
    coco.createIndex()
    return coco


def _matches(name: str, results: list[dict[str, Any] | None]) -> ImageMatches:
    """One image's results of all sizes; pycocotools gives None where there is neither truth nor detection."""
    known = [result for result in results if result is not None]
    if not known:
        nothing = np.zeros((len(SIZES), len(COCO_THRESHOLDS), 0), dtype=np.bool_)
        return ImageMatches(name, np.empty(0), nothing, nothing, np.zeros(len(SIZES), np.int64))
    return ImageMatches(
        name,
        np.asarray(known[0]["dtScores"], dtype=np.float64),
        np.stack([result["dtMatches"] > 0 for result in known]),
        np.stack([np.asarray(result["dtIgnore"], dtype=np.bool_) for result in known]),
        np.array([np.count_nonzero(np.asarray(result["gtIgnore"]) == 0) for result in known], dtype=np.int64),
    )


def bootstrap_interval(
    scores: DetectionScores, name: str, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of a score over images drawn with replacement.

    Args:
        scores: the scores of all images.
        name: an attribute of `DetectionScores`, such as "ap50".
        draws: number of samples; those without a true box have no score and are left out.
        seed: decides the samples.
        level: share of the samples inside the interval.

    Returns:
        Lower and upper end; NaN where no sample has a score.
    """
    generator = np.random.default_rng(seed)
    count = len(scores.images)
    values = np.array([getattr(scores.select(generator.integers(count, size=count)), name) for _ in range(draws)])
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
