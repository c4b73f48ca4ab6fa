"""Tiles: large images piece by piece are what they are in one piece."""

import importlib

import numpy as np
import pytest
import torch

from ivif import fusion
from ivif.fusion.classical.base import ClassicalMethod
from ivif.fusion.tiles import in_tiles, tiles

METHODS = {name: fusion.load(name) for name in fusion.names()}
IN_TILES = [name for name, method in METHODS.items() if isinstance(method, ClassicalMethod) and method.tile]
INSIDE = {
    "adf": "diffusion",
    "fpde": "diffusion",
    "hmsd_gf": "hybrid_multiscale filters",
    "hybrid_msd": "hybrid_multiscale bilateral",
    "vsmwls": "weighted_least_squares filters",
}
"""Methods that need the whole image, and the modules in which what they look at nearby goes in tiles."""


def scene(height, width, seed):
    """Blobs, a grid and noise, ``float32 [1, 1, H, W]``."""
    random = np.random.default_rng(seed)
    row, column = np.indices((height, width))
    plane = 0.4 + 0.2 * np.sin(row / (7 + seed)) * np.cos(column / 23) + 0.2 * ((row // 17 + column // 40) % 2)
    return torch.from_numpy(np.clip(plane + random.normal(0, 0.05, plane.shape), 0, 1)).float()[None, None]


@pytest.mark.parametrize("name", IN_TILES)
def test_classical_methods_in_tiles(name):
    method = METHODS[name]
    side = 2 * method.margin + 4 * max(method.grid, 16)
    size = (side + 20, side + 51) if name != "latlrr" else (60, side + 51)
    sources = scene(*size, 1), scene(*size, 2)
    parts = type(name, (type(method),), {"tile": side, "__doc__": ""})()
    torch.testing.assert_close(parts.fuse(*sources), method.fuse(*sources), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", INSIDE)
def test_parts_of_methods_in_tiles(name, monkeypatch):
    sources = scene(70, 2200, 1), scene(70, 2200, 2)
    found = METHODS[name].fuse(*sources)
    for module in INSIDE[name].split():
        module = importlib.import_module(f"ivif.fusion.classical.{module}")
        monkeypatch.setattr(module, "in_tiles", lambda function, *planes, **_: function(*planes))
    torch.testing.assert_close(found, METHODS[name].fuse(*sources), rtol=0, atol=1e-6)


def test_a_margin_that_is_too_small_shows():
    plane = scene(40, 300, 3)[0, 0].double().numpy()

    def moved(plane):
        return np.roll(plane, 5, axis=1)

    enough, short = (in_tiles(moved, plane, margin=margin, side=100) for margin in (5, 4))
    np.testing.assert_array_equal(enough[:, 5:], plane[:, :-5])
    assert (short[:, 5:] != plane[:, :-5]).any()


def test_small_planes_stay_whole_and_tiles_start_on_the_grid():
    seen = []

    def watched(plane):
        seen.append(plane[0, 0])
        return plane

    plane = np.indices((1, 301))[1].astype(float)
    in_tiles(watched, plane, margin=3, grid=8, side=301)
    assert seen == [0]
    np.testing.assert_array_equal(in_tiles(watched, plane, margin=3, grid=8, side=300), plane)
    assert len(seen) > 2
    assert all(start % 8 == 0 for start in seen)


@pytest.mark.parametrize("size", [(1, 1), (37, 90), (64, 64), (129, 5)])
def test_tiles_cover_every_pixel_once(size):
    covered = np.zeros(size, int)
    for inner, outer, offset in tiles(*size, side=32, margin=6, grid=4):
        covered[inner] += 1
        places = np.arange(covered.size).reshape(size)
        np.testing.assert_array_equal(places[outer][offset], places[inner])
    assert (covered == 1).all()
