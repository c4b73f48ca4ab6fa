"""Feature mutual information: single windows on paper, and features against other implementations."""

import math

import pytest
import pywt
import torch
from torch import Tensor

from ivif.benchmark.metrics import MetricError, Picture, get
from ivif.benchmark.metrics.features import cosine_transform, cosines, gradient_across, wavelets

KEYS = ["fmi", "fmi@gradient", "fmi@dct", "fmi@wavelet"]


def window(*places: int, level: int = 100) -> Tensor:
    """3x3 of 0 with `level` at the places given, counted from 1 column by column."""
    values = torch.zeros(9, dtype=torch.uint8)
    values[[place - 1 for place in places]] = level
    return values.view(3, 3).T.contiguous()[None, None]


def noise(seed: int, height: int = 24, width: int = 30) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 128, (1, 1, height, width), generator=generator).to(torch.uint8)


def value(infrared: Tensor, visible: Tensor, fused: Tensor, key: str = "fmi") -> float:
    return get(key)(infrared, visible, fused).values.item()


def alone(source: Tensor, fused: Tensor) -> float:
    """What one source contributes."""
    return value(source, source, fused)


def entropy_bits(*shares: float) -> float:
    return -sum(share * math.log2(share) for share in shares)


def test_equal_windows_and_equal_patterns() -> None:
    assert alone(window(1, 5), window(1, 5)) == 1
    assert alone(window(1, 5), window(1, 5, level=30)) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("places", "correlation"),
    [
        # values 1/2, 1/2, 0...: variance 1/2 - 1/9, covariance 1/4 - 1/9 with one place in common, -1/9 with none
        ((2, 3), 5 / 14),
        ((1, 9), 5 / 14),
        ((3, 4), -2 / 7),
        ((5, 9), -2 / 7),
    ],
)
def test_two_of_nine_places(places: tuple[int, int], correlation: float) -> None:
    # under either bound the places of two such windows are correlated by 1 or -1: the mixture has |correlation| of it
    aligned, crossed = 1 / 4 + abs(correlation) / 4, 1 / 4 - abs(correlation) / 4
    shared = 2 - entropy_bits(aligned, aligned, crossed, crossed)
    assert alone(window(1, 2), window(*places)) == pytest.approx(shared, rel=1e-12)
    assert value(window(1, 2), window(*places), window(*places)) == pytest.approx((1 + shared) / 2, rel=1e-12)


def test_columns_are_read_one_after_the_other() -> None:
    # 1/3 at three places, two in common: correlation (2/9 - 1/9) / (1/3 - 1/9) = 1/2
    # A's places 1, 2, 9, F's 1, 2, 3 in order: correlated by c_bound = (1*1 + 2*2 + 9*3)/3 - 4*2, over the spreads
    spread_source, spread_fused = math.sqrt((1 + 4 + 81) / 3 - 16), math.sqrt((1 + 4 + 9) / 3 - 4)
    bound = (32 / 3 - 8) / (spread_source * spread_fused)
    part = 1 / 2 / bound
    joint = [part / 3 + (1 - part) / 9] * 3 + [(1 - part) / 9] * 6
    shared = 2 * (2 * math.log2(3) - entropy_bits(*joint)) / (2 * math.log2(3))
    assert alone(window(1, 2, 9), window(1, 2, 3)) == pytest.approx(shared, rel=1e-12)
    assert alone(window(1, 2, 9).mT.contiguous(), window(1, 2, 3).mT.contiguous()) != pytest.approx(shared, rel=1e-3)


def test_windows_without_pattern() -> None:
    flat = torch.full((1, 1, 3, 3), 7, dtype=torch.uint8)
    assert alone(flat, flat + 90) == 1
    assert alone(flat, window(1, 2)) == pytest.approx(0, abs=1e-12)
    assert alone(window(1), window(9)) == 0
    assert alone(window(4), window(4, level=50)) == 0
    assert alone(window(4), window(4, level=100)) == 1


