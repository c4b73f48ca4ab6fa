"""What is known of rendered people: masks, depth, boxes of what is seen, tracks under a turning camera."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ivif.datasets import synthetic
from ivif.datasets.synthetic.optics.camera import Window
from ivif.datasets.synthetic.scene import SyntheticScene
from ivif.datasets.synthetic.truth import Truth, boxes_of, instances_of

PICTURE = Window(0, 0, 40, 40)


def silhouette(identity: int, window: Window, hidden_columns: int = 0) -> Truth:
    whole = np.ones(window.shape, np.float32)
    seen = whole.copy()
    seen[:, :hidden_columns] = 0
    return Truth(identity, window, whole, seen)


def test_boxes_of_wholes_and_of_what_is_seen() -> None:
    boxes, seen = boxes_of([silhouette(3, Window(10, 5, 20, 35), hidden_columns=4)], PICTURE)
    assert boxes.xyxy.tolist() == [[10, 5, 20, 35]]
    assert seen.xyxy.tolist() == [[14, 5, 20, 35]]
    assert boxes.visibility.tolist() == [0.6]
    assert boxes.ids.tolist() == [3] and not boxes.ignore[0]


def test_a_turned_camera_moves_the_boxes() -> None:
    boxes, _ = boxes_of([silhouette(1, Window(10, 5, 20, 35))], Window(15, 0, 55, 40))
    assert boxes.xyxy.tolist() == [[0, 5, 5, 35]]
    assert boxes.visibility.tolist() == [0.5]


def test_instances_name_who_is_seen() -> None:
    truths = [silhouette(1, Window(0, 0, 10, 10), hidden_columns=5), silhouette(2, Window(-3, 0, 5, 10))]
    found = instances_of(truths, PICTURE)
    assert (found[:10, 5:10] == 1).all() and (found[:10, :5] == 2).all()
    assert (found > 0).sum() == 100


@pytest.mark.parametrize("condition", ["day", "crowd"])
def test_masks_fit_their_boxes(condition: str) -> None:
    rendered = synthetic.render_pair(3, condition, (320, 240))
    masks = rendered.instances.numpy()
    assert set(np.unique(masks)) - {0} <= set(rendered.boxes.ids.tolist())
    for identity, row in zip(rendered.seen.ids, rendered.seen.xyxy, strict=True):
        left, top, width, height = cv2.boundingRect((masks == identity).astype(np.uint8))
        if width:
            assert (left, top, left + width, top + height) == tuple(row)
        else:
            assert row[0] == row[2]


def test_depth_is_that_of_the_ground_and_of_people() -> None:
    scene = SyntheticScene(1, "day", (320, 240))
    person = replace(scene.world.people[0], x=0.0, z=9.0, speed=0.0, bicycle=None)
    world = replace(scene.world, people=(person,), things=(), lamps=(), vehicles=(), animals=())
    scene = SyntheticScene(1, "day", (320, 240), world)
    rendered = scene.render()
    depth, camera = rendered.depth.numpy(), scene.camera
    rows = np.arange(int(camera.horizon) + 20, 240)
    expected = camera.focal * camera.elevation / (rows + 0.5 - camera.horizon)
    np.testing.assert_allclose(depth[rows, 3], expected, rtol=1e-4)
    assert (depth[rendered.instances.numpy() == 1] == 9.0).all()
    assert depth[0, 3] == 900


def test_the_turning_camera_keeps_tracks_and_starts_where_a_still_one_stands() -> None:
    still = synthetic.render_pair(4, "day", (160, 120))
    frames = list(synthetic.render_sequence(4, "day", 25, (160, 120), frames_per_second=4, pan=True))
    np.testing.assert_array_equal(frames[0].boxes.xyxy, still.boxes.xyxy)
    before, after = (frames[number].visible[0].float().numpy()[:60] for number in (12, 16))
    (shift, _), response = cv2.phaseCorrelate(before, after)
    assert abs(shift) > 1 and response > 0.1, "the view has moved"
    assert all((rendered.boxes.xyxy[:, 2] <= 160).all() for rendered in frames)


def test_mirror_images_in_the_rain_are_ignored() -> None:
    rendered = synthetic.render_pair(3, "rain", (320, 240))
    images = rendered.boxes.ids == -1
    assert images.any()
    assert rendered.boxes.ignore[images].all()
    # They hang below somebody's feet.
    feet = rendered.boxes.xyxy[~images]
    for left, top, right, _ in rendered.boxes.xyxy[images]:
        assert any(abs(top - row[3]) < 12 and left < row[2] and right > row[0] for row in feet)
