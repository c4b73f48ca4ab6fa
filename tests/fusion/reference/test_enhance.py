"""The enhancement: each step on pictures where what it should do can be told beforehand."""

import math

import pytest
import torch
from torch import Tensor

from ivif.datasets.images import to_float
from ivif.fusion.method import FusionError
from ivif.fusion.reference import enhance as module
from ivif.fusion.reference.enhance import (
    STRENGTHS,
    Guard,
    Scene,
    Strength,
    adapted,
    box_mean,
    enhance,
    fine_detail,
    lost_detail,
    lost_target_contrast,
    noise_level,
    published,
    tone_exponent,
    widened,
)


def constant(value: float, height: int = 64, width: int = 64) -> Tensor:
    return torch.full((1, 1, height, width), value)


def stripes(contrast: float, mean: float = 0.5) -> Tensor:
    """Vertical stripes two pixels wide."""
    return constant(mean) + contrast * ((torch.arange(64) // 2 % 2) * 2 - 1)


def levels(image: Tensor) -> Tensor:
    return (image[0] * 255).round().to(torch.uint8)


def scene(infrared: Tensor, visible: Tensor) -> Scene:
    return Scene(levels(infrared), levels(visible))


def test_box_mean_of_a_dot_and_of_a_border() -> None:
    image = constant(0.0, 9, 9)
    image[..., 4, 4] = 9
    assert torch.allclose(box_mean(image, 1)[0, 0, 3:6, 3:6], torch.ones(3, 3))
    assert torch.allclose(box_mean(constant(0.3, 9, 9), 2), constant(0.3, 9, 9))


@pytest.mark.parametrize(("median", "night"), [(0.4, False), (0.5, False), (0.3, True)])
def test_a_well_exposed_reference_has_no_tone_curve(median: float, night: bool) -> None:
    assert tone_exponent(median, night) == 1


def test_tone_curve_leads_to_the_nearer_end() -> None:
    assert 0.3 ** tone_exponent(0.3, night=False) == pytest.approx(0.36)
    assert 0.62 ** tone_exponent(0.62, night=False) == pytest.approx(0.56)
    assert 0.2 ** tone_exponent(0.2, night=True) == pytest.approx(0.26)
    assert tone_exponent(0.01, night=False) == pytest.approx(1 / 1.6)


def test_nothing_is_done_at_no_strength() -> None:
    image = stripes(0.1)
    assert torch.equal(adapted(scene(stripes(0.2), constant(0.4)), image, Strength()), image)
    assert STRENGTHS[0] == Strength()


def test_a_narrow_range_is_widened_and_detail_on_it_is_not() -> None:
    ramp = constant(0.0) + torch.linspace(0.4, 0.6, 64)[:, None]
    fine = 0.01 * ((torch.arange(64) % 2) * 2 - 1)
    wide = widened(ramp + fine, 1)
    assert float(wide[..., :4, :].mean()) < 0.2 and float(wide[..., -4:, :].mean()) > 0.8
    steps = wide[..., 1:] - wide[..., :-1]
    assert steps[..., 20:40, 20:40].abs().mean() == pytest.approx(0.02, rel=0.1)
    half = widened(ramp + fine, 0.5)
    slope = float((half[..., 40, :] - half[..., 24, :]).mean()) / float((ramp[..., 40, :] - ramp[..., 24, :]).mean())
    # from .39 .. .61 half-way to .03 .. .97
    assert slope == pytest.approx((0.94 + 0.22) / 2 / 0.22, rel=0.05)


def test_a_full_range_stays_as_it_is() -> None:
    full = constant(0.0) + torch.linspace(0, 1, 64)[:, None]
    assert torch.allclose(widened(full, 1), full, atol=1e-5)
    assert torch.equal(widened(constant(0.4), 1), constant(0.4))


def test_lost_detail_comes_back_and_kept_detail_stays() -> None:
    source, flat, faded = stripes(0.03), constant(0.5), stripes(0.005)
    restored = faded + lost_detail(scene(source, flat), faded)
    contrast = [float(image[..., 20:40, 20:40].std()) for image in (faded, restored, source)]
    assert contrast[0] < 0.5 * contrast[2] < contrast[1] <= 1.01 * contrast[2]
    assert lost_detail(scene(source, flat), source).abs().max() < 1e-6


def test_no_detail_is_added_where_the_sources_have_noise_alone() -> None:
    noise = constant(0.5) + 0.004 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert lost_detail(scene(noise, noise), constant(0.5)).abs().max() < 1e-3


def test_strong_edges_are_no_detail() -> None:
    step = constant(0.2)
    step[..., 32:] = 0.8
    assert fine_detail(step).abs().max() < 0.02


def test_a_hot_object_gets_its_contrast_back() -> None:
    infrared, image = constant(0.3), constant(0.4)
    infrared[..., 28:36, 28:36] = 0.9
    lifted = image + lost_target_contrast(scene(infrared, image), image)
    assert float(lifted[..., 31:33, 31:33].mean()) > 0.4 + 0.7 * (0.9 - 0.3)
    assert torch.equal(lifted[..., :16, :], image[..., :16, :])
    shown = constant(0.2)
    shown[..., 28:36, 28:36] = 0.9
    assert float(lost_target_contrast(scene(infrared, shown), shown).max()) < 0.01


def test_noise_is_measured_where_both_sources_are_flat() -> None:
    noise = 0.02 * torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert noise_level(scene(constant(0.5), constant(0.4)), constant(0.5) + noise) == pytest.approx(0.02, rel=0.3)
    assert noise_level(scene(stripes(0.2), constant(0.4)), constant(0.5) + noise) == 0


def test_published_drives_the_geometric_mean_to_256_over_e() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 48, 48, generator=generator).sqrt() * 0.8 + 0.1
    # without structure finer than the 3x3 blur no edge term is left
    smooth = box_mean(box_mean(image, 6), 6)
    levels = published(smooth).double() * 255
    geometric = ((levels + 0.5) / 256).log().mean().exp() * 256
    assert float(geometric) == pytest.approx(256 / math.e, rel=0.02)


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.9), (0.0, 0.25)])
def test_published_by_hand(low: float, high: float) -> None:
    """On a textured picture and on one so dark that its exponent grows; windows and blur pixel by pixel."""
    generator = torch.Generator().manual_seed(3)
    x = 255 * (low + (high - low) * torch.rand(12, 14, generator=generator, dtype=torch.float64))
    around = torch.nn.functional.pad(x[None, None], (1, 1, 1, 1), "reflect")[0, 0]
    taps = torch.tensor([[math.exp(-(i * i + j * j) / 4.5) for j in (-1, 0, 1)] for i in (-1, 0, 1)]).double()
    smooth = torch.tensor(
        [[(around[i : i + 3, j : j + 3] * taps).sum() / taps.sum() for j in range(14)] for i in range(12)]
    )
    fine = x - smooth
    assert 10 * float(x.std() / x.mean()) > 1  # contrast is adapted up, so that every edge counts
    around = torch.nn.functional.pad(fine.abs()[None, None], (1, 1, 1, 1), "reflect")[0, 0]
    edges = torch.tensor([[around[i : i + 3, j : j + 3].var() for j in range(14)] for i in range(12)])
    edges = (edges - edges.min()) / (edges.max() - edges.min())
    unit = (255 * (x - x.min()) / (x.max() - x.min() + 0.1) + 0.5) / 256
    exponent = -1 / unit.log().mean() + (0.2 if x.mean() < 51 else 0)
    expected = ((256 * unit**exponent - 0.5 + 5 * edges * fine) / 255).clamp(0, 1)
    assert (5 * edges * fine).abs().max() > 50
    assert torch.allclose(published((x / 255)[None, None].float())[0, 0].double(), expected, atol=1e-5)


