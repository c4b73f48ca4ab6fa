"""Software: what besides a method's own code can move a number, and how to tell whether two machines have the same."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from ivif.datasets.files import sha256_bytes

PACKAGES = ("ivif-bench", "torch", "numpy", "scipy", "opencv-python", "scikit-image", "pillow", "PyWavelets")
"""What every number depends on."""

_CODE = Path(__file__).parents[1]


def versions(packages: Sequence[str] = ()) -> dict[str, str]:
    """Installed versions of packages; without any named, of `PACKAGES`."""
    return {package: _version(package) for package in packages or PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


@cache
def installation() -> dict[str, str]:
    """What must be the same wherever one run is worked on: Python, packages, and this project's code."""
    return {"python": platform.python_version(), **versions(), "code": _code()}


def _code() -> str:
    """Hash of this project's modules."""
    packages = ("benchmark", "datasets", "downstream", "fusion")
    files = sorted(path for name in packages for path in (_CODE / name).rglob("*.py"))
    return sha256_bytes(b"\n".join(str(path.relative_to(_CODE)).encode() + path.read_bytes() for path in files))[:12]
