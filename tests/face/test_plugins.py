"""Other people's methods, metrics, data sets and detectors, from a file beside the user or an installed package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ivif.__main__ import group
from ivif.benchmark.metrics.registry import _METRICS
from ivif.benchmark.run_directory import Run
from ivif.datasets.images import write_png
from ivif.plugins import offered

THEIRS = '''
import torch
from torch import nn
from ivif.benchmark.metrics import metric
from ivif.datasets import Boxes, pair_folders
from ivif.fusion import FusionMethod


@metric("range", "Dynamic range", formula="max F - min F", family="contrast", paper="none", rewards_noise=True)
def dynamic_range(infrared, visible, fused):
    """The distance between the darkest and the brightest pixel."""
    return (fused.levels.amax((1, 2, 3)) - fused.levels.amin((1, 2, 3))).double()


def street(root=".", rotation=0):
    return pair_folders(f"{root}/infrared", f"{root}/visible", "street")


class Net(nn.Module):
    name = "ours"
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(2, 1, 1)
        self.load_state_dict(torch.load("net.pt", weights_only=True))
    def forward(self, infrared, visible):
        return self.layer(torch.cat((infrared, visible), 1)).clamp(0, 1)


class Method(FusionMethod):
    name = "our method"
    def __init__(self):
        self.net = Net()
    def fuse_planes(self, infrared, visible):
        return self.net(infrared, visible)


class Corner:
    name = "corner"
    def __init__(self, settings, device):
        self.label = settings.label
    def detect(self, images):
        return [Boxes([[0, 0, 8, 16]], (self.label,), scores=[0.9]) for _ in images]
    def fingerprint(self):
        return "corner 1"
'''

ENTRY_POINTS = """
[ivif.methods]
theirs = theirs:Method
[ivif.metrics]
range = theirs:dynamic_range
[ivif.datasets]
street = theirs:street
[ivif.detectors]
corner = theirs:Corner
"""


def write_weights(folder: Path, infrared: float) -> None:
    weight = torch.tensor([infrared, 1 - infrared]).view(1, 2, 1, 1)
    torch.save({"layer.weight": weight, "layer.bias": torch.zeros(1)}, folder / "net.pt")


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A folder with pairs of 32x32, labels of a person in their corner, other people's code, and its weights."""
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        for camera in ("infrared", "visible"):
            picture = torch.from_numpy(random.integers(0, 256, (1, 32, 32), dtype=np.uint8))
            write_png(tmp_path / camera / f"{name}.png", picture)
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{name}.txt").write_text("0 0.125 0.25 0.25 0.5\n")
    (tmp_path / "theirs.py").write_text(THEIRS)
    write_weights(tmp_path, 0.25)
    return tmp_path


Ivif = Callable[..., str]


@pytest.fixture
def ivif(beside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Ivif]:
    """``ivif("benchmark list metrics")`` in that folder; what it prints, or says of its error."""
    monkeypatch.chdir(beside)
    monkeypatch.syspath_prepend(str(beside))
    sys.modules.pop("theirs", None)  # that of another test
    offered.cache_clear()

    def run(words: str, code: int = 0) -> str:
        name, *arguments = words.split()
        assert group(name).main(arguments) == code
        told = capsys.readouterr()
        return told.out if code == 0 else told.err

    yield run
    sys.modules.pop("theirs", None)
    offered.cache_clear()
    for key in [key for key, its in _METRICS.items() if its.function.__module__ == "theirs"]:
        del _METRICS[key]


@pytest.fixture
def installed(beside: Path) -> None:
    """The same code as a package that an installer put somewhere."""
    facts = beside / "theirs-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)


SOURCES = "--infrared infrared --visible visible"


def test_a_metric_of_ones_own_in_every_place(ivif: Ivif, beside: Path) -> None:
    table = ivif(
        f"benchmark run {SOURCES} --method average,maximum --metrics en,theirs:dynamic_range --out run --jobs 2"
    )
    assert "RANGE ↑" in table
    assert "RANGE" in ivif("benchmark leaderboard run --format md")
    assert "theirs:dynamic_range: Dynamic range" in ivif("benchmark explain theirs:dynamic_range")
    pictures = [np.asarray(_read(beside / camera / "a.png"), float) for camera in ("infrared", "visible")]
    largest = np.maximum(*pictures)
    row = next(
        row
        for row in Run(beside / "run").rows()
        if (row.method, row.pair, row.metric[:6]) == ("maximum", "a", "theirs")
    )
    assert row.value == largest.max() - largest.min()


