"""Curves: every value of every method on every corruption of a data set, as one array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ivif.benchmark.metrics import Metric, get
from ivif.benchmark.people import PeopleEntry
from ivif.benchmark.reports.robustness.directory import RobustnessFolder, at_level
from ivif.benchmark.store import Row
from ivif.datasets.corruptions import CLEAN, CorruptionLevel

ValueArray = NDArray[np.float64]


@dataclass(frozen=True)
class Curves:
    """What was measured on one data set.

    Attributes:
        dataset: its name.
        baseline: the method that others are compared with.
        methods: those with values on the `pairs`.
        metrics: against the clean sources.
        levels: the clean one first, then corruption by corruption, by severity.
        pairs: on which every method has every value.
        values: ``float64 [methods, levels, metrics, pairs]``.
        left_out: number of pairs on which some method lacks a value.
        lacking: methods that have not one complete pair, with a reason.
        people: by level's key, then by method or camera.
    """

    dataset: str
    baseline: str
    methods: tuple[str, ...]
    metrics: tuple[Metric, ...]
    levels: tuple[CorruptionLevel, ...]
    pairs: tuple[str, ...]
    values: ValueArray
    left_out: int = 0
    lacking: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, Mapping[str, PeopleEntry]] = field(default_factory=dict)

    @property
    def corruptions(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(dict.fromkeys(level.corruption for level in self.levels if level.severity))

    def places(self, corruption: str) -> list[int]:
        """Where a corruption's levels are among all, by severity."""
        places = [place for place, level in enumerate(self.levels) if level.corruption == corruption and level.severity]
        return sorted(places, key=lambda place: self.levels[place].severity)

    def severities(self, corruption: str) -> list[int]:
        """Those of a corruption that were measured."""
        return [self.levels[place].severity for place in self.places(corruption)]


def read_curves(folder: RobustnessFolder) -> list[Curves]:
    """One a data set; raises `StoreError` where scores are damaged."""
    facts, rows, boards = folder.facts, folder.rows(), folder.people()
    found = []
    for name, data in facts.datasets.items():
        levels = [CorruptionLevel.of(key) for key in data.levels]
        own = [row for row in rows if row.dataset == name]
        people = {level.key: board.scores for level in levels if (board := boards.get(at_level(name, level)))}
        curves = as_curves(name, facts.baseline, facts.methods, facts.metrics, levels, data.pairs, own, people)
        found.append(curves)
    return found


def as_curves(
    dataset: str,
    baseline: str,
    methods: Sequence[str],
    keys: Sequence[str],
    levels: Sequence[CorruptionLevel],
    pairs: Sequence[str],
    rows: Sequence[Row],
    people: Mapping[str, Mapping[str, PeopleEntry]] | None = None,
) -> Curves:
    """Rows in order: the clean level first, methods and pairs without all values left out."""
    ordered = [CLEAN, *(level for level in levels if level != CLEAN)]
    values = np.full((len(methods), len(ordered), len(keys), len(pairs)), np.nan)
    names = {at_level(pair, level): (c, p) for c, level in enumerate(ordered) for p, pair in enumerate(pairs)}
    method_places, metric_places = ({name: n for n, name in enumerate(every)} for every in (methods, keys))
    reasons: dict[str, str] = {}
    for row in rows:
        if row.pair not in names or row.method not in method_places or row.metric not in metric_places:
            continue
        c, p = names[row.pair]
        if row.value is None:
            reasons.setdefault(row.method, row.reason)
        else:
            values[method_places[row.method], c, metric_places[row.metric], p] = row.value
    whole = ~np.isnan(values).any(axis=(1, 2))
    able = [m for m in range(len(methods)) if whole[m].any()]
    shared = whole[able].all(axis=0) if able else np.zeros(len(pairs), bool)
    return Curves(
        dataset,
        baseline,
        tuple(methods[m] for m in able),
        tuple(get(key) for key in keys),
        tuple(ordered),
        tuple(pair for pair, kept in zip(pairs, shared, strict=True) if kept),
        values[able][..., shared],
        int((~shared).sum()),
        {name: reasons.get(name, "not measured yet") for m, name in enumerate(methods) if m not in able},
        people or {},
    )
