"""Light, air, water and the cameras, piece by piece, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ivif.datasets.synthetic import conditions
from ivif.datasets.synthetic.optics import infrared, visible
from ivif.datasets.synthetic.optics.air import Air
from ivif.datasets.synthetic.optics.camera import Camera, Window
from ivif.datasets.synthetic.optics.camera_settings import CameraSettings
from ivif.datasets.synthetic.optics.light import Light
from ivif.datasets.synthetic.optics.misalignment import Misalignment
from ivif.datasets.synthetic.optics.noise import Noise
from ivif.datasets.synthetic.optics.shadows import ShadowMap, land, upright
from ivif.datasets.synthetic.optics.wet import Standing, mirror_share, mirrored
from ivif.datasets.synthetic.places.buildings import Wall
from ivif.datasets.synthetic.places.composition import compose
from ivif.datasets.synthetic.scene import SyntheticScene
from ivif.datasets.synthetic.things.thing import Thing

CAMERA = Camera(width=320, height=240, focal=300.0, column=160.0, horizon=90.0, elevation=3.0)
NOISE = Noise(np.random.default_rng(0))


def pixel(x: float, y: float, z: float) -> tuple[int, int]:
    """(row, column) of the pixel that sees a place."""
    column, row = CAMERA.project(np.array([(x, y, z)]))[0]
    return int(row), int(column)


# --- shadows


def shade_of_a_pole(light: Light, depth: np.ndarray | float) -> np.ndarray:
    shadows = ShadowMap(light, CAMERA, upright(0.0, 10.0, 0.3, 2.0))
    return shadows.blocked(land(light, CAMERA, CAMERA.window, depth), 0.1)


def ground_depth() -> np.ndarray:
    _, drop = CAMERA.rays(CAMERA.window)
    return np.minimum(CAMERA.elevation / np.maximum(drop, 1e-3), 200)


def test_a_pole_throws_its_height_at_45_degrees() -> None:
    sun = Light(np.ones(3), direction=np.array((-1.0, 1.0, 0.0)) / np.sqrt(2))
    shade = shade_of_a_pole(sun, ground_depth())
    assert shade[pixel(1.0, 0.0, 10.0)] == shade[pixel(1.8, 0.0, 10.0)] == 1
    assert shade[pixel(2.8, 0.0, 10.0)] == shade[pixel(-1.0, 0.0, 10.0)] == shade[pixel(1.0, 0.0, 12.0)] == 0


def test_shadows_climb_walls() -> None:
    # The sun is behind the camera, 45 degrees high; a metre behind a 2 m pole, the shadow ends at 1 m.
    sun = Light(np.ones(3), direction=np.array((0.0, 1.0, -1.0)) / np.sqrt(2))
    shade = shade_of_a_pole(sun, 11.0)
    assert shade[pixel(0.0, 0.5, 11.0)] == 1
    assert shade[pixel(0.0, 1.5, 11.0)] == shade[pixel(1.0, 0.5, 11.0)] == 0
    # In front of the pole nothing is shaded.
    assert not shade_of_a_pole(sun, 9.0).any()


def test_a_lamp_throws_shadows_away_from_itself() -> None:
    # A lamp 4 m high, 2 m left of a 2 m pole: its shadow reaches from the pole's foot another 2 m to the right.
    lamp = Light(np.ones(3), position=np.array((-2.0, 4.0, 10.0)))
    shade = shade_of_a_pole(lamp, ground_depth())
    assert shade[pixel(1.5, 0.0, 10.0)] == 1
    assert shade[pixel(2.8, 0.0, 10.0)] == shade[pixel(-1.0, 0.0, 10.0)] == 0


def test_lamps_do_not_shine_through_walls() -> None:
    night = conditions.BY_NAME["night"]
    seed = next(seed for seed in range(40) if compose(seed, night).kind == "yard")
    world = compose(seed, night)
    walls = [thing for thing in world.things if isinstance(thing, Wall)]
    back = max(wall.place for wall in walls if not wall.side)
    lamp = replace(world.lamps[0], x=0.0, z=back + 2.0, arm=0.0, working=True)

    def light_in_the_yard(things: tuple[Thing, ...]) -> float:
        scene = SyntheticScene(seed, "night", (160, 120), replace(world, lamps=(lamp,), people=(), things=things))
        (lit,) = scene.background.lit
        return float(lit.part[scene.background.depth[lit.window.within(scene.camera.window)] < back - 0.5].sum())

    open_yard = tuple(thing for thing in world.things if thing not in walls)
    assert light_in_the_yard(open_yard) > 1
    assert light_in_the_yard((*open_yard, *walls)) < 0.02 * light_in_the_yard(open_yard)


# --- water, fog, misalignment


def test_water_mirrors_little_from_above_and_much_at_a_glance() -> None:
    share = mirror_share(replace(CAMERA, horizon=-3000.0), NOISE, 1.0)
    assert share.max() <= 0.021  # Fresnel at normal incidence: ((1.33 - 1) / (1.33 + 1))^2 = 0.02
    share = mirror_share(CAMERA, NOISE, 1.0)
    assert not share[:89].any()
    assert share[91].mean() > 0.25 > 0.1 > share[230].mean()


def test_mirror_images_hang_from_the_feet() -> None:
    # At depth 10 the foot is at row 90 + 300 * 3 / 10 = 180; what is seen 20 rows above it is mirrored 20 below.
    light = np.zeros((240, 320, 3), np.float32)
    window = Window(100, 150, 140, 180)
    light[155:165, 100:140] = 5.0
    image = mirrored(light, [Standing(window, np.ones(window.shape, np.float32), 10.0)], CAMERA, np.zeros(3))
    assert image[200, 120, 0] > 2.5
    assert image[160, 120, 0] == image[200, 60, 0] == 0
    assert np.argmax(image[:, 120, 0]) == pytest.approx(200, abs=2)


def test_fog_follows_koschmieder() -> None:
    foggy = replace(conditions.BY_NAME["fog"], fog=0.1, fog_colour=(0.5, 0.5, 0.5))
    air = Air(foggy, CAMERA, NOISE)
    seen = air.through(np.ones((240, 320, 3), np.float32), np.ones((240, 320), np.float32), CAMERA.window, 10.0)
    np.testing.assert_allclose(seen, np.exp(-1) + 0.5 * (1 - np.exp(-1)), rtol=1e-5)


def test_misaligned_cameras_show_parallax() -> None:
    size, eye = (320, 240), Misalignment(columns=0.01, rows=0.005, baseline=0.2)
    still = SyntheticScene(3, "day", size)
    other = SyntheticScene(3, "day", size, still.world, eye=eye)
    for depth in (5.0, 40.0):
        place = np.array([(1.0, 1.0, depth)])
        moved = other.camera.project(place)[0] - still.camera.project(place)[0]
        np.testing.assert_allclose(moved, (3.2 - still.camera.focal * 0.2 / depth, 1.6), atol=1e-6)


def test_misregistered_pairs_have_boxes_of_their_own_in_each_band() -> None:
    rendered = SyntheticScene(3, "misregistered", (320, 240)).render()
    assert not np.array_equal(rendered.boxes.xyxy, rendered.visible_boxes.xyxy)
    aligned = SyntheticScene(3, "day", (320, 240)).render()
    np.testing.assert_array_equal(aligned.boxes.xyxy, aligned.visible_boxes.xyxy)
    np.testing.assert_array_equal(aligned.boxes.xyxy, rendered.boxes.xyxy)


# --- sensors


def test_colours_survive_the_mosaic() -> None:
    light = np.broadcast_to(np.float32((0.6, 0.3, 0.1)), (16, 16, 3))
    levels = visible._demosaiced(light, 0.0, np.random.default_rng(0)).astype(float)
    middle = (levels[4:-4, 4:-4] - visible.PEDESTAL) / visible.FULL
    np.testing.assert_allclose(middle, light[4:-4, 4:-4], atol=2e-3)


def test_a_span_keeps_what_is_alike_alike() -> None:
    """Four degrees are spread over all greys without a span, over a tenth of them with one of 40 degrees."""
    background = infrared.exitance(np.linspace(28, 32, 10_000, dtype=np.float32)[None].repeat(3, 0))
    settings = CameraSettings(equalisation=0.0)
    warm = replace(conditions.BY_NAME["muggy"], temperatures={"cloth": 31.0, "skin": 32.0}, span=0.0)
    wide, narrow = (infrared.Gain(background, replace(warm, span=span), settings) for span in (0.0, 40.0))
    ends = infrared.exitance(np.array([28.0, 32.0], np.float32))
    assert np.ptp(wide(ends)) > 0.85
    assert np.ptp(narrow(ends)) == pytest.approx(0.1, abs=0.01)
