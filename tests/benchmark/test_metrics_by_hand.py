"""Values that can be worked out on paper, for metrics of histograms, contrast, correlation, error and artifacts."""

import math

import pytest
import torch
from torch import Tensor

from ivif.benchmark.metrics import get

HALVES = torch.tensor([[0, 0, 10, 10]], dtype=torch.uint8).repeat(4, 1)[None, None]
"""4x4: the left half 0, the right half 10."""

ACROSS = HALVES.mT.contiguous()
"""4x4: the upper half 0, the lower half 10; independent of `HALVES`."""

FLAT = torch.full_like(HALVES, 5)


def value(key: str, infrared: Tensor, visible: Tensor, fused: Tensor) -> float:
    return get(key)(infrared, visible, fused).values.item()


def test_information_of_two_levels() -> None:
    # I(A;F) = 1 bit, I(B;F) = 0: independent
    assert value("mi", HALVES, ACROSS, HALVES) == pytest.approx(1)
    assert value("mi@nats", HALVES, ACROSS, HALVES) == pytest.approx(math.log(2))
    assert value("mi@vifb", HALVES, ACROSS, HALVES) == pytest.approx(math.log(2))
    # 2 [1 / (1 + 1) + 0 / (1 + 1)]
    assert value("nmi", HALVES, ACROSS, HALVES) == pytest.approx(1)
    assert value("nmi", FLAT, FLAT, FLAT) == 0
    # one pair with 1/8, the others with 0: eigenvalues 1 + 1/8, 1 - 1/8, 1
    shares = [(1 + 1 / 8) / 3, (1 - 1 / 8) / 3, 1 / 3]
    expected = 1 + sum(share * math.log(share, 256) for share in shares)
    assert value("qncie", HALVES, ACROSS, HALVES) == pytest.approx(expected)


def test_tsallis_information_of_two_levels() -> None:
    # joint 1/2 and 1/2 over marginals of 1/4: 2 * 1/2 * 2^.85; independent: 4 * 1/4 * 1^.85
    assert value("te", HALVES, ACROSS, HALVES) == pytest.approx((2**0.85 - 1) / 0.85)
    # marginals exchanged: of two images with the same histogram that makes no difference
    assert value("te@zliu", HALVES, ACROSS, HALVES) == pytest.approx((2**0.85 - 1) / 0.85)
    # three quarters 0, one 255, against its negative: p(0, 255) = 3/4, p(255, 0) = 1/4
    image = torch.tensor([[0, 0, 0, 255]], dtype=torch.uint8)[None, None]
    right = 3 / 4 * (4 / 3) ** 0.85 + 1 / 4 * 4**0.85
    exchanged = 3 / 4 * (3 / 4 / (1 / 4 * 1 / 4)) ** 0.85 + 1 / 4 * (1 / 4 / (3 / 4 * 3 / 4)) ** 0.85
    assert value("te", image, image, 255 - image) == pytest.approx(2 * (right - 1) / 0.85)
    assert value("te@zliu", image, image, 255 - image) == pytest.approx(2 * (exchanged - 1) / 0.85)


def test_cross_entropy_of_two_levels() -> None:
    image = torch.tensor([[0, 0, 0, 10]], dtype=torch.uint8)[None, None]
    fused = torch.tensor([[0, 0, 10, 10]], dtype=torch.uint8)[None, None]
    first = 3 / 4 * math.log2(3 / 2) + 1 / 4 * math.log2(1 / 2)
    # the second source shares the level 10 alone: 1 * log2(1 / (1/2))
    assert value("ce", image, torch.full_like(image, 10), fused) == pytest.approx((first + 1) / 2)


def test_contrast_of_two_halves() -> None:
    # mean 5, deviations of 5; upwards alone 25 on half of the pixels
    assert value("sd", FLAT, FLAT, HALVES) == 5
    assert value("sd@uint8sat", FLAT, FLAT, HALVES) == pytest.approx(math.sqrt(25 / 2))
    bright = HALVES * 25  # 0 and 250: squares of 125 saturate at 255
    assert value("sd@uint8sat", FLAT, FLAT, bright) == pytest.approx(math.sqrt(255 / 2))
    # each row has differences 0, 10, 0
    assert value("sf", FLAT, FLAT, HALVES) == pytest.approx(10 / math.sqrt(3))
    assert value("sf@unit", FLAT, FLAT, HALVES) == pytest.approx(10 / math.sqrt(3) / 255)
    assert value("sf@vifb", FLAT, FLAT, HALVES) == pytest.approx(math.sqrt(4 * 100 / 16))
    # central differences of a row: 0, 5, 5, 0
    assert value("ag", FLAT, FLAT, HALVES) == pytest.approx(2 * (5 / math.sqrt(2)) / 4)
    assert value("ag@vifb", FLAT, FLAT, HALVES) == pytest.approx(8 * (5 / math.sqrt(2)) / 9)
    # Sobel across: 0, 40, 40, 0 in every row
    assert value("ei", FLAT, FLAT, HALVES) == pytest.approx(20)


