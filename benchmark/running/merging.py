"""Merging: the shards of a run, made by jobs that knew nothing of each other, become the run that one job had made.

Shards lie below the run's directory, as ``shards/3-of-8``, each a run of its own. Their fused files, scores and
detections are taken over; the run then finds all of it valid, follows people through whole sequences, and writes what
it writes. What a shard had not finished is refused, not done here.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ivif.benchmark.config import ConfigError, RunConfig
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import WITHDRAWN, Store
from ivif.datasets.files import make_folder
from ivif.datasets.shards import FOLDER, Shard
from ivif.downstream.findings import join_findings
from ivif.downstream.labelled_images import CONTROLS

_OWN = ("out", "shard", "jobs")
"""Settings in which shards of one run differ, or may."""

DETECTIONS = "detections"


def finished_shards(folder: Path) -> list[Run]:
    """The shards of a run, all of them, all finished.

    Raises:
        ConfigError: there are none, one is missing, unfinished or damaged, or they are not of one run.
        StoreError: scores of a shard are damaged.
    """
    runs = [Run(path) for path in sorted((folder / FOLDER).glob("*-of-*")) if path.is_dir()]
    if not runs:
        raise ConfigError(f"{folder} has no shards; `run --out {folder} --shard 1/8` makes the first of eight")
    by_shard = {Shard.parse(run.config.shard or "1/1"): run for run in runs}
    shards = sorted(by_shard, key=lambda shard: (shard.count, shard.number))
    count = shards[0].count
    if other := next((shard for shard in shards if shard.count != count), None):
        raise ConfigError(f"{folder / FOLDER} holds shards of two runs, such as {shards[0]} and {other}; take one away")
    if missing := [str(Shard(n, count)) for n in range(1, count + 1) if Shard(n, count) not in by_shard]:
        raise ConfigError(f"{folder}: {len(missing)} of {count} shards are missing: {', '.join(missing[:10])}")
    for shard in shards:
        _check(by_shard[shards[0]], by_shard[shard], shard)
    return [by_shard[shard] for shard in shards]


def _check(first: Run, run: Run, shard: Shard) -> None:
    mine, others = (_common(one.config) for one in (run, first))
    if different := [key for key in mine.keys() | others.keys() if mine.get(key) != others.get(key)]:
        key = sorted(different)[0]
        raise ConfigError(
            f"{run.folder} is of another run than {first.folder}: {key} {mine.get(key)} instead of {others.get(key)}"
        )
    expected = sum(map(len, run.pairs.values())) * len(run.methods) * len(run.config.metrics)
    keys = set(run.config.metrics)
    again = f"give its command again: {run.description.get('command', '')}"
    if (found := sum(row.metric in keys and row.reason != WITHDRAWN for row in run.rows())) < expected:
        raise ConfigError(
            f"shard {shard} is not finished: {expected - found} of {expected} values are missing; {again}"
        )
    if any({*run.methods, *CONTROLS} - board.scores.keys() for board in run.people().values()):
        raise ConfigError(f"shard {shard} is not finished: people were not looked for in all of its images; {again}")


def _common(config: RunConfig) -> dict[str, Any]:
    return {key: value for key, value in config.to_dict().items() if key not in _OWN}


def take_over(shard: Run, out: Path) -> None:
    """Bring what a shard made into a run's directory; safe to interrupt and to give again.

    Raises:
        OSError: it cannot be written.
        BoxesError: a file of detections is damaged.
    """
    fused = shard.folder / "fused"
    for path in sorted(fused.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            _link(path, out / "fused" / path.relative_to(fused))
    found = shard.folder / DETECTIONS
    for path in sorted(found.rglob("*.txt")):
        join_findings(path, out / DETECTIONS / path.relative_to(found))
    Store(out).append(shard.rows())


def _link(source: Path, target: Path) -> None:
    """Give a file a second place, without a copy where the disk can do that: files are replaced, never changed."""
    if target.is_file() and target.samefile(source):
        return
    make_folder(target.parent)
    temporary = target.with_name(f".{target.name[:50]}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
    except OSError:
        shutil.copyfile(source, temporary)
    temporary.replace(target)


def command_of(parts: Sequence[Run]) -> str:
    """The command that makes the whole run at once; "" where there are no parts."""
    for part in parts:
        with suppress(ValueError):
            words = shlex.split(str(part.description.get("command", "")))
            return shlex.join(_without_shard(words))
    return ""


def _without_shard(words: Sequence[str]) -> list[str]:
    option = "--shard"
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if option not in (before, word) and not word.startswith(f"{option}=")
    ]
