"""Scores of tracks: scenes worked out on paper, and equality with TrackEval on random ones.

In the scenes, boxes are 10 x 10 and stand on one line, so that a position is enough; two boxes d apart have an IoU of
(10 - d) / (10 + d).
"""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivif.datasets.boxes import DISTRACTOR, Boxes
from ivif.downstream import DownstreamError, combined, tracking_scores
from ivif.downstream.hota import Frame, hota_counts
from ivif.downstream.overlap import iou


def line(positions, ignored=()):
    """Boxes at ``{identity: x}``; `ignored` are ignore regions (left, right) of the same height."""
    rows = [[x, 0, x + 10, 10] for x in positions.values()] + [[left, 0, right, 10] for left, right in ignored]
    return Boxes(
        np.array(rows, dtype=np.float64).reshape(-1, 4),
        ids=np.array([*positions, *range(900, 900 + len(ignored))], dtype=np.int64),
        ignore=np.array([False] * len(positions) + [True] * len(ignored), dtype=np.bool_),
    )


def film(*frames):
    return {number: line(frame) for number, frame in enumerate(frames)}


def counts(score):
    return {
        "FN": score.misses,
        "FP": score.false_positives,
        "IDs": score.switches,
        "Frag": score.fragmentations,
        "MT": score.mostly_tracked,
        "PT": score.partially_tracked,
        "ML": score.mostly_lost,
    }


def expected_counts(**given):
    return {name: given.get(name, 0) for name in ("FN", "FP", "IDs", "Frag", "MT", "PT", "ML")}


def test_perfect_tracks():
    truth = film({1: 0, 2: 50}, {1: 4}, {2: 60})
    score = tracking_scores(truth, truth)
    assert counts(score) == expected_counts(MT=2)
    assert (score.frames, score.objects, score.identities, score.matches) == (3, 4, 2, 4)
    assert (score.mota, score.motp, score.idf1, score.hota) == pytest.approx((1, 1, 1, 1))


def test_switch():
    """One person, tracked as 7 for two frames and as 8 for two.

    MOTA = 1 - 1 / 4. One track at most is the person's: IDTP 2, IDFP 2, IDFN 2, IDF1 = 4 / 8. All boxes match, DetA =
    1; each match's identities share 2 of 4 boxes, so AssA = 1/2 and HOTA = sqrt(1/2), at all thresholds.
    """
    score = tracking_scores(film({7: 0}, {7: 5}, {8: 10}, {8: 15}), film({1: 0}, {1: 5}, {1: 10}, {1: 15}))
    assert counts(score) == expected_counts(IDs=1, MT=1)
    assert score.mota == pytest.approx(0.75)
    assert score.idf1 == pytest.approx(0.5)
    assert (score.hota_counts.deta, score.hota_counts.assa) == pytest.approx((1, 0.5))
    assert score.hota == pytest.approx(0.5**0.5)


def test_miss_and_fragmentation():
    """One person in five frames, lost in the third, found again by the same track.

    MOTA = 1 - 1/5. IDTP 4, IDFN 1: IDF1 = 8 / 9. DetA = 4/5; the identities share 4 of 5 boxes: AssA = 4/5 = HOTA. 80 %
    of the frames make a person mostly tracked.
    """
    score = tracking_scores(film({7: 0}, {7: 5}, {}, {7: 15}, {7: 20}), film(*({1: 5 * n} for n in range(5))))
    assert counts(score) == expected_counts(FN=1, Frag=1, MT=1)
    assert score.mota == pytest.approx(0.8)
    assert score.idf1 == pytest.approx(8 / 9)
    assert score.hota == pytest.approx(0.8)


