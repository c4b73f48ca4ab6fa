"""Temporal: whether a fused video is as calm as the videos it is made of.

Both metrics are this project's own; no paper or other code defines them. They need frames in order and read a run's
fused files, so they stand beside the metrics of single images, not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from ivif.benchmark.config import ConfigError
from ivif.benchmark.run_directory import Run
from ivif.datasets.images import ImageError, luminance
from ivif.datasets.pairs import Pair, PairDataset, PairError
from ivif.fusion import FusionError, Results

Grey = NDArray[np.uint8]
"""``uint8 [H, W]``."""

CONSISTENT = 1.0
"""Pixels that the flow there and back may miss its start by; elsewhere something is hidden or moves unseen."""

SOURCES = ("infrared", "visible")


class Motion(NamedTuple):
    """Optical flow between two frames.

    Attributes:
        x, y: where each pixel of the later frame was in the earlier one, ``float32 [H, W]``.
        known: where the flow is consistent and stays inside the image, ``bool [H, W]``.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    known: NDArray[np.bool_]


def flicker(before: Sequence[Grey], after: Sequence[Grey]) -> float:
    """Change of the fused image that neither source shows.

    ``mean max(0, |dF| - max(|dA|, |dB|))``, d: later minus earlier frame. 0 where the fused image changes no more
    than its sources do; adaptive weights that jump from frame to frame raise it.

    Args:
        before, after: infrared, visible and fused frame, earlier and later.

    Returns:
        Grey levels, 0..255; lower is better.
    """
    infrared, visible, fused = (
        np.abs(later.astype(np.int16) - earlier) for earlier, later in zip(before, after, strict=True)
    )
    return float(np.clip(fused - np.maximum(infrared, visible), 0, None).mean())


def motion(before: Sequence[Grey], after: Sequence[Grey]) -> Motion:
    """Optical flow (dense inverse search, as OpenCV has it) between the means of both sources.

    Args:
        before, after: infrared and visible frame, earlier and later.
    """
    means = (cv2.addWeighted(frames[0], 0.5, frames[1], 0.5, 0).astype(np.uint8) for frames in (before, after))
    earlier, later = next(means), next(means)
    back, forth = (_flow(*pair) for pair in ((later, earlier), (earlier, later)))
    height, width = later.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + back[..., 0], rows + back[..., 1]
    returned = cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    missed = np.linalg.norm(back + returned, axis=2)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return Motion(x, y, inside & (missed < CONSISTENT))


def _flow(start: Grey, end: Grey) -> NDArray[np.float32]:
    search: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(start, end, None), dtype=np.float32)


def warping_error(before: Grey, after: Grey, moved: Motion) -> float:
    """Mean absolute difference of a frame and the earlier one moved onto it, where the flow is known.

    Noise raises it as flicker does: compare with the same number of the sources.

    Returns:
        Grey levels, 0..255; lower is better. NaN where the flow is known nowhere.
    """
    if not moved.known.any():
        return float("nan")
    carried = cv2.remap(before.astype(np.float32), moved.x, moved.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(np.abs(carried - after)[moved.known].mean())


@dataclass
class TemporalScore:
    """A method's means over the transitions of a data set, and how many there are.

    Attributes:
        dataset, method: what was measured; methods "infrared" and "visible" are the sources themselves.
        flickers, errors: one a transition.
        missing: transitions of which a fused frame is missing.
    """

    dataset: str
    method: str
    flickers: list[float]
    errors: list[float]
    missing: int = 0


def temporal_scores(run: Run) -> list[TemporalScore]:
    """Flicker and warping error of every method of a run, over all pairs of consecutive frames.

    Raises:
        ConfigError: a data set that is gone, or none of them has consecutive frames.
        FusionError: a folder of fused images that is gone.
    """
    scores: list[TemporalScore] = []
    for data in run.datasets():
        transitions = list(_transitions(data))
        if transitions:
            own = {name: TemporalScore(data.name, name, [], []) for name in (*SOURCES, *run.methods)}
            results = {name: run.results(name, data.name) for name in run.methods}
            for earlier, later in transitions:
                _measure(own, earlier, later, results)
            scores += own.values()
    if not scores:
        raise ConfigError(f"{run.folder} has no sequences: temporal metrics need data sets with consecutive frames")
    return scores


def _transitions(data: PairDataset) -> Iterator[tuple[Pair, Pair]]:
    """Neighbouring frames of each sequence."""
    frames = {(pair.sequence, pair.frame): pair for pair in data if pair.sequence is not None}
    for (sequence, frame), pair in frames.items():
        following = frames.get((sequence, frame + 1)) if frame is not None else None
        if following is not None:
            yield pair, following


def _measure(scores: dict[str, TemporalScore], earlier: Pair, later: Pair, results: Mapping[str, Results]) -> None:
    try:
        sources = [[_grey(image) for image in pair.read()] for pair in (earlier, later)]
    except (ImageError, PairError):
        for score in scores.values():
            score.missing += 1
        return
    moved = motion(*sources)
    for name, score in scores.items():
        if name in SOURCES:
            frames: list[Grey] | None = [pair[SOURCES.index(name)] for pair in sources]
        else:
            frames = _fused_frames(results[name], (earlier, later))
        if frames is None or frames[0].shape != sources[0][0].shape or frames[1].shape != sources[0][0].shape:
            score.missing += 1
            continue
        score.flickers.append(flicker([*sources[0], frames[0]], [*sources[1], frames[1]]))
        score.errors.append(warping_error(frames[0], frames[1], moved))


def _fused_frames(results: Results, pairs: Sequence[Pair]) -> list[Grey] | None:
    try:
        return [_grey(results.image(pair)) for pair in pairs]
    except (ImageError, FusionError):
        return None


def _grey(image: Any) -> Grey:
    return luminance(image)[0].numpy()


def temporal_table(scores: Sequence[TemporalScore]) -> str:
    """Scores as a table for a terminal."""
    rows = [
        [
            score.dataset,
            score.method,
            np.mean(score.flickers) if score.flickers else None,
            np.nanmean(score.errors) if np.isfinite(score.errors).any() else None,
            len(score.flickers),
            score.missing,
        ]
        for score in scores
    ]
    head = ["data set", "method", "flicker ↓", "warping error ↓", "transitions", "missing"]
    return tabulate(rows, head, floatfmt=".3f", missingval="-")
