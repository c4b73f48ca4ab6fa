"""Loading: how the name of a detector becomes one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ivif.datasets.files import sha256_file
from ivif.downstream.detector import Detector, DetectorSettings, YoloDetector, find_detector
from ivif.downstream.errors import DownstreamError
from ivif.plugins import is_own, named_object, offered


def load_detector(name: str, settings: DetectorSettings, device: str) -> Detector:
    """A detector by its name.

    Args:
        name: weights (see `find_detector`), or a `Detector` of your own: ``package.module:Class``, or what an installed
            package offers (see `plugins`). The class is called with `settings` and `device`.
        settings: how it is asked.
        device: where it works.

    Raises:
        DownstreamError: no such detector, or an object that is none.
    """
    found = named_object("detectors", name, DownstreamError)
    if found is None:
        return YoloDetector(name, settings, device)
    try:
        detector = found(settings, device)
    except DownstreamError:
        raise
    except Exception as error:
        raise DownstreamError(f"{name} cannot be made of settings and a device ({error!r})") from error
    lacking = [part for part in ("name", "detect", "fingerprint") if not hasattr(detector, part)]
    if lacking:
        raise DownstreamError(f"{name} is no detector: it lacks {', '.join(lacking)} (see downstream.Detector)")
    made: Detector = detector
    return made


def is_plugged_in(name: str) -> bool:
    """Whether a detector is somebody's own code, so that ultralytics isn't needed for it."""
    return is_own(name) or name in offered("detectors")


def detector_facts(name: str, detector: Detector) -> dict[str, Any]:
    """What identifies a detector: its name, where it comes from, and the hash of that."""
    if is_plugged_in(name):
        return {"name": detector.name, "file": name, "sha256": detector.fingerprint()}
    weights = find_detector(Path(name))
    return {"name": detector.name, "file": str(weights), "sha256": sha256_file(weights)}
