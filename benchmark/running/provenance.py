"""Provenance: which code, on which machine, made a run's numbers."""

from __future__ import annotations

import platform
import subprocess  # git, told what to do by this module alone  # nosec B404
from pathlib import Path
from typing import Any

import torch

from ivif.datasets.software import versions


def made_by(device: str) -> dict[str, Any]:
    """What made numbers: software and machine."""
    return {"software": software(), "machine": machine(device)}


def software() -> dict[str, Any]:
    """Versions of Python and of every package that can move a number, and the repository's commit if there is one."""
    return {"python": platform.python_version(), "commit": _commit(), "packages": versions()}


def machine(device: str) -> dict[str, str]:
    """Operating system, processor type and, for CUDA, the card."""
    found = {"system": platform.platform(), "processor": platform.machine(), "device": device}
    if device.startswith("cuda"):
        found["card"] = torch.cuda.get_device_name(device)
    return found


def _commit() -> str | None:
    """Hash of the checked-out commit, with "+changes" where code differs from it; None outside this repository."""
    here = Path(__file__).parent
    try:
        _git(here, "ls-files", "--error-unmatch", Path(__file__).name)  # installed below somebody else's repository?
        commit = _git(here, "rev-parse", "HEAD")
        changed = _git(here, "status", "--porcelain", "--", ".", "../fusion", "../datasets")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}+changes" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(  # no shell, no word of a user  # nosec B603 B607
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
