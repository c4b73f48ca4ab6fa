"""Variants: the same metric as different codes compute it, and what that does to a ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

from tabulate import tabulate

from ivif.benchmark.config import ConfigError
from ivif.benchmark.metrics import Metric, get
from ivif.benchmark.run_directory import Run


@dataclass(frozen=True)
class VariantReading:
    """One metric under one definition.

    Attributes:
        metric: the definition.
        values: of each method, the mean over the pairs looked at; methods without a number are missing.
        order: methods, best first.
        flips: couples of methods that the default definition puts in the other order.
        couples: all couples of methods that both definitions have a number for.
    """

    metric: Metric
    values: Mapping[str, float]
    order: tuple[str, ...]
    flips: int
    couples: int


def readings(run: Run, pairs: Sequence[str] = (), methods: Sequence[str] = ()) -> list[list[VariantReading]]:
    """For each metric that a run measured under several definitions, what each of them says; the default first.

    Args:
        run: the run, measured with ``--metrics variants`` or some keys of variants.
        pairs: names of the pairs to look at; empty: all.
        methods: names of the methods to compare; empty: all.

    Raises:
        ConfigError: no run directory, an unknown pair or method, or no metric with a variant.
    """
    run.check_methods(methods)
    keys = run.config.metrics
    measured = [row for row in run.rows() if row.metric in keys]
    if unknown := sorted(set(pairs) - {row.pair for row in measured}):
        raise ConfigError(f"{run.folder} has no scores of pair {', '.join(unknown)}")
    values: dict[tuple[str, str], list[float]] = {}
    for row in measured:
        if row.value is not None and (not pairs or row.pair in pairs):
            values.setdefault((row.metric, row.method), []).append(row.value)
    chosen = methods or run.methods
    means = {
        key: {name: sum(found) / len(found) for name in chosen if (found := values.get((key, name)))} for key in keys
    }
    groups = [[key for key in keys if get(key).base == base] for base in dict.fromkeys(map(_base, means))]
    groups = [sorted(group, key=lambda key: key != _base(key)) for group in groups if len(group) > 1]
    if not groups:
        raise ConfigError(f"{run.folder} has no metric under several definitions: run again with --metrics variants")
    return [[_reading(key, means[key], means[group[0]]) for key in group] for group in groups]


def _base(key: str) -> str:
    return get(key).base


def _reading(key: str, values: Mapping[str, float], default: Mapping[str, float]) -> VariantReading:
    metric = get(key)
    sign = -1 if metric.better == "higher" else 1
    order = tuple(sorted(values, key=lambda name: sign * values[name]))
    couples = [couple for couple in combinations(values, 2) if set(couple) <= default.keys()]
    flips = sum((values[a] - values[b]) * (default[a] - default[b]) < 0 for a, b in couples if _finite(values, a, b))
    return VariantReading(metric, values, order, flips, len(couples))


def _finite(values: Mapping[str, float], *names: str) -> bool:
    return all(isfinite(values[name]) for name in names)


def variants_table(groups: Sequence[Sequence[VariantReading]], most: int = 8) -> str:
    """Readings as a table for a terminal: definitions in rows; methods in columns, at most `most` of them.

    Where there are more methods, the columns hold the default's best and worst instead of single methods.
    """
    methods = list(groups[0][0].values)
    rows = []
    for group in groups:
        for reading in group:
            numbers = [reading.values.get(name) for name in methods]
            if len(methods) > most:
                known = [number for number in numbers if number is not None]
                numbers = [min(known), max(known)]
            flips = f"{reading.flips} of {reading.couples}" if reading is not group[0] else "default"
            rows.append([reading.metric.key, reading.metric.arrow, *numbers, reading.order[0], flips])
    columns = methods if len(methods) <= most else ["lowest", "highest"]
    return tabulate(rows, ["metric", "", *columns, "best", "couples in other order"], floatfmt=".4g", missingval="-")
