"""Verify: what is wrong with a data set before any number is computed from it.

Errors make results wrong or impossible; warnings are to be looked at; notes are facts one should know.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from joblib import cpu_count
from torch import Tensor
from tqdm import tqdm

from ivif.datasets.download import read_record, tree_digest
from ivif.datasets.files import sha256_bytes
from ivif.datasets.images import ImageError, luminance
from ivif.datasets.pairs import Pair, PairDataset
from ivif.datasets.registration import Registration, estimate
from ivif.datasets.workers import in_workers

Severity = Literal["error", "warning", "note"]

_COLOURED = 6.0
_SAME = 1.0
_FLAT = 4


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        subject: the pair's name, or the file.
        kind: "unreadable", "size", "constant", "identical", "colour", "grey", "duplicate", "unmatched", "labels",
            "shift", "distortion" or "changed".
        severity: "error", "warning" or "note".
        text: what was found, in a sentence.
    """

    subject: str
    kind: str
    severity: Severity
    text: str


class _PairReport(NamedTuple):
    """What `check_pair` says about one pair, with hashes of both pictures' pixels (None if unreadable)."""

    findings: list[Finding]
    infrared: str | None = None
    visible: str | None = None
    grey: bool = False


def verify(
    dataset: PairDataset, jobs: int = 1, tolerance: float | None = None, progress: bool = False
) -> list[Finding]:
    """Check every pair of a data set.

    Args:
        dataset: the pairs.
        jobs: processes that share the work; 0: one a processor core.
        tolerance: displacement in pixels from which a pair counts as misregistered; None is 0.5 % of the image
            diagonal (4 pixels at 640x480), at least 2: most pairs of the published sets stay below.
        progress: show a progress bar.

    Returns:
        Findings in the order of the pairs; those about files and about the whole set come last.
    """
    bar = tqdm(dataset, desc=f"verify {dataset.name}", disable=not progress, unit="pair")
    reports = list(in_workers(check_pair, ((pair, tolerance) for pair in bar), jobs or cpu_count()))
    findings = [finding for report in reports for finding in report.findings]
    findings += _duplicates(dataset.pairs, reports)
    findings += [Finding(str(path), "unmatched", "warning", reason) for path, reason in dataset.unmatched]
    if grey := sum(report.grey for report in reports):
        text = f"{grey} of {len(reports)} visible images are grey: colour metrics say nothing about them"
        findings.append(Finding(dataset.name, "grey", "note", text))
    return findings


def verify_download(folder: Path) -> list[Finding]:
    """Compare a downloaded folder with the record of its download; nothing to say where there is no record."""
    record = read_record(folder)
    if record is None or tree_digest(folder) == record.content:
        return []
    text = f"its files are not those downloaded on {record.files[0].date}: some were changed, added or removed"
    return [Finding(str(folder), "changed", "error", text)]


def check_pair(pair: Pair, tolerance: float | None = None) -> _PairReport:
    """Everything that can be said about one pair on its own; `tolerance` as in `verify`."""
    findings: list[Finding] = []

    def add(kind: str, severity: Severity, text: str) -> None:
        findings.append(Finding(pair.name, kind, severity, text))

    pictures: dict[str, Tensor] = {}
    for role, source in (("infrared", pair.infrared), ("visible", pair.visible)):
        try:
            pictures[role] = source.read()
        except ImageError as error:
            add("unreadable", "error", str(error))
    if len(pictures) < 2:
        return _PairReport(findings)
    infrared, visible = pictures["infrared"], pictures["visible"]
    left, right = luminance(infrared), luminance(visible)
    for role, plane in (("infrared", left), ("visible", right)):
        if text := _flatness(plane):
            add("constant", "warning", f"{role} {text}")
    grey = _colourfulness(visible) == 0
    if (colour := _colourfulness(infrared)) > _COLOURED:
        swapped = "; the visible one is grey: are the two swapped?" if grey else ""
        add("colour", "warning", f"infrared is coloured (channels differ by {colour:.0f} levels on average){swapped}")
    if left.shape != right.shape:
        sizes = (f"{picture.shape[2]}x{picture.shape[1]}" for picture in (infrared, visible))
        add("size", "error", "infrared is {}, visible {}: register and crop them to one size".format(*sizes))
    elif (difference := float((left.float() - right.float()).abs().mean())) < _SAME:
        add(
            "identical", "error", f"infrared and visible are the same picture (mean difference {difference:.2f} levels)"
        )
    else:
        findings += check_registration(pair.name, left[0].numpy(), right[0].numpy(), tolerance)
    if text := _labels_outside(pair, (visible.shape[2], visible.shape[1])):
        add("labels", "warning", text)
    return _PairReport(findings, _content(infrared), _content(visible), grey)


