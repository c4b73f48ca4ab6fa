"""How many times as fast as plain code: compared with what was measured last, ``speed_ratios.json``.

The plain evaluator has dense convolutions and sorted labels and shares nothing, as those in the field do.

Ratios of processor seconds within one run, one thread, medians of rounds that take turns: another machine, or a busy
one, changes them little. ``IVIF_RECORD_SPEED=1`` writes the file anew.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from scipy.signal import convolve2d
from torch import Tensor

from ivif.benchmark.metrics import Picture, features, measure

RECORDED = Path(__file__).with_name("speed_ratios.json")
ALLOWED_LOSS = 0.25
ROUNDS = 5

Image = NDArray[np.float64]


def entropy(fused: Image) -> float:
    shares = np.bincount(fused.astype(np.uint8).ravel(), minlength=256) / fused.size
    return float(-(shares[shares > 0] * np.log2(shares[shares > 0])).sum())


def mutual_information(source: Image, fused: Image) -> float:
    """In bits, from the contingency table of sorted labels."""
    (first, one), (second, other) = (np.unique(image.ravel(), return_inverse=True) for image in (source, fused))
    joint = np.zeros((len(first), len(second)))
    np.add.at(joint, (one.ravel(), other.ravel()), 1 / fused.size)
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    return float((joint[joint > 0] * np.log2(joint[joint > 0] / expected[joint > 0])).sum())


def correlation(first: Image, second: Image) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))


def visual_information(source: Image, fused: Image) -> float:
    kept = available = 0.0
    for scale in range(1, 5):
        side = 2 ** (5 - scale) + 1
        places = np.arange(side) - side // 2
        window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * (side / 5) ** 2))
        window /= window.sum()
        if scale > 1:
            source, fused = (convolve2d(image, window, "valid")[::2, ::2] for image in (source, fused))
        mean, fused_mean = (convolve2d(image, window, "valid") for image in (source, fused))
        variance = np.maximum(convolve2d(source * source, window, "valid") - mean**2, 0)
        fused_variance = np.maximum(convolve2d(fused * fused, window, "valid") - fused_mean**2, 0)
        covariance = convolve2d(source * fused, window, "valid") - mean * fused_mean
        gain = covariance / (variance + 1e-10)
        distortion = fused_variance - gain * covariance
        gain[variance < 1e-10] = 0
        distortion[variance < 1e-10] = fused_variance[variance < 1e-10]
        variance[variance < 1e-10] = 0
        gain[fused_variance < 1e-10] = distortion[fused_variance < 1e-10] = 0
        distortion[gain < 0] = fused_variance[gain < 0]
        gain[gain < 0] = 0
        distortion[distortion <= 1e-10] = 1e-10
        kept += np.log10(1 + gain**2 * variance / (distortion + 2)).sum()
        available += np.log10(1 + variance / 2).sum()
    return float(kept / available)


def edges(image: Image) -> tuple[Image, Image]:
    across = convolve2d(image, [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "same")
    along = convolve2d(image, [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], "same")
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.arctan(along / across)
    angle[across == 0] = np.pi / 2
    return np.sqrt(across**2 + along**2), angle


def edges_kept(source: Image, fused: Image) -> tuple[float, float]:
    (strength, angle), (fused_strength, fused_angle) = edges(source), edges(fused)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(strength > fused_strength, fused_strength / strength, strength / fused_strength)
    ratio = np.where(strength == fused_strength, fused_strength, ratio)
    aligned = 1 - np.abs(angle - fused_angle) / (np.pi / 2)
    kept = 0.9994 / (1 + np.exp(-15 * (ratio - 0.5))) * (0.9879 / (1 + np.exp(-22 * (aligned - 0.8))))
    return float((kept * strength).sum()), float(strength.sum())


def evaluate(infrared: Image, visible: Image, fused: Image) -> dict[str, float]:
    """EN, SD, MI, SCD, VIF and Qabf of images in 0..255."""
    kept = [edges_kept(source, fused) for source in (infrared, visible)]
    return {
        "en": entropy(fused),
        "sd": float(np.sqrt(((fused - fused.mean()) ** 2).mean())),
        "mi": mutual_information(infrared, fused) + mutual_information(visible, fused),
        "scd": correlation(fused - visible, infrared) + correlation(fused - infrared, visible),
        "vif": visual_information(infrared, fused) + visual_information(visible, fused),
        "qabf": sum(part for part, _ in kept) / sum(whole for _, whole in kept),
    }


def scene(seed: int, size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 46, 63, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)
    return (smooth * 230 + torch.rand(1, 1, *size, generator=generator) * 25).to(torch.uint8)


def machine() -> str:
    """Processor and number of cores."""
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].partition(': ')[2]}, {len(names)} threads"


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_the_plain_evaluator_gives_the_same_values() -> None:
    images = [scene(seed, (90, 120)) for seed in (1, 2, 3)]
    plain = evaluate(*(image[0, 0].double().numpy() for image in images))
    for key, found in measure(*images, ["core"]).items():
        assert found.values.item() == pytest.approx(plain[key], rel=1e-6)


def test_speed_against_plain_code(benchmark: BenchmarkFixture, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    images = [scene(seed, (460, 630)) for seed in (1, 2, 3)]
    arrays = [image[0, 0].double().numpy() for image in images]
    seen = [Picture(image) for image in images[:2]]
    whole = [image[0].double() for image in images]
    works: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "core, sources new": (lambda: evaluate(*arrays), lambda: measure(*images, ["core"])),
        "core, sources seen": (lambda: evaluate(*arrays), lambda: measure(*seen, Picture(images[2]), ["core"])),
        "fmi, by operations": (
            lambda: features._mean_over_parts([image[0] for image in whole[:2]], whole[2][0]),
            lambda: measure(*images, ["fmi"]),
        ),
    }
    ratios = {}
    with torch.inference_mode():
        for name, (plain, ours) in works.items():
            ours()
            ratios[name] = median(seconds(plain) / seconds(ours) for _ in range(ROUNDS))
        benchmark(works["core, sources seen"][1])
    if os.environ.get("IVIF_RECORD_SPEED"):
        rounded = {name: round(ratio, 1) for name, ratio in ratios.items()}
        RECORDED.write_text(json.dumps({"machine": machine(), "ratios": rounded}, indent=2) + "\n")
    recorded = json.loads(RECORDED.read_text())["ratios"]
    with capsys.disabled():
        print()
        for name, ratio in ratios.items():
            print(f"{name}: {ratio:.1f} times as fast as plain code, {recorded[name]} when last recorded")
    slow = [name for name, ratio in ratios.items() if ratio < (1 - ALLOWED_LOSS) * recorded[name]]
    assert not slow, f"more than {ALLOWED_LOSS:.0%} slower than recorded: {', '.join(slow)}"
