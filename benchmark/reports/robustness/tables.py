"""Tables: methods by what is left of them when sources are spoilt, as text, Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from tabulate import tabulate

from ivif.benchmark.reports.escaping import escape_markdown
from ivif.benchmark.reports.robustness.curves import Curves
from ivif.benchmark.reports.robustness.measures import (
    TOLERATED,
    RobustnessLine,
    is_telling,
    losses,
    metric_losses,
    misregistrations,
    people_lines,
    people_values,
    robustness_lines,
    tolerated,
)
from ivif.datasets.corruptions import CorruptionLevel, amounts, find_corruption

ROBUSTNESS_FORMATS = ("terminal", "md")

PEOPLE_NOTE = "People: means over corruptions and severities; the cameras alone beside methods."


def robustness_text(every: Sequence[Curves], form: str = "terminal") -> str:
    """All tables of all data sets, one of `ROBUSTNESS_FORMATS`."""
    return "\n".join(_one(curves, form) for curves in every)


def _one(curves: Curves, form: str) -> str:
    parts = [_heading(curves, form)]
    if lines := robustness_lines(curves):
        head = ["method", "clean ↓", "mCE ↓", "95 %", "relative mCE ↓", "lost ↓", "area ↑", "worst corruption"]
        rows = [
            [
                _name(line.method, form),
                f"{line.clean:.1f}",
                f"{line.mce:.1f}",
                _interval(line.low, line.high),
                "-" if math.isnan(line.relative) else f"{line.relative:.0f}",
                f"{line.lost:.1%}",
                f"{line.area:.3f}",
                _worst(line),
            ]
            for line in lines
        ]
        parts += [_table(head, rows, form), _notes(curves)]
        if kinds := misregistrations(curves):
            parts += [_tolerances(curves, kinds, form)]
    if people := people_lines(curves):
        head = ["method", "AP50 clean ↑", "AP50 ↑", "kept ↑", "mAP clean ↑", "mAP ↑", "worst corruption"]
        rows = [
            [
                _name(own.method, form),
                f"{own.clean[0]:.3f}",
                f"{own.spoilt[0]:.3f}",
                "-" if math.isnan(own.kept) else f"{own.kept:.0%}",
                f"{own.clean[1]:.3f}",
                f"{own.spoilt[1]:.3f}",
                f"{own.worst[0]} {own.worst[1]:.3f}",
            ]
            for own in people
        ]
        parts += [_table(head, rows, form), PEOPLE_NOTE]
    for name, reason in curves.lacking.items():
        parts.append(f"{name} has no pair with all values: {reason}")
    return "\n\n".join(parts) + "\n"


def robustness_columns(every: Sequence[Curves], form: str = "terminal") -> str:
    """What a leaderboard says of robustness: clean, mCE, worst corruption."""
    parts = []
    for curves in every:
        if lines := robustness_lines(curves):
            head = ["method", "clean ↓", "mCE ↓", "worst corruption"]
            rows = [[_name(own.method, form), f"{own.clean:.1f}", f"{own.mce:.1f}", _worst(own)] for own in lines]
            note = f"Errors, {curves.baseline} = 100; see robustness/leaderboard.md in the run directory."
            parts.append(f"{_heading(curves, form)}\n\n{_table(head, rows, form)}\n\n{note}\n")
    return "\n".join(parts)


def _worst(line: RobustnessLine) -> str:
    return f"{line.worst[0]} {-line.worst[1]:+.0%}"


def _heading(curves: Curves, form: str) -> str:
    left_out = f", {curves.left_out} left out that some method lacks" if curves.left_out else ""
    title = (
        f"{curves.dataset}: {len(curves.pairs)} pairs{left_out}, {len(curves.levels) - 1} corrupted versions of each"
    )
    return f"## {escape_markdown(title)}" if form == "md" else title


def _notes(curves: Curves) -> str:
    telling = ", ".join(metric.label for metric in curves.metrics if is_telling(metric))
    return (
        f"By {telling} against the clean sources. clean, mCE: distance from ideal values, {curves.baseline} = 100; "
        "relative mCE: share lost to corruption, likewise; lost, area: share of a method's own clean values that is "
        "lost, and kept area under the curve."
    )


def _tolerances(curves: Curves, kinds: Sequence[str], form: str) -> str:
    means = curves.values.mean(axis=-1)
    by_metric, lost = metric_losses(means, curves.metrics), losses(means, curves.metrics)
    telling = [k for k, metric in enumerate(curves.metrics) if is_telling(metric)]
    head = ["method", *kinds, *(f"{kinds[0]}: {curves.metrics[k].label}" for k in telling)]
    columns = [tolerated(curves, lost, name) for name in kinds]
    columns += [tolerated(curves, by_metric[..., k], kinds[0]) for k in telling]
    rows = [
        [_name(method, form), *(_pixels(column[m], curves, kinds[0]) for column in columns)]
        for m, method in enumerate(curves.methods)
    ]
    about = f"Pixels of misregistration at which {TOLERATED:.0%} are lost, of all and of each metric:"
    return f"{about}\n\n{_table(head, rows, form)}"


def _pixels(value: float, curves: Curves, kind: str) -> str:
    return f"{value:.1f}" if math.isfinite(value) else f">{amounts(kind)[max(curves.severities(kind))]:.1f}"


def _interval(low: float, high: float) -> str:
    return "-" if math.isnan(low) else f"{low:.1f} to {high:.1f}"


def _name(text: str, form: str) -> str:
    return escape_markdown(text) if form == "md" else text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], form: str) -> str:
    numbers = ("left", *["right"] * (len(head) - 2), "left" if "worst" in head[-1] else "right")
    style = "pipe" if form == "md" else "simple"
    return tabulate(rows, head, tablefmt=style, disable_numparse=True, colalign=numbers)


def summary_csv(every: Sequence[Curves]) -> str:
    """One row a method and data set."""
    rows: list[dict[str, Any]] = []
    for curves in every:
        people = {own.method: own for own in people_lines(curves)}
        lines = {line.method: line for line in robustness_lines(curves)}
        for method in dict.fromkeys([*lines, *people]):
            row: dict[str, Any] = {"dataset": curves.dataset, "method": method, "pairs": len(curves.pairs)}
            if line := lines.get(method):
                row |= {"clean": line.clean, "mce": line.mce, "mce_low": line.low, "mce_high": line.high}
                row |= {"relative_mce": line.relative, "lost": line.lost, "area": line.area}
                row |= {"worst": line.worst[0], "worst_lost": line.worst[1]}
            if own := people.get(method):
                row |= {"ap50_clean": own.clean[0], "ap50": own.spoilt[0], "map_clean": own.clean[1]}
                row |= {"map": own.spoilt[1], "ap50_worst": own.worst[0]}
            rows.append(row)
    return _csv(rows)


def curves_csv(every: Sequence[Curves]) -> str:
    """One row a data set, method, corruption, severity and metric or score of people, means over pairs."""
    rows: list[dict[str, Any]] = []
    for curves in every:
        means = curves.values.mean(axis=-1) if curves.pairs else np.full(curves.values.shape[:-1], np.nan)
        lost = metric_losses(means, curves.metrics)
        for c, level in enumerate(curves.levels):
            about: dict[str, Any] = {"dataset": curves.dataset, **_about(level)}
            for m, method in enumerate(curves.methods):
                for k, metric in enumerate(curves.metrics):
                    value = {"metric": metric.key, "value": means[m, c, k], "lost": lost[m, c, k]}
                    rows.append({**about, "method": method, **value})
            for method, entry in curves.people.get(level.key, {}).items():
                for label in ("AP50", "mAP"):
                    clean = people_values(curves, method, label)[0]
                    if (found := entry.detection.get(label)) is not None:
                        gone = 1 - found / clean if clean else math.nan
                        rows.append({**about, "method": method, "metric": label, "value": found, "lost": gone})
    return _csv(rows)


def _about(level: CorruptionLevel) -> dict[str, Any]:
    """What a row says of a corruption."""
    if not level.severity:
        return {"corruption": "", "severity": 0, "amount": 0.0, "unit": ""}
    amount, unit = amounts(level.corruption)[level.severity], find_corruption(level.corruption).unit
    return {"corruption": level.corruption, "severity": level.severity, "amount": amount, "unit": unit}


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    buffer = io.StringIO()
    columns = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _plain_number(value) for key, value in row.items()} for row in rows)
    return buffer.getvalue()


def _plain_number(value: Any) -> Any:
    """Numbers as short as they can be; what is none is empty."""
    if not isinstance(value, float):
        return value
    return "" if math.isnan(value) else f"{value:.6g}"
