"""Runner: methods x data sets to fused files and scores; does only what is missing or stale.

A plan is made first: hashes of the sources, the methods' code and weights, the fused files and the metrics' code are
compared with those in the store. What differs becomes one task a pair, and tasks run in as many processes as asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from joblib import cpu_count

from ivif.benchmark.config import CheckedConfig, ConfigError, RunConfig, load_datasets, load_yaml
from ivif.benchmark.metrics import get
from ivif.benchmark.people import labelled_sets, read_people, write_people
from ivif.benchmark.run_directory import DESCRIPTION, TRAINED_SHARE, Run
from ivif.benchmark.running.merging import command_of, take_over
from ivif.benchmark.running.people import Effort, Observer, blank_boards, observe, prepare, resolve_detection
from ivif.benchmark.running.provenance import made_by
from ivif.benchmark.running.succession import Existing, added, check_succession, standing_run
from ivif.benchmark.running.unchanged import Written
from ivif.benchmark.running.work import MethodTask, PairTask, do_pair
from ivif.benchmark.store import Row, Store, withdrawn
from ivif.command_line import command_given
from ivif.datasets.boxes import BoxesError
from ivif.datasets.errors import WorkersError
from ivif.datasets.files import is_disk_error, sha256_bytes, sha256_file
from ivif.datasets.identity import code_fingerprint
from ivif.datasets.images import ImageError, luminance, read_image
from ivif.datasets.locking import BusyError, alone_in
from ivif.datasets.pairs import Pair, PairDataset, Unmatched
from ivif.datasets.progress import progress
from ivif.datasets.shards import Shard
from ivif.datasets.workers import in_workers, on_cluster
from ivif.downstream import DownstreamError
from ivif.downstream.evaluation import Evaluation
from ivif.errors import IvifError
from ivif.fusion import FusionError
from ivif.fusion.method import resolve_device
from ivif.fusion.results import FolderResults, MethodResults, ResultFiles


class RunError(IvifError, RuntimeError):
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
        written: of its description.
        effort: what the detector had to do, if there was one.
        rates: pairs a second that each method fused now, in one process.
        why_not: why nobody was looked for where people would have been; "" if that is as it should be.
        changed: whether tables may differ from those before.
        looked: what was found in the images, by data set and method or camera.
        unmatched: files of the data that are in no pair, or not as they are.
    """

    done: int
    kept: int
    failed: int
    reasons: list[tuple[str, int, str]]
    seconds: float
    written: Written
    effort: Effort | None = None
    why_not: str = ""
    rates: dict[str, float] = field(default_factory=dict)
    changed: bool = True
    looked: dict[tuple[str, str], Evaluation] = field(default_factory=dict)
    unmatched: Sequence[Unmatched] = ()

    def again(self) -> Summary:
        """What the same run does if nothing changes: nothing."""
        effort = self.effort and Effort(reused=self.effort.looked + self.effort.reused)
        return replace(self, done=0, kept=self.done + self.kept, effort=effort, rates={}, changed=False)


Entrants = Sequence[MethodResults | FolderResults]
"""What takes part."""


def run(config: RunConfig, existing: Existing = "resume", parts: Sequence[Run] = ()) -> Summary:
    """Run a configuration; safe to interrupt and to give again.

    Args:
        config: what is run.
        existing: what to do with a run that stands in the directory, see `succession.Existing`.
        parts: shards of the run, whose results are taken over first, see `merging`.

    Raises:
        ConfigError: a configuration that cannot be run, a data set, method, device or detector that is not there, a
            run directory another process works in, or one whose run has what this one would leave out.
        RunError: the disk is full or read-only, a worker process died, or the detector failed.
        StoreError: scores of an earlier run are damaged.
    """
    start = perf_counter()
    checked = config.checked()
    before = standing_run(checked.out)
    if existing == "add" and before:
        checked = added(before.config, config.but(out=checked.out)).checked()
    device = _device(checked.device)
    whole = load_datasets(checked.but(shard=None), tell=True)
    entrants = _entrants(checked, device, whole)
    checked, why_not = resolve_detection(checked, whole)
    sets = [Shard.parse(checked.shard).of(data) for data in whole] if checked.shard else whole
    check_succession(before, checked, sets, existing)
    observer = _observer(checked, sets, device)
    try:
        with alone_in(checked.out):
            remove_unfinished(checked.out)
            Store(checked.out).compact()
            for part in parts:
                take_over(part, checked.out)
            Store(checked.out).compact()
            maker = made_by(device)
            now = Run.begin(checked.out, _description(checked, sets, entrants, maker, observer, parts))
            if observer:
                write_people(checked.out, blank_boards(observer, sets))  # scores of before are not of what comes now
            done, kept, failures, rates = _work_on(now, checked, sets, entrants, device, maker_key(maker))
            effort, looked = None, dict[tuple[str, str], Evaluation]()
            if observer:
                effort, more, looked = _observe(now, observer, sets, entrants)
                failures += more
            changed = done > 0 or bool(effort and effort.looked) or before is None or _told(before) != _told(now)
            seconds = perf_counter() - start
            unmatched = [item for data in whole for item in data.unmatched]
            return Summary(
                done,
                kept,
                len(failures),
                _reasons(failures),
                seconds,
                Written.of(now.folder / DESCRIPTION),
                effort=effort,
                why_not=why_not,
                rates=rates,
                changed=changed,
                looked=looked,
                unmatched=unmatched,
            )
    except BusyError as error:
        raise ConfigError(str(error)) from error
    except WorkersError as error:
        raise RunError(str(error)) from error
    except (DownstreamError, BoxesError) as error:
        raise RunError(
            f"{error}; mend that and give the same command again: everything finished so far is kept"
        ) from error
    except OSError as error:
        remedy = "make room or choose another --out, and" if is_disk_error(error) else "mend that and"
        raise RunError(
            f"{error.filename or checked.out}: {error.strerror}; {remedy} give the same command again: everything "
            "finished so far is kept"
        ) from error