def test_adaptive_improves_a_faded_reference_and_says_how() -> None:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.nn.functional.interpolate(torch.rand(1, 1, 8, 8, generator=generator), (64, 64), mode="bicubic")
    visible = (coarse * 0.6 + 0.2 + stripes(0.05, 0.0)).clamp(0, 1)
    infrared = constant(0.2)
    infrared[..., 20:30, 40:50] = 0.95
    faded = 0.15 * (visible + infrared) / 2 + 0.05
    (found,) = enhance("adaptive", levels(infrared), levels(visible), [levels(faded)], [1.0])
    assert any(found.record["chosen"].values())
    assert float(to_float(found.image).std()) > float(faded.std())


def test_guards_name_what_an_enhancement_spoiled() -> None:
    visible, infrared = levels(constant(0.5)), levels(constant(0.3))
    reference = levels(constant(0.4))
    guard = Guard(Scene(infrared, visible), reference)
    assert guard(reference) == ""
    assert "structure" in guard(levels(stripes(0.3)))
    random = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    # where no source has an edge every edge is an artefact; beside strong edges that are kept it is noise
    assert "artefacts" in guard(levels(constant(0.4) + 0.006 * random))
    half = torch.where(torch.arange(64) < 32, stripes(0.2), constant(0.5))
    rough = torch.where(torch.arange(64) < 32, half, half + 0.006 * random)
    assert "noise" in Guard(Scene(infrared, levels(half)), levels(half))(levels(rough))


def test_no_strength_is_chosen_that_a_guard_refuses(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(1)
    coarse = torch.nn.functional.interpolate(torch.rand(1, 1, 8, 8, generator=generator), (64, 64), mode="bicubic")
    visible = levels((coarse * 0.6 + 0.2 + stripes(0.05, 0.0)).clamp(0, 1))
    faded = (visible // 5 + 20).to(torch.uint8)
    (free,) = enhance("adaptive", levels(constant(0.2)), visible, [faded], [1.0])
    assert any(free.record["chosen"].values())
    monkeypatch.setattr(Guard, "__call__", lambda self, image: "" if torch.equal(image, faded) else "no change allowed")
    (held,) = enhance("adaptive", levels(constant(0.2)), visible, [faded], [1.0])
    assert torch.equal(held.image, faded) and not any(held.record["chosen"].values())


@pytest.mark.usefixtures("gpu_without_values")
def test_no_enhancement_mixes_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_night", lambda visible: False)
    sources = torch.empty(2, 1, 72, 88, device="cuda").to(torch.uint8)
    image, own = torch.empty(1, 1, 72, 88, device="cuda"), Scene(*sources)
    for result in (lost_detail(own, image), lost_target_contrast(own, image), fine_detail(image), published(image)):
        assert result.device.type == "cuda" and result.shape == image.shape


def test_none_leaves_references_alone_and_unknown_kinds_are_refused() -> None:
    image = levels(stripes(0.1))
    assert torch.equal(enhance("none", image, image, [image], [1.0])[0].image, image)
    with pytest.raises(FusionError, match="no enhancement 'nice'"):
        enhance("nice", image, image, [image], [1.0])
