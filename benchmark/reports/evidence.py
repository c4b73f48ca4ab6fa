"""Evidence: what finished runs say of Reference-then-Supervision, network by network, against what it is to reach.

Networks are compared with their ``+rts`` counterparts on each data set of each run. Trainings with other seeds
(``sdnet.s1``, ``sdnet.s1+rts``) count as one network: tests are of each pair's mean over seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import leaderboard
from ivif.benchmark.metrics import Metric, expand_keys, get, metric_names
from ivif.benchmark.people import PeopleBoard, PeopleEntry, PeopleScore
from ivif.benchmark.reports.comparison import ValuesByPair, couples, values_by_pair
from ivif.benchmark.reports.resampling import RESAMPLED, Looks, Parts, ResamplingError, gain_interval
from ivif.benchmark.reports.statistics import Paired, corrected, paired_by_name, verdict
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row
from ivif.fusion.loading import network_of

CORE = expand_keys(("core",))
"""Metrics of which as many as possible are to become better, and none worse."""

NO_WORSE = "nabf"
"""The metric that is not to become worse."""

Verdict = int | None
"""Of an aim: 1 met, 0 neither shown nor refuted, -1 missed; None: not measured."""


class Couple(NamedTuple):
    """A network's method and the retrained one in a run."""

    run: Run
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One measure of a network before and after.

    Attributes:
        before, after: means over seeds; NaN where there is none.
        gains: of each seed, above 0 where the second is better.
        test: of a metric, each pair's mean over seeds.
        p_core, p_table: of a metric, its p-value corrected for the core metrics of the network (NaN for others), and
            for all metrics and networks of the data set.
        low, high: of a score of people, 95 % interval of the mean gain; NaN where there is none.
        count: pairs, images or sequences.
        outcome: significantly better or worse; of core metrics by `p_core`, of Nabf by the p-value as it is, for it is
            asked alone, of other metrics by `p_table`, of scores of people by the interval, of ranks as they are.
    """

    before: float
    after: float
    gains: tuple[float, ...]
    test: Paired | None = None
    p_core: float = math.nan
    p_table: float = math.nan
    low: float = math.nan
    high: float = math.nan
    count: int = 0
    outcome: Verdict = None


@dataclass(frozen=True)
class NetworkEvidence:
    """One network on one data set.

    Attributes:
        name: the network's, without the seed.
        seeds: how many couples it has.
        rank: mean rank among the methods of all couples on this data set.
        metrics: by the metric's key.
        people: by the score's key; those that all seeds have.
    """

    name: str
    seeds: int
    rank: Change
    metrics: Mapping[str, Change]
    people: Mapping[str, Change]

    def count(self, outcome: int, keys: Iterable[str]) -> int:
        """How many of these metrics came to this."""
        return sum(self.metrics[key].outcome == outcome for key in keys if key in self.metrics)

    @property
    def core(self) -> Verdict:
        """Whether core metrics became better, and none worse."""
        better, alike, worse = (self.count(outcome, CORE) for outcome in (1, 0, -1))
        return -1 if worse else 1 if better else 0 if alike else None

    @property
    def artifacts(self) -> Verdict:
        """Whether Nabf became no worse."""
        outcome = self.metrics[NO_WORSE].outcome if NO_WORSE in self.metrics else None
        return 1 if outcome == 0 else outcome


@dataclass(frozen=True)
class EvidenceBoard:
    """All networks on one data set.

    Attributes:
        dataset: its name.
        pairs: how many it has.
        metrics: that any run measured here: the core ones, Nabf, then the others.
        ranked: metrics of which mean ranks are made: those that all runs measured.
        methods: how many methods were ranked.
        networks: what there is on each.
        trained_shares: by method, see `Run.trained_shares`.
        notes: why scores of people have no interval.
    """

    dataset: str
    pairs: int
    metrics: tuple[Metric, ...]
    ranked: tuple[str, ...]
    methods: int
    networks: tuple[NetworkEvidence, ...]
    trained_shares: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def gathered(runs: Sequence[Run]) -> list[EvidenceBoard]:
    """The evidence of all couples in runs, a board for each data set; runs on the same pairs share one.

    Raises:
        ConfigError: a run without couples, or a method that two runs have on the same pairs.
        StoreError: scores of a run are damaged.
    """
    found: dict[tuple[str, tuple[str, ...]], list[Couple]] = {}
    for run in runs:
        for place in run.pairs.items():
            found.setdefault(place, []).extend(Couple(run, *names) for names in couples(run))
    data = _Data()
    return [_board(dataset, pairs, own, data) for (dataset, pairs), own in found.items()]


class _Data:
    """What was found in the images of runs, whose data sets are loaded once."""

    def __init__(self) -> None:
        self.known: dict[Path, Looks] = {}

    def parts(self, run: Run, dataset: str, method: str) -> Parts:
        return self.known.setdefault(run.folder, Looks(run)).parts(dataset, method)


def _board(dataset: str, pairs: tuple[str, ...], members: Sequence[Couple], data: _Data) -> EvidenceBoard:
    methods = [name for member in members for name in (member.before, member.after)]
    if twice := sorted({name for name in methods if methods.count(name) > 1}):
        raise ConfigError(f"two runs have {twice[0]} on the same pairs of {dataset}; leave one of them out")
    runs = list({member.run.folder: member.run for member in members}.values())
    rows = [row for run in runs for row in run.rows() if row.dataset == dataset and row.method in methods]
    ranked = [key for key in runs[0].config.metrics if all(key in run.config.metrics for run in runs)]
    ranks = {line.method: line.rank for line in leaderboard(dataset, pairs, rows, methods, ranked).lines}
    metrics = _in_order({key for run in runs for key in run.config.metrics})
    networks: dict[str, list[Couple]] = {}
    for member in members:
        networks.setdefault(_without_seed(member.before), []).append(member)
    changes = _metric_changes(dataset, list(networks.values()), metrics, rows)
    notes: list[str] = []
    shares = {name: share for run in runs for name, share in run.trained_shares.items() if name in methods}
    evidence = tuple(
        NetworkEvidence(
            name,
            len(own),
            _rank_change([(ranks[one.before], ranks[one.after]) for one in own]),
            {metric.key: change for metric, change in zip(metrics, row, strict=True)},
            _people_changes(dataset, own, data, notes),
        )
        for (name, own), row in zip(networks.items(), changes, strict=True)
    )
    return EvidenceBoard(dataset, len(pairs), metrics, tuple(ranked), len(methods), evidence, shares, tuple(notes))


def _without_seed(name: str) -> str:
    """``sdnet+published`` for ``sdnet.s1+published``."""
    _, plus, weights = name.partition("+")
    return f"{network_of(name)}{plus}{weights}"


def _in_order(keys: Iterable[str]) -> tuple[Metric, ...]:
    """Metrics with the core ones and Nabf first."""
    known = [key for key in dict.fromkeys((*CORE, NO_WORSE, *metric_names())) if key in set(keys)]
    return tuple(map(get, known))


def _rank_change(ranks: Sequence[tuple[float | None, float | None]]) -> Change:
    known = [(before, after) for before, after in ranks if before is not None and after is not None]
    if not known:
        return Change(math.nan, math.nan, ())
    before, after = np.mean(known, axis=0).tolist()
    return Change(
        before, after, tuple(one - other for one, other in known), count=len(known), outcome=1 if after < before else -1
    )


def _metric_changes(
    dataset: str, networks: Sequence[Sequence[Couple]], metrics: Sequence[Metric], rows: Iterable[Row]
) -> list[list[Change]]:
    """By network and metric."""
    values = values_by_pair(rows)
    tests = [[_test(values, dataset, own, metric) for metric in metrics] for own in networks]
    core = [place for place, metric in enumerate(metrics) if metric.key in CORE]
    found = []
    for own, row, table in zip(networks, tests, corrected(tests).tolist(), strict=True):
        within = dict(zip(core, corrected([[row[place] for place in core]]).ravel().tolist(), strict=True))
        found.append(
            [
                _metric_change(_gains(values, dataset, own, metric), test, within.get(place, math.nan), p, metric.key)
                for place, (metric, test, p) in enumerate(zip(metrics, row, table, strict=True))
            ]
        )
    return found


def _metric_change(gains: tuple[float, ...], test: Paired, p_core: float, p_table: float, key: str) -> Change:
    if not test.pairs:
        return Change(math.nan, math.nan, ())
    p = p_core if key in CORE else test.p if key == NO_WORSE else p_table
    return Change(test.before, test.after, gains, test, p_core, p_table, count=test.pairs, outcome=verdict(test, p))


def _test(values: ValuesByPair, dataset: str, own: Sequence[Couple], metric: Metric) -> Paired:
    before = _mean_of_seeds([values.get((dataset, one.before, metric.key), {}) for one in own])
    after = _mean_of_seeds([values.get((dataset, one.after, metric.key), {}) for one in own])
    return paired_by_name(before, after, metric.better == "higher")


def _mean_of_seeds(seeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By pair, where all seeds have a value."""
    common = [pair for pair in seeds[0] if all(pair in own for own in seeds)]
    return {pair: sum(own[pair] for own in seeds) / len(seeds) for pair in common}


