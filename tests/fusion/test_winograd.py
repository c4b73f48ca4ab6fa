"""Convolutions by minimal filtering against direct sums in double precision."""

import pytest
import torch
from torch.nn.functional import conv2d, instance_norm

from ivif.fusion.networks.blocks import BatchStatisticsNorm, convolve_in_bands
from ivif.fusion.networks.winograd import Winograd, direct_sums, pays


def maps(channels: int, height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(1)).relu_()


def taps(out: int, channels: int, side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randn(out, channels, side, side, generator=generator) / (channels * side**2) ** 0.5


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("size", [(12, 16), (13, 30), (5, 5), (41, 7)])
def test_sums_are_those_of_the_direct_convolution(side: int, size: tuple[int, int]) -> None:
    image, weight, bias = maps(40, *size, batch=2), taps(33, 40, side), torch.arange(33.0)
    with torch.inference_mode():
        found = Winograd(weight, bias)(image)
    expected = conv2d(image.double(), weight.double(), bias.double())
    assert found.shape == expected.shape
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_the_tiles(threads: int) -> None:
    image, weight, before = maps(40, 61, 47), taps(36, 40, 3), torch.get_num_threads()
    with torch.inference_mode():
        torch.set_num_threads(1)
        expected = Winograd(weight, None)(image)
        torch.set_num_threads(threads)
        try:
            found = Winograd(weight, None)(image)
        finally:
            torch.set_num_threads(before)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_whole_numbers_give_whole_sums() -> None:
    image, weight = torch.arange(1.0, 37).view(1, 1, 6, 6), torch.ones(1, 1, 3, 3)
    with torch.inference_mode():
        found = Winograd(weight, None)(image)
    # of the rows 1..6, 7..12, 13..18: nine times the number in the middle of the window, from 8 on
    assert found[0, 0, 0].tolist() == pytest.approx([72, 81, 90, 99], abs=1e-3)


def test_it_is_taken_only_where_it_pays() -> None:
    large, small = taps(128, 128, 3), taps(16, 16, 3)
    image = maps(128, 100, 120)
    assert pays(image, large) and not pays(image, small) and not pays(image[..., :50], large)
    assert not pays(image.double(), large.double()) and not pays(image, taps(128, 128, 1))
    with direct_sums():
        assert not pays(image, large)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_bands_with_mirrored_borders(layout: torch.memory_format) -> None:
    image, weight = (
        maps(128, 130, 90).contiguous(memory_format=layout),
        taps(128, 128, 3).contiguous(memory_format=layout),
    )
    expected = conv2d(torch.nn.functional.pad(image, [1] * 4, "reflect").double(), weight.double())
    with torch.inference_mode():
        assert pays(image, weight)
        assert (convolve_in_bands(image, weight, None, border=1) - expected).abs().max() < 1e-4
        assert (convolve_in_bands(image, weight, None, border=1, into=image) - expected).abs().max() < 1e-4
        assert (image - expected).abs().max() < 1e-4


@pytest.mark.parametrize("affine", [True, False])
def test_normalisation_with_channels_last(affine: bool) -> None:
    image = (maps(24, 40, 50, batch=2) * 3 + 100).contiguous(memory_format=torch.channels_last)
    norm = BatchStatisticsNorm(24, affine_in_eval=affine).eval()
    norm.weight.data.uniform_(0.5, 2)
    norm.bias.data.uniform_(-1, 1)
    factors = (norm.weight.double(), norm.bias.double()) if affine else (None, None)
    expected = instance_norm(image.double(), weight=factors[0], bias=factors[1], eps=norm.eps)
    with torch.inference_mode():
        assert torch.allclose(norm(image).double(), expected, rtol=0, atol=1e-4)
