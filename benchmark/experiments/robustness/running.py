"""Running: what a plan asks for and the store lacks, in as many processes as wanted; safe to interrupt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from joblib import cpu_count

from ivif.benchmark.config import ConfigError
from ivif.benchmark.experiments.robustness.people import SightTask, complete_boards, detectors_of, look, sight_tasks
from ivif.benchmark.experiments.robustness.plan import RobustnessPlan, tasks_left
from ivif.benchmark.experiments.robustness.work import do_level
from ivif.benchmark.people import write_people
from ivif.benchmark.reports.robustness.directory import (
    ROBUSTNESS,
    MeasuredData,
    RobustnessFacts,
    RobustnessFolder,
    at_level,
)
from ivif.benchmark.running.people import Effort
from ivif.benchmark.running.provenance import made_by
from ivif.benchmark.running.runner import RunError, maker_key, remove_unfinished
from ivif.benchmark.store import Row, Store, withdrawn
from ivif.command_line import command_given
from ivif.datasets.boxes import BoxesError
from ivif.datasets.corruptions import CorruptionLevel, amounts
from ivif.datasets.locking import alone_in
from ivif.datasets.pairs import PairDataset
from ivif.datasets.progress import progress
from ivif.datasets.workers import in_workers
from ivif.downstream.errors import DownstreamError
from ivif.downstream.labelled_images import CONTROLS


@dataclass(frozen=True)
class RobustnessSummary:
    """What was done.

    Attributes:
        done: fused images measured now.
        kept: fused images whose values were still valid.
        failed: values that are missing.
        seconds: of it all.
        effort: what the detector had to do.
        why_not: why nobody was looked for where people would have been; "" if that is as it should be.
        reasons: of the failures, with their number.
    """

    done: int
    kept: int
    failed: int
    seconds: float
    effort: Effort | None = None
    why_not: str = ""
    reasons: Mapping[str, int] = field(default_factory=dict)


def measure_robustness(plan: RobustnessPlan, device: str) -> RobustnessSummary:
    """Fuse and measure what is missing, and look for people; methods and corruptions that stand there stay.

    Raises:
        BusyError: another process works there.
        ConfigError: it was measured with another seed or baseline, or detection can't be done.
        RunError: the disk is full, or the detector failed.
        StoreError: scores are damaged.
        WorkersError: see `in_workers`.
    """
    start, folder = perf_counter(), plan.out / ROBUSTNESS
    looks, why_not = sight_tasks(plan, device, folder)
    maker = made_by(device)
    try:
        with alone_in(folder):
            remove_unfinished(folder)
            now = RobustnessFolder.begin(plan.out, _description(plan, maker, looks))
            done, kept = _measure(plan, now.store, device, maker_key(maker))
            effort = _look(plan, now, looks) if looks else None
    except (DownstreamError, BoxesError) as error:
        raise RunError(f"{error}; mend that and give the same command again: what is finished is kept") from error
    except OSError as error:
        raise RunError(f"{error.filename or folder}: {error.strerror}; what is finished is kept") from error
    reasons = Counter(row.reason for row in _asked_for(plan, now.rows()) if row.status == "failed")
    return RobustnessSummary(done, kept, reasons.total(), perf_counter() - start, effort, why_not, reasons)


def _asked_for(plan: RobustnessPlan, rows: Iterable[Row]) -> Iterator[Row]:
    """Rows of what a plan measures, without those of earlier ones."""
    methods, metrics = {results.name for results in plan.entrants}, set(plan.config.metrics)
    pairs = {
        (data.name, at_level(pair.name, level))
        for data in plan.sets
        for level in plan.levels[data.name]
        for pair in data
    }
    for row in rows:
        if row.method in methods and row.metric in metrics and (row.dataset, row.pair) in pairs:
            yield row


def _measure(plan: RobustnessPlan, store: Store, device: str, maker: str) -> tuple[int, int]:
    """Fused images measured now, and those that were before."""
    store.compact()
    rows = store.rows()
    tasks = list(tasks_left(plan, rows, device, maker))
    due = {
        (task.dataset, method.results.name, task.name, key)
        for task in tasks
        for method in task.methods
        for key, _ in method.metrics
    }
    store.append(withdrawn(rows, due))
    count = sum(len(task.methods) for task in tasks)
    jobs = _jobs(plan, device, len(tasks))
    with progress(count, "fusing", "images") as bar:
        for measured in in_workers(do_level, ((task,) for task in tasks), jobs, ordered=False):
            store.append(measured)
            bar.update(len({row.method for row in measured}))
    store.compact()
    every = sum(len(data) * len(plan.levels[data.name]) for data in plan.sets) * len(plan.entrants)
    return count, every - count


def _look(plan: RobustnessPlan, now: RobustnessFolder, tasks: Sequence[SightTask]) -> Effort:
    boards, effort = now.people(), Effort()
    jobs = _jobs(plan, tasks[0].device, len(tasks))
    with progress(len(tasks), "detecting", "corruptions") as bar:
        for sight in in_workers(look, ((task,) for task in tasks), jobs, ordered=False):
            known = boards.get(sight.name)
            boards[sight.name] = sight.board
            if known and known.images == sight.board.images:  # methods that an earlier call looked at
                methods = {name: own for name, own in known.scores.items() if name not in CONTROLS}
                sight.board.scores = methods | sight.board.scores
            for name in ("looked", "reused", "seconds"):
                setattr(effort, name, getattr(effort, name) + getattr(sight.effort, name))
            bar.update()
    write_people(now.folder, complete_boards(plan, boards))
    return effort


def _jobs(plan: RobustnessPlan, device: str, tasks: int) -> int:
    jobs = plan.config.jobs or (1 if device.startswith("cuda") else cpu_count())
    return max(1, min(jobs, tasks))


def _description(plan: RobustnessPlan, maker: dict[str, Any], looks: Sequence[SightTask]) -> dict[str, Any]:
    """What is measured now and what was before; raises `ConfigError` where they don't go together."""
    detectors = detectors_of(looks)
    facts = RobustnessFacts(
        methods=[results.name for results in plan.entrants],
        metrics=list(plan.config.metrics),
        baseline=plan.baseline,
        seed=plan.config.seed,
        datasets={data.name: _measured_data(plan, data) for data in plan.sets},
        detectors={name: detector.name for name, detector in detectors.items()},
        detector_keys={name: detector.fingerprint() for name, detector in detectors.items()},
        versions={results.name: results.version for results in plan.entrants},
        made_by={maker_key(maker): maker},
    )
    if RobustnessFolder.is_in(plan.out):
        facts = _united(RobustnessFolder(plan.out).facts, facts, plan)
    keys = (CorruptionLevel.of(key) for data in facts.datasets.values() for key in data.levels)
    names = dict.fromkeys(level.corruption for level in keys if level.severity)
    known = {"amounts": {name: amounts(name) for name in names}}
    return {"command": command_given("benchmark"), **facts.model_dump(), **known}