def _gains(values: ValuesByPair, dataset: str, own: Sequence[Couple], metric: Metric) -> tuple[float, ...]:
    return tuple(_test(values, dataset, [one], metric).gain for one in own)


def _people_changes(dataset: str, own: Sequence[Couple], data: _Data, notes: list[str]) -> dict[str, Change]:
    entries = list(_entries(dataset, own))
    measured = {score: values for score in RESAMPLED if (values := _values(score, entries))}
    intervals: dict[PeopleScore, tuple[float, float]] = {}
    try:
        parts = [tuple(data.parts(one.run, dataset, name) for name in one[1:]) for one in own if measured]
        intervals = {score: gain_interval(score, [(before, after) for before, after in parts]) for score in measured}
    except ResamplingError as error:
        notes.append(str(error))
    return {
        score.key: _people_change(
            values,
            min(getattr(entry, score.counted) for couple in entries for entry in couple),
            *intervals.get(score, (math.nan, math.nan)),
        )
        for score, values in measured.items()
    }


def _entries(dataset: str, own: Sequence[Couple]) -> Iterator[tuple[PeopleEntry, PeopleEntry]]:
    """What was recorded of people before and after, one a seed; empty entries where nobody was looked for."""
    for one in own:
        board = one.run.people().get(dataset, PeopleBoard(0, 0))
        yield board.scores.get(one.before, PeopleEntry()), board.scores.get(one.after, PeopleEntry())


def _values(score: PeopleScore, entries: Sequence[tuple[PeopleEntry, PeopleEntry]]) -> list[tuple[float, float]]:
    """A score before and after by seed; none unless all seeds have it."""
    sides = [(before.value(score), after.value(score)) for before, after in entries]
    known = [(before, after) for before, after in sides if before is not None and after is not None]
    return known if len(known) == len(sides) else []


def _people_change(values: Sequence[tuple[float, float]], count: int, low: float, high: float) -> Change:
    before, after = np.mean(values, axis=0).tolist()
    outcome = 1 if low > 0 else -1 if high < 0 else 0
    gains = tuple(later - earlier for earlier, later in values)
    return Change(before, after, gains, low=low, high=high, count=count, outcome=outcome)
