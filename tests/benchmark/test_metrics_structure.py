"""Structural similarity and the indices built on it: values on paper, and direct computation window by window."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import prewitt
from torch import Tensor

from ivif.benchmark.metrics import MetricError, get
from ivif.benchmark.metrics.picture import Plane
from ivif.benchmark.metrics.structural_similarity import halved, halved_with_zeros

INDICES = ("qw", "qs", "qe", "qc@zliu", "qc", "qy")
FAMILY = ("ssim", "ssim@mean", "ssim@cddfuse", "msssim", "mefssim", *INDICES)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Array = np.ndarray


def constant(level: int, side: int = 24) -> Tensor:
    return torch.full((1, 1, side, side), level, dtype=torch.uint8)


def textured(seed: int, low: int = 0, high: int = 256, height: int = 21, width: int = 26) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (1, 1, height, width), dtype=torch.uint8, generator=generator)


def smooth(seed: int, side: int = 180) -> Tensor:
    """Blobs of many sizes, so that every scale has structure; grey values 30..220."""
    generator = torch.Generator().manual_seed(seed)
    layers = [torch.rand(1, 1, cells, cells, generator=generator) for cells in (4, 15, 60, side)]
    image = sum(torch.nn.functional.interpolate(layer, size=(side, side), mode="bicubic") for layer in layers)
    low, high = image.amin(), image.amax()
    return ((image - low) / (high - low) * 190 + 30).to(torch.uint8)


def value(key: str, infrared: Tensor, visible: Tensor, fused: Tensor) -> float:
    return get(key)(infrared, visible, fused).values.item()


def luminance(one: float, other: float, steady: float = 0.0) -> float:
    return (2 * one * other + steady) / (one**2 + other**2 + steady)


@pytest.mark.parametrize("key", FAMILY)
def test_identical_images_score_what_is_declared(key: str) -> None:
    image = smooth(1)
    assert value(key, image, image, image) == pytest.approx(get(key).identity, abs=1e-9)


@pytest.mark.parametrize("key", FAMILY)
def test_noise_is_not_rewarded(key: str) -> None:
    infrared, visible = smooth(1), smooth(2)
    fused = ((infrared.int() + visible.int()) // 2).to(torch.uint8)
    noise = torch.randn(fused.shape, generator=torch.Generator().manual_seed(3)) * 10
    noisy = (fused + noise).round().clamp(0, 255).to(torch.uint8)
    assert value(key, infrared, visible, noisy) < value(key, infrared, visible, fused)


def test_only_the_slip_of_liu_tells_the_sources_apart() -> None:
    infrared, visible, fused = smooth(1), smooth(2), smooth(3)
    for key in FAMILY:
        swapped = value(key, visible, infrared, fused)
        assert (value(key, infrared, visible, fused) == pytest.approx(swapped, abs=1e-12)) is get(key).symmetric
    assert [key for key in FAMILY if not get(key).symmetric] == ["qc@zliu"]


@pytest.mark.parametrize(("key", "smallest"), [("ssim", 11), ("msssim", 161), ("mefssim", 44), ("qw", 11), ("qy", 7)])
def test_the_smallest_image_still_has_a_window(key: str, smallest: int) -> None:
    image = smooth(1, smallest)
    assert value(key, image, image, image) == pytest.approx(get(key).identity, abs=1e-9)
    with pytest.raises(MetricError, match=f"at least {smallest}"):
        value(key, *[image[..., 1:]] * 3)


def test_similarity_of_constants_is_that_of_their_luminance() -> None:
    images = constant(50), constant(200), constant(125)
    first, second = luminance(50, 125, C1), luminance(200, 125, C1)
    assert value("ssim", *images) == pytest.approx(first + second)
    assert value("ssim@mean", *images) == pytest.approx((first + second) / 2)
    loose = luminance(50, 125, 0.02**2) + luminance(200, 125, 0.02**2)
    assert value("ssim@cddfuse", *images) == pytest.approx(loose)
    assert value("ssim@mean", *(image[..., :1, :1] for image in images)) == pytest.approx((first + second) / 2)


def test_one_window_with_one_deviating_pixel() -> None:
    weight = float(np.exp(-((np.arange(11) - 5) ** 2) / 4.5).sum()) ** -2
    source, fused = constant(100, 11), constant(100, 11)
    fused[..., 5, 5] = 110
    expected = luminance(100, 100 + 10 * weight, C1) * C2 / (100 * weight * (1 - weight) + C2)
    assert value("ssim", source, source, fused) == pytest.approx(2 * expected)
    weight, steady = 1 / 49, 0.06**2
    expected = luminance(100, 100 + 10 * weight, 0.02**2) * steady / (100 * weight * (1 - weight) * 49 / 48 + steady)
    source, fused = source[..., 2:9, 2:9], fused[..., 2:9, 2:9]
    assert value("ssim@cddfuse", source, source, fused) == pytest.approx(2 * expected)


def test_halving_odd_sides() -> None:
    image = Plane(torch.arange(1, 10, dtype=torch.float64).view(1, 1, 3, 3))
    assert halved(image).values.flatten().tolist() == [3, 4.5, 7.5, 9]
    assert halved_with_zeros(image).values.flatten().tolist() == [1 / 4, 5 / 4, 11 / 4, 7]
    even = Plane(torch.arange(8, dtype=torch.float64).view(1, 1, 2, 4))
    assert halved(even).values.flatten().tolist() == halved_with_zeros(even).values.flatten().tolist() == [2.5, 4.5]


def test_luminance_counts_at_the_last_scale_only() -> None:
    images = constant(50, 176), constant(200, 176), constant(125, 176)
    expected = luminance(50, 125, C1) ** 0.1333 + luminance(200, 125, C1) ** 0.1333
    assert value("msssim", *images) == pytest.approx(expected)


def test_a_negative_scores_nothing_at_several_scales() -> None:
    image = smooth(1)
    assert value("msssim", image, image, 255 - image) == 0
    assert value("mefssim", image, image, 255 - image) == 0
    assert 0.9 < value("msssim", image, 255 - image, image) < 1.0001


def test_multi_exposure_target_is_the_stronger_source_without_its_brightness() -> None:
    weak = smooth(1) // 4
    strong = weak * 3 + 20
    assert value("mefssim", weak, strong, strong - 20) == pytest.approx(1, abs=1e-4)
    assert value("mefssim", strong, weak, strong - 20) == pytest.approx(1, abs=1e-4)
    assert value("mefssim", weak, strong, weak) < 0.9


def test_multi_exposure_target_of_sources_that_cancel_is_flat() -> None:
    image = smooth(1)
    assert value("mefssim", image, 255 - image, constant(90, 180)) == pytest.approx(1)
    assert value("mefssim", image, 255 - image, image) < 0.5


def windows(image: Array, side: int) -> Array:
    """``[windows, pixels]`` of a picture."""
    return sliding_window_view(image, (side, side)).reshape(-1, side * side)


def moments(one: Array, other: Array, side: int) -> tuple[Array, Array, Array, Array, Array]:
    """Means, variances and covariance in each Gaussian window, deviations first."""
    line = np.exp(-((np.arange(side) - side // 2) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line).flatten() / line.sum() ** 2
    first, second = windows(one, side), windows(other, side)
    means = first @ weights, second @ weights
    first, second = first - means[0][:, None], second - means[1][:, None]
    return *means, first**2 @ weights, second**2 @ weights, (first * second) @ weights


def quality(one: Array, other: Array, side: int, steady: tuple[float, float]) -> Array:
    mean_one, mean_other, variance_one, variance_other, covariance = moments(one, other, side)
    bright = (2 * mean_one * mean_other + steady[0]) / (mean_one**2 + mean_other**2 + steady[0])
    return bright * (2 * covariance + steady[1]) / (variance_one + variance_other + steady[1])


def direct_piella(infrared: Array, visible: Array, fused: Array) -> tuple[float, float]:
    """Plain and weighted index."""
    _, _, first, second, _ = moments(infrared, visible, 11)
    share = first / (first + second)
    each = [quality(source, fused, 11, (C1, C2)) for source in (infrared, visible)]
    both = share * each[0] + (1 - share) * each[1]
    return both.mean(), np.average(both, weights=np.maximum(first, second))


def edge_strength(image: Array) -> Array:
    return np.hypot(prewitt(image, axis=0, mode="constant"), prewitt(image, axis=1, mode="constant"))


def direct_edge_dependent(*images: Array) -> float:
    return direct_piella(*images)[1] * direct_piella(*map(edge_strength, images))[1]


def direct_cvejic(infrared: Array, visible: Array, fused: Array) -> float:
    first, second = (moments(source, fused, 7)[4] for source in (infrared, visible))
    share = np.clip(first / (first + second), 0, 1)
    each = [quality(source, fused, 7, (0, 0)) for source in (infrared, visible)]
    return (share * each[0] + (1 - share) * each[1]).mean()


def direct_yang(infrared: Array, visible: Array, fused: Array) -> float:
    _, _, first, second, _ = moments(infrared, visible, 7)
    each = [quality(source, fused, 7, (0, 0)) for source in (infrared, visible)]
    alike = quality(infrared, visible, 7, (0, 0)) >= 0.75
    assert 0.1 < alike.mean() < 0.9  # the triple below shows both cases
    share = first / (first + second)
    return np.where(alike, share * each[0] + (1 - share) * each[1], np.maximum(*each)).mean()


@pytest.mark.parametrize(
    ("key", "direct"),
    [
        ("qs", lambda *images: direct_piella(*images)[0]),
        ("qw", lambda *images: direct_piella(*images)[1]),
        ("qe", direct_edge_dependent),
        ("qc", direct_cvejic),
        ("qy", direct_yang),
    ],
)
def test_window_by_window(key: str, direct: Callable[..., float]) -> None:
    infrared, fused = textured(1, height=30, width=40), textured(3, 60, 200, height=30, width=40)
    visible = textured(2, height=30, width=40)
    visible[..., :15, :] = infrared[..., :15, :] // 2 + 60
    fused[..., :20] = visible[..., :20] // 2 + infrared[..., :20] // 3
    expected = direct(*(image[0, 0].double().numpy() for image in (infrared, visible, fused)))
    assert value(key, infrared, visible, fused) == pytest.approx(expected, rel=1e-10)


def test_following_one_source_against_the_other() -> None:
    infrared = textured(1) // 2 * 2
    visible = 255 - infrared // 2  # minus half the covariance
    assert value("qc", infrared, visible, infrared) == pytest.approx(1)
    assert value("qc", visible, infrared, infrared) == pytest.approx(1)
    assert value("qc@zliu", infrared, visible, infrared) == 1
    assert value("qc@zliu", visible, infrared, infrared) == 0
    assert value("qy", infrared, visible, infrared) == pytest.approx(1)


@pytest.mark.parametrize("key", INDICES)
def test_constant_sources_weigh_the_same_and_are_flagged(key: str) -> None:
    measured = get(key)(constant(50), constant(200), textured(1, height=24, width=24))
    assert "equal weights" in measured.flags[0]
    assert get(key)(constant(50), textured(2, height=24, width=24), textured(1, height=24, width=24)).flags == [""]


def test_values_of_constants() -> None:
    apart = constant(50), constant(200), constant(125)
    with_constants = (luminance(50, 125, C1) + luminance(200, 125, C1)) / 2
    assert value("qs", *apart) == pytest.approx(with_constants)
    assert value("qw", *apart) == pytest.approx(with_constants)
    assert value("qc@zliu", *apart) == pytest.approx((luminance(50, 125) + luminance(200, 125)) / 2)
    assert value("qy", *apart) == pytest.approx(luminance(200, 125))  # sources unlike: 10/17
    alike = constant(100), constant(150), constant(100)
    assert value("qy", *alike) == pytest.approx((1 + luminance(150, 100)) / 2)  # sources alike: 12/13
    for key in ("qc@zliu", "qc", "qy"):
        assert value(key, *[constant(0)] * 3) == 1
        assert value(key, textured(1), textured(2), torch.full_like(textured(1), 90)) == 0


@pytest.mark.parametrize(("key", "side"), [("qc@zliu", 7), ("qc", 7), ("qy", 7), ("qs", 11)])
def test_flat_windows_hold_no_rounding_residue(key: str, side: int) -> None:
    steady = C1 if key == "qs" else 0
    first, second = luminance(37, 61, steady), luminance(90, 61, steady)
    flat_value = max(first, second) if key == "qy" else (first + second) / 2
    images = [textured(seed, height=40, width=60) for seed in range(3)]
    for image, level in zip(images, (37, 90, 61), strict=True):
        image[..., :30] = level
    flat = 30 - side + 1  # columns of windows that lie in the flat half; the others are those of the image without them
    expected = (flat * flat_value + 30 * value(key, *(image[..., flat:] for image in images))) / (flat + 30)
    assert value(key, *images) == pytest.approx(expected, abs=1e-12)
    assert value(key, *(image.mT.contiguous() for image in images)) == pytest.approx(expected, abs=1e-12)