def test_false_track_and_lost_person():
    """Person 1 is tracked in 1 of 10 frames (mostly lost), person 2 in 5 (partially); track 9 follows nobody for 3.

    FN = 9 + 5, FP = 3, GT = 20: MOTA = 1 - 17/20. IDTP = 6, IDFP = 3, IDFN = 14: IDF1 = 12 / 29.
    HOTA: DetA = 6 / (6 + 14 + 3); the pair of person 1 shares 1 of 10 boxes, that of person 2 shares 5 of 10:
    AssA = (1 * 0.1 + 5 * 0.5) / 6 = 2.6 / 6.
    """
    truth = film(*({1: 0, 2: 100} for _ in range(10)))
    tracks = film(
        *(({7: 0} if n == 0 else {}) | ({8: 100} if n < 5 else {}) | ({9: 300} if n < 3 else {}) for n in range(10))
    )
    score = tracking_scores(tracks, truth)
    assert counts(score) == expected_counts(FN=14, FP=3, PT=1, ML=1)
    assert score.mota == pytest.approx(3 / 20)
    assert score.idf1 == pytest.approx(12 / 29)
    assert score.hota == pytest.approx((6 / 23 * 2.6 / 6) ** 0.5)


def test_crowded_crossing():
    """Persons A and B cross; tracks 1 and 2 sit exactly on the boxes but follow the wrong person after it.

        frame   A    B    track 1  track 2
        0       0    30   0        30
        1       10   20   10       20
        2       16   14   14       16         boxes 2 apart: IoU 8/12 between the neighbours
        3       30   0    0        30

    CLEAR keeps a correspondence as long as its IoU is 0.5: in frame 2 A is still 1, with IoU 2/3, and both switch in
    frame 3. No misses, no false positives: MOTA = 1 - 2/8, MOTP = (6 + 2 * 2/3) / 8.

    Identities: A with 1 overlaps in frames 0, 1, 2, A with 2 in 2 and 3. Best: A-1, B-2 with IDTP = 6, IDFP = IDFN = 2,
    IDF1 = 12 / 16.

    HOTA's likeness of A and 1: frames 0 and 1 give 1 each, frame 2 gives (2/3) / (5/3 + 5/3 - 2/3) = 1/4; together
    2.25 / (4 + 4 - 2.25) = 0.391. Of A and 2: 1 / (5/3 + 5/3 - 1) = 3/7 and 1; 1.429 / (8 - 1.429) = 0.217. In frame 2
    A-1 weighs 0.391 * 2/3 = 0.261, A-2 weighs 0.217: A-1 is taken.
    Up to threshold 0.65 (13 of 19) all 8 match, DetA = 1: A-1 three times, A-2 once; 3 / (4 + 4 - 3) = 3/5 and
    1 / (4 + 4 - 1) = 1/7; AssA = (6 * 3/5 + 2 * 1/7) / 8.
    Above (6 of 19) frame 2 has two misses and two false positives: DetA = 6/10; A-1 twice: 2 / (8 - 2) = 1/3, A-2
    once: 1/7; AssA = (4 * 1/3 + 2 * 1/7) / 6.
    """
    truth = film({1: 0, 2: 30}, {1: 10, 2: 20}, {1: 16, 2: 14}, {1: 30, 2: 0})
    tracks = film({1: 0, 2: 30}, {1: 10, 2: 20}, {1: 14, 2: 16}, {1: 0, 2: 30})
    score = tracking_scores(tracks, truth)
    assert counts(score) == expected_counts(IDs=2, MT=2)
    assert score.mota == pytest.approx(0.75)
    assert score.motp == pytest.approx((6 + 4 / 3) / 8)
    assert score.idf1 == pytest.approx(0.75)
    low, high = ((6 * 3 / 5 + 2 / 7) / 8) ** 0.5, (0.6 * (4 / 3 + 2 / 7) / 6) ** 0.5
    assert score.hota == pytest.approx((13 * low + 6 * high) / 19)


def test_loose_boxes():
    """All boxes are 2 pixels off: IoU 8/12. MOTP says so; HOTA counts 13 of its 19 thresholds (up to 0.65)."""
    score = tracking_scores(film({7: 2}, {7: 7}), film({1: 0}, {1: 5}))
    assert score.mota == 1
    assert score.motp == pytest.approx(2 / 3)
    assert score.hota == pytest.approx(13 / 19)
    assert score.hota_counts.loca == pytest.approx((13 * 2 / 3 + 6) / 19)


