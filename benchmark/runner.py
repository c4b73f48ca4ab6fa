"""Runner: methods x data sets to fused files and scores; does only what is missing or stale.

A plan is made first: hashes of the sources, the methods' code and weights, the fused files and the metrics' code are
compared with those in the store. What differs becomes one task a pair, and tasks run in as many processes as asked.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import yaml
from filelock import FileLock, Timeout
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

import datasets
from benchmark.config import ConfigError, RunConfig
from benchmark.downstream import Effort, Observer, blank_boards, intention, observe, prepare
from benchmark.metrics import get
from benchmark.provenance import made_by
from benchmark.store import Row, Store, file_name
from benchmark.tasks import read_boards, write_boards
from benchmark.work import MethodTask, PairTask, do_pair
from datasets.boxes import BoxesError
from datasets.catalog import is_rendered
from datasets.files import is_disk_error, sha256_bytes, sha256_file, write_atomic
from datasets.identity import code_fingerprint
from datasets.images import ImageError, luminance, read_image
from datasets.options import tell_unmatched
from datasets.pairs import Pair, PairDataset, pair_folders
from downstream import DownstreamError
from downstream.labels import is_mot, label_pairs
from fusion import FusedFolder, FusionError, load
from fusion.method import resolve_device
from fusion.registry import called


class RunError(RuntimeError):
    """A run that had to stop half way; the message says why and what to do. Everything finished is kept."""


class Failure(NamedTuple):
    """A value that is missing: why, and of what; `name` is that of a pair or a sequence."""

    reason: str
    dataset: str
    method: str
    name: str


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        done: fused images worked on now.
        kept: fused images whose scores were still valid.
        failed: rows of this run without a number, and pictures and sequences that could not be scored.
        reasons: the failures' reasons, most frequent first, as (reason, count, one example).
        seconds: the whole run's.
        effort: what the detector had to do, if there was one.
        blind: why nobody was looked for where people would have been; "" if that is as it should be.
    """

    done: int
    kept: int
    failed: int
    reasons: list[tuple[str, int, str]]
    seconds: float
    effort: Effort | None = None
    blind: str = ""


@dataclass(frozen=True)
class Entrant:
    """A method taking part.

    Attributes:
        name: what tables call it.
        origin: what `fusion.load` makes it from.
        folder: where its results come from, instead.
        fingerprint: hash of what it is.
    """

    name: str
    origin: str
    folder: FusedFolder | None
    fingerprint: str


def run(config: RunConfig) -> Summary:
    """Run a checked configuration; safe to interrupt and to give again.

    Raises:
        ConfigError: data set, method, device or detector that is not there, or a run directory another process works
            in.
        RunError: the disk is full or read-only, a worker process died, or the detector failed.
        StoreError: scores of an earlier run are damaged.
    """
    start = perf_counter()
    device = _device(config.device)
    sets = load_datasets(config)
    entrants = [*map(_bundled, config.methods), *map(_from_folder, config.fused)]
    config, blind = intention(config, sets)
    observer = prepare(config, sets, device) if config.detect else None
    try:
        config.out.mkdir(parents=True, exist_ok=True)
        with FileLock(config.out / ".lock", timeout=0):
            store = Store(config.out)
            _remove_unfinished(config.out)
            store.compact()
            made_by = _write_description(config, sets, entrants, device, observer)
            if observer:
                write_boards(config.out, blank_boards(observer, sets))  # scores of before are not of what comes now
            done, kept, failures = _run_locked(config, device, made_by, sets, entrants, store)
            effort = None
            if observer:
                effort, more = _observe(config.out, observer, sets, entrants)
                failures += more
            return Summary(done, kept, len(failures), _reasons(failures), perf_counter() - start, effort, blind)
    except Timeout as error:
        raise ConfigError(
            f"{config.out}: another run is working in this directory; wait or give another --out"
        ) from error
    except TerminatedWorkerError as error:
        raise RunError(
            "a worker process died, most likely for lack of memory; give the same command again with fewer --jobs: "
            "everything finished so far is kept"
        ) from error
    except (DownstreamError, BoxesError) as error:
        raise RunError(
            f"{error}; mend that and give the same command again: everything finished so far is kept"
        ) from error
    except OSError as error:
        remedy = "make room or choose another --out, and" if is_disk_error(error) else "mend that and"
        raise RunError(
            f"{error.filename or config.out}: {error.strerror}; {remedy} give the same command again: everything "
            "finished so far is kept"
        ) from error


