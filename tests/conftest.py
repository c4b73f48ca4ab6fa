"""What all tests share: where the real images are that this repository does not hold."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from ivif.datasets.images import write_png
from ivif.datasets.pairs import PairDataset, pair_folders


def _folder(variable: str, default: str) -> Path:
    named = os.environ.get(variable)
    folder = Path(named).expanduser() if named else Path(__file__).parents[2] / "shared" / default
    if not folder.is_dir():
        pytest.skip(f"needs other people's files: {folder} is no folder (set {variable})")
    return folder


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with VIFB/, TNO/ ... : ``IVIF_DATA``, or ``shared/data`` beside the repository; skips where neither is."""
    return _folder("IVIF_DATA", "data")


@pytest.fixture(scope="session")
def golden_root() -> Path:
    """Folder with metrics/ and networks/: ``IVIF_GOLDEN``, or shared/golden beside the repository."""
    return _folder("IVIF_GOLDEN", "golden")


@pytest.fixture(scope="session")
def weights_root() -> Path:
    """Folder with converted weights and original/: ``IVIF_WEIGHTS``, or shared/weights beside the repository."""
    return _folder("IVIF_WEIGHTS", "weights")


@pytest.fixture(scope="session")
def real_folder(data_root: Path) -> Callable[[str], Path]:
    """``real_folder("VIFB")`` is that data set's folder; skips where it is missing."""

    def find(title: str) -> Path:
        if not (data_root / title).is_dir():
            pytest.skip(f"needs {data_root / title}")
        return data_root / title

    return find


@pytest.fixture
def smooth_pairs(tmp_path: Path) -> Callable[[int, int], PairDataset]:
    """``smooth_pairs(count, side)``: square pairs of smooth random pictures, called 0, 1 ..."""

    def make(count: int, side: int) -> PairDataset:
        random = np.random.default_rng(0)
        for number in range(count):
            for band in ("infrared", "visible"):
                coarse = torch.from_numpy(random.integers(0, 256, (1, 1, side // 6, side // 6)).astype(np.float32))
                smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")[0]
                write_png(tmp_path / band / f"{number}.png", smooth.round().to(torch.uint8))
        return pair_folders(tmp_path / "infrared", tmp_path / "visible")

    return make


@pytest.fixture
def gpu_without_values() -> Iterator[None]:
    """Tensors on "cuda" without one: shapes and devices are right, values are not there.

    Whatever mixes them with tensors elsewhere fails as it would on a GPU.
    """
    with FakeTensorMode(shape_env=ShapeEnv()):
        yield