def test_too_loose_boxes_are_a_miss_and_a_false_positive():
    """4 pixels off: IoU 6/14 = 0.43."""
    score = tracking_scores(film({7: 4}), film({1: 0}))
    assert counts(score) == expected_counts(FN=1, FP=1, ML=1)
    assert score.mota == -1
    assert np.isnan(score.motp)


def test_ignore_regions_remove_boxes_without_a_partner():
    """The region is 100..150. Track 2 stands inside it, 3 by 6 of its 10 pixels, 4 by 4: only 4 is a false positive."""
    truth = {0: line({1: 0}, ignored=[(100, 150)])}
    score = tracking_scores({0: line({1: 0, 2: 120, 3: 144, 4: 94 - 0})}, truth)
    assert counts(score) == expected_counts(FP=1, MT=1)
    assert score.objects == 1


def test_ignore_regions_do_not_take_a_partner_away():
    """A person in the region is labelled: the track on it counts, a second one beside it (IoU 0) does not."""
    truth = {0: line({1: 110}, ignored=[(100, 150)])}
    assert counts(tracking_scores({0: line({7: 111, 8: 130})}, truth)) == expected_counts(MT=1)
    assert counts(tracking_scores({0: line({8: 130})}, truth)) == expected_counts(FN=1, ML=1)


def test_ignored_people_are_never_missed():
    truth = {0: line({1: 0}, ignored=[(100, 110)]), 1: line({}, ignored=[(100, 110)])}
    score = tracking_scores({0: line({1: 0}), 1: line({})}, truth)
    assert (score.objects, score.misses) == (1, 0)


def test_other_classes_are_left_out():
    person, car = line({1: 0}), line({2: 50})
    both = Boxes(np.vstack((person.xyxy, car.xyxy)), ("person", "car"), ids=np.array([1, 2]))
    assert tracking_scores({0: person}, {0: both}).mota == 1
    assert tracking_scores({0: both}, {0: person}).mota == 1
    assert tracking_scores({0: both}, {0: both}, label="car").objects == 1


def test_nothing_to_see():
    score = tracking_scores({0: line({})}, {0: line({})})
    assert np.isnan([score.mota, score.motp, score.idf1, score.hota, score.hota_counts.loca]).all()
    score = tracking_scores({0: line({7: 0})}, {0: line({})})
    assert score.false_positives == 1
    assert np.isnan(score.mota)
    assert score.idf1 == score.hota == 0


def test_sequences_add_up():
    """The switch (4 boxes, 1 switch) and a sequence of one frame without tracks: MOTA = 1 - (1 + 1) / 5.

    IDF1 = 4 / (4 + 2 + 3); HOTA: DetA = 4/5, AssA = 1/2. The same identity in two sequences is two people.
    """
    switch = tracking_scores(film({7: 0}, {7: 5}, {8: 10}, {8: 15}), film({1: 0}, {1: 5}, {1: 10}, {1: 15}))
    both = combined([switch, tracking_scores(film({}), film({1: 0}))])
    assert (both.frames, both.objects, both.identities) == (5, 5, 2)
    assert both.mota == pytest.approx(0.6)
    assert both.idf1 == pytest.approx(4 / 9)
    assert both.hota == pytest.approx(0.4**0.5)


def test_unlabelled_frames_are_not_scored_and_missing_ones_are_named():
    truth = film({1: 0}, {1: 5})
    assert tracking_scores(film({7: 0}, {7: 5}, {7: 9, 8: 60}), truth).mota == 1
    with pytest.raises(DownstreamError, match=r"1 of 2 labelled frames have no tracks: 1 "):
        tracking_scores(film({7: 0}), truth)
    with pytest.raises(DownstreamError, match="no labelled frame"):
        tracking_scores(film({7: 0}), {})
    with pytest.raises(DownstreamError, match="no sequence has scores"):
        combined([])


