"""Suites: named, versioned sets of rendered scenes, each rendered once and kept in a cache, never in the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import starmap
from pathlib import Path

import cv2
import numpy as np
from joblib import cpu_count

from ivif.datasets.boxes import Boxes, write_mot
from ivif.datasets.files import cache_root, sha256_bytes, sha256_file, write_atomic
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import write_png
from ivif.datasets.mot_files import read_mot
from ivif.datasets.pairs import ImageFile, Pair, PairDataset, PairError
from ivif.datasets.progress import progress
from ivif.datasets.synthetic.conditions import CONDITIONS
from ivif.datasets.synthetic.scene import Rendered, SyntheticScene
from ivif.datasets.workers import in_workers

EXCERPT = (
    "noon",
    "night",
    "muggy",
    "glare",
    "drizzle",
    "fog",
    "dusk",
    "rain",
    "sultry",
    "smoke",
    "engines",
    "distractors",
)
"""Conditions of the default set: in about half of them the infrared camera misses people, in the others the visible."""

EXCERPT_SEQUENCES = ("noon", "night")
"""Conditions of the default set's sequences."""

PANNING = ("dusk", "fog", "overexposed", "crowd")
"""Conditions in whose sequences the camera turns."""

SEQUENCE_NUMBER = 1_000_000
"""Number of the scene of a condition's sequence; single scenes count from 0."""

PIECE = 6
"""Frames of a sequence that one process renders in a row: a scene is made anew in each."""

FEW = 12
"""Pictures that one process renders sooner than others start."""


@dataclass(frozen=True)
class Item:
    """One pair to be rendered: its name, and which frame of which scene under which condition it is."""

    name: str
    condition: str
    seed: int
    sequence: str | None = None
    frame: int = 0
    pan: bool = False


@dataclass(frozen=True)
class Suite:
    """A set of scenes that never changes under its name and version.

    Attributes:
        name, version: what tables call it.
        conditions: in order.
        pairs: single scenes of each condition.
        sequence: frames of one sequence of each condition, 12 a second.
        size: (width, height) in pixels.
        seed: decides all scenes.
    """

    name: str
    version: str
    conditions: tuple[str, ...]
    pairs: int
    sequence: int
    size: tuple[int, int]
    seed: int = 0

    def items(self) -> list[Item]:
        """All pairs: condition by condition, the single scenes before the sequence."""
        return [
            item
            for condition in self.conditions
            for item in (
                *pair_items((condition,), self.pairs, self.seed),
                *sequence_items(condition, self.sequence, self.seed),
            )
        ]

    def fingerprint(self) -> str:
        """SHA-256 of the definition and of the renderer's code: what decides every pixel, on one architecture."""
        return sha256_bytes(f"{json.dumps(asdict(self))} {_code()}".encode())


CHALLENGE_V1 = Suite(
    "challenge",
    "v1",
    (
        "day",
        "dusk",
        "night",
        "glare",
        "fog",
        "smoke",
        "rain",
        "crossover",
        "overexposed",
        "crowd",
        "distractors",
        "misregistered",
    ),
    pairs=8,
    sequence=24,
    size=(640, 480),
)
CHALLENGE = replace(
    CHALLENGE_V1, version="v2", conditions=(*CHALLENGE_V1.conditions, "noon", "sultry", "muggy", "drizzle", "engines")
)
"""The latest version."""

CHANGES = {
    "v1": "twelve conditions; people are warmer than all around them, so that infrared alone finds them best",
    "v2": "all of v1, and five conditions in which infrared alone fails: people as warm as the ground, behind glass, "
    "in wet rain gear, beside warm machines; the default set is taken from these too",
}
"""What each version is, beside the one before."""

SUITES = {f"{suite.name}/{suite.version}": suite for suite in (CHALLENGE_V1, CHALLENGE)}
"""All suites by name and version."""


def _code() -> str:
    """Hash of the code that decides which scenes there are, how they are rendered, and how they are written."""
    return code_fingerprint((pair_items, sequence_items, render_item, write_pair))


