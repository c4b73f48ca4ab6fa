"""Scores of tracks: MOTA and its parts, IDF1, HOTA.

CLEAR: Bernardin, Stiefelhagen: Evaluating multiple object tracking performance: the CLEAR MOT metrics. EURASIP JIVP,
2008. IDF1: Ristani, Solera, Zou, Cucchiara, Tomasi: Performance measures and a data set for multi-target,
multi-camera tracking. ECCV workshops, 2016. HOTA: see `downstream.hota`.

The first two are counted by motmetrics from overlaps computed here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from operator import add

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import DISTRACTOR, Boxes
from ivif.downstream.errors import DownstreamError, require
from ivif.downstream.hota import Frame, HotaCounts, hota_counts
from ivif.downstream.overlap import iou, share_inside
from ivif.downstream.sort import first_few

MATCH = 0.5
"""Least intersection over union of a match, and share of a box in an ignore region that makes it not count."""


@dataclass(frozen=True)
class TrackingScores:
    """Counts of one or more sequences and the scores made of them; see `combined`.

    Attributes:
        frames: scored frames.
        objects: true boxes (GT).
        identities: true identities.
        matches: true boxes with a tracked one, IoU at least 0.5.
        misses, false_positives: FN and FP.
        switches: true identities that are matched to another track than at their last match (IDs).
        fragmentations: times that a true identity is lost and found again (Frag). TrackEval counts fewer, as it passes
            over frames without any tracked box.
        mostly_tracked, partially_tracked, mostly_lost: identities matched in at least 80 %, less, and less than 20 %
            of their frames. TrackEval asks for more than 80 %.
        overlap: sum of IoU over `matches`.
        id_true_positives, id_false_positives, id_misses: boxes under the one-to-one assignment of whole identities.
        hota_counts: what HOTA is made of.
    """

    frames: int
    objects: int
    identities: int
    matches: int
    misses: int
    false_positives: int
    switches: int
    fragmentations: int
    mostly_tracked: int
    partially_tracked: int
    mostly_lost: int
    overlap: float
    id_true_positives: int
    id_false_positives: int
    id_misses: int
    hota_counts: HotaCounts

    @property
    def mota(self) -> float:
        """``1 - (FN + FP + IDs) / GT``: -infinity..1; NaN without true boxes."""
        errors = self.misses + self.false_positives + self.switches
        return 1 - errors / self.objects if self.objects else float("nan")

    @property
    def motp(self) -> float:
        """Mean IoU of matches, 0.5..1, higher is better; NaN without matches."""
        return self.overlap / self.matches if self.matches else float("nan")

    @property
    def idf1(self) -> float:
        """``2 IDTP / (2 IDTP + IDFP + IDFN)``, 0..1; NaN where there are neither true nor tracked boxes."""
        total = 2 * self.id_true_positives + self.id_false_positives + self.id_misses
        return 2 * self.id_true_positives / total if total else float("nan")

    @property
    def hota(self) -> float:
        """Higher order tracking accuracy, 0..1."""
        return self.hota_counts.hota

    def as_row(self) -> dict[str, float]:
        """Scores by the names tables use."""
        return {
            "HOTA": self.hota,
            "MOTA": self.mota,
            "IDF1": self.idf1,
            "MOTP": self.motp,
            "DetA": self.hota_counts.deta,
            "AssA": self.hota_counts.assa,
            "LocA": self.hota_counts.loca,
            "FP": self.false_positives,
            "FN": self.misses,
            "IDs": self.switches,
            "Frag": self.fragmentations,
            "MT": self.mostly_tracked,
            "ML": self.mostly_lost,
            "GT": self.objects,
        }


def combined(scores: Iterable[TrackingScores]) -> TrackingScores:
    """The scores of several sequences as of one: counts add up, identities stay apart; at least one is needed."""
    every = list(scores)
    if not every:
        raise DownstreamError("no sequence has scores: there is nothing to combine")
    return TrackingScores(
        **{item.name: reduce(add, (getattr(score, item.name) for score in every)) for item in fields(TrackingScores)}
    )


def tracking_scores(tracks: Mapping[int, Boxes], truth: Mapping[int, Boxes], label: str = "person") -> TrackingScores:
    """Compare the tracks of one sequence with the truth.

    As in MOTChallenge, before anything is counted, tracked boxes and all labelled objects of a frame are assigned to
    each other, and those whose partner is a `DISTRACTOR` are removed. So are those without a partner that lie in an
    ignore region by half their area or more.

    Args:
        tracks: by 0-based frame; at least all frames of `truth`, empty boxes where nothing is tracked. Frames that
            `truth` lacks are unlabelled and not scored.
        truth: by 0-based frame, empty boxes where there is nobody.
        label: the class that is scored; boxes of others are left out on both sides.

    Raises:
        DownstreamError: frames are missing; an identity is negative or stands twice in a frame; motmetrics is not
            installed.
    """
    if not truth:
        raise DownstreamError("no labelled frame: there is nothing to compare the tracks with")
    if missing := sorted(set(truth) - set(tracks)):
        raise DownstreamError(
            f"{len(missing)} of {len(truth)} labelled frames have no tracks: {first_few(missing)} (from 0 on); a frame "
            "without tracks needs empty boxes"
        )
    frames = [_compared(tracks[frame], truth[frame], frame, label) for frame in sorted(truth)]
    counts, overlap = _counted(frames)
    return TrackingScores(frames=len(frames), overlap=overlap, hota_counts=hota_counts(frames), **counts)


def _compared(tracks: Boxes, truth: Boxes, frame: int, label: str) -> Frame:
    """One frame's identities and overlaps, what is neither hit nor mistake removed."""
    from scipy.optimize import linear_sum_assignment  # half a second of importing

    tracks = _of_class(tracks, label)
    regions, objects = truth[truth.ignore & _is(truth, label)], truth[~(truth.ignore & _is(truth, label))]
    people = objects[_is(objects, label)]
    _check_identities(people, frame, "true")
    _check_identities(tracks, frame, "tracked")
    if len(tracks) and (len(regions) or (~_is(objects, label)).any()):
        overlap = iou(objects.xyxy, tracks.xyxy)
        rows, columns = linear_sum_assignment(np.where(overlap >= MATCH, overlap, 0), maximize=True)
        matched = overlap[rows, columns] >= MATCH
        counts = np.ones(len(tracks), dtype=np.bool_)
        if len(regions):
            counts = share_inside(tracks.xyxy, regions.xyxy).max(axis=1) < MATCH
        counts[columns[matched]] = ~_is(objects, DISTRACTOR)[rows[matched]]
        tracks = tracks[counts]
    return Frame(people.ids, tracks.ids, iou(people.xyxy, tracks.xyxy))


