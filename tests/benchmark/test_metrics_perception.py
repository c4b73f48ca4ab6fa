"""Chen-Blum, Chen-Varshney and the variants of VIF: what can be worked out on paper, and degenerate images."""

import math

import pytest
import torch
from torch import Tensor

from ivif.benchmark.metrics import MetricError, Picture, get
from ivif.benchmark.metrics.perception import (
    as_seen,
    block_saliency,
    block_sums,
    difference_of_gaussians,
    mannos_sakrison,
    masked_contrast,
)

AT_ZERO = 2.6 * 0.0192
"""Sensitivity of Mannos and Sakrison to a constant."""


def constant(level: int, height: int = 48, width: int = 48) -> Tensor:
    return torch.full((1, 1, height, width), level, dtype=torch.uint8)


def texture(seed: int, high: int, height: int = 48, width: int = 48) -> Tensor:
    """Each pixel 0 or `high`."""
    bits = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(seed)) < 0.5
    return bits.to(torch.uint8) * high


def value(key: str, infrared: Tensor, visible: Tensor, fused: Tensor) -> float:
    return get(key)(infrared, visible, fused).values.item()


def chen_blum_sensitivity(frequency: float) -> float:
    return math.exp(-((frequency / 15.387) ** 2)) - 0.7622 * math.exp(-((frequency / 1.3456) ** 2))


def mannos_sakrison_sensitivity(frequency: float) -> float:
    return 2.6 * (0.0192 + 0.144 * frequency) * math.exp(-((0.144 * frequency) ** 1.1))


@pytest.mark.parametrize("size", [(90, 120), (91, 121)])
def test_a_wave_is_scaled_by_the_sensitivity_to_its_frequency(size: tuple[int, int]) -> None:
    # 36 waves down and 48 across the image: the highest frequency, half as many waves as pixels, is pixels / scale
    rows, columns = (torch.arange(length, dtype=torch.float64) / length for length in size)
    wave = torch.cos(2 * math.pi * (36 * rows[:, None] + 48 * columns))[None, None]
    seen = as_seen(wave, difference_of_gaussians, 30)
    assert torch.allclose(seen, wave * chen_blum_sensitivity(2 * 60 / 30), atol=1e-12)
    seen = as_seen(wave, mannos_sakrison, 8)
    assert torch.allclose(seen, wave * mannos_sakrison_sensitivity(2 * 60 / 8), atol=1e-12)


def test_contrast_of_a_constant_at_its_corner() -> None:
    # zeros outside: a quarter of each Gaussian remains, with the row and column through its middle
    remains = {
        sigma: sum(math.exp(-(place**2) / (2 * sigma**2)) for place in range(16)) / (sigma * math.sqrt(2 * math.pi))
        for sigma in (2, 4)
    }
    contrast = abs((remains[2] / remains[4]) ** 2 - 1)
    found = masked_contrast(Picture(constant(90)))[0, 0, 0, 0].item()
    assert found == pytest.approx(contrast**3 / (contrast**2 + 1e-4), rel=1e-9)


def test_qcb_ignores_linear_changes_of_grey_values_and_raw_does_not() -> None:
    infrared, visible, fused = texture(1, 40), texture(2, 40), texture(3, 40)
    shifted = fused // 2 + 100
    assert value("qcb", infrared, visible, shifted) == pytest.approx(value("qcb", infrared, visible, fused), rel=1e-9)
    assert value("qcb@raw", infrared, visible, shifted) < 0.8 * value("qcb@raw", infrared, visible, fused)


@pytest.mark.parametrize("role", range(3))
def test_qcb_of_a_constant_image_is_undefined(role: int) -> None:
    images = [texture(1, 90), texture(2, 90), texture(3, 90)]
    images[role] = constant(90)
    stretched, raw = get("qcb")(*images), get("qcb@raw")(*images)
    assert math.isnan(stretched.values.item())
    assert "undefined" in stretched.flags[0]
    assert 0 < raw.values.item() < 1
    assert "undefined" not in raw.flags[0]
    images[role] = constant(0)
    black = get("qcb@raw")(*images)
    assert math.isnan(black.values.item())
    assert "undefined" in black.flags[0]


def test_qcv_of_a_brighter_copy() -> None:
    image = texture(1, 100)
    assert value("qcv@raw", image, image, image + 10) == pytest.approx((10 * AT_ZERO) ** 2, rel=1e-9)


def test_blocks_at_the_end_are_filled_with_zeros() -> None:
    assert block_sums(torch.ones(1, 1, 20, 40)).tolist() == [[[[256, 256, 128], [64, 64, 32]]]]
    # the one edge lies in the second block, half of which exists
    image, black = constant(0, 16, 24), constant(0, 16, 24)
    image[..., 8, 20] = 100
    assert value("qcv@raw", image, black, image + 10) == pytest.approx((10 * AT_ZERO) ** 2 / 2, rel=1e-9)


