"""SORT: detections of consecutive frames joined to tracks by motion alone.

Bewley, Ge, Ott, Ramos, Upcroft: Simple online and realtime tracking. ICIP 2016.

A track's state is centre x, y, area and aspect ratio (width / height) of its box and the velocities of the first
three. A Kalman filter predicts it frame by frame, predictions and detections are assigned to each other so that the
sum of their intersections over union is largest, and pairs that overlap too little are taken apart again.

With noise that is independent between the four measured numbers, the filter with seven states falls apart into four
of at most two (value and velocity). They are computed for all tracks at once; the result is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ivif.datasets.boxes import Boxes
from ivif.downstream.errors import DownstreamError, require
from ivif.downstream.overlap import iou

Values = NDArray[np.float64]
"""``float64 [N, 4]``: one row a track; columns are centre x, centre y, area, aspect ratio."""

# The paper leaves the noise open. Standard deviations are shares of the box: of its side (root of the area) for the
# centre, of its area for the area, of its aspect ratio for the aspect ratio.
MEASURED = np.array([0.05, 0.05, 0.1, 0.1])
"""Error of a detection."""
ACCELERATION = np.array([0.02, 0.02, 0.02, 0.0])
"""Change of velocity from frame to frame; an aspect ratio has no velocity."""
DRIFT = np.array([0.0, 0.0, 0.0, 0.05])
"""Change of value from frame to frame that no velocity explains: legs that open and close change the aspect ratio."""
FIRST_VELOCITY = np.array([0.5, 0.5, 0.5, 0.0])
"""Unknown velocity of a new track: large, as nothing is known, so that the second detection decides."""


class Sort:
    """The tracker. One object follows one sequence: give it frame after frame with `update`.

    A detection that belongs to no track starts one on probation. On probation a track must be detected in every
    frame, else it is dropped; from its `min_hits`-th detection on it is reported in each frame in which it is detected.
    After that it may be missed for `max_age` frames in a row and still keep its identity; it moves on as predicted.

    Args:
        max_age: frames in a row that a track may be missed; 1, as in the paper (T_Lost).
        min_hits: detections that make a track; 3 (the paper asks for probation without a number).
        iou_threshold: least intersection over union of a prediction and its detection; 0.3, as in the paper.
        min_score: detections below are not used; 0.25, the working point of ultralytics.
    """

    def __init__(
        self, max_age: int = 1, min_hits: int = 3, iou_threshold: float = 0.3, min_score: float = 0.25
    ) -> None:
        if max_age < 0 or min_hits < 1 or not 0 <= iou_threshold <= 1:
            raise DownstreamError(
                "expected max_age from 0 on, min_hits from 1 on and iou_threshold in 0..1, "
                f"found {max_age}, {min_hits} and {iou_threshold}"
            )
        self.max_age, self.min_hits = max_age, min_hits
        self.iou_threshold, self.min_score = iou_threshold, min_score
        self._assign: Any = require("lap").lapjv
        self._filter = _Filter.empty()
        self._ids = np.empty(0, np.int64)
        self._hits = np.empty(0, np.int64)
        self._missed = np.empty(0, np.int64)
        self._next_id = 1

    def update(self, detections: Boxes) -> Boxes:
        """Take the next frame's detections, give the frame's tracks.

        Detections without area have no aspect ratio and are left out; so are ignore regions.

        Returns:
            Boxes as the filter sees them, with ids from 1 on and the scores and labels of their detections.
        """
        used = detections[
            (detections.scores >= self.min_score)
            & (detections.width > 0)
            & (detections.height > 0)
            & ~detections.ignore
        ]
        self._filter.predict()
        tracks, found = self._matches(used.xyxy)
        self._filter.correct(tracks, _measure(used.xyxy[found]))
        self._hits[tracks] += 1
        self._missed += 1
        self._missed[tracks] = 0
        detected_by = np.full(len(self._ids), -1)
        detected_by[tracks] = found
        kept = self._missed <= np.where(self._hits >= self.min_hits, self.max_age, 0)
        free = np.ones(len(used), dtype=np.bool_)
        free[found] = False
        new = np.flatnonzero(free)
        self._replace(kept, used.xyxy[new])
        return self._report(used, np.concatenate((detected_by[kept], new)))

    def _matches(self, boxes: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Indices of tracks and of the detections that belong to them."""
        if not (len(boxes) and len(self._ids)):
            return np.empty(0, np.intp), np.empty(0, np.intp)
        overlap = iou(self._filter.boxes(), boxes)
        _, column, _ = self._assign(1 - overlap, extend_cost=True)
        tracks = np.flatnonzero(column >= 0)
        found = np.asarray(column)[tracks]
        # Boxes that don't touch are no match, whatever the threshold.
        good = (overlap[tracks, found] >= self.iou_threshold) & (overlap[tracks, found] > 0)
        return tracks[good], found[good]

    def _replace(self, kept: NDArray[np.bool_], born: NDArray[np.float64]) -> None:
        """Drop the tracks that are not kept and append new ones."""
        self._filter.replace(kept, _measure(born))
        self._ids = np.concatenate((self._ids[kept], np.zeros(len(born), np.int64)))
        self._hits = np.concatenate((self._hits[kept], np.ones(len(born), np.int64)))
        self._missed = np.concatenate((self._missed[kept], np.zeros(len(born), np.int64)))

    def _report(self, used: Boxes, detected_by: NDArray[np.intp]) -> Boxes:
        """Tracks beyond probation that are detected in this frame; those reported first get their id now."""
        shown = np.flatnonzero((self._hits >= self.min_hits) & (detected_by >= 0))
        nameless = shown[self._ids[shown] == 0]
        self._ids[nameless] = np.arange(self._next_id, self._next_id + len(nameless))
        self._next_id += len(nameless)
        source = detected_by[shown]
        labels = tuple(used.labels[index] for index in source)
        return Boxes(self._filter.boxes()[shown], labels, ids=self._ids[shown], scores=used.scores[source])