def test_identities_that_contradict_themselves():
    twice = Boxes(np.array([[0, 0, 10, 10], [50, 0, 60, 10]]), ids=np.array([3, 3]))
    nameless = Boxes(np.array([[0, 0, 10, 10]]))
    with pytest.raises(DownstreamError, match="frame 1: the tracked identity 3 stands there twice"):
        tracking_scores({0: twice}, {0: line({1: 0})})
    with pytest.raises(DownstreamError, match="frame 1: the true identity 3 stands there twice"):
        tracking_scores({0: line({1: 0})}, {0: twice})
    with pytest.raises(DownstreamError, match="frame 1: a true box has no identity"):
        tracking_scores({0: line({1: 0})}, {0: nameless})


def test_without_motmetrics_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "motmetrics", None)
    with pytest.raises(DownstreamError, match=r"motmetrics cannot be imported .*pip install"):
        tracking_scores(film({1: 0}), film({1: 0}))


@st.composite
def random_film(draw):
    """Up to 8 frames, 4 people and 4 tracks, each here or not, positions on one line, so that many overlap."""
    frames = draw(st.integers(1, 8))
    places = st.one_of(st.none(), st.integers(0, 300).map(lambda tenth: tenth / 10))

    def people():
        seen = ({i: draw(places) for i in range(1, 5)} for _ in range(frames))
        return film(*({i: x for i, x in frame.items() if x is not None} for frame in seen))

    return people(), people()


@st.composite
def clear_film(draw):
    """Scenes that TrackEval and motmetrics count alike.

    People stand far apart, so that there is one matching only: the two prefer different correspondences where several
    are possible. Each comes once and leaves once, and one more is tracked all the time: TrackEval takes coming back
    for a fragmentation, and doesn't take a frame without any track for one.
    """
    frames = draw(st.integers(1, 9))
    stays = [sorted(draw(st.tuples(st.integers(0, frames), st.integers(0, frames)))) for _ in range(3)]
    truth, tracks = [], []
    for frame in range(frames):
        here = [lane for lane, (first, last) in enumerate(stays) if first <= frame < last]
        truth.append({lane: 100 * lane for lane in here} | {9: 900})
        drawn = {99: 900}
        for lane, identity in enumerate(draw(st.permutations(range(10, 14)))):
            offset = draw(st.sampled_from([None, 0, 1, 2, 3, 4, 30]))
            if offset is not None:
                drawn[identity] = 100 * lane + offset
        tracks.append(drawn)
    return film(*truth), film(*tracks)


def as_trackeval(truth, tracks):
    """The dictionary that TrackEval's metrics take."""
    frames = sorted(truth)
    known = [sorted({int(i) for frame in film.values() for i in frame.ids}) for film in (truth, tracks)]
    return {
        "num_timesteps": len(frames),
        "num_gt_dets": sum(len(truth[frame]) for frame in frames),
        "num_tracker_dets": sum(len(tracks[frame]) for frame in frames),
        "num_gt_ids": len(known[0]),
        "num_tracker_ids": len(known[1]),
        "gt_ids": [np.searchsorted(known[0], truth[frame].ids) for frame in frames],
        "tracker_ids": [np.searchsorted(known[1], tracks[frame].ids) for frame in frames],
        "similarity_scores": [iou(truth[frame].xyxy, tracks[frame].xyxy) for frame in frames],
    }


