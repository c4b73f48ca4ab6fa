"""SORT: its filter against the textbook's matrices, its rules on scenes small enough to follow by hand."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivif.datasets.boxes import Boxes
from ivif.downstream import DownstreamError, Sort, track
from ivif.downstream.sort import ACCELERATION, DRIFT, FIRST_VELOCITY, MEASURED, _Filter


def boxes(*centres, size=20.0, scores=None):
    """Square boxes around points (x, y)."""
    points = np.array(centres, dtype=np.float64).reshape(-1, 2)
    return Boxes(np.hstack((points - size / 2, points + size / 2)), scores=np.array(scores or [0.9] * len(points)))


def identities(tracks):
    return {frame: found.ids.tolist() for frame, found in tracks.items()}


class Textbook:
    """A Kalman filter with seven states and full matrices, one track: x, y, area, aspect, then three velocities."""

    def __init__(self, measured):
        self.x = np.array([*measured, 0, 0, 0], dtype=np.float64)
        first = self.unit(measured)
        self.p = np.diag(np.square([*(first * MEASURED), *(first * FIRST_VELOCITY)[:3]]))
        self.f = np.eye(7)
        self.f[[0, 1, 2], [4, 5, 6]] = 1
        self.h = np.eye(4, 7)

    @staticmethod
    def unit(value):
        side = np.sqrt(value[2])
        return np.array([side, side, value[2], value[3]])

    def predict(self):
        unit = self.unit(self.x)
        gain = np.zeros((7, 3))  # acceleration moves a value by a/2 and its velocity by a
        gain[[0, 1, 2], [0, 1, 2]] = 0.5
        gain[[4, 5, 6], [0, 1, 2]] = 1
        noise = gain @ np.diag(np.square(unit * ACCELERATION)[:3]) @ gain.T
        noise[3, 3] += np.square(unit * DRIFT)[3]
        self.x, self.p = self.f @ self.x, self.f @ self.p @ self.f.T + noise

    def correct(self, measured):
        r = np.diag(np.square(self.unit(self.x) * MEASURED))
        k = self.p @ self.h.T @ np.linalg.inv(self.h @ self.p @ self.h.T + r)
        self.x = self.x + k @ (measured - self.h @ self.x)
        self.p = (np.eye(7) - k @ self.h) @ self.p


measurement = st.tuples(st.floats(0, 1000), st.floats(0, 1000), st.floats(100, 10_000), st.floats(0.2, 3.0))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(measurement, st.none()), max_size=8), measurement, measurement)
def test_split_filter_equals_the_filter_with_seven_states(later, first, other):
    """With None a frame is missed. A second track stands by, so that rows can't be confused."""
    own, book = _Filter.empty(), Textbook(first)
    own.replace(np.empty(0, np.bool_), np.array([other, first]))
    for measured in later:
        if book.x[2] + book.x[6] <= 0:
            return  # an area that would turn negative is kept, which no linear filter does
        own.predict()
        book.predict()
        if measured is not None:
            own.correct(np.array([1]), np.array([measured]))
            book.correct(np.array(measured))
        np.testing.assert_allclose(own.value[1], book.x[:4], rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(own.velocity[1, :3], book.x[4:], rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(own.spread[1], np.diag(book.p)[:4], rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(own.bond[1, :3], np.diag(book.p, 4), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(own.velocity_spread[1, :3], np.diag(book.p)[4:], rtol=1e-7, atol=1e-9)


def test_a_shrinking_area_stays_positive():
    """From 400 to 40 square pixels in a frame: at that speed the next area would be negative."""
    tracks = _Filter.empty()
    tracks.replace(np.empty(0, np.bool_), np.array([[0.0, 0, 400, 1]]))
    tracks.predict()
    tracks.correct(np.array([0]), np.array([[0.0, 0, 40, 1]]))
    assert tracks.value[0, 2] + tracks.velocity[0, 2] < 0
    for _ in range(5):
        tracks.predict()
        assert tracks.value[0, 2] > 0
        assert np.isfinite(tracks.boxes()).all()


def test_a_track_is_reported_from_its_third_detection_on():
    found = track({frame: boxes((100 + 4 * frame, 50)) for frame in range(5)})
    assert identities(found) == {0: [], 1: [], 2: [1], 3: [1], 4: [1]}
    np.testing.assert_allclose(found[4].xyxy, [[106, 40, 126, 60]], atol=0.1)
    assert found[4].scores.tolist() == [0.9]


def test_probation_can_be_waived():
    assert identities(track({0: boxes((5, 5), (90, 90)), 1: boxes((6, 5))}, min_hits=1)) == {0: [1, 2], 1: [1]}


def test_probation_forgives_no_miss():
    """Detected in frames 0, 1, 3, 4: never three in a row."""
    seen = {frame: boxes((100, 50)) if frame != 2 else boxes() for frame in range(5)}
    assert identities(track(seen, max_age=9)) == {frame: [] for frame in range(5)}


@pytest.mark.parametrize(("max_age", "after"), [(0, [2]), (1, [2]), (2, [1]), (5, [1])])
def test_max_age_is_how_many_frames_may_be_missed(max_age, after):
    """Two frames are missed; an object at constant velocity comes back where it is expected, 8 pixels further."""
    seen = {frame: boxes() if frame in (4, 5) else boxes((100 + 4 * frame, 50)) for frame in range(9)}
    found = identities(track(seen, max_age=max_age))
    assert found[3] == [1]
    assert found[4] == found[5] == []
    assert found[8] == after


def test_prediction_carries_identities_through_a_crossing():
    """Two people walk through each other, 6 pixels a frame; at frame 10 they stand on one spot, one is hidden.

    Nearest boxes would let them bounce off each other: at frame 11 both are 6 pixels from where both were.
    """
    seen = {}
    for frame in range(21):
        right, left = (40 + 6 * frame, 50), (160 - 6 * frame, 52)
        seen[frame] = boxes(right) if frame == 10 else boxes(right, left)
    found = track(seen)
    rightmost = {frame: tracks.ids[np.argmax(tracks.xyxy[:, 0])] for frame, tracks in found.items() if len(tracks) == 2}
    assert rightmost[5] != rightmost[15]
    assert {int(i) for tracks in found.values() for i in tracks.ids} == {1, 2}


def test_assignment_is_the_best_sum_not_the_best_pair():
    """Tracks rest at x = 0 and 11, detections come at -7 and 5; boxes are 20 wide, IoU is (20 - d) / (20 + d).

    The best pair is 0 with 5 (15 / 25 = 0.6), which leaves 11 with -7 (2 / 38): together 0.65. The best sum is 0 with
    -7 and 11 with 5: 13 / 27 + 14 / 26 = 1.02.
    """
    tracker = Sort(min_hits=1)
    assert tracker.update(boxes((0, 0), (11, 0))).ids.tolist() == [1, 2]
    found = tracker.update(boxes((5, 0), (-7, 0)))
    assert found.ids[np.argsort(found.xyxy[:, 0])].tolist() == [1, 2]


@pytest.mark.parametrize(("threshold", "expected"), [(0.3, [1]), (0.4, [2])])
def test_iou_threshold(threshold, expected):
    """A new track is at rest; a detection 9 pixels aside overlaps its 20 pixels by 11 / 29 = 0.379."""
    tracker = Sort(min_hits=1, iou_threshold=threshold)
    tracker.update(boxes((50, 50)))
    assert tracker.update(boxes((59, 50))).ids.tolist() == expected


def test_boxes_that_do_not_touch_are_never_one_track():
    tracker = Sort(min_hits=1, iou_threshold=0)
    tracker.update(boxes((50, 50)))
    assert tracker.update(boxes((500, 50))).ids.tolist() == [2]


def test_what_is_left_out():
    low, ignored = boxes((50, 50), scores=[0.24]), boxes((50, 50))
    flat = Boxes(np.array([[10.0, 10, 10, 30], [10, 10, 30, 10]]))
    ignored = Boxes(ignored.xyxy, ignore=np.array([True]))
    assert [len(Sort(min_hits=1).update(given)) for given in (low, flat, ignored)] == [0, 0, 0]
    assert len(Sort(min_hits=1, min_score=0.2).update(low)) == 1


def test_no_frames_and_empty_frames():
    assert track({}) == {}
    assert identities(track({3: boxes(), 4: boxes()})) == {3: [], 4: []}


def test_labels_and_scores_are_those_of_the_detection():
    tracker = Sort(min_hits=1)
    given = Boxes(np.array([[0.0, 0, 9, 9], [50, 0, 59, 9]]), ("person", "rider"), scores=np.array([0.4, 0.8]))
    found = tracker.update(given)
    assert found.labels == ("person", "rider")
    assert found.scores.tolist() == [0.4, 0.8]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_of_detections_does_not_matter(seed):
    generator = np.random.default_rng(seed)
    start, step = generator.uniform(0, 300, (6, 2)), generator.normal(0, 3, (6, 2))
    scenes = [{}, {}]
    for frame in range(8):
        seen = boxes(*(start + frame * step))[generator.random(6) < 0.9]
        scenes[0][frame], scenes[1][frame] = seen, seen[generator.permutation(len(seen))]
    straight, shuffled = (track(scene) for scene in scenes)
    for frame in range(8):
        left, right = (found[frame].xyxy for found in (straight, shuffled))
        np.testing.assert_allclose(left[np.lexsort(left.T)], right[np.lexsort(right.T)], atol=1e-9)


def test_missing_frames_are_named():
    with pytest.raises(DownstreamError, match=r"2 frames are missing between 3 and 7: 5, 6 "):
        track({3: boxes(), 4: boxes(), 7: boxes()})


@pytest.mark.parametrize("wrong", [{"max_age": -1}, {"min_hits": 0}, {"iou_threshold": 1.5}])
def test_parameters_out_of_range(wrong):
    with pytest.raises(DownstreamError, match="expected max_age from 0 on"):
        Sort(**wrong)


def test_without_lap_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "lap", None)
    with pytest.raises(DownstreamError, match=r"lap cannot be imported .*pip install 'ivif-bench\[downstream\]'"):
        Sort()


def test_a_gap_of_time_stamps_is_told_without_counting_through_it():
    nobody = Boxes(np.empty((0, 4)))
    with pytest.raises(DownstreamError, match=r"999999999999999998 frames are missing .*: 1, 2, 3, 4, 5 ..."):
        track({0: nobody, 10**18 - 1: nobody})
