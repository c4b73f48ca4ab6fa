"""Corruptions: what they do to pictures whose answer is known, and that every severity is worse than the last."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ivif.benchmark.experiments.robustness.calibration import amounts_for, source_ssim
from ivif.datasets.corruptions import (
    CLEAN,
    PIXELS,
    SEVERITIES,
    TARGETS,
    CorruptionLevel,
    amount_of,
    corrupted,
    corruption_names,
    find_corruption,
    levels_of,
)
from ivif.datasets.corruptions.optics import disc, line
from ivif.datasets.corruptions.severities import SEVERITIES_FILE
from ivif.datasets.errors import PairError
from ivif.datasets.images import write_png
from ivif.datasets.pairs import Pair, pair_folders
from ivif.datasets.synthetic import crossover_source, synthetic_dataset

NAMES = [name for name in corruption_names() if name != "crossover"]
RANDOM = [
    name
    for name in NAMES
    if name not in ("overexposure", "defocus", "jpeg", "low-contrast", "infrared-blur", "resolution")
]
MOVING = [name for name in NAMES if find_corruption(name).moves]


def texture(channels: int = 1, height: int = 96, width: int = 128, seed: int = 0) -> torch.Tensor:
    """Blocks of many sizes with edges between them, some grain: ``uint8 [channels, H, W]``."""
    random = np.random.default_rng(seed)
    picture = np.zeros((channels, height, width))
    for side in (29, 17, 7, 5):  # that fall together with no other's grid
        blocks = random.uniform(-1, 1, (channels, height // side + 1, width // side + 1))
        picture += side**0.5 * np.kron(blocks, np.ones((1, side, side)))[:, :height, :width]
    picture += random.normal(0, 0.3, picture.shape)
    low, high = picture.min(), picture.max()
    return torch.from_numpy(np.round(20 + 200 * (picture - low) / (high - low)).astype(np.uint8))


def spoilt(name: str, image: torch.Tensor, amount: float, seed: int = 0, identity: str = "one") -> torch.Tensor:
    return find_corruption(name).apply(image, amount, seed, identity)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    write_png(tmp_path / "infrared" / "one.png", texture())
    write_png(tmp_path / "visible" / "one.png", texture(3, seed=1))
    return pair_folders(tmp_path / "infrared", tmp_path / "visible")[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_stays_a_picture_and_a_severity_more_leaves_less_of_it(name: str) -> None:
    image = texture(3 if find_corruption(name).camera == "visible" else 1)
    similarities = [1.0]
    for severity in SEVERITIES:
        result = spoilt(name, image, amount_of(name, severity))
        assert result.shape == image.shape and result.dtype == torch.uint8
        similarities.append(source_ssim(image, result))
    assert similarities == sorted(similarities, reverse=True), similarities
    assert len(set(similarities)) == len(similarities), similarities


@pytest.mark.parametrize("name", NAMES)
def test_no_amount_is_no_corruption(name: str) -> None:
    assert torch.equal(spoilt(name, texture(), 0), texture())


@pytest.mark.parametrize("name", RANDOM)
def test_seed_and_identity_decide_the_pattern(name: str) -> None:
    image, amount = texture(), amount_of(name, 3)
    result = spoilt(name, image, amount)
    assert torch.equal(result, spoilt(name, image, amount))
    # some have no more than two ways to go
    assert any(not torch.equal(result, spoilt(name, image, amount, seed=seed)) for seed in range(1, 9))
    assert any(not torch.equal(result, spoilt(name, image, amount, identity=other)) for other in "abcdefgh")


@pytest.mark.parametrize("name", [name for name in NAMES if find_corruption(name).camera == "visible"])
def test_grey_scenes_stay_grey(name: str, tmp_path: Path) -> None:
    write_png(tmp_path / "infrared" / "one.png", texture())
    write_png(tmp_path / "visible" / "one.png", texture().expand(3, -1, -1))
    grey = pair_folders(tmp_path / "infrared", tmp_path / "visible")[0]
    assert corrupted(grey, CorruptionLevel(name, 3), "own").read().visible.shape[0] == 1


def test_one_camera_is_spoilt_and_the_other_is_not(pair: Pair) -> None:
    clean = pair.read()
    for name in NAMES:
        images = corrupted(pair, CorruptionLevel(name, 2), "own").read()
        camera = find_corruption(name).camera
        for band in ("infrared", "visible"):
            assert torch.equal(getattr(images, band), getattr(clean, band)) == (band != camera), name


def test_the_clean_level_is_the_pair_itself(pair: Pair) -> None:
    assert corrupted(pair, CLEAN, "own") is pair
    assert corrupted(pair, CorruptionLevel("", 0), "own") is pair


def test_what_decides_a_picture_decides_its_fingerprint(pair: Pair) -> None:
    found = {
        corrupted(pair, CorruptionLevel(name, severity), "own", seed).fingerprint()
        for name, severity, seed in (("rain", 1, 0), ("rain", 2, 0), ("rain", 1, 1), ("glare", 1, 0))
    }
    assert len(found | {pair.fingerprint()}) == 5


def test_a_detectors_own_faults_are_the_same_in_all_frames(pair: Pair) -> None:
    frames = [replace(pair, name=f"walk-{number}", sequence="walk", frame=number) for number in range(2)]
    for name, same in (("stripes", True), ("read-noise", False)):
        first, second = (corrupted(frame, CorruptionLevel(name, 3), "own").read().infrared for frame in frames)
        assert torch.equal(first, second) == same


def test_overexposure_by_hand() -> None:
    """A stop doubles light: grey v becomes v 2^(1 / 2.2)."""
    image = torch.tensor([[[0, 64, 128, 200]]], dtype=torch.uint8)
    assert spoilt("overexposure", image, 1).flatten().tolist() == [0, 88, 175, 255]


def test_low_contrast_by_hand() -> None:
    """Half the contrast about a mean of 100."""
    image = torch.tensor([[[60, 80, 120, 140]]], dtype=torch.uint8)
    assert spoilt("low-contrast", image, 0.5).flatten().tolist() == [80, 90, 110, 120]


def test_low_light_by_hand() -> None:
    """Four stops leave grey v at v 2^(-4 / 2.2) = .2836 v, on average of the noise."""
    result = spoilt("low-light", torch.full((1, 200, 200), 200, dtype=torch.uint8), 4).float()
    assert result.mean().item() == pytest.approx(200 * 0.2836, abs=0.3)
    assert result.std() > 0.5


def test_noise_has_the_deviation_that_it_says() -> None:
    grey = torch.full((1, 200, 200), 128, dtype=torch.uint8)
    assert spoilt("read-noise", grey, 0.1).float().std().item() == pytest.approx(25.5, rel=0.02)
    columns = spoilt("stripes", grey, 0.05).float()
    assert columns.std(dim=1).max() == 0 and columns.std() > 5
    dead = spoilt("dead-pixels", grey, 0.1)
    assert (dead == 0).float().mean().item() == pytest.approx(0.05, abs=0.005)
    assert (dead == 255).float().mean().item() == pytest.approx(0.05, abs=0.005)


def test_worse_faults_are_the_same_faults_worse() -> None:
    few, many = (spoilt("dead-pixels", texture(), amount) != texture() for amount in (0.02, 0.2))
    assert not (few & ~many).any()


def test_fog_hides_the_horizon_first_and_is_of_one_colour() -> None:
    image = texture(3)
    light, dense = spoilt("fog", image, 1.0), spoilt("fog", image, 200.0)
    change = (light.float() - image.float()).abs().mean(dim=(0, 2))
    assert change[:20].mean() > 1.5 * change[-10:].mean()
    sky = dense[:, : image.shape[1] // 3].flatten(1)
    assert (sky == sky[0, 0]).all()


def test_kernels() -> None:
    for kernel in (disc(3.3), line(7.5, 0.3)):
        assert kernel.sum() == pytest.approx(1)
        assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
    assert disc(0.2)[1, 1] == pytest.approx(1)
    assert 1 / disc(10).max() == pytest.approx(math.pi * 100, rel=0.01)
    across = line(9, 0.0)
    middle = across.shape[0] // 2
    assert across[middle].sum() == pytest.approx(1)
    places = np.arange(across.shape[1]) - middle
    evenly, between_pixels = 81 / 12, 1 / 6
    assert (across[middle] * places**2).sum() == pytest.approx(evenly + between_pixels, rel=0.05)


@pytest.mark.parametrize("name", MOVING)
def test_displacements_are_as_long_on_average_as_they_say(name: str) -> None:
    """Ramps to the right and down tell by how much every pixel came from elsewhere, borders apart."""
    height, width, amount = 100, 140, 3.0
    right = torch.arange(width, dtype=torch.uint8).expand(height, width)[None]
    down = torch.arange(height, dtype=torch.uint8)[:, None].expand(height, width)[None]
    moved = [spoilt(name, ramp.contiguous(), amount).float() - ramp for ramp in (right, down)]
    length = torch.hypot(*moved)[0]
    inner = length[12:-12, 12:-12]
    if name in ("shift", "parallax"):
        assert inner.mean().item() == pytest.approx(amount, rel=0.15)
    else:  # far from the centre it is more: the inner part has less than the mean
        assert 0.55 * amount < inner.mean().item() < amount
        assert length[height // 2 - 2 : height // 2 + 2, width // 2 - 2 : width // 2 + 2].mean() < 0.4


def test_jpeg_is_what_pillow_reads_at_that_quality() -> None:
    import io

    from PIL import Image

    image = texture()
    buffer = io.BytesIO()
    Image.fromarray(image[0].numpy()).save(buffer, "JPEG", quality=30)
    expected = np.asarray(Image.open(buffer))
    assert np.abs(spoilt("jpeg", image, 70)[0].numpy().astype(int) - expected).max() <= 1


def test_severities_take_what_they_say_on_the_pairs_they_were_measured_on() -> None:
    lines = [text for text in SEVERITIES_FILE.read_text().splitlines() if not text.startswith("#")]
    head = lines[0].split(",")
    for text in lines[1:]:
        row = dict(zip(head, text.split(","), strict=True))
        steps = [float(row[str(severity)]) for severity in SEVERITIES]
        assert steps == sorted(set(steps)) and steps[0] > 0
        if row["corruption"] in MOVING:
            assert steps == list(PIXELS.values())
        elif row["corruption"] != "crossover":
            for severity in SEVERITIES:
                assert float(row[f"ssim {severity}"]) == pytest.approx(TARGETS[severity], abs=0.015), row
    assert {text.split(",")[0] for text in lines[1:]} == set(corruption_names())


def test_calibration_finds_where_a_falling_function_meets_a_target() -> None:
    found = amounts_for(lambda amount: math.exp(-amount), [0.9, 0.6], 10)
    assert np.exp(-np.array(found)).tolist() == pytest.approx([0.9, 0.6], abs=0.005)
    assert amounts_for(lambda amount: 1 - amount / 100, [0.95, 0.6], 10)[1] == 10


def test_levels(tmp_path: Path) -> None:
    assert [level.key for level in levels_of("own", ("fog", "low-light"), (3, 1))] == [
        "clean",
        "fog-1",
        "fog-3",
        "low-light-1",
        "low-light-3",
    ]
    assert CorruptionLevel.of("low-light-3") == CorruptionLevel("low-light", 3)
    assert CorruptionLevel.of("clean") == CLEAN
    assert not any(level.corruption == "crossover" for level in levels_of("vifb"))
    assert any(level.corruption == "crossover" for level in levels_of("challenge/v1"))
    with pytest.raises(PairError, match="did you mean fog"):
        levels_of("own", ("fogg",))
    with pytest.raises(PairError, match="severity 6"):
        levels_of("own", ("fog",), (6,))


def test_crossover_takes_rendered_scenes(pair: Pair) -> None:
    with pytest.raises(PairError, match="rendered"):
        corrupted(pair, CorruptionLevel("crossover", 5), "own")


def rendered_night(cache: Path) -> Pair:
    return next(pair for pair in synthetic_dataset(cache=cache, pairs=2, sequence=0) if pair.name == "night-00")


def test_crossover_makes_people_as_warm_as_what_is_behind_them(tmp_path: Path) -> None:
    scene = rendered_night(tmp_path)
    assert scene.boxes is not None
    clean = scene.read().infrared[0].float()
    inside = torch.zeros(clean.shape, dtype=torch.bool)
    for left, top, right, bottom in scene.boxes.xyxy.astype(int):
        # the camera sharpens what lies around
        inside[max(0, top - 16) : bottom + 16, max(0, left - 16) : right + 16] = True
    changes = []
    for severity in (1, 3, 5):
        images = corrupted(scene, CorruptionLevel("crossover", severity), "synthetic").read()
        assert torch.equal(images.visible, scene.read().visible)
        change = (images.infrared[0].float() - clean).abs()
        assert change[~inside].max() <= 1
        changes.append(change[inside].mean().item())
    assert 0.5 < changes[0] < changes[1] < changes[2]


def test_crossover_of_nothing_is_the_scene_as_it_was_rendered(tmp_path: Path) -> None:
    scene = rendered_night(tmp_path)
    assert torch.equal(crossover_source("synthetic", scene.name, 0.0, 0).read(), scene.read().infrared)
    with pytest.raises(PairError, match="not rendered with"):
        crossover_source("synthetic", "elsewhere", 0.0, 0)


@pytest.mark.real
def test_severities_mean_the_same_on_photographs(real_folder) -> None:  # type: ignore[no-untyped-def]
    """Of pairs that no constant was made from, the mean over all corruptions comes near the targets."""
    from ivif.datasets.layouts import vifb

    data = vifb(real_folder("VIFB"))[::5]
    for severity in (1, 5):
        found = []
        for name in set(NAMES) - set(MOVING):
            for own in data:
                camera = find_corruption(name).camera
                images = corrupted(own, CorruptionLevel(name, severity), "vifb").read()
                found.append(source_ssim(getattr(own.read(), camera), getattr(images, camera)))
        assert np.mean(found) == pytest.approx(TARGETS[severity], abs=0.08)
