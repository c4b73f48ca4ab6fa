"""The face in Python: every way to hold an image gives the numbers of the command line."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

import ivif
from ivif.benchmark.cli import main
from ivif.benchmark.metrics import MetricError
from ivif.datasets.images import ImageError, write_png
from ivif.pictures import as_levels

RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (48, 64, 3), dtype=np.uint8)
INFRARED, VISIBLE = RANDOM.integers(0, 256, (2, 48, 64), dtype=np.uint8)
GREY = ((COLOUR @ np.array([299, 587, 114]) + 500) // 1000).astype(np.uint8)  # BT.601, rounded half up


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, image in {"infrared": INFRARED, "visible": VISIBLE, "fused": COLOUR}.items():
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    return tmp_path


KINDS = {
    "path": lambda folder: folder / "fused.png",
    "text": lambda folder: str(folder / "fused.png"),
    "pillow": lambda folder: Image.fromarray(COLOUR),
    "array": lambda folder: COLOUR,
    "array, channels first": lambda folder: COLOUR.transpose(2, 0, 1),
    "array of one channel": lambda folder: GREY[..., None],
    "grey array": lambda folder: GREY,
    "floats": lambda folder: GREY / 255,
    "float32": lambda folder: (GREY / 255).astype(np.float32),
    "tensor": lambda folder: torch.from_numpy(COLOUR).permute(2, 0, 1),
    "float tensor": lambda folder: torch.from_numpy(GREY)[None].float() / 255,
}


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_images_give_the_same_numbers(kind: str, folder: Path) -> None:
    found = ivif.score(KINDS[kind](folder), folder / "infrared.png", folder / "visible.png", ["sd", "en", "qabf"])
    expected = ivif.score(GREY, INFRARED, VISIBLE, ["sd", "en", "qabf"])
    assert found == expected and found["sd"] == pytest.approx(GREY.std(), rel=1e-9)


@pytest.mark.filterwarnings("error")
def test_arrays_that_may_not_be_written_to_are_taken_without_a_word(folder: Path) -> None:
    infrared, visible, fused = (
        np.asarray(Image.open(folder / f"{name}.png")) for name in ("infrared", "visible", "fused")
    )
    assert not fused.flags.writeable
    assert ivif.score(fused, infrared, visible, "sd")["sd"] == pytest.approx(GREY.std(), rel=1e-9)


def test_the_numbers_are_those_of_the_command_line(folder: Path, tmp_path: Path) -> None:
    for name in ("infrared", "visible", "fused"):
        write_png(
            tmp_path / name / "a.png", torch.from_numpy(np.array(Image.open(folder / f"{name}.png").convert("L")))[None]
        )
    command = ["run", "--infrared", str(tmp_path / "infrared"), "--visible", str(tmp_path / "visible")]
    command += [
        "--method",
        f"mine={tmp_path / 'fused'}",
        "--metrics",
        "core",
        "--out",
        str(tmp_path / "run"),
        "--jobs",
        "1",
    ]
    assert main(command) == 0
    (row,) = csv.DictReader((tmp_path / "run" / "leaderboard.csv").open())
    scores = ivif.score(*(tmp_path / name / "a.png" for name in ("fused", "infrared", "visible")))
    assert {key: float(row[key]) for key in scores} == pytest.approx(scores, rel=1e-6)
    assert "mine" in ivif.leaderboard(tmp_path / "run") and "mine" in ivif.leaderboard(tmp_path / "run", "tex")


def test_batches(folder: Path) -> None:
    three = torch.from_numpy(np.stack([GREY, INFRARED, VISIBLE]))[:, None]
    values = ivif.score(three, INFRARED, VISIBLE, "sd")["sd"]
    assert values == pytest.approx([GREY.std(), INFRARED.std(), VISIBLE.std()])
    again = ivif.score([folder / "fused.png", Image.fromarray(INFRARED), VISIBLE], INFRARED, VISIBLE, "sd")["sd"]
    assert again.tolist() == values.tolist()
    alone = ivif.score([GREY], [INFRARED], [VISIBLE], "sd")["sd"]
    assert alone.shape == (1,)


def test_metrics_are_functions_with_their_explanation() -> None:
    assert ivif.metrics.sd(GREY, INFRARED, VISIBLE) == pytest.approx(GREY.std())
    assert "Visual information fidelity" in (ivif.metrics.vif.__doc__ or "")
    assert "vif" in dir(ivif.metrics) and not hasattr(ivif.metrics, "nonsense")
    assert "ssim" in ivif.list_metrics("*ssim*") and "vif" not in ivif.list_metrics("*SSIM*")


def test_a_metric_fed_batch_by_batch() -> None:
    metric = ivif.FusionMetric("sd")
    assert float(metric(GREY, INFRARED, VISIBLE)) == pytest.approx(GREY.std())
    metric.update([INFRARED, VISIBLE], INFRARED, VISIBLE)
    assert float(metric.compute()) == pytest.approx(np.mean([GREY.std(), INFRARED.std(), VISIBLE.std()]))
    metric.reset()
    with pytest.raises(MetricError, match="before any update"):
        metric.compute()


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (GREY.astype(np.uint16), "no unique black and white"),
        (GREY / 100, r"in 0\.\.1, found 0\.\d+\.\.2\."),
        (GREY / 255 - 0.5, r"found -0\.4"),
        (np.full((48, 64), np.nan), "found nan"),
        (np.zeros((2, 48, 64), np.uint8), r"found \[2, 48, 64\]"),
        (np.zeros((3, 48, 3), np.uint8), "first or last"),
        (object(), "found object"),
        ([GREY, GREY[:40]], "64x40, 64x48"),
        ([], "no image"),
    ],
)
def test_what_cannot_be_told_is_refused(image: object, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        ivif.score(image, INFRARED, VISIBLE)


def test_fusing(folder: Path) -> None:
    fused = ivif.fuse("average", folder / "infrared.png", folder / "visible.png")
    assert fused.dtype == torch.uint8 and fused.shape == (1, 48, 64)
    assert np.abs(fused[0].numpy() - (INFRARED.astype(int) + VISIBLE) / 2).max() <= 0.51
    again = ivif.fuse(ivif.load("average"), [INFRARED, INFRARED], [VISIBLE, VISIBLE])
    assert again.shape == (2, 1, 48, 64) and torch.equal(again[1], fused)
    assert ivif.fuse("average", INFRARED, COLOUR).shape == (3, 48, 64)


def test_a_run(folder: Path, tmp_path: Path) -> None:
    for name, image in (("infrared", INFRARED), ("visible", VISIBLE)):
        write_png(tmp_path / name / "a.png", torch.from_numpy(image)[None])
    sources = {name: tmp_path / name for name in ("infrared", "visible")}
    found = ivif.run(out=tmp_path / "run", methods=["average"], metrics=["sd"], jobs=1, **sources)
    assert "average" in ivif.leaderboard(found)


@pytest.mark.parametrize("key", ["ssim", "vif", "qabf", "ag", "sf"])
def test_terms_of_losses_follow_the_metric_and_lead_up(key: str) -> None:
    grids = torch.rand(2, 1, 1, 8, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sources = [interpolate(grid, (48, 64), mode="bicubic").clamp(0, 1) for grid in grids]
    fused = (sum(sources) / 2).clone().requires_grad_()
    before = ivif.score(fused, *sources, key)[key][0]
    assert getattr(ivif.losses, key)(fused, *sources).item() == pytest.approx(before, rel=0.05)  # which rounds
    optimizer = torch.optim.Adam([fused], lr=0.003, maximize=True)
    for _ in range(30):
        optimizer.zero_grad()
        getattr(ivif.losses, key)(fused, *sources).backward()
        optimizer.step()
    assert ivif.score(fused.clamp(0, 1), *sources, key)[key][0] > 1.03 * before


@pytest.mark.parametrize("key", ["ssim", "vif", "qabf", "ag", "sf"])
def test_terms_of_losses_survive_flat_images(key: str) -> None:
    flat = torch.full((1, 1, 48, 64), 0.5, requires_grad=True)
    term = getattr(ivif.losses, key)(flat, *(torch.from_numpy(i)[None, None] / 255 for i in (INFRARED, VISIBLE)))
    (gradient,) = torch.autograd.grad(term, flat)
    assert torch.isfinite(gradient).all()


def test_terms_that_have_no_gradient_are_refused() -> None:
    image = torch.zeros(1, 1, 48, 64)
    with pytest.raises(MetricError, match="no gradient"):
        ivif.losses.differentiable("en", image, image, image)
    with pytest.raises(MetricError, match="of one size"):
        ivif.losses.ssim(image, image[..., :40], image)
    assert not hasattr(ivif.losses, "en")


def test_the_package_says_what_it_is() -> None:
    assert ivif.__version__.count(".") == 2
    assert all(hasattr(ivif, name) for name in ivif.__all__) and set(ivif.__all__) <= set(dir(ivif))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ivif.nonsense


def test_importing_it_is_quick() -> None:
    """Nothing heavy until something is used."""
    code = "import sys, ivif; print(*(name for name in ('torch', 'numpy', 'scipy') if name in sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == []


def test_levels_are_on_the_device_of_the_tensor() -> None:
    image = torch.zeros(1, 4, 5, dtype=torch.uint8)
    found: Tensor = as_levels(image)
    assert found.shape == (1, 1, 4, 5) and found.device == image.device
