"""How many times as fast as plain code: compared with what was measured last, ``speed_ratios.json``.

The plain evaluator has dense convolutions and sorted labels and shares nothing, as those in the field do.

Ratios of processor seconds within one run, one thread, medians of rounds that take turns: another machine, or a busy
one, changes them little. ``IVIF_RECORD_SPEED=1`` writes the file anew.
"""

from __future__ import annotations

import json
import math
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
from scipy.signal import convolve2d, fftconvolve
from torch import Tensor

from ivif.benchmark.metrics import Picture, features, measure

RECORDED = Path(__file__).with_name("speed_ratios.json")
ALLOWED_LOSS = 0.25
ROUNDS = 5

ZOO = (
    *("en", "ce", "mi", "nmi", "qncie", "te", "ag", "ei", "sd", "sf", "cc", "scd", "mse", "psnr", "vif", "qabf"),
    *("nabf", "ssim", "msssim", "qcb", "qy"),
)
"""The 21 metrics of IVIF_ZOO, by their keys here."""

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


def cross_entropy(source: Image, fused: Image) -> float:
    shares, others = (
        np.bincount(image.astype(np.uint8).ravel(), minlength=256) / image.size for image in (source, fused)
    )
    both = (shares > 0) & (others > 0)
    return float((shares[both] * np.log2(shares[both] / others[both])).sum())


def tsallis(source: Image, fused: Image) -> float:
    (first, one), (second, other) = (np.unique(image.ravel(), return_inverse=True) for image in (source, fused))
    joint = np.zeros((len(first), len(second)))
    np.add.at(joint, (one.ravel(), other.ravel()), 1 / fused.size)
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    terms = joint[joint > 0] ** 1.85 / independent[joint > 0] ** 0.85
    return float((terms.sum() - 1) / 0.85)


def eigenvalue_entropy(infrared: Image, visible: Image, fused: Image) -> float:
    """QNCIE."""
    matrix = np.eye(3)
    images = infrared, visible, fused
    for row, column in ((0, 1), (0, 2), (1, 2)):
        matrix[row, column] = matrix[column, row] = mutual_information(images[row], images[column]) / 8
    shares = np.linalg.eigvalsh(matrix) / 3
    return float(1 + (shares * np.log(shares)).sum() / np.log(256))


def edge_intensity(fused: Image) -> float:
    padded, smooth = np.pad(fused, 1, "edge"), np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]])
    return float(np.hypot(*(convolve2d(padded, kernel, "valid") for kernel in (smooth, smooth.T))).mean())


def gaussian_window(side: int, sigma: float) -> Image:
    places = np.arange(side) - side // 2
    window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * sigma**2))
    return window / window.sum()


def similarity(source: Image, fused: Image, window: Image, constants: tuple[float, float]) -> tuple[Image, Image]:
    """Luminance and structure terms of structural similarity in every window within the image."""
    mean, fused_mean = (convolve2d(image, window, "valid") for image in (source, fused))
    variance = convolve2d(source * source, window, "valid") - mean**2
    fused_variance = convolve2d(fused * fused, window, "valid") - fused_mean**2
    covariance = convolve2d(source * fused, window, "valid") - mean * fused_mean
    luminance = (2 * mean * fused_mean + constants[0]) / (mean**2 + fused_mean**2 + constants[0])
    return luminance, (2 * covariance + constants[1]) / (variance + fused_variance + constants[1])


SSIM = gaussian_window(11, 1.5), (2.55**2, 7.65**2)


def structural_similarity(source: Image, fused: Image) -> float:
    luminance, structure = similarity(source, fused, *SSIM)
    return float((luminance * structure).mean())


def multiscale_similarity(source: Image, fused: Image) -> float:
    product = 1.0
    for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        if scale:
            padded = (np.pad(image, [(side % 2, side % 2) for side in image.shape]) for image in (source, fused))
            source, fused = (convolve2d(image, np.full((2, 2), 1 / 4), "valid")[::2, ::2] for image in padded)
        luminance, structure = similarity(source, fused, *SSIM)
        product *= max(0, (luminance * structure if scale == 4 else structure).mean()) ** weight
    return float(product)


def yang(infrared: Image, visible: Image, fused: Image) -> float:
    window = gaussian_window(7, 1.5)
    variances = [
        convolve2d(image**2, window, "valid") - convolve2d(image, window, "valid") ** 2 for image in (infrared, visible)
    ]
    share = variances[0] / (variances[0] + variances[1])
    pairs = (infrared, visible), (infrared, fused), (visible, fused)
    alike, first, second = (np.multiply(*similarity(*pair, window, (0, 0))) for pair in pairs)
    mixed = share * first + (1 - share) * second
    return float(np.where(alike >= 0.75, mixed, np.maximum(first, second)).mean())


