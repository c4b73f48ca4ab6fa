"""Compiled loops against the operations that define them."""

import pytest
import torch
from torch import Tensor

from ivif.benchmark.metrics import (
    artifacts,
    contrast,
    features,
    fidelity,
    filters,
    get,
    gradient,
    perception,
    structural_similarity,
    windows,
)

KEYS = (
    *("fmi", "fmi@gradient", "fmi@dct", "fmi@wavelet", "vif", "viff", "vif@uint8sat", "qabf", "nabf", "labf", "ag"),
    *("ei", "ei@zero", "ssim", "ssim@mean", "ssim@cddfuse", "mefssim", "qcb", "qcb@raw", "qc", "qy", "qs", "qe"),
)


MODULES = artifacts, contrast, features, fidelity, filters, gradient, perception, structural_similarity, windows


def image(seed: int, kind: str) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randint(0, 256, (2, 1, 57, 70), generator=generator).to(torch.uint8)
    if kind == "few levels":
        return noise // 100 * 100
    if kind == "flat parts":
        noise[..., 20:45, 10:50] = 90
        noise[..., :12, :] = 0
    return noise


@pytest.mark.parametrize("kind", ["noise", "few levels", "flat parts"])
@pytest.mark.parametrize("key", KEYS)
def test_values_are_those_of_operations(key: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = image(1, kind)[:1], image(2, kind)[:1], image(3, kind)
    found = get(key)(*images).values
    for module in MODULES:
        monkeypatch.setattr(module, "compilable", lambda *images: False)
    allowed = 1e-8 if key == "ssim@cddfuse" else 1e-10  # hardly steadied: flat windows magnify rounding residue
    assert torch.allclose(found, get(key)(*images).values, rtol=allowed, atol=allowed)


@pytest.mark.parametrize("key", KEYS)
def test_the_order_of_numbers_in_memory_decides_nothing(key: str) -> None:
    images = image(1, "noise"), image(2, "noise"), image(3, "noise")
    turned = (one.mT.contiguous().mT for one in images)
    assert torch.allclose(get(key)(*turned).values, get(key)(*images).values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("taps", [filters.gaussian(17, 3.4), filters.gaussian(11, 1.5), filters.gaussian(3, 0.6)])
@pytest.mark.parametrize("step", [1, 2])
def test_blur_is_the_sum_over_the_window(taps: tuple[float, ...], step: int) -> None:
    values = torch.rand(2, 1, 40, 33, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = torch.tensor(taps, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(values, torch.outer(weights, weights)[None, None], stride=step)
    assert torch.allclose(filters.blur_valid(values, taps, step), expected, rtol=0, atol=1e-14)
