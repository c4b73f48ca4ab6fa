"""What all tests share: where the real images are that this repository does not hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


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
