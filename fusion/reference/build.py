"""Build: references of a whole data set on disk, pair by pair, each with a record of how it came about.

A folder of references holds ``pool/`` (see `fusion.reference.pool`) and for every pair ``pairs/PAIR/``: ``1.png`` ...
``K.png`` (best first, 8-bit luminance), ``record.json`` and, on request, ``preview.png``.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from ivif.datasets.files import is_disk_error, reason, sha256_bytes, write_atomic
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import encode_png, luminance
from ivif.datasets.pairs import Pair, PairDataset
from ivif.datasets.workers import in_workers
from ivif.fusion.contact_sheet import contact_sheet
from ivif.fusion.reference.enhance import GUARDS, Enhanced, enhance
from ivif.fusion.reference.filter import Choice, Rule, choose, codes_of
from ivif.fusion.reference.pool import Candidate, Member, Pool, usable
from ivif.fusion.reference.regret import taught

REFERENCE_RECORD = "record.json"
"""Written last and deleted first: without it a pair has no references."""

MADE, KEPT = "made", "kept"
DONE = MADE, KEPT
"""What becomes of a pair that has references now."""


@dataclass(frozen=True)
class Plan:
    """How references are made.

    Attributes:
        out: folder of references.
        pool: where candidates come from.
        rule: which are chosen.
        enhancement: "none", "published" or "adaptive".
        learner: the network that is to learn, by its own results: references are chosen and enhanced for what it
            lacks, and it is no candidate; None: references for whoever wants them.
        preview: whether a contact sheet is made for every pair.
    """

    out: Path
    pool: Pool
    rule: Rule = field(default_factory=Rule)
    enhancement: str = "adaptive"
    learner: Member | None = None
    preview: bool = False


@dataclass(frozen=True)
class Made:
    """The references of one pair, and how they came about; whatever device they were made on, pictures are in memory.

    Attributes:
        sources: infrared and visible luminance, ``uint8 [1, H, W]`` as all pictures here.
        candidates: of the pool.
        choice: what the filter said.
        references: the chosen candidates, best first.
        enhanced: what became of them.
        own: what the network that is to learn makes of the pair.
    """

    sources: tuple[Tensor, Tensor]
    candidates: list[Candidate]
    choice: Choice
    references: list[Tensor]
    enhanced: list[Enhanced]
    own: Tensor | None = None


def make(plan: Plan, pair: Pair) -> Made:
    """Make the references of one pair in memory.

    Raises:
        FusionError: no candidate passed the gates, or there is no result of the network that is to learn.
        ImageError, PairError: the pair cannot be read.
    """
    infrared, visible = pair.read()
    sources = infrared, luminance(visible)
    pool, own = plan.pool, None
    if plan.learner is not None:
        pool, own = pool.without(plan.learner.name), pool.made(plan.learner, pair)[0]
    candidates = list(pool.candidates(pair))
    found = usable(candidates)
    device = plan.pool.device
    there = sources[0].to(device), sources[1].to(device)
    found_there = {name: image.to(device) for name, image in found.items()}
    own_there = None if own is None else own.to(device)
    with torch.inference_mode():
        choice = choose(plan.rule, pair.name, *there, found_there, own_there)
        chosen = [found_there[name] for name in choice.methods]
        results = enhance(plan.enhancement, *there, chosen, choice.weights, choice.yardstick)
    enhanced = [replace(result, image=result.image.cpu()) for result in results]
    return Made(sources, candidates, choice, [found[name] for name in choice.methods], enhanced, own)


def build_references(dataset: PairDataset, plan: Plan, jobs: int = 0) -> dict[str, str]:
    """Make the references of every pair that has none yet, or outdated ones; pairs in parallel.

    Args:
        dataset: pairs.
        plan: how.
        jobs: processes; 0: see `Pool.processes`.

    Returns:
        What became of each pair, by name: one of `DONE`, or the reason why it has no references.

    Raises:
        OSError: the disk is full or can't be written.
    """
    plan.pool.fill(dataset, jobs)
    done = in_workers(_build, ((plan, pair) for pair in dataset), plan.pool.processes(jobs))
    names = [pair.name for pair in dataset]
    return dict(zip(names, tqdm(done, total=len(names), unit="pair", desc="references"), strict=True))


def _build(plan: Plan, pair: Pair) -> str:
    torch.set_num_threads(1)
    folder = plan.out / "pairs" / pair.name
    try:
        key = _key(plan, pair)
        if _is_current(folder, key, plan.preview):
            return KEPT
        (folder / REFERENCE_RECORD).unlink(missing_ok=True)
        made = make(plan, pair)
    except Exception as error:
        (folder / REFERENCE_RECORD).unlink(missing_ok=True)
        if is_disk_error(error):
            raise
        return reason(error)
    for old in folder.glob("*.png"):
        old.unlink()
    for number, result in enumerate(made.enhanced, start=1):
        write_atomic(folder / f"{number}.png", encode_png(result.image))
    if plan.preview:
        write_atomic(folder / "preview.png", encode_png(_preview(pair.name, made)))
    record = _record(key, plan, made)
    write_atomic(folder / REFERENCE_RECORD, json.dumps(record, indent=1).encode())
    return MADE


def rejections(plan: Plan, pairs: PairDataset) -> dict[str, dict[str, str]]:
    """Why candidates could not be references, by method and pair, as the records say; pairs without one don't count."""
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        path = plan.out / "pairs" / pair.name / REFERENCE_RECORD
        if path.is_file():
            for method, facts in json.loads(path.read_text())["candidates"].items():
                if "rejected" in facts:
                    found.setdefault(method, {})[pair.name] = facts["rejected"]
    return found