def masked_contrast(image: Image) -> Image:
    height, width = image.shape
    stretched = np.floor((image - image.min()) / (image.max() - image.min()) * 255 + 0.5)
    down, across = np.fft.fftfreq(height) * height / 15, np.fft.fftfreq(width) * width / 15
    frequency = np.hypot(down[:, None], across)
    sensitivity = np.exp(-((frequency / 15.387) ** 2)) - 0.7622 * np.exp(-((frequency / 1.3456) ** 2))
    seen = np.fft.ifft2(np.fft.fft2(stretched) * sensitivity).real
    places = np.arange(-15, 16)
    blurred = []
    for sigma in (2, 4):
        window = np.exp(-(places[:, None] ** 2 + places**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        blurred.append(fftconvolve(seen, window, "same"))
    contrast = abs(blurred[0] / blurred[1] - 1)
    return contrast**3 / (contrast**2 + 1e-4)


def chen_blum(infrared: Image, visible: Image, fused: Image) -> float:
    first, second, result = (masked_contrast(image) for image in (infrared, visible, fused))
    kept = [np.minimum(source, result) / np.maximum(source, result) for source in (first, second)]
    weight = first**2 / (first**2 + second**2)
    return float((weight * kept[0] + (1 - weight) * kept[1]).mean())


def artifacts(infrared: Image, visible: Image, fused: Image) -> float:
    """Nabf, with arrays for gradients and a loop over pixels for what is made of them, as in circulation."""
    smooth = np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]) / 8
    strengths, angles = [], []
    for image in (infrared, visible, fused):
        along, across = (convolve2d(np.pad(image, 1, "reflect"), kernel, "valid") for kernel in (smooth, smooth.T))
        strengths.append(np.hypot(across, along))
        with np.errstate(divide="ignore", invalid="ignore"):
            angles.append(np.where(strengths[-1] > 0, np.arctan(across / along), 0))
    lost = whole = 0.0
    for place in np.ndindex(*fused.shape):
        strength, angle = strengths[2][place], angles[2][place]
        new = strength > strengths[0][place] and strength > strengths[1][place]
        for source in range(2):
            own = strengths[source][place]
            weight = own**1.5 if own >= 2 else 0.001
            ratio = min(own, strength) / max(own, strength) if max(own, strength) > 0 else 0
            aligned = abs(abs(angles[source][place] - angle) - np.pi / 2) / (np.pi / 2)
            kept = 0.9999 / (1 + math.exp(-19 * (ratio - 0.5))) * 0.9995 / (1 + math.exp(-22 * (aligned - 0.5)))
            whole += weight
            lost += new * (1 - math.sqrt(kept)) * weight
    return float(lost / whole)


def evaluate_more(infrared: Image, visible: Image, fused: Image) -> dict[str, float]:
    """The other metrics of `ZOO` but for Nabf, of images in 0..255."""
    sources = infrared, visible
    error = sum(((source - fused) ** 2).mean() for source in sources) / 2
    steps = [np.diff(fused, axis=axis) for axis in (0, 1)]
    return {
        "ce": sum(cross_entropy(source, fused) for source in sources) / 2,
        "nmi": sum(2 * mutual_information(source, fused) / (entropy(source) + entropy(fused)) for source in sources),
        "qncie": eigenvalue_entropy(infrared, visible, fused),
        "te": sum(tsallis(source, fused) for source in sources),
        "ag": float(np.sqrt(sum(step**2 for step in np.gradient(fused)) / 2).mean()),
        "ei": edge_intensity(fused),
        "sf": float(np.sqrt(sum((step**2).mean() for step in steps))),
        "cc": sum(correlation(source, fused) for source in sources) / 2,
        "mse": error,
        "psnr": 10 * np.log10(255**2 / error),
        "ssim": sum(structural_similarity(source, fused) for source in sources),
        "msssim": sum(multiscale_similarity(source, fused) for source in sources),
        "qcb": chen_blum(infrared, visible, fused),
        "qy": yang(infrared, visible, fused),
    }


def evaluate_all(infrared: Image, visible: Image, fused: Image) -> dict[str, float]:
    """The 21 metrics of `ZOO`."""
    images = infrared, visible, fused
    return {**evaluate(*images), **evaluate_more(*images), "nabf": artifacts(*images)}


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
    images = [scene(seed, (163, 190)) for seed in (1, 2, 3)]
    arrays = [image[0, 0].double().numpy() for image in images]
    plain = evaluate_all(*arrays)
    for key, found in measure(*images, ZOO).items():
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
        "21 metrics, sources new": (lambda: evaluate_all(*arrays), lambda: measure(*images, ZOO)),
        "21 metrics, sources seen": (
            lambda: evaluate_all(*arrays),
            lambda: measure(*seen, Picture(images[2]), ZOO),
        ),
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
            before = f"{recorded[name]} when last recorded" if name in recorded else "not yet recorded"
            print(f"{name}: {ratio:.1f} times as fast as plain code, {before}")
    slow = [name for name, ratio in ratios.items() if ratio < (1 - ALLOWED_LOSS) * recorded.get(name, 0)]
    assert not slow, f"more than {ALLOWED_LOSS:.0%} slower than recorded: {', '.join(slow)}"