@pytest.mark.parametrize("key", ["fmi", "fmi@gradient", "fmi@dct"])
def test_contrast_does_not_matter(key: str) -> None:
    infrared, visible, fused = noise(1), noise(2), noise(3)
    doubled = value(infrared, visible, fused * 2, key)
    assert doubled == pytest.approx(value(infrared, visible, fused, key), rel=1e-6)


def test_mean_of_all_windows() -> None:
    # two windows; at first both are equal, then the second differs in one place
    source, fused = torch.zeros(1, 1, 3, 4, dtype=torch.uint8), torch.zeros(1, 1, 3, 4, dtype=torch.uint8)
    source[..., 0, 3] = fused[..., 0, 3] = 80
    parts = [alone(source[..., i : i + 3].contiguous(), fused[..., i : i + 3].contiguous()) for i in range(2)]
    assert parts == [1, 1]
    fused[..., 1, 3] = 80
    parts = [alone(source[..., i : i + 3].contiguous(), fused[..., i : i + 3].contiguous()) for i in range(2)]
    assert parts[0] == 1
    assert parts[1] < 1
    assert alone(source, fused) == pytest.approx(sum(parts) / 2, rel=1e-12)


def test_gradient_is_central_and_one_sided_at_borders() -> None:
    image = torch.tensor([[0, 2, 6, 7]] * 3, dtype=torch.uint8)[None, None]
    assert gradient_across(Picture(image))[0, 0, 1].tolist() == [2, 3, 2.5, 1]


@pytest.mark.parametrize("length", [5, 8])
def test_cosine_transform_by_its_definition(length: int) -> None:
    image = noise(1, 3, length).double()
    for frequency in range(length):
        wave = [math.cos(math.pi * frequency * (2 * place + 1) / (2 * length)) for place in range(length)]
        scale = math.sqrt((1 if frequency == 0 else 2) / length)
        expected = (image * torch.tensor(wave, dtype=torch.float64)).sum(-1) * scale
        assert torch.allclose(cosine_transform(image)[..., frequency], expected)


def test_what_has_no_frequency_has_no_coefficients() -> None:
    ramp = torch.arange(48, dtype=torch.uint8).repeat(32, 1)[None, None]
    coefficients = cosines(Picture(ramp))[0, 0]
    assert (coefficients[1:] == 0).all()
    assert coefficients[0, 0].item() == pytest.approx(47 / 2 * math.sqrt(48 * 32))


@pytest.mark.parametrize("size", [(7, 4), (33, 47), (64, 80)])
def test_wavelets_as_pywavelets_transforms(size: tuple[int, int]) -> None:
    image = noise(1, *size)
    low, (horizontal, vertical, diagonal) = pywt.dwt2(image[0, 0].double().numpy(), "dmey")
    bands = [[torch.from_numpy(band) for band in row] for row in ((low, horizontal), (vertical, diagonal))]
    tiled = torch.cat([torch.cat(row, 1) for row in bands])
    expected = (tiled - tiled.min()) / (tiled.max() - tiled.min())
    assert torch.allclose(wavelets(Picture(image))[0, 0], expected, rtol=0, atol=1e-12)


def test_wavelets_of_an_image_without_any() -> None:
    assert (wavelets(Picture(torch.zeros(1, 1, 20, 20, dtype=torch.uint8))) == 1).all()


@pytest.mark.parametrize("size", [(4, 5000), (40, 700)])
def test_images_worked_on_in_several_parts(size: tuple[int, int]) -> None:
    _, width = size
    infrared, visible, fused = (noise(seed, *size) for seed in (1, 2, 3))
    # the windows of one half and those of the other, which share two columns
    middle = width // 2 + 13
    left = value(*(image[..., :middle] for image in (infrared, visible, fused)))
    right = value(*(image[..., middle - 2 :] for image in (infrared, visible, fused)))
    expected = (left * (middle - 2) + right * (width - middle)) / (width - 2)
    assert value(infrared, visible, fused) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("key", KEYS)
def test_windows_need_three_pixels(key: str) -> None:
    image = noise(1, 2, 9)
    with pytest.raises(MetricError, match="at least 3"):
        get(key)(image, image, image)
