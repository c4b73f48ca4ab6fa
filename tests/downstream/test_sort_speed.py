"""Frames a second of SORT alone, on 1000 frames with 50 objects each."""

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from ivif.datasets.boxes import Boxes
from ivif.downstream import track

FRAMES, OBJECTS = 1000, 50


def crowd() -> dict[int, Boxes]:
    """People of 20 x 50 to 60 x 150 pixels walk through a picture of 1920 x 1080; detections jitter."""
    generator = np.random.default_rng(0)
    extent = generator.uniform(20, 60, (OBJECTS, 1)) * [1, 2.5]
    start, step = generator.random((OBJECTS, 2)) * [1920, 1080], generator.normal(0, 3, (OBJECTS, 2))
    frames = {}
    for frame in range(FRAMES):
        centre = (start + step * frame) % [1920, 1080] + generator.normal(0, 1, (OBJECTS, 2))
        half = extent * generator.normal(1, 0.02, (OBJECTS, 2)) / 2
        frames[frame] = Boxes(np.hstack((centre - half, centre + half)), scores=np.full(OBJECTS, 0.9))
    return frames


def test_sort_speed(benchmark: BenchmarkFixture) -> None:
    """At least 1500 frames a second on one core."""
    frames = crowd()
    tracks = benchmark.pedantic(track, (frames,), rounds=5, warmup_rounds=1)
    assert len(tracks) == FRAMES
    assert np.mean([len(found) for found in tracks.values()]) > 0.95 * OBJECTS
    assert FRAMES / benchmark.stats.stats.min >= 1500
