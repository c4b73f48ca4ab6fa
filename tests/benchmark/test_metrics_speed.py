"""Seconds per fused image of 640x480 on one thread, sources already seen: what a run pays for each further method."""

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.metrics import Picture, measure, names


def scene(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 60, 80, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(480, 640), mode="bicubic").clamp(0, 1)
    return (smooth * 0.9 + torch.rand(1, 1, 480, 640, generator=generator) * 0.1).mul(255).to(torch.uint8)


@pytest.mark.parametrize("keys", [["core"], *([key] for key in names())], ids=lambda keys: keys[0])
def test_fused_image(benchmark: BenchmarkFixture, keys: list[str]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    infrared, visible, fused = Picture(scene(1)), Picture(scene(2)), scene(3)
    measure(infrared, visible, fused, keys)
    benchmark(lambda: measure(infrared, visible, Picture(fused), keys))
    torch.set_num_threads(threads)