def _key(plan: Plan, pair: Pair) -> str:
    learner = plan.learner.fingerprint(pair) if plan.learner else ""
    parts = plan.rule.fingerprint(pair.name), plan.enhancement, learner, code_fingerprint(enhance), codes_of(GUARDS)
    return sha256_bytes(f"{parts} {plan.pool.fingerprint(pair)} {pair.fingerprint()}".encode())


def _is_current(folder: Path, key: str, preview: bool) -> bool:
    try:
        record = json.loads((folder / REFERENCE_RECORD).read_text())
        names = [f"{number}.png" for number in range(1, 1 + len(record["weights"]))]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    names += ["preview.png"] if preview else []
    return record.get("key") == key and all((folder / name).is_file() for name in names)


def _record(key: str, plan: Plan, made: Made) -> dict[str, Any]:
    choice = made.choice
    judged = {
        found.method: {k: v for k, v in asdict(found).items() if v not in ("", None, {})} for found in choice.judged
    }
    for facts in judged.values():
        del facts["method"]
    files = {found.method: _from(plan, found.file) for found in made.candidates if found.file}
    missing = {found.method: {"rejected": found.reason} for found in made.candidates if found.luminance is None}
    return {
        "methods": choice.methods,
        "weights": choice.weights,
        "files": [files[method] for method in choice.methods],
        "enhancement": [result.record for result in made.enhanced],
        "rule": asdict(plan.rule),
        **({"learner": plan.learner.name, "own": choice.yardstick.own} if plan.learner and choice.yardstick else {}),
        "candidates": {**judged, **missing},
        "key": key,
    }


def _from(plan: Plan, file: Path) -> str:
    """A path that stays right when references and their pool are moved together; those elsewhere are absolute."""
    file, pool = file.resolve(), plan.pool.folder.resolve()
    return os.path.relpath(file, plan.out.resolve()) if file.is_relative_to(pool) else str(file)


def _preview(name: str, made: Made) -> Tensor:
    choice, enhanced = made.choice, [result.image for result in made.enhanced]
    gains = {found.method: found.gains for found in choice.judged}
    titles = [
        f"{method} {weight:.2f}: {' '.join(taught(gains[method])) or 'nothing new'}"
        if made.own is not None
        else f"{method} {weight:.2f}"
        for method, weight in zip(choice.methods, choice.weights, strict=True)
    ]
    rows, names = [[made.sources[0], *made.references], [made.sources[1], *enhanced]], [name, "visible; enhanced"]
    if made.own is not None:
        titles = ["its own", *titles]
        rows = [[rows[0][0], made.own, *rows[0][1:]], [rows[1][0], made.own, *rows[1][1:]]]
    return contact_sheet(rows, ["infrared", *titles], names, 240)