def _observer(config: CheckedConfig, sets: Sequence[PairDataset], device: str) -> Observer | None:
    """Who looks for people; in a shard nobody is followed, as it may have parts of sequences, and none may be there."""
    if not config.detect or (config.shard and not labelled_sets(sets)):
        return None
    return prepare(config.but(track=False) if config.shard else config, sets, device)


def _told(run: Run) -> dict[str, Any]:
    """What a run's description says of its results: not who made it, and by which words."""
    return {key: value for key, value in run.description.items() if key not in ("command", "made_by")}


def remove_unfinished(out: Path) -> None:
    """Delete temporary files of a run that was killed while writing."""
    for folder in ("fused", "scores", "detections", "tracks"):
        for path in (out / folder).rglob(".*.part"):
            path.unlink(missing_ok=True)
    for path in out.glob(".*.part"):
        path.unlink(missing_ok=True)


def _entrants(config: CheckedConfig, device: str, sets: Sequence[PairDataset]) -> Entrants:
    names = [pair.name for data in sets for pair in data]
    try:
        found = config.results(device)
        for results in found:
            if isinstance(results, FolderResults):
                results.check(names)
        return [results.pinned() if isinstance(results, MethodResults) else results for results in found]
    except FusionError as error:
        raise ConfigError(str(error)) from error


