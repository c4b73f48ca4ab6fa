"""Tables: the leaderboard of a run directory for terminals, Markdown, LaTeX and CSV; a pure function of its files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from tabulate import tabulate

from benchmark.config import ConfigError, RunConfig
from benchmark.metrics import Metric, get
from benchmark.store import Row, Store

Format = Literal["terminal", "md", "tex", "csv"]
FORMATS: tuple[Format, ...] = ("terminal", "md", "tex", "csv")


@dataclass(frozen=True)
class Cell:
    """The mean of one metric over the images that have a value, and how many of them there are."""

    mean: float | None
    count: int


@dataclass(frozen=True)
class Line:
    """One method on one data set.

    Attributes:
        method: its name.
        cells: one a metric.
        rank: mean over the metrics of the method's rank among all methods (1 is best), None if a mean is missing.
        failed: images without a value in at least one metric.
        flagged: images with a value by convention in at least one metric.
    """

    method: str
    cells: tuple[Cell, ...]
    rank: float | None
    failed: int
    flagged: int


@dataclass(frozen=True)
class Leaderboard:
    """All methods of a run on one data set, best mean rank first."""

    dataset: str
    images: int
    metrics: tuple[Metric, ...]
    lines: tuple[Line, ...]


def leaderboards(run: Path) -> list[Leaderboard]:
    """One leaderboard a data set, from the files of a run directory alone.

    Raises:
        ConfigError: no run directory.
    """
    config, description = read_description(run)
    rows = Store(Path(run)).rows()
    methods = list(description["methods"])
    return [
        _leaderboard(name, facts["pairs"], [row for row in rows if row.dataset == name], methods, config.metrics)
        for name, facts in description["datasets"].items()
    ]


def read_description(run: Path) -> tuple[RunConfig, dict[str, Any]]:
    """The configuration and the whole content of a run's run.yaml; raises `ConfigError` where there is none."""
    try:
        description = yaml.safe_load((Path(run) / "run.yaml").read_text(encoding="utf-8"))
        return RunConfig.from_dict(description["config"]), description
    except OSError as error:
        raise ConfigError(f"{run} is no run directory (no run.yaml); python -m benchmark run makes one") from error
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"{run}/run.yaml is damaged ({error!r}); run again into the same directory") from error


def _leaderboard(
    dataset: str, pairs: Sequence[str], rows: Sequence[Row], methods: Sequence[str], keys: Sequence[str]
) -> Leaderboard:
    metrics = tuple(get(key) for key in keys)
    table: dict[tuple[str, str], list[Row]] = {(method, key): [] for method in methods for key in keys}
    known = set(pairs)
    for row in rows:
        if (row.method, row.metric) in table and row.pair in known:
            table[row.method, row.metric].append(row)
    cells = {place: _cell(found) for place, found in table.items()}
    ranks = {key: _ranks(get(key), {method: cells[method, key].mean for method in methods}) for key in keys}
    lines = []
    for method in methods:
        own = [ranks[key][method] for key in keys]
        complete = [rank for rank in own if rank is not None]
        mine = [row for key in keys for row in table[method, key]]
        lines.append(
            Line(
                method,
                tuple(cells[method, key] for key in keys),
                sum(complete) / len(complete) if complete and len(complete) == len(own) else None,
                len(pairs) - _images_with_all(mine, len(keys)),
                len({row.pair for row in mine if row.status == "flagged"}),
            )
        )
    lines.sort(key=lambda line: (line.rank is None, line.rank or 0, line.method))
    return Leaderboard(dataset, len(pairs), metrics, tuple(lines))


def _cell(rows: Sequence[Row]) -> Cell:
    values = [row.value for row in rows if row.value is not None]
    total = math.fsum(values) if all(map(math.isfinite, values)) else sum(values)
    return Cell(total / len(values) if values else None, len(values))


def _images_with_all(rows: Sequence[Row], metrics: int) -> int:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.pair] = counts.get(row.pair, 0) + (row.value is not None)
    return sum(count == metrics for count in counts.values())


