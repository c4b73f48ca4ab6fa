"""Overlap of boxes, by hand."""

import numpy as np
import pytest

from ivif.downstream.overlap import iou, share_inside


def corners(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1),
        ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
        ((0, 0, 10, 10), (5, 5, 15, 15), 25 / 175),
        ((0, 0, 10, 10), (2, 3, 4, 8), 10 / 100),
        ((0, 0, 10, 10), (10, 0, 20, 10), 0),
        ((0, 0, 10, 10), (50, 50, 60, 60), 0),
        ((3, 3, 3, 3), (3, 3, 3, 3), 0),
    ],
)
def test_intersection_over_union(first, second, expected):
    assert iou(corners(first), corners(second)) == pytest.approx(np.array([[expected]]))
    assert iou(corners(second), corners(first)) == pytest.approx(np.array([[expected]]))


def test_every_box_meets_every_other():
    table = iou(corners((0, 0, 4, 4), (10, 0, 14, 4)), corners((0, 0, 4, 2), (12, 0, 16, 4), (10, 0, 14, 4)))
    assert table == pytest.approx(np.array([[0.5, 0, 0], [0, 8 / 24, 1]]))
    assert iou(corners(), corners((0, 0, 1, 1))).shape == (0, 1)
    assert iou(corners((0, 0, 1, 1)), corners()).shape == (1, 0)


def test_share_inside_a_region_asks_for_the_box_alone():
    region = corners((0, 0, 100, 100))
    boxes = corners((10, 10, 20, 20), (95, 0, 105, 10), (200, 0, 210, 10), (5, 5, 5, 9))
    assert share_inside(boxes, region) == pytest.approx(np.array([[1], [0.5], [0], [0]]))
