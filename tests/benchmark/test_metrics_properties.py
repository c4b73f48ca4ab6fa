"""What the facts of a registration claim, tried on random pictures: identity, symmetry, range, transposition, noise."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from ivif.benchmark.metrics import get, metric_names

Triple = tuple[Tensor, Tensor, Tensor]


def image(seed: int, height: int, width: int, coarse: int, noise: float) -> Tensor:
    """Random grey values: smooth areas of a size that `coarse` decides, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    grid = torch.rand(1, 1, coarse, coarse + 1, generator=generator)
    smooth = interpolate(grid, size=(height, width), mode="bicubic").clamp(0, 1)
    rough = torch.rand(1, 1, height, width, generator=generator)
    return (smooth * (1 - noise) + rough * noise).mul(255).round().to(torch.uint8)


@st.composite
def triples(draw: st.DrawFn, smallest: int = 176) -> Triple:
    """Two sources and a fused image of one size."""
    height, width = draw(st.integers(smallest, smallest + 24)), draw(st.integers(smallest, smallest + 24))
    seeds = draw(st.lists(st.integers(0, 2**31), min_size=3, max_size=3, unique=True))
    noise = draw(st.sampled_from((0.0, 0.05, 0.5)))
    infrared, visible, fused = (image(seed, height, width, draw(st.integers(3, 12)), noise) for seed in seeds)
    return infrared, visible, fused


def value(key: str, images: Triple) -> float:
    return get(key)(*images).values.item()


def same(found: float, expected: float) -> bool:
    return found == expected or math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)


every_metric = pytest.mark.parametrize("key", metric_names())
few = settings(max_examples=5, deadline=None)


@every_metric
@few
@given(images=triples())
def test_range(key: str, images: Triple) -> None:
    metric = get(key)
    assert metric.low <= value(key, images) <= metric.high


@pytest.mark.parametrize("key", [key for key in metric_names() if get(key).symmetric])
@few
@given(images=triples())
def test_swapping_the_sources_changes_nothing(key: str, images: Triple) -> None:
    infrared, visible, fused = images
    assert same(value(key, (visible, infrared, fused)), value(key, images))


@pytest.mark.parametrize("key", [key for key in metric_names() if get(key).transposable])
@few
@given(images=triples())
def test_transposing_changes_nothing(key: str, images: Triple) -> None:
    infrared, visible, fused = (image.mT.contiguous() for image in images)
    assert same(value(key, (infrared, visible, fused)), value(key, images))


@pytest.mark.parametrize("key", [key for key in metric_names() if get(key).identity is not None])
@few
@given(images=triples())
def test_identical_images_have_the_value_of_identity(key: str, images: Triple) -> None:
    assert value(key, (images[0],) * 3) == pytest.approx(get(key).identity, rel=1e-9, abs=1e-9)


@contextmanager
def default_type(dtype: torch.dtype) -> Iterator[None]:
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@every_metric
@few
@given(images=triples())
def test_the_default_number_type_does_not_matter(key: str, images: Triple) -> None:
    with default_type(torch.float64):
        expected = value(key, images)
    assert same(value(key, images), expected)


def noisy(fused: Tensor, strength: float) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(fused.shape, generator=generator) * strength
    return (fused.float() + noise).round().clamp(0, 255).to(torch.uint8)


def blurred(fused: Tensor) -> Tensor:
    kernel = torch.tensor([math.exp(-((place / 1.5) ** 2) / 2) for place in range(-5, 6)])
    kernel = (kernel[:, None] * kernel / kernel.sum() ** 2)[None, None]
    return conv2d(pad(fused.float(), (5, 5, 5, 5), "replicate"), kernel).round().to(torch.uint8)


def scenes() -> Iterator[Triple]:
    """A smooth and a detailed source, and their mean as the fused image."""
    for seed in range(8):
        infrared, visible = image(seed, 180, 190, 4, 0.0), image(seed + 100, 180, 190, 12, 0.05)
        yield infrared, visible, ((infrared.int() + visible.int()) // 2).to(torch.uint8)


def improved(key: str, change: Callable[[Tensor], Tensor]) -> int:
    """In how many of the eight scenes a change of the fused image improves the metric."""
    better = 0
    for infrared, visible, fused in scenes():
        before, after = (value(key, (infrared, visible, picture)) for picture in (fused, change(fused)))
        better += after > before if get(key).better == "higher" else after < before
    return better


@every_metric
def test_answer_to_noise_is_as_the_facts_say(key: str) -> None:
    count = improved(key, lambda fused: noisy(fused, 8))
    assert count >= 5 if get(key).rewards_noise else count <= 3


@every_metric
def test_answer_to_blur_is_as_the_facts_say(key: str) -> None:
    count = improved(key, blurred)
    assert count >= 5 if get(key).rewards_blur else count <= 3


LITTLE_NOISE = {"psnr@cddfuse"}
"""Rewards noise as long as the brightest pixel, which it divides by, gains more than the error."""


@pytest.mark.parametrize("key", [key for key in metric_names() if get(key).rewards_noise and key not in LITTLE_NOISE])
def test_more_noise_is_rewarded_more(key: str) -> None:
    means = [sum(value(key, (a, b, noisy(fused, strength))) for a, b, fused in scenes()) for strength in (4, 8, 16)]
    assert means == sorted(means)
