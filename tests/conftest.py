"""What all tests share: where the real images are that this repository does not hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Folder with VIFB/, TNO/ ... : ``IVIF_DATA``, or ``shared/data`` beside the repository; skips where neither is."""
    named = os.environ.get("IVIF_DATA")
    folder = Path(named).expanduser() if named else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs real images: {folder} is no folder (set IVIF_DATA)")
    return folder


@pytest.fixture(scope="session")
def real_folder(data_root: Path) -> Callable[[str], Path]:
    """``real_folder("VIFB")`` is that data set's folder; skips where it is missing."""

    def find(title: str) -> Path:
        if not (data_root / title).is_dir():
            pytest.skip(f"needs {data_root / title}")
        return data_root / title

    return find
