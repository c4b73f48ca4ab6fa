"""Tables: the leaderboard of a run directory for terminals, Markdown, LaTeX and CSV; a pure function of its files."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import yaml
from tabulate import tabulate

from benchmark.config import ConfigError, RunConfig
from benchmark.metrics import Metric, get
from benchmark.store import Row, Store
from benchmark.tasks import TASKS, Task, TaskBoard, TaskScores, read_boards

Format = Literal["terminal", "md", "tex", "csv"]
FORMATS: tuple[Format, ...] = ("terminal", "md", "tex", "csv")


@dataclass(frozen=True)
class Cell:
    """The mean of one metric over the images that have a value, and how many of them there are.

    For a task: its score over the images or sequences that could be used, and their number.
    """

    mean: float | None
    count: int


@dataclass(frozen=True)
class Line:
    """One method on one data set.

    Attributes:
        method: its name.
        cells: one a metric.
        rank: mean over the metrics of the method's rank among all methods (1 is best), None if a mean is missing.
        failed: images without a value in at least one metric, or that the detector could not look at.
        flagged: images with a value by convention in at least one metric.
        tasks: one a task.
    """

    method: str
    cells: tuple[Cell, ...]
    rank: float | None
    failed: int
    flagged: int
    tasks: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class Leaderboard:
    """All methods of a run on one data set, best mean rank first.

    Attributes:
        dataset: its name.
        images: how many pairs it has.
        metrics: the quality metrics; ranks are made of them alone.
        lines: one a method.
        tasks: what detection and tracking are scored by, if the run did any here.
        totals: how many images or sequences each of `tasks` is to be taken over.
        controls: the cameras alone, which have scores of tasks and no metrics.
        detector: its name.
    """

    dataset: str
    images: int
    metrics: tuple[Metric, ...]
    lines: tuple[Line, ...]
    tasks: tuple[Task, ...] = ()
    totals: tuple[int, ...] = ()
    controls: tuple[Line, ...] = ()
    detector: str = ""


def leaderboards(run: Path) -> list[Leaderboard]:
    """One leaderboard a data set, from the files of a run directory alone.

    Raises:
        ConfigError: no run directory.
        StoreError: scores in it are damaged.
    """
    config, description = read_description(run)
    rows = rows_of(run, description)
    methods = list(description["methods"])
    judged = read_boards(run) if config.detect else {}
    boards = []
    for name, facts in description["datasets"].items():
        own = [row for row in rows if row.dataset == name]
        board = _leaderboard(name, facts["pairs"], own, methods, config.metrics, judged.get(name, TaskBoard(0, 0)))
        boards.append(replace(board, detector=description["downstream"]["detector"]["name"]) if board.tasks else board)
    return boards


def rows_of(run: Path, description: Mapping[str, Any]) -> list[Row]:
    """The scores of the pairs and methods of a run as it is described; its folder may hold those of earlier ones."""
    methods = set(description["methods"])
    pairs = {(name, pair) for name, facts in description["datasets"].items() for pair in facts["pairs"]}
    return [row for row in Store(run).rows() if row.method in methods and (row.dataset, row.pair) in pairs]


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
    dataset: str,
    pairs: Sequence[str],
    rows: Sequence[Row],
    methods: Sequence[str],
    keys: Sequence[str],
    judged: TaskBoard,
) -> Leaderboard:
    metrics = tuple(get(key) for key in keys)
    tasks = tuple(task for task in TASKS if judged.total(task))
    table: dict[tuple[str, str], list[Row]] = {(method, key): [] for method in methods for key in keys}
    known = set(pairs)
    for row in rows:
        if (row.method, row.metric) in table:
            table[row.method, row.metric].append(row)
    cells = {place: _cell(found) for place, found in table.items()}
    ranks = {key: _ranks(get(key), {method: cells[method, key].mean for method in methods}) for key in keys}
    lines = []
    for method in methods:
        own = [ranks[key][method] for key in keys]
        complete = [rank for rank in own if rank is not None]
        mine = [row for key in keys for row in table[method, key]]
        scores = judged.scores.get(method, TaskScores())
        lines.append(
            Line(
                method,
                tuple(cells[method, key] for key in keys),
                sum(complete) / len(complete) if complete and len(complete) == len(own) else None,
                len(known - (_images_with_all(mine, len(keys)) - scores.failures.keys())),
                len({row.pair for row in mine if row.status == "flagged"}),
                _task_cells(scores, tasks),
            )
        )
    lines.sort(key=lambda line: (line.rank is None, line.rank or 0, line.method))
    controls = tuple(
        Line(name, (Cell(None, 0),) * len(keys), None, len(scores.failures), 0, _task_cells(scores, tasks))
        for name, scores in judged.scores.items()
        if name not in methods
    )
    totals = tuple(judged.total(task) for task in tasks)
    return Leaderboard(dataset, len(pairs), metrics, tuple(lines), tasks, totals, controls)


def _task_cells(scores: TaskScores, tasks: Sequence[Task]) -> tuple[Cell, ...]:
    return tuple(Cell(scores.value(task), getattr(scores, task.counted)) for task in tasks)


def _cell(rows: Sequence[Row]) -> Cell:
    values = [row.value for row in rows if row.value is not None]
    total = math.fsum(values) if all(map(math.isfinite, values)) else sum(values)
    return Cell(total / len(values) if values else None, len(values))


def _images_with_all(rows: Sequence[Row], metrics: int) -> set[str]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.pair] = counts.get(row.pair, 0) + (row.value is not None)
    return {pair for pair, count in counts.items() if count == metrics}


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


def method_means(boards: Sequence[Leaderboard], column: Metric | Task) -> dict[str, float]:
    """Mean of a metric or task by method, each data set weighing the same; NaN where a data set has none."""
    found: dict[str, list[float]] = {}
    for board in boards:
        for line in board.lines:
            columns = zip((*board.metrics, *board.tasks), (*line.cells, *line.tasks), strict=True)
            mean = next(cell.mean for own, cell in columns if own is column)
            found.setdefault(line.method, []).append(math.nan if mean is None else mean)
    return {method: sum(values) / len(values) for method, values in found.items()}


def render(boards: Sequence[Leaderboard], form: Format) -> str:
    """Leaderboards as text; `form` is one of `FORMATS`."""
    return _render_csv(boards) if form == "csv" else "\n".join(_render_one(board, form) for board in boards)


@dataclass(frozen=True)
class _Column:
    """A metric or task of a leaderboard: its cells, those of the controls last, and how many images it is over."""

    head: str
    higher: bool
    total: int
    cells: tuple[Cell, ...]

    def texts(self, form: Format) -> list[str]:
        means = sorted({cell.mean for cell in self.cells if cell.mean is not None}, reverse=self.higher)
        best, second, *_ = (*means, None, None)
        return [_emphasis(_number(cell, self.total), cell.mean, best, second, form) for cell in self.cells]


def _columns(board: Leaderboard) -> tuple[list[_Column], list[_Column]]:
    """Of the metrics and of the tasks."""
    lines = (*board.lines, *board.controls)
    metrics = [
        _Column(
            f"{metric.label} {metric.arrow}",
            metric.better == "higher",
            board.images,
            tuple(line.cells[place] for line in lines),
        )
        for place, metric in enumerate(board.metrics)
    ]
    tasks = [
        _Column(
            f"{task.label} {task.arrow}", task.better == "higher", total, tuple(line.tasks[place] for line in lines)
        )
        for place, (task, total) in enumerate(zip(board.tasks, board.totals, strict=True))
    ]
    return metrics, tasks


def _render_one(board: Leaderboard, form: Format) -> str:
    metrics, tasks = _columns(board)
    lines = (*board.lines, *board.controls)
    head = ["method", *(own.head for own in metrics), "rank", *(own.head for own in tasks), "failed", "flagged"]
    columns = [
        [_escape(line.method, form) for line in lines],
        *(own.texts(form) for own in metrics),
        ["" if line.rank is None else f"{line.rank:.2f}" for line in lines],
        *(own.texts(form) for own in tasks),
        [str(line.failed) for line in lines],
        [str(line.flagged) for line in lines],
    ]
    body = list(zip(*columns, strict=True))
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
    about = {"terminal": "{}", "md": "\n{}", "tex": "% {}"}[form].format(_about_tasks(board)) if board.tasks else ""
    return "\n".join(part for part in (title, table, note, about) if part) + "\n"


def _about_tasks(board: Leaderboard) -> str:
    counts = {task.counted: total for task, total in zip(board.tasks, board.totals, strict=True)}
    nouns = {"images": "labelled image", "sequences": "sequence"}
    over = " and ".join(f"{total} {nouns[what]}{'s' * (total != 1)}" for what, total in counts.items())
    return f"People found by {board.detector} on {over}, no part of the rank; infrared, visible: one camera alone."


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
    """Full precision, one row a data set and method; each number with how many images or sequences are behind it."""
    keys = [metric.key for metric in boards[0].metrics] if boards else []
    tasks = [task for task in TASKS if any(task in board.tasks for board in boards)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [column for key in keys for column in (key, f"{key}_images")]
    more = [column for task in tasks for column in (task.key, f"{task.key}_{task.counted}")]
    writer.writerow(["dataset", "method", *columns, "rank", *more, "failed", "flagged"])
    for board in boards:
        for line in (*board.lines, *board.controls):
            own = dict(zip(board.tasks, line.tasks, strict=True))
            judged = [own.get(task, Cell(None, 0)) for task in tasks]
            cells, further = (
                [value for cell in part for value in (cell.mean, cell.count)] for part in (line.cells, judged)
            )
            writer.writerow([board.dataset, line.method, *cells, line.rank, *further, line.failed, line.flagged])
    return text.getvalue()
