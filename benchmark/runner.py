"""Runner: methods x data sets to fused files and scores; does only what is missing or stale.

A plan is made first: hashes of the sources, the methods' code and weights, the fused files and the metrics' code are
compared with those in the store. What differs becomes one task a pair, and tasks run in as many processes as asked.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from filelock import FileLock, Timeout
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

import datasets
from benchmark.config import ConfigError, RunConfig
from benchmark.metrics import get
from benchmark.provenance import machine, software
from benchmark.store import Row, Store, file_name
from benchmark.work import MethodTask, PairTask, do_pair
from datasets.files import code_fingerprint, sha256_bytes, sha256_file, write_atomic
from datasets.images import ImageError
from datasets.pairs import Pair, PairDataset, pair_folders
from fusion import FusedFolder, FusionError, load


class DiskError(RuntimeError):
    """The run directory cannot be written; the message says where and what to do."""


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        done: fused images measured now.
        kept: fused images whose scores were still valid.
        failed: rows of this run without a number.
        reasons: the failures' reasons, most frequent first, as (reason, count, one example).
    """

    done: int
    kept: int
    failed: int
    reasons: list[tuple[str, int, str]]


@dataclass(frozen=True)
class Entrant:
    """A method taking part: its name, the folder its results come from if it is one, and the hash of what it is."""

    name: str
    folder: FusedFolder | None
    fingerprint: str


def run(config: RunConfig) -> Summary:
    """Run a checked configuration; safe to interrupt and to give again.

    Raises:
        ConfigError: data set, method or device that is not there, or a run directory another process works in.
        DiskError: the disk is full or read-only; everything finished is kept.
    """
    device = resolve_device(config.device)
    sets = load_datasets(config)
    entrants = [*map(_bundled, config.methods), *map(_from_folder, config.fused)]
    try:
        config.out.mkdir(parents=True, exist_ok=True)
        with FileLock(config.out / ".lock", timeout=0):
            store = Store(config.out)
            _remove_unfinished(config.out)
            store.compact()
            _write_description(config, sets, entrants, device)
            return _run_locked(config, device, sets, entrants, store)
    except Timeout as error:
        raise ConfigError(
            f"{config.out}: another run is working in this directory; wait or give another --out"
        ) from error
    except OSError as error:
        raise DiskError(
            f"{error.filename or config.out}: {error.strerror}; make room (or choose another --out) and give the same "
            "command again: everything finished so far is kept"
        ) from error


def _remove_unfinished(out: Path) -> None:
    """Delete temporary files of a run that was killed while writing."""
    for path in out.rglob(".*.part"):
        path.unlink(missing_ok=True)