def _read(path: Path) -> object:
    from PIL import Image

    return Image.open(path)


def test_data_of_ones_own(ivif: Ivif, beside: Path) -> None:
    ivif("benchmark run --dataset theirs:street --method average --metrics en --out run")
    assert Run(beside / "run").pairs == {"street": ("a", "b")}


def test_a_detector_of_ones_own(ivif: Ivif) -> None:
    told = ivif(
        f"benchmark run {SOURCES} --labels labels --method average --metrics en --detector theirs:Corner --out run"
    )
    assert "People found by corner" in told and "1.00" in told
    assert "AP50" in ivif("downstream detect --images visible --labels labels --detector theirs:Corner --out down")


@pytest.mark.parametrize(("own", "called"), [("theirs:Net", "ours"), ("theirs:Method", "our method")])
def test_new_weights_in_the_same_file_give_new_numbers(ivif: Ivif, beside: Path, own: str, called: str) -> None:
    command = f"benchmark run {SOURCES} --method average,{own} --metrics en,sd --out run --jobs 1"
    first = ivif(command)
    assert called in first and own not in first
    assert "0 fused images done now" in ivif(command)
    write_weights(beside, 0.75)
    second = ivif(command)
    assert "2 fused images done now, 2 still valid" in second
    line, again = ([found for found in text.splitlines() if found.startswith(called)] for text in (first, second))
    assert line != again


def test_ones_own_class_by_another_name(ivif: Ivif, beside: Path) -> None:
    ivif(f"benchmark run {SOURCES} --method Proposed=theirs:Net --method theirs:Net --metrics en --out run")
    assert Run(beside / "run").methods == ("Proposed", "ours")


@pytest.mark.usefixtures("installed")
def test_what_an_installed_package_offers(ivif: Ivif, beside: Path) -> None:
    """Its names are used like those of this project."""
    words = "--dataset street --method theirs --metrics range --out run --jobs 1"
    assert "RANGE" in ivif(f"benchmark run {words}")
    for what, name in (("methods", "theirs"), ("metrics", "range"), ("datasets", "street")):
        assert any(line.startswith(name) for line in ivif(f"benchmark list {what}").splitlines())
    assert "Dynamic range" in ivif("benchmark explain range")
    assert "AP50" in ivif("downstream detect --images visible --labels labels --detector corner --out down")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--metrics theirs:street", "theirs:street is no metric"),
        ("--metrics theirs:nothing", "module 'theirs' has no attribute 'nothing'"),
        ("--dataset theirs:Net", "theirs:Net"),
        ("--detector theirs:Net --labels labels", "cannot be made of settings and a device"),
    ],
)
def test_what_is_of_another_kind_is_refused(ivif: Ivif, words: str, told: str) -> None:
    sources = "" if "--dataset" in words else SOURCES
    assert told in ivif(f"benchmark run {sources} {words} --method average --out run", code=2)


def test_a_network_that_keeps_random_weights_is_refused(ivif: Ivif, beside: Path) -> None:
    """A part that is loaded doesn't make up for one that is not."""
    code = THEIRS.replace("self.load_state_dict", "self.head = nn.Conv2d(1, 1, 1)\n        self.layer.load_state_dict")
    own = "{'weight': torch.ones(1, 2, 1, 1), 'bias': torch.zeros(1)}"
    (beside / "theirs.py").write_text(code.replace('torch.load("net.pt", weights_only=True)', own))
    told = ivif(f"benchmark run {SOURCES} --method theirs:Net --out run", code=2)
    assert "would fuse with random weights" in told


def test_weights_of_a_file_still_win(ivif: Ivif, beside: Path) -> None:
    """``mine:Net=FILE`` takes the file, whatever the class loads by itself."""
    save_file(
        {"layer.weight": torch.tensor([1.0, 0]).view(1, 2, 1, 1), "layer.bias": torch.zeros(1)},
        beside / "w.safetensors",
    )
    ivif(f"benchmark run {SOURCES} --method theirs:Net=w.safetensors --metrics en --out run --jobs 1")
    fused = next((beside / "run" / "fused").rglob("a.png"))
    assert np.array_equal(np.asarray(_read(fused)), np.asarray(_read(beside / "infrared" / "a.png")))
