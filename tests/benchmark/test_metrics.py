"""Properties of every registered metric, and the values that can be worked out on paper."""

import math
import subprocess
import sys
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from ivif.benchmark.metrics import Metric, MetricError, Picture, expand_keys, get, measure, metric_names, variant
from ivif.benchmark.metrics import picture as module
from ivif.benchmark.metrics.picture import Plane, is_constant, pair_term, term

GRADIENT_OF_IDENTITY = 0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4))


def picture(seed: int, height: int = 168, width: int = 176, batch: int = 1) -> Tensor:
    """Smooth random grey values with some noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 1, 6, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)
    noise = torch.rand(batch, 1, height, width, generator=generator) * 0.1
    return (smooth * 0.9 + noise).mul(255).round().to(torch.uint8)


def constant(level: int, height: int = 168, width: int = 176) -> Tensor:
    return torch.full((1, 1, height, width), level, dtype=torch.uint8)


@pytest.mark.parametrize("key", metric_names())
def test_batch_equals_single_whether_sources_are_shared_or_not(key: str) -> None:
    infrared, visible, fused = picture(1, batch=3), picture(2, batch=3), picture(3, batch=3)
    together = get(key)(infrared, visible, fused).values
    one_by_one = [get(key)(infrared[i : i + 1], visible[i : i + 1], fused[i : i + 1]).values for i in range(3)]
    assert torch.allclose(together, torch.cat(one_by_one), rtol=1e-12, atol=0)
    shared = get(key)(Picture(infrared[:1]), Picture(visible[:1]), fused).values
    apart = torch.cat([get(key)(infrared[:1], visible[:1], fused[i : i + 1]).values for i in range(3)])
    assert torch.allclose(shared, apart, rtol=1e-12, atol=0)


@pytest.mark.parametrize("key", metric_names())
def test_values_are_float64_without_flags_for_ordinary_images(key: str) -> None:
    values, flags = get(key)(picture(1), picture(2), picture(3))
    assert values.dtype == torch.float64 and flags == [""]


@pytest.mark.parametrize("key", metric_names())
def test_terms_kept_with_a_picture_do_not_change_the_value(key: str) -> None:
    infrared, visible = Picture(picture(1)), Picture(picture(2))
    for seed in (3, 4):
        kept = get(key)(infrared, visible, picture(seed)).values
        fresh = get(key)(picture(1), picture(2), picture(seed)).values
        assert torch.equal(kept, fresh)


@pytest.mark.parametrize("key", metric_names())
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu(key: str) -> None:
    images = picture(1, batch=4), picture(2, batch=4), picture(3, batch=4)
    device = get(key)(*(image.cuda() for image in images)).values.cpu()
    assert torch.allclose(device, get(key)(*images).values, rtol=1e-4)


@pytest.mark.parametrize("key", metric_names())
@pytest.mark.usefixtures("gpu_without_values")
def test_no_metric_mixes_devices(key: str) -> None:
    sources, fused = torch.empty(2, 1, 200, 210, device="cuda"), torch.empty(3, 1, 200, 210, device="cuda")
    pictures = [Picture(image.to(torch.uint8)) for image in (sources[:1], sources[1:], fused)]
    values = get(key).function(*pictures)
    assert values.device.type == "cuda" and values.shape == (3,)


@pytest.mark.parametrize("key", metric_names())
def test_a_constant_fused_image_is_flagged(key: str) -> None:
    assert "constant" in get(key)(picture(1), picture(2), constant(90)).flags[0]


@pytest.mark.parametrize("key", metric_names())
@pytest.mark.parametrize(
    ("images", "message"),
    [
        ((picture(1).float(), picture(2), picture(3)), "uint8"),
        ((picture(1), picture(2).repeat(1, 3, 1, 1), picture(3)), "1, H, W"),
        ((picture(1), picture(2), picture(3, width=170)), "sizes differ"),
        ((picture(1, batch=2), picture(2), picture(3, batch=3)), "3 fused images"),
    ],
)
def test_unusable_images_are_refused(key: str, images: tuple[Tensor, ...], message: str) -> None:
    with pytest.raises(MetricError, match=message):
        get(key)(*images)


def test_vif_refuses_images_smaller_than_its_four_scales() -> None:
    with pytest.raises(MetricError, match="at least 41"):
        get("vif")(picture(1, height=40), picture(2, height=40), picture(3, height=40))


def test_constant_sources_follow_the_conventions() -> None:
    grey, black = constant(128), constant(0)
    assert [measure(grey, grey, grey)[key].values.item() for key in ("en", "sd", "mi", "scd")] == [0, 0, 0, 0]
    vif = get("vif")(grey, grey, picture(1))
    assert (vif.values.item(), "constant" in vif.flags[0]) == (2.0, True)
    qabf = get("qabf")(black, black, picture(1))
    assert math.isnan(qabf.values.item())
    assert "undefined" in qabf.flags[0]
    assert "counts 0" in get("scd")(grey, picture(2), picture(1)).flags[0]


def test_entropy_and_deviation_of_two_equal_halves() -> None:
    halves = constant(10)
    halves[..., 88:] = 30
    assert get("en")(picture(1), picture(2), halves).values.item() == pytest.approx(1, abs=1e-15)
    assert get("sd")(picture(1), picture(2), halves).values.item() == pytest.approx(10, abs=1e-12)


def test_mutual_information_of_copies_is_their_entropy() -> None:
    image = torch.arange(256, dtype=torch.uint8).repeat(168).view(1, 1, 168, 256)
    assert get("mi")(image, constant(5, width=256), image).values.item() == pytest.approx(8, abs=1e-12)
    assert get("mi")(image, image, image).values.item() == pytest.approx(16, abs=1e-12)


def test_scd_of_a_sum_is_two() -> None:
    infrared, visible = picture(1) // 2, picture(2) // 2
    assert get("scd")(infrared, visible, infrared + visible).values.item() == pytest.approx(2, abs=1e-12)


def test_identical_images() -> None:
    image = picture(7)
    assert get("vif")(image, image, image).values.item() == pytest.approx(2, abs=1e-6)
    assert get("qabf")(image, image, image).values.item() == pytest.approx(GRADIENT_OF_IDENTITY, abs=2e-3)
    assert get("qabf")(constant(128), constant(128), constant(128)).values.item() == pytest.approx(0.975333, abs=5e-7)


def test_profiles_expand_in_order_and_once() -> None:
    assert expand_keys(["vif", "core", "vif"]) == ("vif", "en", "sd", "mi", "scd", "qabf")
    assert expand_keys(["EN", "Core", "Qabf", "en"]) == ("en", "sd", "mi", "scd", "vif", "qabf")
    assert expand_keys(["all"]) == tuple(key for key in metric_names() if "@" not in key)
    assert expand_keys(["variants"]) == tuple(metric_names())
    with pytest.raises(MetricError, match="no metric 'nope'"):
        expand_keys(["nope"])


def test_a_plane_has_the_size_and_keeps_the_terms_of_its_numbers() -> None:
    values = torch.tensor([[[[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]], [[[0.5, 0.5, 0.5], [0.5, 0.25, 0.5]]]])
    plane, other = Plane(values.double()), Plane(values.double() * 2)
    assert (plane.size, plane.pixels) == ((2, 3), 6)
    assert is_constant(plane).tolist() == [True, False]
    calls = []
    largest = term(lambda plane: calls.append(plane) or plane.values.amax())
    difference = pair_term(lambda first, second: calls.append(second) or (second.values - first.values).amax())
    assert [largest(plane).item(), largest(plane).item()] == [0.5, 0.5]
    assert [difference(plane, other).item(), difference(plane, other).item()] == [0.5, 0.5]
    assert calls == [plane, other]


def test_a_variant_has_the_facts_of_its_default_definition_but_for_those_that_it_says() -> None:
    default, lft, brightest = (get(key) for key in ("psnr", "psnr@lft", "psnr@cddfuse"))
    assert (lft.name, lft.label) == ("Peak signal-to-noise ratio across scales", "PSNR (LFT)")
    own = {"key", "name", "label", "function", "formula", "agrees"}
    differ = {fact.name for fact in fields(Metric) if getattr(default, fact.name) != getattr(lft, fact.name)}
    assert differ == own
    differ = {fact.name for fact in fields(Metric) if getattr(default, fact.name) != getattr(brightest, fact.name)}
    assert differ == own | {"low", "rewards_noise"}
    assert (get("rmse@vifb").name, get("rmse@vifb").better) == (
        "Root of the summed squared error by number of pixels",
        "lower",
    )
    assert get("qabf").conventions and not get("qabf@petrovic").conventions


def test_a_variant_needs_a_default_definition_and_a_key_of_its_own() -> None:
    with pytest.raises(MetricError, match="no metric 'nope'"):
        variant("nope@vifb", "{}", formula="", agrees="")(get("en").function)
    with pytest.raises(ValueError, match="two metrics are called 'mi@nats'"):
        variant("mi@nats", "{}", formula="", agrees="")(get("mi").function)


MEMORY = """
import resource, sys, torch
torch.set_num_threads(1)
from ivif.benchmark.metrics import measure
images = [torch.randint(256, (1, 1, 1024, 1280), dtype=torch.uint8) for _ in range(3)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
measure(*images, ["all"])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_all_metrics_of_a_large_image_fit_into_half_a_gigabyte() -> None:
    """Beside what PyTorch takes once it is imported: up to half a gigabyte with CUDA, less without."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 512


def test_large_images_are_measured_as_small_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    images, keys = (picture(1), picture(2), picture(3)), ("core", "qg", "ssim", "qe", "qcv", "qcv@raw", "mi@vifb")
    kept = measure(*images, keys)
    monkeypatch.setattr(module, "SMALL_PICTURE_PIXELS", 1000)
    monkeypatch.setattr(module, "KEPT_TERMS", 1)
    assert measure(*images, keys) == kept
