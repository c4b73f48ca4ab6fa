"""Page: robustness as one HTML file that opens from disk, and as a part of a run's report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ivif.benchmark.reports.robustness.curves import Curves, ValueArray, read_curves
from ivif.benchmark.reports.robustness.directory import RobustnessFolder
from ivif.benchmark.reports.robustness.measures import (
    is_telling,
    losses,
    metric_losses,
    people_lines,
    people_values,
    robustness_lines,
)
from ivif.benchmark.reports.templates import REPORT_PACKAGE, environment_of, library, packaged
from ivif.datasets.files import write_atomic

ROBUSTNESS_PACKAGE = "ivif.benchmark.reports.robustness"
ROBUSTNESS_PAGE = "robustness.html"
"""What the page is called."""

ALL_METRICS = "all"
"""What stands for the mean over all telling metrics."""

_PLACES = 4
"""Decimals of numbers that plots are drawn from."""


def write_robustness_page(every: Sequence[Curves], out: Path, detectors: dict[str, str] | None = None) -> Path:
    """Write the page; returns its path."""
    text = (
        environment_of(ROBUSTNESS_PACKAGE)
        .get_template("page.html")
        .render(
            title=", ".join(curves.dataset for curves in every),
            style=packaged(REPORT_PACKAGE, "templates/report.css"),
            section=_section(every, detectors or {}),
            libraries=[library(name) for name in ("d3.min.js", "plot.umd.min.js")],
            script=robustness_script(),
        )
    )
    write_atomic(out, text.encode())
    return out


def robustness_section(runs: Sequence[Path]) -> Markup | None:
    """The part of a report on runs that tells of spoilt sources; None where nothing was measured.

    Raises:
        ConfigError, StoreError: what was measured is damaged.
    """
    folders = [RobustnessFolder(run) for run in runs if RobustnessFolder.is_in(run)]
    detectors = {name: own for folder in folders for name, own in folder.facts.detectors.items()}
    return _section([own for folder in folders for own in read_curves(folder)], detectors) if folders else None


def robustness_script() -> Markup:
    """What draws the section's plots, by D3 and Observable Plot."""
    return packaged(ROBUSTNESS_PACKAGE, "templates/robustness.js")


def _section(every: Sequence[Curves], detectors: dict[str, str]) -> Markup:
    parts = [_part(curves, detectors.get(curves.dataset, "")) for curves in every]
    return Markup(environment_of(ROBUSTNESS_PACKAGE).get_template("robustness.html").render(parts=parts))


def _part(curves: Curves, detector: str) -> dict[str, Any]:
    """What the section shows of a data set, as JSON can hold it."""
    lines = robustness_lines(curves)
    part: dict[str, Any] = {
        "dataset": curves.dataset,
        "baseline": curves.baseline,
        "pairs": len(curves.pairs),
        "left_out": curves.left_out,
        "corruptions": curves.corruptions,
        "severities": {name: curves.severities(name) for name in curves.corruptions},
        "all_severities": sorted({level.severity for level in curves.levels if level.severity}),
        "telling": [metric.label for metric in curves.metrics if is_telling(metric)],
        "lines": [{key: _number(value) for key, value in vars(line).items()} for line in lines],
        "people": [vars(own) | {"kept": _number(own.kept)} for own in people_lines(curves)],
        "detector": detector,
        "lacking": dict(curves.lacking),
        "shown": [],
        "by_corruption": {},
        "by_severity": {},
        "people_lost": _people_lost(curves),
    }
    if lines:
        means = curves.values.mean(axis=-1)
        by_metric = metric_losses(means, curves.metrics)
        shown = {ALL_METRICS: losses(means, curves.metrics)}
        shown |= {metric.label: by_metric[..., k] for k, metric in enumerate(curves.metrics)}
        part["shown"] = list(shown)
        for name, lost in shown.items():
            part["by_severity"][name] = _nested(curves, lost)
            part["by_corruption"][name] = {
                method: {corruption: _number(sum(own) / len(own)) for corruption, own in rows.items()}
                for method, rows in part["by_severity"][name].items()
            }
    return part


def _people_lost(curves: Curves) -> dict[str, dict[str, float | None]]:
    """Share of the clean AP50 that is lost, by method or camera and corruption; of those that find anybody."""
    found = {}
    for own in people_lines(curves):
        if own.clean[0] > 0:
            lost = 1 - people_values(curves, own.method, "AP50") / own.clean[0]
            found[own.method] = {name: _number(float(lost[curves.places(name)].mean())) for name in curves.corruptions}
    return found


def _nested(curves: Curves, lost: ValueArray) -> dict[str, dict[str, list[float]]]:
    """Losses ``[methods, levels]`` by method and corruption, severity by severity."""
    return {
        method: {
            name: [round(float(value), _PLACES) for value in lost[m, curves.places(name)]]
            for name in curves.corruptions
        }
        for m, method in enumerate(curves.methods)
    }


def _number(value: Any) -> Any:
    """Numbers as JSON can hold them; what is none becomes null."""
    if not isinstance(value, float):
        return value
    return round(value, _PLACES) if math.isfinite(value) else None
