"""HOTA: detection, association and localisation of tracks in one number.

Luiten, Osep, Dendorfer, Torr, Geiger, Leal-Taixe, Leibe: HOTA: a higher order metric for evaluating multi-object
tracking. IJCV 129, 2021.

At each localisation threshold a (0.05, 0.10 ... 0.95), truth and tracks are matched in every frame. With TP, FN, FP
the matched and unmatched boxes,

    DetA(a) = TP / (TP + FN + FP)
    A(c)    = TPA / (TPA + FNA + FPA) for a matched pair c: how many boxes of its two identities are matched to each
              other, of all boxes these identities have
    AssA(a) = mean of A(c) over all TP
    HOTA(a) = sqrt(DetA(a) AssA(a)),  HOTA = mean over a

The matching of a frame is the assignment with the largest sum of IoU times the overlap of the two whole tracks (the
Jaccard index of the identities, boxes weighted by how clearly they belong to each other), as in the authors'
evaluation code, with which the values agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

HOTA_THRESHOLDS = np.arange(1, 20) * 0.05
"""Localisation thresholds: least intersection over union of a match."""

ROUNDING = np.finfo(float).eps
"""An overlap may miss a threshold by this much and count as equal."""


class Frame(NamedTuple):
    """What is compared in one frame.

    Attributes:
        truth: identities of the G true boxes, ``int64 [G]``.
        tracks: identities of the T tracked boxes, ``int64 [T]``.
        overlap: their intersections over union, ``float64 [G, T]``.
    """

    truth: NDArray[np.int64]
    tracks: NDArray[np.int64]
    overlap: NDArray[np.float64]


@dataclass(frozen=True)
class HotaCounts:
    """Sums that HOTA is made of, for each of `HOTA_THRESHOLDS`; those of several sequences add up.

    Attributes:
        hits, misses, false_alarms: matched pairs, unmatched true boxes, unmatched tracked boxes, ``[19]``.
        association: sum of A(c) over the matched pairs, ``[19]``.
        overlap: sum of their intersections over union, ``[19]``.
    """

    hits: NDArray[np.float64]
    misses: NDArray[np.float64]
    false_alarms: NDArray[np.float64]
    association: NDArray[np.float64]
    overlap: NDArray[np.float64]

    def __add__(self, other: HotaCounts) -> HotaCounts:
        return HotaCounts(*(mine + its for mine, its in zip(vars(self).values(), vars(other).values(), strict=True)))

    @property
    def empty(self) -> bool:
        """Neither a true nor a tracked box: there is nothing to score."""
        return not (self.hits + self.misses + self.false_alarms).any()

    @property
    def detections(self) -> NDArray[np.float64]:
        """DetA at each threshold."""
        return self.hits / np.maximum(1, self.hits + self.misses + self.false_alarms)

    @property
    def associations(self) -> NDArray[np.float64]:
        """AssA at each threshold; 0 where nothing is matched."""
        return self.association / np.maximum(1, self.hits)

    @property
    def deta(self) -> float:
        """Detection accuracy, 0..1."""
        return float("nan") if self.empty else float(self.detections.mean())

    @property
    def assa(self) -> float:
        """Association accuracy, 0..1."""
        return float("nan") if self.empty else float(self.associations.mean())

    @property
    def loca(self) -> float:
        """Localisation accuracy: mean IoU of matches, a threshold without any counts as 1; 0..1."""
        if self.empty:
            return float("nan")
        return float(np.where(self.hits > 0, self.overlap / np.maximum(1, self.hits), 1).mean())

    @property
    def hota(self) -> float:
        """Higher order tracking accuracy, 0..1."""
        return float("nan") if self.empty else float(np.sqrt(self.detections * self.associations).mean())


def hota_counts(frames: Sequence[Frame]) -> HotaCounts:
    """Compare the tracks of a sequence with the truth; each identity at most once a frame."""
    from scipy.optimize import linear_sum_assignment  # half a second of importing

    frames = _numbered(frames)
    true_length = _lengths([frame.truth for frame in frames])
    track_length = _lengths([frame.tracks for frame in frames])
    likeness = _likeness(frames, true_length, track_length)
    together = np.zeros((len(HOTA_THRESHOLDS), *likeness.shape))
    hits, overlap = np.zeros(len(HOTA_THRESHOLDS)), np.zeros(len(HOTA_THRESHOLDS))
    for truth, tracks, similarity in frames:
        rows, columns = linear_sum_assignment(likeness[np.ix_(truth, tracks)] * similarity, maximize=True)
        matched = similarity[rows, columns]
        good = matched >= HOTA_THRESHOLDS[:, None] - ROUNDING
        together[:, truth[rows], tracks[columns]] += good
        hits += good.sum(axis=1)
        overlap += (good * matched).sum(axis=1)
    either = true_length[:, None] + track_length - together
    association = (together * together / np.maximum(1, either)).sum(axis=(1, 2))
    return HotaCounts(hits, true_length.sum() - hits, track_length.sum() - hits, association, overlap)


def _numbered(frames: Sequence[Frame]) -> list[Frame]:
    """The same frames with identities counted from 0."""
    nothing = np.empty(0, np.int64)
    true = np.unique(np.concatenate([nothing, *(frame.truth for frame in frames)]))
    tracked = np.unique(np.concatenate([nothing, *(frame.tracks for frame in frames)]))
    return [
        Frame(np.searchsorted(true, frame.truth), np.searchsorted(tracked, frame.tracks), frame.overlap)
        for frame in frames
    ]


def _lengths(identities: list[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Number of boxes of each identity."""
    return np.bincount(np.concatenate((*identities, np.empty(0, np.int64)))).astype(np.float64)


def _likeness(
    frames: Sequence[Frame], true_length: NDArray[np.float64], track_length: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How much each true and each tracked identity are one: soft Jaccard index over the sequence."""
    common = np.zeros((len(true_length), len(track_length)))
    for truth, tracks, similarity in frames:
        rivals = similarity.sum(axis=0) + similarity.sum(axis=1, keepdims=True) - similarity
        common[np.ix_(truth, tracks)] += np.divide(
            similarity, rivals, out=np.zeros_like(similarity), where=rivals > ROUNDING
        )
    return common / (true_length[:, None] + track_length - common)
