"""What stands and moves, piece by piece, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ivif.datasets.synthetic import conditions
from ivif.datasets.synthetic.optics.camera import Camera
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.places.composition import compose
from ivif.datasets.synthetic.scene import SyntheticScene
from ivif.datasets.synthetic.things.distractors import Dummy
from ivif.datasets.synthetic.things.figures import Clothes, Outfit
from ivif.datasets.synthetic.things.furniture import Crate
from ivif.datasets.synthetic.things.people import Person
from ivif.datasets.synthetic.things.plants import Tree
from ivif.datasets.synthetic.things.poses import BICYCLE, FOREARM, SHANK, THIGH, UPPER_ARM
from ivif.datasets.synthetic.things.vehicles import Vehicle
from ivif.datasets.synthetic.things.walking import Crowd

CAMERA = Camera(width=320, height=240, focal=300.0, column=160.0, horizon=90.0, elevation=3.0)
PLAIN = Outfit((0.1,) * 3, (0.1,) * 3, (0.1,) * 3, (0.4,) * 3, (0.1,) * 3, 0.5)
NOISE = Noise(np.random.default_rng(0))


def person(identity: int, x: float, z: float, heading: float, speed: float) -> Person:
    return Person(identity, x, z, heading, speed, 1.75, 1.0, 0.0, PLAIN, 1)


def pixel(x: float, y: float, z: float) -> tuple[int, int]:
    """(row, column) of the pixel that sees a place."""
    column, row = CAMERA.project(np.array([(x, y, z)]))[0]
    return int(row), int(column)


def closest(crowd: Crowd, seconds: float) -> float:
    gaps = []
    for time in np.arange(0, seconds, 0.1):
        places = np.array([(somebody.x, somebody.z) for somebody in crowd.at(time)])
        distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
        gaps.append(distance[np.triu_indices(len(places), 1)].min())
    return min(gaps)


def test_two_who_meet_head_on_pass_each_other() -> None:
    crowd = Crowd((person(1, -4.0, 10.0, 0.0, 1.3), person(2, 4.0, 10.0, np.pi, 1.3)), [])
    assert closest(crowd, 6) > 0.45
    first, second = crowd.at(6.0)
    assert first.x > 2.5 and second.x < -2.5
    assert abs(first.z - 10) < 0.5 and abs(second.z - 10) < 0.5


def test_walkers_go_around_poles() -> None:
    crowd = Crowd((person(1, -4.0, 10.0, 0.0, 1.3),), [(0.0, 10.0, 0.1)])
    places = np.array([(somebody.x, somebody.z) for (somebody,) in (crowd.at(t) for t in np.arange(0, 6, 0.05))])
    assert np.hypot(places[:, 0], places[:, 1] - 10).min() > 0.3
    assert places[-1, 0] > 2.5


def test_alone_people_keep_their_line_and_speed() -> None:
    crowd = Crowd((person(1, 0.0, 8.0, np.pi / 2, 1.4), person(2, 9.0, 9.0, 0.3, 0.0)), [])
    walker, stander = crowd.at(2.0)
    assert (walker.x, walker.z) == pytest.approx((0.0, 8.0 + 2.8), abs=0.02)
    assert (stander.x, stander.z, stander.heading) == (9.0, 9.0, 0.3)
    assert crowd.at(0.0)[0] == replace(crowd.people[0], speed=pytest.approx(1.4))


@pytest.mark.parametrize("seed", range(6))
def test_nobody_walks_through_anybody(seed: int) -> None:
    world = compose(seed, conditions.BY_NAME["crowd"])
    crowd = Crowd(world.people, world.obstacles())
    assert closest(crowd, 4) > 0.4


@pytest.mark.parametrize("phase", np.linspace(0, 2 * np.pi, 7))
def test_riders_hold_the_bar_and_step_on_the_pedals(phase: float) -> None:
    rider = replace(person(1, 2.0, 9.0, 0.7, 4.0), bicycle=(0.1, 0.1, 0.1), phase=phase)
    pose = rider.joints()
    for side in (0, 1):
        lengths = [
            np.linalg.norm(pose.knees[side] - pose.hips[side]),
            np.linalg.norm(pose.ankles[side] - pose.knees[side]),
            np.linalg.norm(pose.elbows[side] - pose.shoulders[side]),
            np.linalg.norm(pose.wrists[side] - pose.elbows[side]),
        ]
        np.testing.assert_allclose(lengths[:3], (THIGH, SHANK, UPPER_ARM), rtol=1e-6)
        assert lengths[3] == pytest.approx(FOREARM, abs=0.12)
        assert pose.wrists[side][1] == pytest.approx(BICYCLE.bar[1])
        crank = np.array((2.0, BICYCLE.crank[1], 9.0)) + BICYCLE.crank[0] * pose.forward
        assert 0.1 < np.linalg.norm(pose.ankles[side] - crank) < 0.45


def test_bicycles_are_no_part_of_the_rider() -> None:
    rider = replace(person(1, 0.0, 9.0, 0.0, 0.0), bicycle=(0.1, 0.1, 0.1))
    layer = rider.draw(CAMERA, conditions.BY_NAME["day"], NOISE)
    wheel = pixel(BICYCLE.front[0] + BICYCLE.radius, BICYCLE.front[1], 9.0)
    inside = wheel[0] - layer.window.top, wheel[1] - layer.window.left
    assert layer.alpha[inside[0], inside[1] - 2 : inside[1] + 2].max() > 0.5
    assert layer.values[inside[0], inside[1] - 2 : inside[1] + 2, 14].max() == 0


def test_cars_brake_before_the_crossing() -> None:
    car = Vehicle(0.0, 10.0, 0.0, "sedan", (0.3, 0.3, 0.3), speed=6.0, room=12.0)
    places = np.array([car.at(seconds).x for seconds in np.linspace(0, 8, 200)])
    steps = np.diff(places)
    assert (steps >= -1e-9).all() and (np.diff(steps) <= 1e-9).all(), "never backwards, never faster"
    assert places[1] == pytest.approx(6.0 * 8 / 199)
    assert places[-1] == pytest.approx(12.0)


def test_posters_and_dummies_are_cold() -> None:
    scene = SyntheticScene(4, "distractors", (320, 240))
    metal = scene.condition.temperatures["metal"]
    figures = [thing for thing in scene.world.things if hasattr(thing, "figure")]
    assert figures
    for thing in figures:
        layer = thing.draw(scene.camera, scene.condition, scene.noise)
        covered = layer.alpha > 0.99
        assert np.abs(layer.values[..., 6][covered] - metal).max() < 1.5
        assert not layer.values[..., 14].any(), "nobody is there"


def test_things_say_where_nobody_can_stand() -> None:
    grey = (0.3, 0.3, 0.3)
    tree = Tree(1.0, 9.0, trunk=2.0, spread=1.5, rise=3.0, green=grey, seed=0)
    assert tree.obstacles() == [(1.0, 9.0, 0.3)], "one passes under its crown"
    assert replace(tree, trunk=0.0).obstacles() == [(1.0, 9.0, 1.5)], "but not through a bush"
    assert Crate(2.0, 8.0, width=1.0, length=3.0, height=1.0, heading=0.4, colour=grey).obstacles() == [
        (2.0, 8.0, pytest.approx(1.8))
    ]
    assert Dummy(person(0, 3.0, 7.0, 0.0, 0.0)).obstacles() == [(3.0, 7.0, 0.6)]
    van = Vehicle(4.0, 6.0, np.pi / 2, "van", grey)
    np.testing.assert_allclose(van.obstacles(), [(4.0, 4.4, 1.1), (4.0, 6.0, 1.1), (4.0, 7.6, 1.1)], atol=1e-9)
    assert person(1, 0.0, 9.0, 0.0, 1.0).obstacles() == [], "people make way for each other"


def test_rain_gear_is_as_cold_as_the_air() -> None:
    condition = conditions.BY_NAME["drizzle"]
    air, wet = condition.temperatures["air"], replace(PLAIN, insulation=0.8)
    assert Clothes(wet, condition).jacket.temperature == pytest.approx(air, abs=1)
    assert Clothes(replace(PLAIN, insulation=0.1), condition).jacket.temperature > air + 5
    assert Clothes(wet, conditions.BY_NAME["rain"]).jacket.temperature > air, "in v1 nobody wears any"