def _ranks(metric: Metric, means: dict[str, float | None]) -> dict[str, float | None]:
    """Rank of each mean, 1 is best; ties share the middle rank."""
    sign = -1 if metric.better == "higher" else 1
    keyed = {method: sign * mean for method, mean in means.items() if mean is not None}
    ranks: dict[str, float | None] = dict.fromkeys(means)
    for method, value in keyed.items():
        better = sum(other < value for other in keyed.values())
        equal = sum(other == value for other in keyed.values())
        ranks[method] = better + (equal + 1) / 2
    return ranks


def render(boards: Sequence[Leaderboard], form: Format) -> str:
    """Leaderboards as text; `form` is one of `FORMATS`."""
    return _render_csv(boards) if form == "csv" else "\n".join(_render_one(board, form) for board in boards)


def _render_one(board: Leaderboard, form: Format) -> str:
    head = [
        "method",
        *(f"{metric.label} {metric.arrow}" for metric in board.metrics),
        "rank",
        "failed",
        "flagged",
    ]
    best = [_nth_best(board, index, 0) for index in range(len(board.metrics))]
    second = [_nth_best(board, index, 1) for index in range(len(board.metrics))]
    body = []
    for line in board.lines:
        cells = []
        for index, cell in enumerate(line.cells):
            text = _number(cell, board.images)
            cells.append(_emphasis(text, cell.mean, best[index], second[index], form))
        rank = "" if line.rank is None else f"{line.rank:.2f}"
        cells += [rank, str(line.failed), str(line.flagged)]
        body.append([_escape(line.method, form), *cells])
    if form == "tex":
        head = [text.replace("↑", r"$\uparrow$").replace("↓", r"$\downarrow$") for text in head]
    align = ["left", *["right"] * (len(head) - 1)]
    style = {"terminal": "simple", "md": "github", "tex": "latex_raw"}[form]
    table = tabulate(body, head, tablefmt=style, disable_numparse=True, colalign=align)
    if form == "tex":
        for rule in ("toprule", "midrule", "bottomrule"):
            table = table.replace(r"\hline", rf"\{rule}", 1)
    title = f"{board.dataset}: mean over {board.images} images, sorted by mean rank"
    title = {"terminal": title, "md": f"### {title}\n", "tex": f"% {title}"}[form]
    note = {"terminal": "best *, second best '", "md": "\nBest in bold, second best in italics.", "tex": ""}[form]
    return "\n".join(part for part in (title, table, note) if part) + "\n"


def _nth_best(board: Leaderboard, index: int, place: int) -> float | None:
    means = {line.cells[index].mean for line in board.lines} - {None}
    ordered = sorted(means, reverse=board.metrics[index].better == "higher")  # type: ignore[type-var]
    return ordered[place] if len(ordered) > place else None


def _number(cell: Cell, images: int) -> str:
    if cell.mean is None:
        return "-"
    return f"{cell.mean:.4f}" if cell.count == images else f"{cell.mean:.4f} ({cell.count}/{images})"


def _emphasis(text: str, mean: float | None, best: float | None, second: float | None, form: Format) -> str:
    marks = {
        "terminal": ("{}*", "{}'", "{} "),
        "md": ("**{}**", "*{}*", "{}"),
        "tex": (r"\textbf{{{}}}", r"\underline{{{}}}", "{}"),
    }[form]
    if mean is None:
        return marks[2].format(text)
    return marks[0 if mean == best else 1 if mean == second else 2].format(text)


def _escape(name: str, form: Format) -> str:
    if form != "tex":
        return name.replace("|", r"\|") if form == "md" else name
    return "".join(_LATEX.get(letter, letter) for letter in name)


_LATEX = {letter: f"\\{letter}" for letter in "_&%$#{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _render_csv(boards: Sequence[Leaderboard]) -> str:
    """Full precision, one row a data set and method; each metric with the number of images behind its mean."""
    keys = [metric.key for metric in boards[0].metrics] if boards else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [column for key in keys for column in (key, f"{key}_images")]
    writer.writerow(["dataset", "method", *columns, "rank", "failed", "flagged"])
    for board in boards:
        for line in board.lines:
            cells = [value for cell in line.cells for value in (cell.mean, cell.count)]
            writer.writerow([board.dataset, line.method, *cells, line.rank, line.failed, line.flagged])
    return text.getvalue()