def _work_on(
    run: Run, config: CheckedConfig, sets: Sequence[PairDataset], entrants: Entrants, device: str, maker: str
) -> tuple[int, int, list[Failure], dict[str, float]]:
    """Fuse and measure; images worked on, images kept, the values that are missing, and pairs a second by method."""
    jobs = config.jobs or (1 if device.startswith("cuda") else cpu_count())
    threads = 1 if on_cluster() else max(1, cpu_count() // jobs)
    rows = run.store.rows()
    plan = _plan(run, config.metrics, sets, entrants, rows)
    tasks = [PairTask(data, pair, methods, device, threads, maker) for data, pair, methods in plan]
    run.store.append(withdrawn(rows, _due(tasks)))
    count = sum(len(task.methods) for task in tasks)
    rates = _work(tasks, jobs, count, run.store)
    run.store.compact()
    failures = [
        Failure(row.reason, row.dataset, row.method, row.pair)
        for row in run.rows()
        if row.status == "failed" and row.metric in config.metrics
    ]
    return count, sum(map(len, sets)) * len(entrants) - count, failures, rates


def _observe(
    run: Run, observer: Observer, sets: Sequence[PairDataset], entrants: Entrants
) -> tuple[Effort, list[Failure], dict[tuple[str, str], Evaluation]]:
    """Look at what has been fused; what that took, where it failed, and what came of it."""
    files = {data.name: [run.files(results, data.name) for results in entrants] for data in sets}
    effort, looked = observe(observer, run.folder, sets, files)
    failures = [
        Failure(reason, dataset, method, name)
        for dataset, board in read_people(run.folder).items()
        for method, scores in board.scores.items()
        for name, reason in (scores.failures | scores.lost).items()
    ]
    return effort, failures, looked


def _work(tasks: Sequence[PairTask], jobs: int, count: int, store: Store) -> dict[str, float]:
    """Do the tasks, and say how many pairs a second each method fused."""
    seconds: dict[str, dict[str, float]] = {}
    results = in_workers(do_pair, ((task,) for task in tasks), min(jobs, len(tasks)), ordered=False)
    with progress(count, "fusing", "images") as bar:
        for rows in results:
            store.append(rows)
            bar.update(len({row.method for row in rows}))
            for row in rows:
                if row.seconds:
                    seconds.setdefault(row.method, {})[f"{row.dataset} {row.pair}"] = row.seconds
    return {method: len(own) / sum(own.values()) for method, own in seconds.items()}


def _due(tasks: Sequence[PairTask]) -> set[tuple[str, str, str, str]]:
    """What the tasks will measure, see `withdrawn`."""
    return {
        (task.dataset, method.results.name, task.pair.name, key)
        for task in tasks
        for method in task.methods
        for key, _ in method.metrics
    }


def _plan(
    run: Run, metrics: Sequence[str], sets: Sequence[PairDataset], entrants: Entrants, rows: Sequence[Row]
) -> Iterator[tuple[str, Pair, tuple[MethodTask, ...]]]:
    """(data set, pair, methods) for everything whose stored scores are missing, stale or failed."""
    codes = {key: metric_code(key) for key in metrics}
    stored: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        stored.setdefault((row.dataset, row.method, row.pair), []).append(row)
    for data in sets:
        files = [run.files(results, data.name) for results in entrants]
        for pair in data:
            sources = _sources(pair)
            methods = []
            for results in files:
                known = stored.get((data.name, results.name, pair.name), [])
                task = _method_task(results, pair, sources, codes, known)
                if task.metrics:
                    methods.append(task)
            if methods:
                yield data.name, pair, tuple(methods)


def metric_code(key: str) -> str:
    """Hash of the code behind a metric's numbers: the metric's own, and what turns a file into luminance."""
    return code_fingerprint((*get(key).code, read_image, luminance))


def _sources(pair: Pair) -> str:
    try:
        return pair.fingerprint()
    except ImageError:
        return "unreadable"  # the worker meets the same error and records it


def _method_task(
    results: ResultFiles, pair: Pair, sources: str, codes: dict[str, str], known: Sequence[Row]
) -> MethodTask:
    try:
        fuse_key = results.fingerprint(pair, sources)
        content = _content(results.file(pair))
    except (FusionError, ImageError, OSError):
        fuse_key = content = ""  # a folder without it: the worker meets the same error and records it
    valid = [row for row in known if row.fuse_key == fuse_key and row.fused_sha256 == content and content]
    finished = {row.metric for row in valid if row.status != "failed" and row.metric_key == codes.get(row.metric)}
    missing = tuple((key, code) for key, code in codes.items() if key not in finished)
    return MethodTask(results, bool(valid), fuse_key, missing)


def _content(path: Path) -> str:
    """Hash of a file, "" if it is not there or cannot be read."""
    try:
        return sha256_file(path)
    except OSError:
        return ""


def _device(name: str) -> str:
    try:
        return resolve_device(name)
    except FusionError as error:
        raise ConfigError(str(error)) from error


def _description(
    config: CheckedConfig,
    sets: Sequence[PairDataset],
    entrants: Entrants,
    maker: dict[str, Any],
    observer: Observer | None,
    parts: Sequence[Run],
) -> dict[str, Any]:
    """What run.yaml says: the configuration, and what is needed to tell later where every number came from."""
    content: dict[str, Any] = {
        "command": command_of(parts) or command_given("benchmark"),
        "config": config.to_dict(),
        "colour": "luminance methods fuse BT.601 Y; Cb and Cr of the visible image are put back; scores on luminance",
        "datasets": {data.name: _facts(data) for data in sets},
        "methods": {results.name: _origin(results) for results in entrants},
        "metrics": {key: {"name": get(key).name, "sha256": metric_code(key)} for key in config.metrics},
        "made_by": _earlier_makers([config.out, *(part.folder for part in parts)]) | {maker_key(maker): maker},
    }
    return content | ({"downstream": observer.facts} if observer else {})


def _facts(data: PairDataset) -> dict[str, Any]:
    """What run.yaml says of a data set; also the black and white of its files of more than 8 bit."""
    facts: dict[str, Any] = {"split": data.fingerprint(), "pairs": [pair.name for pair in data]}
    ranges = {
        camera: sorted({known for pair in data if (known := getattr(getattr(pair, camera), "value_range", None))})
        for camera in ("infrared", "visible")
    }
    stated = {camera: [list(known) for known in every] for camera, every in ranges.items() if every}
    return facts | ({"value_range": stated} if stated else {})


def _origin(results: MethodResults | FolderResults) -> dict[str, str | float]:
    if isinstance(results, FolderResults):
        return {"folder": results.pattern}
    share = results.trained_share
    return {"sha256": results.version} | ({} if share is None else {TRAINED_SHARE: share})


def maker_key(maker: dict[str, Any]) -> str:
    """What rows call the software and machine that made them."""
    return sha256_bytes(json.dumps(maker, sort_keys=True).encode())[:12]


def _earlier_makers(folders: Sequence[Path]) -> dict[str, Any]:
    """Software and machines of earlier runs into the same directory, and of parts, whose rows may still be valid."""
    found: dict[str, Any] = {}
    for folder in folders:
        with suppress(OSError, ConfigError, LookupError, TypeError, AttributeError):
            found |= {str(key): maker for key, maker in load_yaml(folder / DESCRIPTION)["made_by"].items()}
    return found


def _reasons(failures: Sequence[Failure]) -> list[tuple[str, int, str]]:
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.reason.replace(failure.name, "*"), []).append(failure)
    ordered = sorted(groups.values(), key=lambda alike: -len(alike))
    return [
        (one.reason, len(alike), f"{one.dataset}/{one.method}/{one.name}") for alike in ordered for one in alike[:1]
    ]