def _measured_data(plan: RobustnessPlan, data: PairDataset) -> MeasuredData:
    return MeasuredData(pairs=[pair.name for pair in data], levels=[level.key for level in plan.levels[data.name]])


def _united(before: RobustnessFacts, now: RobustnessFacts, plan: RobustnessPlan) -> RobustnessFacts:
    for name in ("seed", "baseline"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            raise ConfigError(f"{plan.out / ROBUSTNESS} was measured with {name} {old}, not {new}: another --out")
    for name, key in now.detector_keys.items():
        if before.detector_keys.get(name, key) != key:
            raise ConfigError(
                f"people of {name} in {plan.out / ROBUSTNESS} were found by another detector, or asked otherwise: "
                "another --out"
            )
    data = dict(before.datasets)
    for name, own in now.datasets.items():
        old = data.get(name, own)
        data[name] = MeasuredData(pairs=_both(old.pairs, own.pairs), levels=_both(old.levels, own.levels))
    return RobustnessFacts(
        methods=_both(before.methods, now.methods),
        metrics=_both(before.metrics, now.metrics),
        baseline=now.baseline,
        seed=now.seed,
        datasets=data,
        detectors=before.detectors | now.detectors,
        detector_keys=before.detector_keys | now.detector_keys,
        versions=before.versions | now.versions,
        made_by=before.made_by | now.made_by,
    )


def _both(before: Sequence[str], now: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*before, *now]))
