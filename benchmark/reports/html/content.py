"""Content: what the page shows of a run, as plain values; the page's scripts and templates read nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from ivif.benchmark.catalogue import catalogue
from ivif.benchmark.explanation import explanation
from ivif.benchmark.leaderboard import Cell, Leaderboard, Line
from ivif.benchmark.metrics import Metric
from ivif.benchmark.reports.colour import Colours
from ivif.benchmark.reports.comparison import retrained_name
from ivif.benchmark.reports.joining import Joined
from ivif.benchmark.reports.opening import BoardJudgement
from ivif.benchmark.reports.people_standing import PeopleSpread
from ivif.benchmark.reports.standing import BoardStanding
from ivif.benchmark.reports.statistics import SIGNIFICANT, corrected, least_p, paired, verdict
from ivif.benchmark.run_directory import Run
from ivif.fusion import FusionError, load
from ivif.fusion.loading import network_of
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.weights.manifest import share_text

DIGITS = 4
"""Significant digits of single values, which plots are made of."""


def number(value: float | None, digits: int = DIGITS) -> float | None:
    """A number as the page has it: rounded; None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def board_content(judgement: BoardJudgement) -> dict[str, Any]:
    """All that is known of one data set, its conditions among it."""
    whole, colours, part = judgement.standing, judgement.colours, judgement.part
    content = _standing_content(whole, colours)
    return content | {
        "opening": list(judgement.sentences),
        "pairs": list(whole.pairs),
        "values": [[[number(value) for value in row] for row in pair] for pair in whole.values.tolist()],
        "agreement": _agreement(whole.board),
        "retrained": _retrained(whole),
        "seconds": _seconds(part, whole.board),
        "conditions": {tag: _standing_content(part.standing(tag), {}) for tag in part.tags()},
        "strange": {name: own.strange for name, own in colours.items() if own.strange},
    }


def _standing_content(found: BoardStanding, colours: Mapping[str, Colours]) -> dict[str, Any]:
    board, test = found.board, found.test
    return {
        "dataset": board.dataset,
        "images": board.images,
        "detector": board.detector,
        "metrics": [_metric_head(metric) for metric in board.metrics],
        "people": [
            {
                "key": score.key,
                "label": score.label,
                "better": score.better,
                "arrow": score.arrow,
                "total": total,
                "counted": score.counted,
                "family": "detection" if score.counted == "images" else "tracking",
            }
            for score, total in zip(board.people, board.totals, strict=True)
        ],
        "lines": [
            _line(line, colours.get(line.method), found)
            | {
                "low": number(place.low),
                "high": number(place.high),
                "pair_rank": number(place.pair_rank),
                "group": place.group,
                "borda": None if line.rank is None else number(len(found.ranked) - line.rank),
                "cells": [
                    _cell(cell)
                    | {
                        "median": number(own.median),
                        "low": number(own.low),
                        "high": number(own.high),
                        "alike": own.alike,
                    }
                    for cell, own in zip(line.cells, place.spreads, strict=True)
                ],
            }
            for line, place in zip(board.lines, found.places, strict=True)
        ],
        "controls": [_line(line, None, found) | {"low": None, "high": None, "group": ""} for line in board.controls],
        "test": None
        if test is None
        else {
            "blocks": test.blocks,
            "statistic": number(test.statistic),
            "p": number(test.p),
            "critical_difference": number(test.critical_difference),
            "groups": [[found.ranked[place] for place in group] for group in test.groups()],
        },
        "why_not": found.why_not,
        "too_few": _too_few(board),
    }


def _too_few(board: Leaderboard) -> bool:
    """Whether so few pairs, for so many methods, can show no metric's difference from the best."""
    return least_p(board.images, max(1, len(board.lines) - 1)) >= SIGNIFICANT


def _metric_head(metric: Metric) -> dict[str, Any]:
    head = {key: getattr(metric, key) for key in ("key", "label", "name", "better", "arrow", "family", "unit")}
    facts = next((facts for facts in catalogue().metrics if facts.key == metric.key), None)
    return head | {"notes": metric.notes, "facts": explanation(facts) if facts else []}


def _line(line: Line, colours: Colours | None, found: BoardStanding) -> dict[str, Any]:
    return {
        "method": line.method,
        "rank": number(line.rank),
        "failed": line.failed,
        "flagged": line.flagged,
        "strange": len(colours.strange) if colours else 0,
        "brief": line.briefly_trained,
        "people": [
            _cell(cell) | _spread(found.people.get(score.key, {}).get(line.method))
            for score, cell in zip(found.board.people, line.people, strict=True)
        ],
    }


def _spread(spread: PeopleSpread | None) -> dict[str, Any]:
    """Intervals of a score of people, where it has any."""
    if spread is None:
        return {}
    numbers = {key: number(getattr(spread, key)) for key in ("low", "high", "gain", "gain_low", "gain_high")}
    return numbers | {"alike": True if numbers["low"] is None else spread.alike, "why_not": spread.why_not}