def test_saliency_of_a_dot() -> None:
    # Sobel of a dot of 3: 3 and 3 at the four corners, 6 at the four sides
    image = constant(0, 32, 32)
    image[..., 8, 24] = 3
    expected = 4 * (3 * math.sqrt(2)) ** 5 + 4 * 6**5
    assert block_saliency(Picture(image)).flatten().tolist() == pytest.approx([0, expected, 0, 0])


def test_qcv_stretches_each_image_and_rounds() -> None:
    infrared, visible, fused = texture(1, 100), texture(2, 30) + 7, texture(3, 255)
    by_hand = value("qcv@raw", texture(1, 255), texture(2, 255), fused)
    assert value("qcv", infrared, visible, fused) == pytest.approx(by_hand, rel=1e-12)
    # 40 of 0..100 is 102 of 0..255; 49 of 0..100 is 124.95
    steps, rounded = texture(1, 100), texture(1, 255)
    steps[..., :4], rounded[..., :4] = 40, 102
    steps[..., 4:8], rounded[..., 4:8] = 49, 125
    assert value("qcv", steps, visible, fused) == pytest.approx(value("qcv@raw", rounded, texture(2, 255), fused))


def test_constant_sources_have_no_say_in_qcv() -> None:
    image, fused = texture(1, 100), texture(2, 100)
    found = get("qcv")(image, constant(80), fused)
    assert found.values.item() == pytest.approx(value("qcv", image, image, fused), rel=1e-12)
    assert found.flags == [""]
    for key, level in (("qcv", 80), ("qcv@raw", 0)):
        values, flags = get(key)(constant(level), constant(level), fused)
        assert math.isnan(values.item())
        assert "undefined" in flags[0]
    assert value("qcv@raw", constant(80), constant(80), constant(80)) == 0


def test_mean_vif_is_half_the_sum() -> None:
    image, other = texture(1, 90), texture(2, 90)
    assert value("vif@mean", image, image, image) == pytest.approx(1, abs=1e-6)
    assert value("vif@mean", image, other, other) == pytest.approx(value("vif", image, other, other) / 2)


def test_bytes_of_dark_images_do_not_saturate() -> None:
    # no product of levels up to 15 exceeds 255; one of 16 does
    dark = [texture(seed, 15) for seed in (1, 2, 3)]
    assert value("vif@uint8sat", *dark) == pytest.approx(value("vif", *dark), rel=1e-12)
    lighter = [texture(seed, 16) for seed in (1, 2, 3)]
    assert value("vif@uint8sat", *lighter) != pytest.approx(value("vif", *lighter), rel=1e-3)


def test_bytes_of_bright_images_lose_the_finest_detail() -> None:
    # a checkerboard vanishes in the averages that all scales but the first are made of
    board = ((torch.arange(48)[:, None] + torch.arange(48)) % 2 * 20).to(torch.uint8)
    source, other = (100 + texture(seed, 60, 6, 6).repeat_interleave(8, -1).repeat_interleave(8, -2) for seed in (1, 2))
    fused = source // 2 + other // 2
    smooth, rough = value("vif@uint8sat", source, source, fused), value("vif@uint8sat", source, source, fused + board)
    assert rough == pytest.approx(smooth, rel=1e-2)
    assert value("vif", source, source, fused + board) < 0.9 * value("vif", source, source, fused)


def test_viff_of_weak_contrasts_is_the_squared_gain() -> None:
    # variances of at most 16 against a noise of 325: log(1 + g^2 x) / log(1 + x) is nearly g^2
    weak, strong = texture(1, 4), texture(1, 8)
    assert value("viff", strong, strong, weak) == pytest.approx(1 / 4, rel=0.03)
    assert value("viff", weak, weak, strong) == pytest.approx(4, rel=0.03)
    # gains 1/2 and 1: the smaller counts, whichever source has it
    assert value("viff", strong, weak, weak) == pytest.approx(1 / 4, rel=0.03)
    assert value("viff", weak, strong, weak) == pytest.approx(1 / 4, rel=0.03)


def test_viff_looks_at_the_visible_source_where_neither_is_followed() -> None:
    flat, image = constant(50), texture(1, 100)
    assert value("viff", image, flat, flat) == pytest.approx(1)
    assert value("viff", flat, image, flat) < 1e-5


@pytest.mark.parametrize("key", ["vif@mean", "vif@uint8sat"])
def test_a_constant_source_is_flagged(key: str) -> None:
    assert "constant source" in get(key)(constant(50), texture(1, 90), texture(2, 90)).flags[0]


@pytest.mark.parametrize("key", ["vif@mean", "vif@uint8sat", "viff"])
def test_four_scales_need_41_pixels(key: str) -> None:
    image = texture(1, 90, height=40)
    with pytest.raises(MetricError, match="at least 41"):
        get(key)(image, image, image)