def _remove_unfinished(out: Path) -> None:
    """Delete temporary files of a run that was killed while writing."""
    for folder in ("fused", "scores", "detections", "tracks"):
        for path in (out / folder).rglob(".*.part"):
            path.unlink(missing_ok=True)
    for path in out.glob(".*.part"):
        path.unlink(missing_ok=True)


def _run_locked(
    config: RunConfig,
    device: str,
    made_by: str,
    sets: Sequence[PairDataset],
    entrants: Sequence[Entrant],
    store: Store,
) -> tuple[int, int, list[Failure]]:
    """Fuse and measure; images worked on, images kept, and the values that are missing."""
    jobs = config.jobs or (1 if device.startswith("cuda") else cpu_count())
    threads = max(1, cpu_count() // jobs)
    plan = _plan(config, sets, entrants, store.rows())
    tasks = [PairTask(data, pair, methods, device, threads, made_by) for data, pair, methods in plan]
    store.append(_withdrawn(tasks, store.rows()))
    wanted = sum(map(len, sets)) * len(entrants)
    count = sum(len(task.methods) for task in tasks)
    _work(tasks, jobs, count, store)
    store.compact()
    names = {entrant.name for entrant in entrants}
    keys = {(data.name, pair.name) for data in sets for pair in data}
    relevant = (row for row in store.rows() if row.method in names and (row.dataset, row.pair) in keys)
    failures = [row for row in relevant if row.status == "failed" and row.metric in config.metrics]
    return count, wanted - count, [Failure(row.reason, row.dataset, row.method, row.pair) for row in failures]


def _observe(
    out: Path, observer: Observer, sets: Sequence[PairDataset], entrants: Sequence[Entrant]
) -> tuple[Effort, list[Failure]]:
    """Look at what has been fused; what that took, and where it failed."""
    effort = observe(observer, out, sets, {entrant.name: entrant.folder for entrant in entrants})
    failures = [
        Failure(reason, dataset, method, name)
        for dataset, board in read_boards(out).items()
        for method, scores in board.scores.items()
        for name, reason in (scores.failures | scores.lost).items()
    ]
    return effort, failures


def _work(tasks: Sequence[PairTask], jobs: int, count: int, store: Store) -> None:
    results = Parallel(n_jobs=min(jobs, len(tasks)) or 1, return_as="generator_unordered", batch_size=1)(
        delayed(do_pair)(task) for task in tasks
    )
    quiet = 0.1 if sys.stderr.isatty() else 30
    with tqdm(total=count, unit="image", smoothing=0, mininterval=quiet, disable=not count) as bar:
        for rows in results:
            store.append(rows)
            bar.update(len({row.method for row in rows}))


def _withdrawn(tasks: Sequence[PairTask], rows: Sequence[Row]) -> Iterator[Row]:
    """What the tasks will measure anew counts as missing until they have, lest a table mix old numbers with new."""
    due = {
        (task.dataset, method.name, task.pair.name, key)
        for task in tasks
        for method in task.methods
        for key, _ in method.metrics
    }
    for row in rows:
        if row.value is not None and (row.dataset, row.method, row.pair, row.metric) in due:
            yield replace(row, value=None, status="failed", reason="out of date, and not measured again yet")


def _plan(
    config: RunConfig, sets: Sequence[PairDataset], entrants: Sequence[Entrant], rows: Sequence[Row]
) -> Iterator[tuple[str, Pair, tuple[MethodTask, ...]]]:
    """(data set, pair, methods) for everything whose stored scores are missing, stale or failed."""
    codes = {key: metric_code(key) for key in config.metrics}
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
                yield data.name, pair, tuple(methods)


def metric_code(key: str) -> str:
    """Hash of the code behind a metric's numbers: the metric's own, and what turns a file into luminance."""
    return code_fingerprint((*get(key).code, read_image, luminance))


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
    content = _content(path)
    fuse_key = sha256_bytes(f"{source} {entrant.fingerprint or content}".encode())
    valid = [row for row in known if row.fuse_key == fuse_key and row.fused_sha256 == content and content]
    finished = {row.metric for row in valid if row.status != "failed" and row.metric_key == codes.get(row.metric)}
    missing = tuple((key, code) for key, code in codes.items() if key not in finished)
    return MethodTask(entrant.name, entrant.origin, entrant.folder, path, bool(valid), fuse_key, missing)


def _content(path: Path) -> str:
    """Hash of a file, "" if it cannot be read: the worker meets the same error and records it."""
    try:
        return sha256_file(path)
    except OSError:
        return ""


def _existing(folder: FusedFolder, pair: str) -> Path:
    try:
        return folder.find(pair)
    except (FusionError, OSError):
        return Path(folder.pattern, pair)  # not there: the worker meets the same error and records it


def _bundled(name: str) -> Entrant:
    try:
        method = load(name)
        return Entrant(called(name), name, None, method.fingerprint())
    except FusionError as error:
        raise ConfigError(str(error)) from error


def _from_folder(text: str) -> Entrant:
    folder = FusedFolder.parse(text)
    return Entrant(folder.name, "", folder, "")


def load_datasets(config: RunConfig) -> list[PairDataset]:
    """The data sets a configuration names; raises `ConfigError` with the way to get one that is not there."""
    try:
        if config.infrared and config.visible:
            name = config.infrared.resolve().parent.name or "folders"
            sets = [_own_pairs(config.infrared, config.visible, name, config.labels)]
        else:
            sets = [_load_dataset(name, config) for name in config.datasets]
    except ValueError as error:
        raise ConfigError(str(error)) from error
    for data in sets:
        tell_unmatched(data)
    return [data[: config.limit].with_range(config.value_range) for data in sets]


def _own_pairs(infrared: Path, visible: Path, name: str, labels: Path | None) -> PairDataset:
    """The pairs of two folders with the labels that are given; MOTChallenge text makes them one sequence."""
    data = pair_folders(infrared, visible, name)
    if labels is None:
        return data
    return label_pairs(data, labels, name if is_mot(labels) else None)


def _load_dataset(name: str, config: RunConfig) -> PairDataset:
    if name == "synthetic":
        return datasets.load(name, seed=config.seed)
    return datasets.load(name, root=None if is_rendered(name) else config.root)


def _device(name: str) -> str:
    try:
        return resolve_device(name)
    except FusionError as error:
        raise ConfigError(str(error)) from error


def _write_description(
    config: RunConfig,
    sets: Sequence[PairDataset],
    entrants: Sequence[Entrant],
    device: str,
    observer: Observer | None,
) -> str:
    """run.yaml: the configuration, and what is needed to tell later where every number came from.

    Returns:
        The key under which this software and machine stand in ``made_by``, for the rows made now.
    """
    path = config.out / "run.yaml"
    maker = made_by(device)
    key = sha256_bytes(json.dumps(maker, sort_keys=True).encode())[:12]
    content: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "benchmark", *sys.argv[1:]]),
        "config": config.to_dict(),
        "colour": "luminance methods fuse BT.601 Y; Cb and Cr of the visible image are put back; scores on luminance",
        "datasets": {data.name: {"split": data.fingerprint(), "pairs": [pair.name for pair in data]} for data in sets},
        "methods": {
            entrant.name: {"folder": entrant.folder.pattern} if entrant.folder else {"sha256": entrant.fingerprint}
            for entrant in entrants
        },
        "metrics": {key: {"name": get(key).name, "sha256": metric_code(key)} for key in config.metrics},
        "made_by": _earlier_makers(path) | {key: maker},
    }
    if observer:
        content["downstream"] = observer.facts
    write_atomic(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True).encode())
    return key


def _earlier_makers(path: Path) -> dict[str, Any]:
    """Software and machines of earlier runs into the same directory, whose rows may still be valid."""
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["made_by"])
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return {}


def _reasons(failures: Sequence[Failure]) -> list[tuple[str, int, str]]:
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.reason.replace(failure.name, "*"), []).append(failure)
    ordered = sorted(groups.values(), key=lambda alike: -len(alike))
    return [
        (one.reason, len(alike), f"{one.dataset}/{one.method}/{one.name}") for alike in ordered for one in alike[:1]
    ]