def scene_seed(seed: int, condition: str, number: int) -> int:
    """The seed of a condition's scene `number`; no two scenes share it."""
    place = CONDITIONS.index(condition)
    return int(np.random.SeedSequence([seed, place, number]).generate_state(1)[0])


def pair_items(conditions: Sequence[str], pairs: int, seed: int) -> list[Item]:
    """`pairs` single scenes that go round the conditions, called like ``night-03``."""
    items = []
    for number in range(pairs):
        condition, turn = conditions[number % len(conditions)], number // len(conditions)
        items.append(Item(f"{condition}-{turn:02d}", condition, scene_seed(seed, condition, turn)))
    return items


def sequence_items(condition: str, length: int, seed: int) -> list[Item]:
    """The frames of one sequence, called like ``walk-night-000``."""
    name, scene = f"walk-{condition}", scene_seed(seed, condition, SEQUENCE_NUMBER)
    pan = condition in PANNING
    return [Item(f"{name}-{frame:03d}", condition, scene, name, frame, pan) for frame in range(length)]


EXCERPT_PAIRS, EXCERPT_FRAMES, EXCERPT_SIZE = 24, 10, (400, 300)
"""How many single scenes and frames of each sequence the data set "synthetic" has, and how large they are."""


def rendered_items(data: str, seed: int = 0) -> tuple[list[Item], tuple[int, int]]:
    """What "synthetic" (of a seed) or a suite ("challenge", "challenge/v1") was rendered from, and its size."""
    if suite := SUITES.get(data if "/" in data else f"{data}/{CHALLENGE.version}"):
        return suite.items(), suite.size
    return _excerpt(EXCERPT_PAIRS, EXCERPT_FRAMES, seed), EXCERPT_SIZE


def _excerpt(pairs: int, sequence: int, seed: int) -> list[Item]:
    walks = [item for condition in EXCERPT_SEQUENCES for item in sequence_items(condition, sequence, seed)]
    return pair_items(EXCERPT, pairs, seed) + walks


def synthetic_dataset(
    pairs: int = EXCERPT_PAIRS,
    sequence: int = EXCERPT_FRAMES,
    size: tuple[int, int] = EXCERPT_SIZE,
    seed: int = 0,
    cache: Path | None = None,
    jobs: int = 0,
) -> PairDataset:
    """The data set "synthetic": a small excerpt of `CHALLENGE`, two scenes of each of `EXCERPT` and two sequences.

    Either camera alone misses people here that the other sees, as in real streets: fusion has something to gain.

    Pictures and labels are rendered where they are missing and read from then on. They lie in a folder named by a
    hash of the parameters and of the renderer's code, so that a changed renderer never meets old pictures.

    Args:
        pairs: number of single scenes, which go round the conditions.
        sequence: number of frames of each sequence, 12 a second.
        size: (width, height) in pixels.
        seed: decides all scenes; 0 takes those of `CHALLENGE`.
        cache: the folder that holds the rendered folders; ``synthetic`` in `datasets.files.cache_root` if None.
        jobs: see `render_items`.

    Raises:
        ValueError: see `datasets.synthetic.render_pair`.
        OSError: the cache cannot be written.
    """
    key = sha256_bytes(f"{size} {seed} {_code()}".encode())[:16]
    folder = (cache or cache_root() / "synthetic") / key
    items = _excerpt(pairs, sequence, seed)
    render_items(folder, items, size, jobs=jobs)
    return PairDataset("synthetic", tuple(as_pair(folder, item) for item in items))