def check_registration(
    name: str, infrared: np.ndarray, visible: np.ndarray, tolerance: float | None = None
) -> list[Finding]:
    """Displacement of two grey images ``uint8 [H, W]`` beyond `tolerance` pixels; see `datasets.registration`.

    "distortion" is a displacement that differs by more than twice the tolerance between parts of the image, for which
    three of four parts must be confident; else "shift" is one of the image as a whole.
    """
    limit = tolerance if tolerance is not None else max(2.0, 0.005 * float(np.hypot(*infrared.shape)))
    found = estimate(infrared, visible)
    if len(found.windows) >= 3 and found.spread > 2 * limit:
        return [Finding(name, "distortion", "warning", f"visible lies off infrared unevenly: {_per_window(found)}")]
    if found.whole is None or found.whole.length <= limit:
        return []
    x, y = found.whole.x, found.whole.y
    text = f"visible lies about {found.whole.length:.1f} pixels off infrared ({x:+.1f} right, {y:+.1f} down)"
    return [Finding(name, "shift", "warning", text)]


def _per_window(found: Registration) -> str:
    return ", ".join(f"{name} ({item.x:+.1f}, {item.y:+.1f})" for name, item in found.windows.items())


def _flatness(plane: Tensor) -> str | None:
    """Says so if nearly all of a picture is one grey level; 0.1 % of the pixels may be anything (dead pixels)."""
    below = np.bincount(plane.flatten().numpy(), minlength=256).cumsum()
    margin = plane.numel() // 1000
    low, high = (int(np.searchsorted(below, count, side="right")) for count in (margin, plane.numel() - margin - 1))
    return f"is nearly constant: grey levels {low} to {high}" if high - low < _FLAT else None


def _colourfulness(picture: Tensor) -> float:
    """Mean over all pixels of the difference between the largest and the smallest channel, in levels."""
    return 0.0 if picture.shape[0] == 1 else float((picture.amax(0) - picture.amin(0)).float().mean())


def _labels_outside(pair: Pair, size: tuple[int, int]) -> str | None:
    """Counts boxes that lie outside the image as a whole; ones that overlap the border are usual."""
    if pair.boxes is None or not len(pair.boxes):
        return None
    box = pair.boxes.xyxy
    outside = (box[:, 2:] <= 0).any(axis=1) | (box[:, 0] >= size[0]) | (box[:, 1] >= size[1])
    count = int(outside.sum())
    return f"{count} of {len(box)} boxes lie outside the {size[0]}x{size[1]} image" if count else None


def _content(picture: Tensor) -> str:
    """Hash of the pixels: the same picture in another file format counts as the same."""
    plain = picture[:1] if _colourfulness(picture) == 0 else picture
    return sha256_bytes(str(tuple(plain.shape)).encode() + plain.contiguous().numpy().tobytes())


def _duplicates(pairs: Iterable[Pair], reports: list[_PairReport]) -> Iterator[Finding]:
    """Pairs that share both pictures, and pictures that stand in several pairs.

    In a video, a frame that repeats is usual (a still scene, a camera that drops frames): one note a clip.
    """
    seen: dict[tuple[str, str | None], str] = {}
    repeated: Counter[str] = Counter()
    for pair, report in zip(pairs, reports, strict=True):
        if report.infrared is None or report.visible is None:
            continue
        keys = {"both": f"{report.infrared} {report.visible}", "infrared": report.infrared, "visible": report.visible}
        first = {what: seen.setdefault((what, key), pair.name) for what, key in keys.items()}
        same = [what for what in ("both", "infrared", "visible") if first[what] != pair.name]
        if not same:
            continue
        if pair.sequence is not None:
            repeated[pair.sequence] += 1
            continue
        what = "both pictures are" if same[0] == "both" else f"the {same[0]} picture is"
        yield Finding(pair.name, "duplicate", "warning", f"{what} the same as in {first[same[0]]}")
    for clip, count in repeated.items():
        yield Finding(clip, "duplicate", "note", f"{count} frames repeat a picture of an earlier frame")