def _run_locked(
    config: RunConfig, device: str, sets: Sequence[PairDataset], entrants: Sequence[Entrant], store: Store
) -> Summary:
    jobs = config.jobs or (1 if device.startswith("cuda") else cpu_count())
    threads = max(1, cpu_count() // jobs)
    tasks = list(_plan(config, device, threads, sets, entrants, store.rows()))
    wanted = sum(map(len, sets)) * len(entrants)
    count = sum(len(task.methods) for task in tasks)
    _work(tasks, jobs, count, store)
    store.compact()
    names = {entrant.name for entrant in entrants}
    keys = {(data.name, pair.name) for data in sets for pair in data}
    relevant = (row for row in store.rows() if row.method in names and (row.dataset, row.pair) in keys)
    failures = [row for row in relevant if row.status == "failed" and row.metric in config.metrics]
    return Summary(count, wanted - count, len(failures), _reasons(failures))


def _work(tasks: Sequence[PairTask], jobs: int, count: int, store: Store) -> None:
    results = Parallel(n_jobs=min(jobs, len(tasks)) or 1, return_as="generator_unordered", batch_size=1)(
        delayed(do_pair)(task) for task in tasks
    )
    quiet = 0.1 if sys.stderr.isatty() else 30
    with tqdm(total=count, unit="image", smoothing=0, mininterval=quiet, disable=not count) as bar:
        for rows in results:
            store.append(rows)
            bar.update(len({row.method for row in rows}))


def _plan(
    config: RunConfig,
    device: str,
    threads: int,
    sets: Sequence[PairDataset],
    entrants: Sequence[Entrant],
    rows: Sequence[Row],
) -> Iterator[PairTask]:
    """Tasks for everything whose stored scores are missing, stale or failed."""
    codes = {key: code_fingerprint(get(key).function) for key in config.metrics}
    stored: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        stored.setdefault((row.dataset, row.method, row.pair), []).append(row)
    for data in sets:
        for pair in data:
            source = _source_key(pair)
            methods = []
            for entrant in entrants:
                known = stored.get((data.name, entrant.name, pair.name), [])
                task = _method_task(config.out, data.name, pair, entrant, source, codes, known)
                if task.metrics:
                    methods.append(task)
            if methods:
                yield PairTask(data.name, pair, tuple(methods), device, threads)


def _source_key(pair: Pair) -> str:
    try:
        return pair.fingerprint()
    except ImageError:
        return "unreadable"  # the worker meets the same error and records it


def _method_task(
    out: Path, dataset: str, pair: Pair, entrant: Entrant, source: str, codes: dict[str, str], known: Sequence[Row]
) -> MethodTask:
    path = out / "fused" / file_name(dataset) / file_name(entrant.name) / f"{pair.name}.png"
    if entrant.folder is not None:
        path = _existing(entrant.folder, pair.name)
    content = sha256_file(path) if path.is_file() else ""
    fuse_key = sha256_bytes(f"{source} {entrant.fingerprint or content}".encode())
    valid = [row for row in known if row.fuse_key == fuse_key and row.fused_sha256 == content and content]
    finished = {row.metric for row in valid if row.status != "failed" and row.metric_key == codes.get(row.metric)}
    missing = tuple((key, code) for key, code in codes.items() if key not in finished)
    return MethodTask(entrant.name, entrant.folder, path, bool(valid), fuse_key, missing)


def _existing(folder: FusedFolder, pair: str) -> Path:
    try:
        return folder.find(pair)
    except FusionError:
        return Path(folder.pattern, pair)  # not there: the worker meets the same error and records it


def _bundled(name: str) -> Entrant:
    try:
        method = load(name)
        return Entrant(name, None, method.fingerprint())
    except FusionError as error:
        raise ConfigError(str(error)) from error


def _from_folder(text: str) -> Entrant:
    folder = FusedFolder.parse(text)
    return Entrant(folder.name, folder, "")


def load_datasets(config: RunConfig) -> list[PairDataset]:
    """The data sets a configuration names; raises `ConfigError` with the way to get one that is not there."""
    try:
        if config.infrared and config.visible:
            name = config.infrared.absolute().parent.name or "folders"
            sets = [pair_folders(config.infrared, config.visible, name, config.value_range)]
        else:
            sets = [_load_dataset(name, config) for name in config.datasets]
    except ValueError as error:
        raise ConfigError(str(error)) from error
    for data in sets:
        for path, reason in data.unmatched:
            print(f"left out: {path}: {reason}", file=sys.stderr)
    return [data[: config.limit] for data in sets]


def _load_dataset(name: str, config: RunConfig) -> PairDataset:
    if name == "synthetic":
        return datasets.load(name, seed=config.seed)
    return datasets.load(name, root=config.root)


def resolve_device(device: str) -> str:
    """ "auto" to "cuda" where there is one, else "cpu"; raises `ConfigError` for a device that is not there."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {device!r} cannot be used ({str(error).splitlines()[0]}); try --device cpu"
        ) from error
    return device


def _write_description(
    config: RunConfig, sets: Sequence[PairDataset], entrants: Sequence[Entrant], device: str
) -> None:
    """run.yaml: the configuration, and what is needed to tell later where every number came from."""
    content: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "benchmark", *sys.argv[1:]]),
        "config": config.to_dict(),
        "software": software(),
        "machine": machine(device),
        "colour": "luminance methods fuse BT.601 Y; Cb and Cr of the visible image are put back; scores on luminance",
        "datasets": {data.name: {"pairs": len(data), "split": data.fingerprint()} for data in sets},
        "methods": {
            entrant.name: {"folder": entrant.folder.pattern} if entrant.folder else {"sha256": entrant.fingerprint}
            for entrant in entrants
        },
        "metrics": {
            key: {"name": get(key).name, "sha256": code_fingerprint(get(key).function)} for key in config.metrics
        },
    }
    write_atomic(config.out / "run.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())


def _reasons(failures: Sequence[Row]) -> list[tuple[str, int, str]]:
    groups: dict[str, list[Row]] = {}
    for row in failures:
        groups.setdefault(row.reason.replace(row.pair, "*"), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [(rows[0].reason, len(rows), f"{rows[0].dataset}/{rows[0].method}/{rows[0].pair}") for _, rows in ordered]
