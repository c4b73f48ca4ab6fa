"""Running: what a plan asks for and the store lacks, in as many processes as wanted; safe to interrupt."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from joblib import cpu_count
from tqdm import tqdm

from ivif.benchmark.config import ConfigError
from ivif.benchmark.experiments.robustness.people import SightTask, complete_boards, detectors_of, look, sight_tasks
from ivif.benchmark.experiments.robustness.plan import RobustnessPlan, tasks_left
from ivif.benchmark.experiments.robustness.work import do_level
from ivif.benchmark.people import write_people
from ivif.benchmark.reports.robustness.directory import ROBUSTNESS, MeasuredData, RobustnessFacts, RobustnessFolder
from ivif.benchmark.running.people import Effort
from ivif.benchmark.running.provenance import made_by
from ivif.benchmark.running.runner import RunError, maker_key, remove_unfinished
from ivif.benchmark.store import Store
from ivif.command_line import command_given
from ivif.datasets.boxes import BoxesError
from ivif.datasets.corruptions import CorruptionLevel, amounts
from ivif.datasets.locking import alone_in
from ivif.datasets.pairs import PairDataset
from ivif.datasets.workers import in_workers
from ivif.downstream.errors import DownstreamError
from ivif.downstream.loading import detector_facts


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
    reasons: dict[str, int] = {}
    for row in now.rows():
        if row.status == "failed":
            reasons[row.reason] = reasons.get(row.reason, 0) + 1
    return RobustnessSummary(done, kept, sum(reasons.values()), perf_counter() - start, effort, why_not, reasons)


def _measure(plan: RobustnessPlan, store: Store, device: str, maker: str) -> tuple[int, int]:
    """Fused images measured now, and those that were before."""
    store.compact()
    tasks = list(tasks_left(plan, store.rows(), device, maker))
    count = sum(len(task.methods) for task in tasks)
    jobs = _jobs(plan, device, len(tasks))
    with _bar(count, "image") as bar:
        for rows in in_workers(do_level, ((task,) for task in tasks), jobs, ordered=False):
            store.append(rows)
            bar.update(len({row.method for row in rows}))
    store.compact()
    every = sum(len(data) * len(plan.levels[data.name]) for data in plan.sets) * len(plan.entrants)
    return count, every - count


def _look(plan: RobustnessPlan, now: RobustnessFolder, tasks: Sequence[SightTask]) -> Effort:
    boards, effort = now.people(), Effort()
    jobs = _jobs(plan, tasks[0].device, len(tasks))
    with _bar(len(tasks), "corruption") as bar:
        for sight in in_workers(look, ((task,) for task in tasks), jobs, ordered=False):
            known = boards.get(sight.name)
            boards[sight.name] = sight.board
            if known and known.images == sight.board.images:  # methods that an earlier call looked at
                sight.board.scores = known.scores | sight.board.scores
            for name in ("looked", "reused", "seconds"):
                setattr(effort, name, getattr(effort, name) + getattr(sight.effort, name))
            bar.update()
    write_people(now.folder, complete_boards(plan, boards))
    return effort


def _jobs(plan: RobustnessPlan, device: str, tasks: int) -> int:
    jobs = plan.config.jobs or (1 if device.startswith("cuda") else cpu_count())
    return max(1, min(jobs, tasks))


def _bar(total: int, unit: str) -> Any:
    quiet = 0.1 if sys.stderr.isatty() else 30
    return tqdm(total=total, unit=unit, smoothing=0, mininterval=quiet, disable=not total)


def _description(plan: RobustnessPlan, maker: dict[str, Any], looks: Sequence[SightTask]) -> dict[str, Any]:
    """What is measured now and what was before; raises `ConfigError` where they don't go together."""
    facts = RobustnessFacts(
        methods=[results.name for results in plan.entrants],
        metrics=list(plan.config.metrics),
        baseline=plan.baseline,
        seed=plan.config.seed,
        datasets={data.name: _measured_data(plan, data) for data in plan.sets},
        detectors=detectors_of(looks, detector_facts),
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
        versions=before.versions | now.versions,
        made_by=before.made_by | now.made_by,
    )


def _both(before: Sequence[str], now: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*before, *now]))
