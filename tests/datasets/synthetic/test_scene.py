"""Synthetic scenes: determinism, truth, and what each band shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from ivif.datasets import synthetic
from ivif.datasets.images import luminance
from ivif.datasets.synthetic import conditions
from ivif.datasets.synthetic.scene import SyntheticScene
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.shelter import Shelter
from ivif.datasets.synthetic.things.vehicles import Vehicle

SMALL = (160, 120)
SEEDS = (0, 1, 2, 3, 4, 5)


def digest(rendered: synthetic.Rendered) -> str:
    parts = (rendered.infrared.numpy(), rendered.visible.numpy(), rendered.boxes.xyxy, rendered.boxes.visibility)
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()


def grey(rendered: synthetic.Rendered) -> np.ndarray:
    return luminance(rendered.visible)[0].numpy().astype(float)


def people_mask(scene: SyntheticScene, number: int = 0) -> np.ndarray:
    """Where somebody is seen."""
    mask = np.zeros((scene.camera.height, scene.camera.width), bool)
    for truth in scene.frame(number).truths:
        inside = truth.window.clip(scene.camera.window)
        mask[inside.within(scene.camera.window)] |= truth.seen[inside.within(truth.window)] >= 0.5
    return mask


def without(scene: SyntheticScene, person: Person) -> SyntheticScene:
    others = tuple(other for other in scene.world.people if other is not person)
    size = (scene.camera.width, scene.camera.height)
    return SyntheticScene(scene.seed, scene.condition.name, size, replace(scene.world, people=others))


@pytest.mark.parametrize("condition", synthetic.CONDITIONS)
def test_pair_has_the_promised_form(condition: str) -> None:
    rendered = synthetic.render_pair(1, condition, SMALL)
    assert rendered.infrared.shape == (1, 120, 160)
    assert rendered.visible.shape == (3, 120, 160)
    assert rendered.infrared.dtype == rendered.visible.dtype == torch.uint8
    assert set(rendered.boxes.labels) == {"person"}
    assert len(np.unique(rendered.infrared)) > 40


def test_same_bytes_in_any_order() -> None:
    # Other scenes rendered in between must leave no trace; fresh processes are compared below, with the cache.
    first = digest(synthetic.render_pair(7, "night", SMALL))
    synthetic.render_pair(8, "day", SMALL)
    frames = [digest(rendered) for rendered in synthetic.render_sequence(7, "night", 3, SMALL)]
    assert frames[0] == first
    assert digest(SyntheticScene(7, "night", SMALL).render(2)) == frames[2]


def test_seeds_and_frames_differ() -> None:
    pictures = {digest(synthetic.render_pair(seed, "day", SMALL)) for seed in SEEDS}
    assert len(pictures) == len(SEEDS)
    first, second = synthetic.render_sequence(2, "night", 2, SMALL)
    still = (first.visible.int() - second.visible.int()).abs()
    assert (still > 0).float().mean() > 0.3, "every frame has fresh noise"
    assert still.float().mean() < 6, "what stands still stays where it is"


@pytest.mark.parametrize("size", [(321, 243), (64, 48), (97, 151)])
def test_any_size(size: tuple[int, int]) -> None:
    rendered = synthetic.render_pair(4, "dusk", size)
    width, height = size
    assert rendered.visible.shape == (3, height, width)
    boxes = rendered.boxes.xyxy
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2] <= width).all() and (boxes[:, 3] <= height).all()


@pytest.mark.parametrize(("condition", "size"), [("moonlight", SMALL), ("day", (16, 200))])
def test_refusals_say_what_is_wrong(condition: str, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"moonlight.*night|at least 32"):
        synthetic.render_pair(0, condition, size)


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_box_is_the_extent_of_what_one_person_changes(seed: int) -> None:
    # Thermal radiance before optics and noise: without a person in front, taking somebody out changes only what they
    # covered. Their box must then be the extent of the change.
    scene = SyntheticScene(seed, "night", (240, 180))
    rendered, heat = scene.render(), scene.frame().heat
    checked = 0
    for row, identity, visibility in zip(
        rendered.boxes.xyxy, rendered.boxes.ids, rendered.boxes.visibility, strict=True
    ):
        if visibility < 0.995:
            continue
        person = next(person for person in scene.world.people if person.identity == identity)
        if person.riding:
            continue
        changed = np.abs(heat - without(scene, person).frame().heat) > 1e-5
        lines, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        extent = (columns[0], lines[0], columns[-1] + 1, lines[-1] + 1)
        # The change includes the faint rim of half-covered pixels, which no box counts.
        np.testing.assert_array_less(np.abs(np.subtract(extent, row)), 1.5)
        assert extent[0] <= row[0] and extent[1] <= row[1] and extent[2] >= row[2] and extent[3] >= row[3]
        checked += 1
    assert checked, "the seed shows nobody in full; choose another"


def test_boxes_follow_from_the_masks_and_hold_for_both_bands() -> None:
    scene = SyntheticScene(1, "day", (320, 240))
    boxes, truths = scene.render().boxes, scene.frame().truths
    canvas = scene.camera.window
    for truth in truths:
        whole = np.zeros(canvas.shape, bool)
        inside = truth.window.clip(canvas)
        whole[inside.within(canvas)] = truth.whole[inside.within(truth.window)] >= 0.5
        found = cv2.boundingRect(whole.astype(np.uint8))
        if not whole.any():
            assert truth.identity not in boxes.ids
            continue
        row = boxes.xyxy[list(boxes.ids).index(truth.identity)]
        assert found == (row[0], row[1], row[2] - row[0], row[3] - row[1])
        share = (truth.seen >= 0.5).sum() / (truth.whole >= 0.5).sum()
        assert boxes.visibility[list(boxes.ids).index(truth.identity)] == pytest.approx(share)


def test_visibility_falls_behind_a_car_and_at_the_border() -> None:
    scene = SyntheticScene(1, "day", (320, 240))
    person = replace(scene.world.people[0], x=0.0, z=12.0, speed=0.0)
    free = replace(scene.world, people=(person,), things=(), lamps=(), vehicles=())

    def visibility(world: object) -> float:
        boxes = SyntheticScene(1, "day", (320, 240), world).render().boxes  # type: ignore[arg-type]
        return float(boxes.visibility[0]) if len(boxes) else 0.0

    assert visibility(free) == 1.0
    car = Vehicle(0.0, 10.0, 0.0, "van", (0.3, 0.3, 0.3))
    assert visibility(replace(free, vehicles=(car,))) < 0.5
    assert visibility(replace(free, things=(car,))) < 0.5
    border = scene.camera.column / scene.camera.focal * 12.0
    halved = visibility(replace(free, people=(replace(person, x=-border, heading=0.0),)))
    assert 0.25 < halved < 0.75


def test_small_and_hidden_people_are_ignored() -> None:
    scene = SyntheticScene(1, "day", (320, 240))
    person = replace(scene.world.people[0], x=0.0, speed=0.0)
    people = (replace(person, z=12.0, identity=1), replace(person, z=45.0, x=4.0, identity=2))
    boxes = SyntheticScene(
        1, "day", (320, 240), replace(scene.world, people=people, things=(), lamps=(), vehicles=())
    ).render()
    assert dict(zip(boxes.boxes.ids.tolist(), boxes.boxes.ignore.tolist(), strict=True)) == {1: False, 2: True}
    assert boxes.boxes.height[1] < 16 < boxes.boxes.height[0]


def test_identities_last_and_people_move() -> None:
    frames = list(synthetic.render_sequence(3, "dusk", 8, SMALL))
    centres: dict[int, list[float]] = {}
    for rendered in frames:
        assert len(set(rendered.boxes.ids.tolist())) == len(rendered.boxes)
        for identity, row in zip(rendered.boxes.ids, rendered.boxes.xyxy, strict=True):
            centres.setdefault(int(identity), []).append((row[0] + row[2]) / 2)
    lasting = [track for track in centres.values() if len(track) == 8]
    assert lasting
    assert max(abs(track[-1] - track[0]) for track in lasting) > 1, "somebody walks"
    assert max(np.abs(np.diff(track)).max() for track in lasting) < 12, "nobody jumps"


def test_people_are_warm_in_infrared_at_night() -> None:
    warmer = total = 0
    for seed in SEEDS:
        scene = SyntheticScene(seed, "night", (200, 150))
        rendered, mask = scene.render(), people_mask(scene)
        picture = rendered.infrared[0].numpy().astype(float)
        for row in rendered.boxes[~rendered.boxes.ignore].xyxy.astype(int):
            left, top, right, bottom = row
            around = slice(max(0, top - 8), bottom + 8), slice(max(0, left - 8), right + 8)
            inside = mask[around]
            warmer += picture[around][inside].mean() > picture[around][~inside].mean() + 15
            total += 1
    assert total >= 20
    assert warmer / total > 0.9


def test_each_band_shows_edges_that_the_other_lacks() -> None:
    for seed in SEEDS[:3]:
        rendered = synthetic.render_pair(seed, "day", (320, 240))
        bands = [cv2.GaussianBlur(band, (0, 0), 1.0) for band in (rendered.infrared[0].numpy(), grey(rendered))]
        assert np.corrcoef(*(band.ravel() for band in bands))[0, 1] < 0.6
        edges = [np.hypot(cv2.Sobel(band, cv2.CV_64F, 1, 0), cv2.Sobel(band, cv2.CV_64F, 0, 1)) for band in bands]
        strong = [edge > np.percentile(edge, 92) for edge in edges]
        weak = [edge < np.percentile(edge, 60) for edge in edges]
        assert (strong[0] & weak[1]).sum() / strong[0].sum() > 0.02
        assert (strong[1] & weak[0]).sum() / strong[1].sum() > 0.02


def test_light_leaves_no_trace_in_infrared(monkeypatch: pytest.MonkeyPatch) -> None:
    night = conditions.BY_NAME["night"]
    dark = replace(night, ambient=(0.0, 0.0, 0.0), skyline=(0.0, 0.0, 0.0), headlights=False, fog=0.2, exposure=0.1)
    scene = SyntheticScene(3, "night", SMALL)
    monkeypatch.setitem(conditions.BY_NAME, "night", dark)
    other = SyntheticScene(3, "night", SMALL)
    assert not np.allclose(scene.frame().light, other.frame().light)
    np.testing.assert_array_equal(scene.frame().heat, other.frame().heat)


def test_smoke_hides_nobody_from_the_infrared_camera() -> None:
    day, smoke = (SyntheticScene(2, name, SMALL).frame() for name in ("day", "smoke"))
    colour = np.array(conditions.BY_NAME["smoke"].fog_colour)
    nearer = np.abs(smoke.light - colour).sum() / np.abs(day.light - colour).sum()
    assert nearer < 0.9, "smoke draws the picture towards its own colour"
    np.testing.assert_array_equal(day.heat, smoke.heat)


@pytest.mark.parametrize("seed", SEEDS[1:3])
def test_conditions_do_what_they_say(seed: int) -> None:
    pairs = {name: synthetic.render_pair(seed, name, SMALL) for name in synthetic.CONDITIONS}
    light = {name: grey(pair) for name, pair in pairs.items()}
    assert light["night"].mean() < 0.85 * light["dusk"].mean()
    assert light["dusk"].mean() < 0.85 * light["day"].mean()
    assert light["fog"].std() < 0.6 * light["day"].std()
    assert (light["overexposed"] > 245).mean() > (light["day"] > 245).mean() + 0.08
    assert (light["glare"] > 235).mean() > (light["night"] > 235).mean()


def test_glare_hides_what_is_beside_the_headlights() -> None:
    scene = SyntheticScene(3, "glare", (320, 240))
    (car,) = (vehicle for vehicle in scene.world.vehicles if vehicle.lights and vehicle.heading < 0)
    column, row = scene.camera.project(car.headlights())[0].astype(int)
    dark = replace(scene.world, vehicles=())
    lit, unlit = scene.render().visible, SyntheticScene(3, "glare", (320, 240), dark).render().visible
    around = (slice(None), slice(row - 4, row + 4), slice(column - 4, column + 4))
    assert lit[around].float().mean() > unlit[around].float().mean() + 60


def test_glass_hides_those_who_wait_behind_it_from_the_infrared_camera_alone() -> None:
    scene = SyntheticScene(3, "muggy", SMALL)
    shelters = [thing for thing in scene.world.things if isinstance(thing, Shelter)]
    assert shelters
    places = [(shelter.x, shelter.z) for shelter in shelters]
    people = scene.world.people
    waiting = {own.identity for own in people if any(abs(own.x - x) < 1.7 and 0 < own.z - z < 1 for x, z in places)}
    assert len(waiting) == 4 * len(shelters)
    others = tuple(person for person in people if person.identity not in waiting)
    without = SyntheticScene(3, "muggy", SMALL, replace(scene.world, people=others))
    with_them, alone = scene.frame(), without.frame()
    boxes, _ = with_them.boxes()
    own = np.isin(boxes.ids, list(waiting)) & ~boxes.ignore
    assert own.any() and not np.isin(alone.boxes()[0].ids, list(waiting)).any()
    silhouettes = np.zeros(with_them.heat.shape, bool)
    for truth in with_them.truths:
        if truth.identity in waiting:
            window = truth.window.clip(scene.camera.window)
            silhouettes[window.within(scene.camera.window)] |= truth.seen[window.within(truth.window)] > 0.9
    assert np.abs(with_them.light - alone.light).max(axis=2)[silhouettes].mean() > 0.01, "the eye sees them"
    # Their feet stand out below the glass.
    changed = np.abs(with_them.heat - alone.heat)[silhouettes] > 1e-6
    assert changed.mean() < 0.1
