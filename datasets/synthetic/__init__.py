"""Synthetic scenes: both spectra rendered from one world, with exact boxes and tracks.

The layers, each knowing only those above it: ``noise``, ``camera``, ``climate``, ``conditions``; ``surface`` (what both
cameras need to know of a pixel), ``light``, ``shadows``; ``ground``, ``buildings``, ``ceiling``, ``plants``,
``furniture``, ``vehicles``, ``animals``, and ``poses``, ``figures``, ``bicycles``, ``people`` (the things); ``world``,
``distractors``, ``stock``, ``population``, ``plan``, ``streets``, ``greens``, ``enclosures``, ``layouts`` (what is
where); ``walking`` (who goes where); ``air``, ``wet``, ``take``, ``visible``, ``infrared`` (the two cameras);
``background``, ``truth``, ``scene`` (frames and their truth); ``suite`` and ``export`` (files).
"""

from __future__ import annotations

from collections.abc import Iterator

from datasets.synthetic.conditions import BY_NAME
from datasets.synthetic.export import write_render
from datasets.synthetic.scene import Rendered, Scene
from datasets.synthetic.suite import CHALLENGE, SUITES, Suite, challenge_dataset, synthetic_dataset

__all__ = [
    "CHALLENGE",
    "CONDITIONS",
    "SUITES",
    "Rendered",
    "Suite",
    "challenge_dataset",
    "render_pair",
    "render_sequence",
    "synthetic_dataset",
    "write_render",
]

CONDITIONS: tuple[str, ...] = tuple(BY_NAME)
"""Names of the conditions of light and weather."""


def render_pair(seed: int, condition: str = "day", size: tuple[int, int] = (640, 480)) -> Rendered:
    """One pair of a fresh scene.

    The same seed gives the same world under every condition, but for what the condition itself asks for (see
    `datasets.synthetic.layouts.compose`), and the same bytes in every process. Other processor architectures, and
    other versions of NumPy and OpenCV, may round differently in the last bit of a few pixels.

    Args:
        seed: not negative; decides what is in the scene and all noise.
        condition: one of `CONDITIONS`.
        size: (width, height) in pixels, at least 32 each.

    Raises:
        ValueError: unknown condition, negative seed, or size too small.
    """
    return Scene(seed, condition, size).render()


def render_sequence(
    seed: int,
    condition: str,
    length: int,
    size: tuple[int, int] = (640, 480),
    frames_per_second: float = 12.0,
    pan: bool = False,
) -> Iterator[Rendered]:
    """The first `length` frames of a scene: people, animals and cars move, `ids` last.

    With `pan` the camera turns slowly to one side and back. Without, it stands still, and frame 0 is what `render_pair`
    gives. Raises as `render_pair` does.
    """
    scene = Scene(seed, condition, size, pan=pan)
    for number in range(length):
        yield scene.render(number, frames_per_second)
