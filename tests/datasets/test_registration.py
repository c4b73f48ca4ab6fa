"""Registration: known shifts of drawn scenes and of real pairs must come back; strangers must not convince."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ivif import datasets
from ivif.datasets.images import luminance
from ivif.datasets.pairs import Pair
from ivif.datasets.registration import Registration, estimate

Plane = NDArray[np.uint8]


def scene(seed: int, height: int = 400, width: int = 520, shapes: int = 40) -> tuple[Plane, Plane]:
    """The same shapes in two spectra: their grey values are drawn independently, so contrast often reverses."""
    random = np.random.default_rng(seed)
    planes = [np.full((height, width), 120, np.uint8), np.full((height, width), 90, np.uint8)]
    for _ in range(shapes):
        centre = tuple(int(value) for value in random.integers(0, (width, height)))
        axes = tuple(int(value) for value in random.integers(8, 60, 2))
        angle = float(random.uniform(0, 180))
        for plane in planes:
            level = int(random.integers(0, 256))
            cv2.ellipse(plane, centre, axes, angle, 0, 360, level, -1)
    noisy = [np.clip(plane + random.normal(0, 6, plane.shape), 0, 255).astype(np.uint8) for plane in planes]
    return noisy[0], noisy[1]


def shifted(infrared: Plane, visible: Plane, x: int, y: int, border: int = 30) -> tuple[Plane, Plane]:
    """Both pictures cut so that visible structure lies (x, y) pixels right of and below infrared structure."""
    height, width = infrared.shape
    cut = infrared[border : height - border, border : width - border]
    moved = visible[border - y : height - border - y, border - x : width - border - x]
    return np.ascontiguousarray(cut), np.ascontiguousarray(moved)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (5, 0), (0, -7), (-12, 9), (20, 20)])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_known_shift_comes_back(x: int, y: int, seed: int) -> None:
    found = estimate(*shifted(*scene(seed), x, y))
    assert found.whole is not None
    assert abs(found.whole.x - x) < 0.6
    assert abs(found.whole.y - y) < 0.6
    assert found.whole.length == pytest.approx(np.hypot(found.whole.x, found.whole.y))


def test_a_shift_of_a_large_image_counts_in_its_own_pixels() -> None:
    infrared, visible = (cv2.resize(plane, None, fx=3, fy=3) for plane in scene(3))
    found = estimate(*shifted(infrared, visible, 18, -9, border=60)).whole
    assert found is not None
    assert (found.x, found.y) == (pytest.approx(18, abs=1.2), pytest.approx(-9, abs=1.2))


def test_the_shift_of_a_picture_against_its_negative() -> None:
    infrared, _ = scene(4)
    found = estimate(*shifted(infrared, 255 - infrared, 6, 3)).whole
    assert found is not None
    assert (found.x, found.y) == (pytest.approx(6, abs=0.3), pytest.approx(3, abs=0.3))


def test_scale_shows_as_different_shifts_of_the_parts() -> None:
    infrared, visible = scene(5, shapes=80)
    height, width = infrared.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, 1.04)
    larger = np.asarray(cv2.warpAffine(visible, matrix, (width, height), borderMode=cv2.BORDER_REFLECT), np.uint8)
    found = estimate(infrared, larger)
    assert len(found.windows) >= 3
    assert estimate(infrared, visible).spread < 1.5
    # A window's centre lies 1/5 of a side from the image centre: displacements 0.04 * 104 and 0.04 * 80 on each side.
    assert found.spread == pytest.approx(2 * 0.04 * np.hypot(104, 80), abs=4)
    assert found.windows["top left"].x < 0 < found.windows["bottom right"].x


@pytest.mark.parametrize("seed", range(12))
def test_unrelated_scenes_do_not_convince(seed: int) -> None:
    found = estimate(scene(100 + seed)[0], scene(200 + seed)[1])
    assert found.whole is None


def test_nothing_to_see() -> None:
    flat, noise = np.full((200, 300), 7, np.uint8), np.random.default_rng(0).integers(0, 256, (200, 300), np.uint8)
    for infrared, visible in ((flat, flat), (flat, noise), (noise, np.flipud(noise).copy())):
        assert estimate(infrared, visible).whole is None
    assert estimate(noise[:90], noise[:90]) == Registration(None, {})


# --- real data


def planes(pair: Pair) -> tuple[Plane, Plane]:
    infrared, visible = pair.read()
    return infrared[0].numpy(), luminance(visible)[0].numpy()


@pytest.mark.real
def test_real_pairs_shifted_by_a_known_amount(real_folder: Callable[[str], Path]) -> None:
    """Added to a real pair, a known shift must add to the estimate; being unsure is allowed, being wrong is not."""
    sure, total = 0, 0
    for title in ("VIFB", "TNO"):
        for pair in datasets.load(title, real_folder(title))[::3]:
            infrared, visible = planes(pair)
            before = estimate(*shifted(infrared, visible, 0, 0, border=16)).whole
            after = estimate(*shifted(infrared, visible, 7, -9, border=16)).whole
            total += 1
            if before is not None and after is not None:
                sure += 1
                error = np.hypot(after.x - before.x - 7, after.y - before.y + 9)
                assert error < 2, pair.name
    assert sure > 0.6 * total


@pytest.mark.real
def test_real_strangers_do_not_convince(real_folder: Callable[[str], Path]) -> None:
    pairs = [planes(pair) for pair in datasets.load("roadscene", real_folder("RoadScene"))[::8]]
    for (infrared, _), (_, visible) in itertools.pairwise(pairs):
        height, width = (min(sides) for sides in zip(infrared.shape, visible.shape, strict=True))
        assert estimate(infrared[:height, :width].copy(), visible[:height, :width].copy()).whole is None