@settings(max_examples=100, deadline=None)
@given(random_film())
def test_hota_equals_trackeval(films):
    trackeval = pytest.importorskip("trackeval", reason="needs trackeval to compare with")
    truth, tracks = films
    reference = trackeval.metrics.HOTA().eval_sequence(as_trackeval(truth, tracks))
    own = hota_counts([Frame(truth[n].ids, tracks[n].ids, iou(truth[n].xyxy, tracks[n].xyxy)) for n in truth])
    np.testing.assert_allclose(own.hits, reference["HOTA_TP"])
    np.testing.assert_allclose(own.misses, reference["HOTA_FN"])
    np.testing.assert_allclose(own.false_alarms, reference["HOTA_FP"])
    if not own.empty:
        np.testing.assert_allclose(own.associations, reference["AssA"], atol=1e-12)
        np.testing.assert_allclose(own.detections, reference["DetA"], atol=1e-12)
        assert own.hota == pytest.approx(np.mean(reference["HOTA"]), abs=1e-12)
        assert own.loca == pytest.approx(np.mean(reference["LocA"]), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(random_film(), random_film())
def test_hota_of_two_sequences_equals_trackeval(first, second):
    trackeval = pytest.importorskip("trackeval", reason="needs trackeval to compare with")
    metric = trackeval.metrics.HOTA()
    reference = metric.combine_sequences(
        {str(n): metric.eval_sequence(as_trackeval(*films)) for n, films in enumerate((first, second))}
    )
    own = [
        hota_counts([Frame(truth[n].ids, tracks[n].ids, iou(truth[n].xyxy, tracks[n].xyxy)) for n in truth])
        for truth, tracks in (first, second)
    ]
    if not (own[0] + own[1]).empty:
        assert (own[0] + own[1]).hota == pytest.approx(np.mean(reference["HOTA"]), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(random_film())
def test_identity_scores_equal_trackeval(films):
    trackeval = pytest.importorskip("trackeval", reason="needs trackeval to compare with")
    truth, tracks = films
    reference = trackeval.metrics.Identity({"PRINT_CONFIG": False}).eval_sequence(as_trackeval(truth, tracks))
    own = tracking_scores(tracks, truth)
    assert own.id_true_positives == reference["IDTP"]
    assert own.id_false_positives == reference["IDFP"]
    assert own.id_misses == reference["IDFN"]


@settings(max_examples=30, deadline=None)
@given(clear_film())
def test_clear_scores_equal_trackeval(films):
    trackeval = pytest.importorskip("trackeval", reason="needs trackeval to compare with")
    truth, tracks = films
    reference = trackeval.metrics.CLEAR({"PRINT_CONFIG": False}).eval_sequence(as_trackeval(truth, tracks))
    own = tracking_scores(tracks, truth)
    assert own.matches == reference["CLR_TP"]
    assert own.misses == reference["CLR_FN"]
    assert own.false_positives == reference["CLR_FP"]
    assert own.switches == reference["IDSW"]
    assert own.fragmentations == reference["Frag"]
    assert own.mostly_lost == reference["ML"]
    assert own.mota == pytest.approx(reference["MOTA"])
    assert own.motp == pytest.approx(reference["MOTP"])


def test_what_is_matched_to_a_distractor_is_no_mistake():
    """As in MOTChallenge: the second track is a reflection's, the third one a car's, whom nobody was to follow."""
    corners = np.array([[0, 0, 10, 20], [50, 0, 60, 20], [90, 0, 120, 20]], dtype=float)
    truth = Boxes(
        corners, ("person", DISTRACTOR, "car"), ids=np.array([1, 2, 3]), ignore=np.array([False, True, False])
    )
    scores = tracking_scores({0: Boxes(corners, ids=np.array([7, 8, 9]))}, {0: truth})
    assert (scores.matches, scores.false_positives, scores.objects) == (1, 1, 1)


def test_a_distractor_takes_no_box_that_hardly_overlaps_it():
    """A box within a large distractor overlaps it by a tenth: a mistake, where an ignore region would forgive it."""
    truth = Boxes(np.array([[0, 0, 100, 100.0]]), (DISTRACTOR,), ids=np.array([2]), ignore=np.array([True]))
    person = Boxes(np.array([[200, 0, 210, 20.0]]), ids=np.array([1]))
    tracks = Boxes(np.array([[0, 0, 10, 100.0]]), ids=np.array([7]))
    both = Boxes(
        np.vstack((truth.xyxy, person.xyxy)), (DISTRACTOR, "person"), np.array([2, 1]), ignore=np.array([True, False])
    )
    assert tracking_scores({0: tracks}, {0: both}).false_positives == 1