def test_saturation_rounds_halves_up() -> None:
    # mean .5: deviations of -.5 and .5 become 0 and 1
    image = torch.tensor([[0, 1]], dtype=torch.uint8)[None, None]
    assert value("sd@uint8sat", image, image, image) == pytest.approx(math.sqrt(1 / 2))


def test_errors() -> None:
    # against 5 everywhere: 25; against itself: 0
    assert value("mse", FLAT, HALVES, HALVES) == 12.5
    assert value("rmse", FLAT, HALVES, HALVES) == 2.5
    assert value("mse@lft", FLAT, HALVES, HALVES) == pytest.approx(12.5 / 65025)
    assert value("rmse@vifb", FLAT, HALVES, HALVES) == pytest.approx(2.5 / 4)
    assert value("psnr", FLAT, HALVES, HALVES) == pytest.approx(10 * math.log10(65025 / 12.5))
    assert value("psnr@lft", FLAT, HALVES, HALVES) == pytest.approx(10 * math.log10(65025**2 / 12.5))
    assert value("psnr@vifb", FLAT, HALVES, HALVES) == pytest.approx(10 * math.log10(65025 / 0.625))
    assert value("psnr@cddfuse", FLAT, HALVES, HALVES) == pytest.approx(10 * math.log10(100 / 12.5))
    assert value("psnr", HALVES, HALVES, HALVES) == value("psnr@cddfuse", HALVES, HALVES, HALVES) == math.inf


def test_correlation_with_independent_halves() -> None:
    assert value("cc", HALVES, ACROSS, HALVES) == pytest.approx(0.5)
    assert value("cc", HALVES, 255 - HALVES, HALVES) == pytest.approx(0)
    flagged = get("cc")(HALVES, FLAT, HALVES)
    assert flagged.values.item() == pytest.approx(0.5) and "counts 0" in flagged.flags[0]


@pytest.mark.parametrize("seed", range(4))
def test_kept_lost_and_new_edges_sum_to_one(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (3, 2, 1, 20, 30), dtype=torch.uint8, generator=generator)
    parts = [get(key)(*images).values for key in ("qabf@petrovic", "labf", "nabf")]
    torch.testing.assert_close(sum(parts), torch.ones(2, dtype=torch.float64))
    assert (get("nabf@petrovic")(*images).values >= parts[2]).all()


def test_only_new_edges_are_artifacts() -> None:
    wide = torch.zeros(1, 1, 32, 32, dtype=torch.uint8)
    wide[..., 16:] = 100
    weaker, stronger = wide // 2, wide * 2
    assert value("nabf", wide, wide, weaker) == 0
    assert value("labf", wide, wide, weaker) > 0.1
    assert value("nabf", wide, wide, stronger) > 0.01
    assert value("nabf", wide, wide, wide) == 0


def test_edges_that_lean_to_either_side_are_nearly_parallel_when_wrapping_is_safe() -> None:
    # nearly horizontal differences whose slopes have opposite signs: angles of about -1.4 and 1.4
    rows, columns = torch.meshgrid(torch.arange(40), torch.arange(40), indexing="ij")
    left, right = ((8 * rows + sign * columns).clamp(0, 255).to(torch.uint8)[None, None] for sign in (1, -1))
    plain, safe = (value(key, left, left, right) for key in ("qabf", "qabf@wrapsafe"))
    assert safe > plain + 0.2
    assert value("qabf@wrapsafe", left, left, left) == pytest.approx(value("qabf", left, left, left))


def test_averaged_gradient_quality_of_identical_images() -> None:
    expected = 1 / (1 + math.exp(-5)) ** 2
    assert value("qg", HALVES, HALVES, HALVES) == pytest.approx(expected)
    assert value("qg", FLAT, FLAT, FLAT) == pytest.approx(expected)