def _cell(cell: Cell) -> dict[str, Any]:
    return {"mean": number(cell.mean, 6), "count": cell.count}


def _agreement(board: Leaderboard) -> list[list[float | None]]:
    """Kendall's tau of the methods' orders by two metrics, better with better."""
    sides = [
        np.array([np.nan if line.cells[k].mean is None else line.cells[k].mean for line in board.lines], dtype=float)
        * (1 if metric.better == "higher" else -1)
        for k, metric in enumerate(board.metrics)
    ]
    return [[_tau(one, other) for other in sides] for one in sides]


def _tau(one: np.ndarray, other: np.ndarray) -> float | None:
    known = np.isfinite(one) & np.isfinite(other)
    return number(float(kendalltau(one[known], other[known]).statistic), 3) if known.sum() > 2 else None


def _retrained(found: BoardStanding) -> list[dict[str, Any]]:
    """Networks with their retrained counterparts: each metric before and after, and whether it differs."""
    names = [line.method for line in found.board.lines]
    couples = [(name, retrained_name(name)) for name in names if retrained_name(name) in names]
    metrics = found.board.metrics
    tests = [
        [
            paired(
                found.values[:, names.index(one), k], found.values[:, names.index(other), k], metric.better == "higher"
            )
            for k, metric in enumerate(metrics)
        ]
        for one, other in couples
    ]
    if not couples:
        return []
    return [
        {
            "before": couple[0],
            "after": couple[1],
            "metrics": [
                {
                    "before": number(test.before),
                    "after": number(test.after),
                    "effect": number(test.effect),
                    "p": number(float(p)),
                    "outcome": verdict(test, float(p)),
                }
                for test, p in zip(row, adjusted, strict=True)
            ],
        }
        for couple, row, adjusted in zip(couples, tests, corrected(tests), strict=True)
    ]


def _seconds(part: Joined, board: Leaderboard) -> dict[str, float | None]:
    """Median seconds to fuse a pair, where the run that fused it is this one."""
    known: dict[str, dict[str, float]] = {}
    for row in part.rows:
        if row.seconds is not None:
            known.setdefault(row.method, {})[row.pair] = row.seconds
    return {line.method: number(median(known[line.method].values()), 3) for line in board.lines if line.method in known}


def methods_content(parts: Iterable[Joined]) -> dict[str, dict[str, Any]]:
    """What is told of each method: whose it is, what it was made with."""
    return {name: _method(name, run) for part in parts for name, run in part.runs.items()}


def _method(name: str, run: Run) -> dict[str, Any]:
    recorded = (run.description["methods"] or {}).get(name) or {}
    known = {facts.name: facts for facts in catalogue().methods}
    facts = known.get(name) or known.get(network_of(name))
    if "folder" in recorded or facts is None:
        origin = (
            f"fused images made elsewhere: {recorded['folder']}" if "folder" in recorded else "a method of one's own"
        )
        return {
            "title": name,
            "family": "folder" if "folder" in recorded else "own",
            "input": "",
            "paper": "",
            "trained": "",
            "origin": origin,
            "sha256": recorded.get("sha256", ""),
            "parameters": None,
        }
    share = run.trained_shares.get(name)
    return {
        "title": facts.title,
        "family": facts.family,
        "input": facts.input,
        "paper": facts.paper,
        "trained": _trained_by(name, facts.network, share),
        "origin": _origin(name, facts.network, share),
        "sha256": recorded.get("sha256", ""),
        "parameters": _parameters(name) if facts.network else 0,
    }


def _trained_by(name: str, network: bool, share: float | None) -> str:
    if not network:
        return "not trained"
    if share is None:
        return "its authors" if name.endswith("+published") else "own weights"
    return "this project"


def _origin(name: str, network: bool, share: float | None) -> str:
    if not network:
        return "no weights"
    if share is None:
        return "its authors' weights" if name.endswith("+published") else "weights of a file"
    how = "on selected and enhanced references" if "+rts" in name else "by its authors' losses"
    brief = (
        f"for {share_text(share)} of the published training (pixels seen): not the published method"
        if share < 1
        else ""
    )
    return ", ".join(filter(None, (f"weights trained by this project {how}", brief)))


def _parameters(name: str) -> int | None:
    try:
        method = load(name)
    except FusionError:
        return None
    if not isinstance(method, NetworkMethod):
        return 0
    return sum(parameter.numel() for parameter in method.network.parameters())


def trust_content(parts: Sequence[Joined]) -> list[dict[str, Any]]:
    """Where the numbers of each run come from."""
    runs = {run.folder: run for part in parts for run in part.members}
    return [
        {
            "folder": str(folder),
            "command": run.description.get("command", ""),
            "colour": run.description.get("colour", ""),
            "datasets": {
                name: {"split": facts.get("split", ""), "pairs": len(facts["pairs"])}
                for name, facts in run.description["datasets"].items()
            },
            "metrics": run.description.get("metrics", {}),
            "made_by": run.description.get("made_by", {}),
            "downstream": run.description.get("downstream", {}),
        }
        for folder, run in runs.items()
    ]
