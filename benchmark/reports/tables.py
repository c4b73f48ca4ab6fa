"""Tables: leaderboards as text for terminals, Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tabulate import tabulate

from ivif.benchmark.leaderboard import Cell, Leaderboard, Line
from ivif.benchmark.people import PEOPLE_SCORES
from ivif.benchmark.run_directory import TRAINED_SHARE
from ivif.fusion.weights.manifest import share_text

Format = Literal["terminal", "md", "tex", "csv"]
FORMATS: tuple[Format, ...] = ("terminal", "md", "tex", "csv")

BRIEFLY_TRAINED = "†"
"""Marks methods whose numbers are not those of the published network."""


def render(boards: Sequence[Leaderboard], form: Format) -> str:
    """Leaderboards as text; `form` is one of `FORMATS`."""
    return _render_csv(boards) if form == "csv" else "\n".join(_render_one(board, form) for board in boards)


@dataclass(frozen=True)
class _Column:
    """A metric or score of people: its cells, those of the controls last, and how many images it is over."""

    head: str
    higher: bool
    total: int
    cells: tuple[Cell, ...]

    def texts(self, form: Format) -> list[str]:
        compared = [cell.mean if cell.whole else None for cell in self.cells]
        means = sorted({mean for mean in compared if mean is not None}, reverse=self.higher)
        best, second, *_ = (*means, None, None)
        return [
            _emphasis(_number(cell, self.total), mean, best, second, form)
            for cell, mean in zip(self.cells, compared, strict=True)
        ]


def _columns(board: Leaderboard) -> tuple[list[_Column], list[_Column]]:
    """Of the metrics and of the scores of people."""
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
    people = [
        _Column(
            f"{score.label} {score.arrow}", score.better == "higher", total, tuple(line.people[place] for line in lines)
        )
        for place, (score, total) in enumerate(zip(board.people, board.totals, strict=True))
    ]
    return metrics, people


def _render_one(board: Leaderboard, form: Format) -> str:
    metrics, people = _columns(board)
    lines = (*board.lines, *board.controls)
    head = ["method", *(own.head for own in metrics), "rank", *(own.head for own in people), "failed", "flagged"]
    columns = [
        [_name(line, form) for line in lines],
        *(own.texts(form) for own in metrics),
        ["" if line.rank is None else f"{line.rank:.2f}" for line in lines],
        *(own.texts(form) for own in people),
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
    less = f" of {board.images + board.left_out} that all methods have" if board.left_out else ""
    title = f"{board.dataset}: mean over {board.images} images{less}, sorted by mean rank"
    title = {"terminal": title, "md": f"### {title}\n", "tex": f"% {title}"}[form]
    note = {"terminal": "best *, second best '", "md": "\nBest in bold, second best in italics.", "tex": ""}[form]
    remark = {"terminal": "{}", "md": "\n{}", "tex": "% {}"}[form]
    lacking = remark.format(_about_lacking(board, form)) if _lacking(board) else ""
    about = remark.format(_about_people(board)) if board.people else ""
    brief = _about_training(board, form)
    return "\n".join(part for part in (title, table, note, lacking, brief, about) if part) + "\n"


def _name(line: Line, form: Format) -> str:
    return _escape(line.method, form) + (f" {_dagger(form)}" if line.briefly_trained else "")


def _dagger(form: Format) -> str:
    return r"$^\dagger$" if form == "tex" else BRIEFLY_TRAINED


def _about_training(board: Leaderboard, form: Format) -> str:
    shares = {line.method: line.trained_share for line in board.lines if line.briefly_trained}
    if not shares:
        return ""
    note = _escape(about_training({name: share for name, share in shares.items() if share is not None}), form)
    # In LaTeX no comment, unlike the other notes: a table in a paper is where the mark is needed.
    frame = {"terminal": "{} {}", "md": "\n{} {}", "tex": r"\par\smallskip{{\footnotesize {} {}\par}}"}[form]
    return frame.format(_dagger(form), note)


def about_training(shares: Mapping[str, float]) -> str:
    """Of methods whose weights had less than the published training: which share of it, in pixels seen."""
    every = ", ".join(f"{name} {share_text(share)}" for name, share in sorted(shares.items()))
    return (
        f"weights trained with this project for a share of the published training (pixels seen): {every}; "
        "NAME+published are the authors'."
    )


def _lacking(board: Leaderboard) -> list[Line]:
    return [line for line in board.lines if not all(cell.whole for cell in line.cells)]


def _about_lacking(board: Leaderboard, form: Format) -> str:
    names = ", ".join(
        f"{_escape(line.method, form)} ({min(cell.count for cell in line.cells)} of {board.images})"
        for line in _lacking(board)
    )
    return f"No rank for what lacks images that others have: {names}; --common compares on those that all have."


def _about_people(board: Leaderboard) -> str:
    counts = {score.counted: total for score, total in zip(board.people, board.totals, strict=True)}
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
    # After a line's end LaTeX takes a bracket for its argument, and a star for its form.
    return ("{}" if name[:1] in ("[", "*") else "") + "".join(_LATEX.get(letter, letter) for letter in name)


_LATEX = {letter: f"\\{letter}" for letter in "_&%$#{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def _render_csv(boards: Sequence[Leaderboard]) -> str:
    """Full precision, one row a data set and method; each number with how many images or sequences are behind it."""
    keys = [metric.key for metric in boards[0].metrics] if boards else []
    people = [score for score in PEOPLE_SCORES if any(score in board.people for board in boards)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [column for key in keys for column in (key, f"{key}_images")]
    more = [column for score in people for column in (score.key, f"{score.key}_{score.counted}")]
    writer.writerow(["dataset", "method", *columns, "rank", *more, "failed", "flagged", TRAINED_SHARE])
    for board in boards:
        for line in (*board.lines, *board.controls):
            own = dict(zip(board.people, line.people, strict=True))
            judged = [own.get(score, Cell(None, 0)) for score in people]
            cells, further = (
                [value for cell in part for value in (cell.mean, cell.count)] for part in (line.cells, judged)
            )
            ends = line.failed, line.flagged, line.trained_share
            writer.writerow([board.dataset, line.method, *cells, line.rank, *further, *ends])
    return text.getvalue()