def _is(boxes: Boxes, label: str) -> NDArray[np.bool_]:
    return np.array([name == label for name in boxes.labels], dtype=np.bool_)


def _of_class(boxes: Boxes, label: str) -> Boxes:
    return boxes[_is(boxes, label)]


def _check_identities(boxes: Boxes, frame: int, kind: str) -> None:
    identities, counts = np.unique(boxes.ids, return_counts=True)
    if (counts > 1).any():
        raise DownstreamError(f"frame {frame + 1}: the {kind} identity {identities[counts > 1][0]} stands there twice")
    if (identities < 0).any():
        raise DownstreamError(
            f"frame {frame + 1}: a {kind} box has no identity; tracks and their truth need ids from 0 on"
        )


_COUNTS = {
    "num_objects": "objects",
    "num_unique_objects": "identities",
    "num_detections": "matches",
    "num_misses": "misses",
    "num_false_positives": "false_positives",
    "num_switches": "switches",
    "num_fragmentations": "fragmentations",
    "mostly_tracked": "mostly_tracked",
    "partially_tracked": "partially_tracked",
    "mostly_lost": "mostly_lost",
    "idtp": "id_true_positives",
    "idfp": "id_false_positives",
    "idfn": "id_misses",
}
"""motmetrics' names of counts and those of `TrackingScores`."""


def _counted(frames: list[Frame]) -> tuple[dict[str, int], float]:
    """CLEAR and identity counts, and the sum of IoU over matches, by motmetrics."""
    motmetrics = require("motmetrics")
    accumulator = motmetrics.MOTAccumulator()
    for number, frame in enumerate(frames):
        accumulator.update(frame.truth, frame.tracks, _distances(frame.overlap), frameid=number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # means of nothing, where a sequence has no matches
        found = motmetrics.metrics.create().compute(accumulator, metrics=list(_COUNTS), return_dataframe=False)
        events = accumulator.mot_events
    matched = events[events.Type.isin(["MATCH", "SWITCH"])]
    return {name: int(found[key]) for key, name in _COUNTS.items()}, float((1 - matched.D).sum())


def _distances(overlap: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 - IoU``, NaN where two boxes overlap too little to be matched."""
    return np.where(overlap >= MATCH, 1 - overlap, np.nan)