class _Filter:
    """Kalman filters of all tracks, one per measured number.

    Attributes:
        value, velocity: the state, ``[N, 4]`` each.
        spread, bond, velocity_spread: its covariance: variance of the value, covariance of value and velocity,
            variance of the velocity, ``[N, 4]`` each.
    """

    def __init__(self, value: Values, velocity: Values, spread: Values, bond: Values, velocity_spread: Values) -> None:
        self.value, self.velocity = value, velocity
        self.spread, self.bond, self.velocity_spread = spread, bond, velocity_spread

    @classmethod
    def empty(cls) -> _Filter:
        return cls(*(np.empty((0, 4)) for _ in range(5)))

    def predict(self) -> None:
        """One frame on, at constant velocity; the acceleration is white noise."""
        # An area must not shrink to nothing: such a track keeps its last size.
        shrinking = self.value[:, 2] + self.velocity[:, 2] <= 0
        self.velocity[shrinking, 2] = 0
        unit = _unit(self.value)
        acceleration = np.square(unit * ACCELERATION)
        self.value += self.velocity
        self.spread += 2 * self.bond + self.velocity_spread + acceleration / 4 + np.square(unit * DRIFT)
        self.bond += self.velocity_spread + acceleration / 2
        self.velocity_spread += acceleration

    def correct(self, tracks: NDArray[np.intp], measured: Values) -> None:
        """Take the measurements of some tracks in."""
        value, spread, bond = self.value[tracks], self.spread[tracks], self.bond[tracks]
        total = spread + np.square(_unit(value) * MEASURED)
        gain, velocity_gain = spread / total, bond / total
        surprise = measured - value
        self.value[tracks] = value + gain * surprise
        self.velocity[tracks] += velocity_gain * surprise
        self.spread[tracks] = (1 - gain) * spread
        self.bond[tracks] = (1 - gain) * bond
        self.velocity_spread[tracks] -= velocity_gain * bond

    def replace(self, kept: NDArray[np.bool_], born: Values) -> None:
        """Keep some tracks and append new ones at rest, with what their first detection tells."""
        unit, nothing = _unit(born), np.zeros_like(born)
        new = (born, nothing, np.square(unit * MEASURED), nothing, np.square(unit * FIRST_VELOCITY))
        old = (self.value, self.velocity, self.spread, self.bond, self.velocity_spread)
        self.value, self.velocity, self.spread, self.bond, self.velocity_spread = (
            np.concatenate((before[kept], added)) for before, added in zip(old, new, strict=True)
        )

    def boxes(self) -> NDArray[np.float64]:
        """Corners of all tracks, ``[N, 4]``."""
        half_width = np.sqrt(self.value[:, 2] * self.value[:, 3]) / 2
        half = np.stack((half_width, self.value[:, 2] / half_width / 4), axis=1)
        return np.concatenate((self.value[:, :2] - half, self.value[:, :2] + half), axis=1)


def _unit(value: Values) -> Values:
    """What noise is a share of: the side for the centre, the area, the aspect ratio."""
    unit = value.copy()
    unit[:, 0] = unit[:, 1] = np.sqrt(value[:, 2])
    return unit


def _measure(corners: NDArray[np.float64]) -> Values:
    """Centre x, centre y, area and aspect ratio of boxes."""
    extent = corners[:, 2:] - corners[:, :2]
    width, height = extent[:, 0], extent[:, 1]
    return np.column_stack(((corners[:, :2] + corners[:, 2:]) / 2, width * height, width / height))


def track(detections: Mapping[int, Boxes], **parameters: Any) -> dict[int, Boxes]:
    """Tracks of one sequence.

    Args:
        detections: by 0-based frame; every frame from the first to the last, empty boxes where nothing was found.
        **parameters: of `Sort`.

    Returns:
        The tracks of each of these frames, as `Sort.update` gives them.

    Raises:
        DownstreamError: a frame in between is missing; lap is not installed; parameters out of range.
    """
    frames = sorted(detections)
    if frames and (missing := frames[-1] + 1 - frames[0] - len(frames)):
        gaps = (number for last, following in pairwise(frames) for number in range(last + 1, following))
        raise DownstreamError(
            f"{missing} frames are missing between {frames[0]} and {frames[-1]}: {first_few([*islice(gaps, 6)])} (from "
            "0 on); identities can't be followed over a gap of unknown motion"
        )
    tracker = Sort(**parameters)
    return {frame: tracker.update(detections[frame]) for frame in frames}


def first_few(numbers: list[int], most: int = 5) -> str:
    """The first of a list of numbers, as text."""
    return ", ".join(map(str, numbers[:most])) + (" ..." if len(numbers) > most else "")