def challenge_dataset(
    version: str = CHALLENGE.version, conditions: Sequence[str] | None = None, cache: Path | None = None, jobs: int = 0
) -> PairDataset:
    """The data set "challenge", rendered on first use: some 470 MB, and a few minutes on one core.

    Beside the pictures lies ``suite.json``: the definition, its hash, and the SHA-256 of every rendered picture, by
    which two machines can tell whether they hold the same bytes.

    Args:
        version: of the suite.
        conditions: some of its conditions; None for all.
        cache: the folder that holds the suite's folder; ``synthetic`` in `datasets.files.cache_root` if None.
        jobs: see `render_items`.

    Raises:
        PairError: unknown version or condition.
        OSError: the cache cannot be written.
    """
    suite = SUITES.get(f"challenge/{version}")
    if suite is None:
        raise PairError(f"no suite challenge/{version}; there is {', '.join(SUITES)}")
    if unknown := sorted(set(conditions or ()) - set(suite.conditions)):
        raise PairError(f"challenge/{version} has no condition {unknown[0]}; it has {', '.join(suite.conditions)}")
    folder = (cache or cache_root() / "synthetic") / f"{suite.name}-{suite.version}-{suite.fingerprint()[:16]}"
    items = [item for item in suite.items() if conditions is None or item.condition in conditions]
    render_items(folder, items, suite.size, jobs=jobs)
    if conditions is None:
        _write_manifest(folder, suite, items)
    return PairDataset(f"{suite.name}/{suite.version}", tuple(as_pair(folder, item) for item in items))


def _write_manifest(folder: Path, suite: Suite, items: list[Item]) -> None:
    path = folder / "suite.json"
    if not path.is_file():
        pictures = [file for item in items for file in item_files(folder, item)[:2]]
        hashes = {str(file.relative_to(folder)): sha256_file(file) for file in pictures}
        content = {
            "suite": asdict(suite),
            "changes": CHANGES[suite.version],
            "fingerprint": suite.fingerprint(),
            "sha256": hashes,
        }
        write_atomic(path, json.dumps(content, indent=1).encode())


def render_items(folder: Path, items: list[Item], size: tuple[int, int], keep: bool = True, jobs: int = 0) -> None:
    """Render every item into its three files; with `keep` only those that lack one.

    Each file appears whole or not at all, and every process writes the same bytes: an interrupted rendering is
    completed by the next call, and processes that render at the same time do no harm to each other.

    Args:
        folder: where they lie.
        items: what to render.
        size: (width, height) in pixels.
        keep: whether items that are there stay.
        jobs: processes; 0: one a processor core, or this one alone for a few pictures.
    """
    due = [item for item in items if not keep or not _is_there(folder, item)]
    jobs = jobs or (1 if len(due) < FEW else cpu_count())
    calls = [(folder, piece, size) for piece in _pieces(due)]
    with progress(len(due), "rendering", "pairs") as bar:
        for done in starmap(_render_piece, calls) if jobs == 1 else _side_by_side(calls, jobs):
            bar.update(done)


def _side_by_side(calls: Sequence[tuple[Path, list[Item], tuple[int, int]]], jobs: int) -> Iterator[int]:
    """What `_render_piece` gives for each call, in several processes."""
    yield from in_workers(_render_piece, calls, jobs, ordered=False)


def _pieces(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Items in pieces for one process each: single scenes, and a few frames of a sequence."""
    piece: list[Item] = []
    for item in items:
        if piece and (item.sequence is None or item.sequence != piece[0].sequence or len(piece) == PIECE):
            yield piece
            piece = []
        piece.append(item)
    if piece:
        yield piece


def _render_piece(folder: Path, items: Sequence[Item], size: tuple[int, int]) -> int:
    """Render items one after the other, on one thread; how many."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        for item in items:
            write_pair(folder, item, render_item(item, size))
    finally:
        cv2.setNumThreads(threads)
        forget()
    return len(items)


def render_item(item: Item, size: tuple[int, int]) -> Rendered:
    """An item's pictures and truth; the scene of a sequence is made once."""
    return _scene(item.seed, item.condition, size, item.pan).render(item.frame)


def forget() -> None:
    """Give the memory of the last scene back."""
    _scene.cache_clear()


@lru_cache(maxsize=1)
def _scene(seed: int, condition: str, size: tuple[int, int], pan: bool) -> SyntheticScene:
    return SyntheticScene(seed, condition, size, pan=pan)


def _is_there(folder: Path, item: Item) -> bool:
    return all(path.is_file() for path in item_files(folder, item))


def write_pair(folder: Path, item: Item, rendered: Rendered) -> None:
    """Write an item's pictures and labels."""
    infrared, visible, labels = item_files(folder, item)
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
