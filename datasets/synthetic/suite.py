"""Suite: the named default data set of the benchmark, rendered once and kept in a cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from datasets.boxes import Boxes, read_mot, write_mot
from datasets.files import cache_root, code_fingerprint, sha256_bytes, write_atomic
from datasets.images import write_png
from datasets.pairs import ImageFile, Pair, PairDataset
from datasets.synthetic.conditions import BY_NAME
from datasets.synthetic.scene import Scene

SEQUENCE_CONDITION = "night"
"""The condition of the suite's sequence."""


@dataclass(frozen=True)
class Item:
    """One pair to be rendered: its name, and which frame of which scene under which condition it is."""

    name: str
    condition: str
    seed: int
    sequence: str | None = None
    frame: int = 0


def scene_seed(seed: int, number: int) -> int:
    """The seed of a suite's scene `number`; neighbouring suites share none."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def pair_items(conditions: tuple[str, ...], pairs: int, seed: int) -> list[Item]:
    """`pairs` single scenes that go round the conditions, called like ``night-03``."""
    items = []
    for number in range(pairs):
        condition = conditions[number % len(conditions)]
        name = f"{condition}-{number // len(conditions):02d}"
        items.append(Item(name, condition, scene_seed(seed, number)))
    return items


def sequence_items(condition: str, length: int, seed: int) -> list[Item]:
    """The frames of one sequence, called like ``walk-night-000``."""
    name, scene = f"walk-{condition}", scene_seed(seed, 1_000_000)
    return [Item(f"{name}-{frame:03d}", condition, scene, name, frame) for frame in range(length)]


def synthetic_dataset(
    pairs: int = 12,
    sequence: int = 18,
    size: tuple[int, int] = (400, 300),
    seed: int = 0,
    cache: Path | None = None,
) -> PairDataset:
    """The data set "synthetic": single scenes under all conditions, then one night sequence.

    Pictures and labels are rendered where they are missing and read from then on. They lie in a folder named by a
    hash of the parameters and of the renderer's code, so that a changed renderer never meets old pictures.

    Args:
        pairs: number of single scenes.
        sequence: number of frames of the sequence, 12 a second.
        size: (width, height) in pixels.
        seed: decides all scenes.
        cache: the folder that holds the rendered folders; ``synthetic`` in `datasets.files.cache_root` if None.

    Raises:
        ValueError: see `datasets.synthetic.render_pair`.
        OSError: the cache cannot be written.
    """
    key = sha256_bytes(f"{size} {seed} {code_fingerprint(Scene)}".encode())[:16]
    folder = (cache or cache_root() / "synthetic") / key
    items = pair_items(tuple(BY_NAME), pairs, seed) + sequence_items(SEQUENCE_CONDITION, sequence, seed)
    render_items(folder, items, size)
    return PairDataset("synthetic", tuple(as_pair(folder, item) for item in items))


def render_items(folder: Path, items: list[Item], size: tuple[int, int], keep: bool = True) -> None:
    """Render every item into its three files; with `keep` only those that lack one.

    Each file appears whole or not at all, and every process writes the same bytes: an interrupted rendering is
    completed by the next call, and processes that render at the same time do no harm to each other.
    """
    scene = lru_cache(maxsize=1)(Scene)
    for item in items:
        files = item_files(folder, item)
        if not (keep and all(path.is_file() for path in files)):
            rendered = scene(item.seed, item.condition, size).render(item.frame)
            infrared, visible, labels = files
            write_png(infrared, rendered.infrared)
            write_png(visible, rendered.visible)
            write_atomic(labels, write_mot({item.frame: rendered.boxes}).encode())


def item_files(folder: Path, item: Item) -> tuple[Path, Path, Path]:
    """Where an item's infrared picture, visible picture and labels (MOTChallenge text) lie."""
    return (
        folder / "infrared" / f"{item.name}.png",
        folder / "visible" / f"{item.name}.png",
        folder / "labels" / f"{item.name}.txt",
    )


def as_pair(folder: Path, item: Item) -> Pair:
    """An item's files as a pair."""
    infrared, visible, labels = item_files(folder, item)
    return Pair(
        item.name,
        ImageFile(infrared),
        ImageFile(visible),
        boxes=read_mot(labels).get(item.frame, Boxes(np.empty((0, 4)))),
        tags=(item.condition,),
        sequence=item.sequence,
        frame=item.frame if item.sequence else None,
    )
