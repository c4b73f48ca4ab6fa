"""Seconds per fused image of 640x480 on one thread: sets of metrics, and each alone with sources already seen."""

from collections.abc import Iterator

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from ivif.benchmark.metrics import Picture, expand_keys, get, measure, metric_names


def scene(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 60, 80, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(480, 640), mode="bicubic").clamp(0, 1)
    return (smooth * 0.9 + torch.rand(1, 1, 480, 640, generator=generator) * 0.1).mul(255).to(torch.uint8)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


SETS = {
    "core": expand_keys(["core"]),
    "all but FMI": tuple(key for key in expand_keys(["all"]) if key != "fmi"),
    "all variants but FMI": tuple(key for key in metric_names() if get(key).base != "fmi"),
}
"""Sets of metrics that are measured together."""


@pytest.mark.parametrize("keys", SETS)
def test_set_with_all_shared(benchmark: BenchmarkFixture, keys: str) -> None:
    infrared, visible, fused = Picture(scene(1)), Picture(scene(2)), scene(3)
    measure(infrared, visible, fused, SETS[keys])
    benchmark(lambda: measure(infrared, visible, Picture(fused), SETS[keys]))


@pytest.mark.parametrize("keys", SETS)
def test_set_with_sources_not_yet_seen(benchmark: BenchmarkFixture, keys: str) -> None:
    images = scene(1), scene(2), scene(3)
    benchmark(lambda: measure(*images, SETS[keys]))


@pytest.mark.parametrize("keys", SETS)
def test_set_with_nothing_shared(benchmark: BenchmarkFixture, keys: str) -> None:
    images = scene(1), scene(2), scene(3)
    benchmark(lambda: [get(key)(*images) for key in SETS[keys]])


@pytest.mark.parametrize("key", metric_names())
def test_metric(benchmark: BenchmarkFixture, key: str) -> None:
    infrared, visible, fused = Picture(scene(1)), Picture(scene(2)), scene(3)
    get(key)(infrared, visible, fused)
    benchmark(lambda: get(key)(infrared, visible, Picture(fused)))
