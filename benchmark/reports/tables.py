"""Tables: leaderboards as text for terminals, Markdown, LaTeX and CSV."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import fill
from typing import Literal

from tabulate import MIN_PADDING, tabulate

from ivif.benchmark.leaderboard import Cell, Leaderboard, Line
from ivif.benchmark.people import PEOPLE_SCORES
from ivif.benchmark.reports.decimals import decimals, fixed
from ivif.benchmark.reports.escaping import escape_markdown
from ivif.benchmark.reports.exchange import to_json
from ivif.benchmark.reports.opening import BoardJudgement, judged
from ivif.benchmark.reports.paper import TableChoice, latex_tables
from ivif.benchmark.reports.training_note import BRIEFLY_TRAINED, about_training
from ivif.benchmark.run_directory import TRAINED_SHARE, Run
from ivif.datasets.csv_cells import CsvWriter

Format = Literal["terminal", "md", "tex", "csv", "json"]
FORMATS: tuple[Format, ...] = ("terminal", "md", "tex", "csv", "json")


_EVERYTHING = TableChoice()


def render(
    boards: Sequence[Leaderboard],
    form: Format,
    judgements: Sequence[BoardJudgement] = (),
    choice: TableChoice = _EVERYTHING,
) -> str:
    """Leaderboards as text.

    Args:
        boards: one a data set.
        form: one of `FORMATS`.
        judgements: of the same data sets, which JSON is made of: what is said on top, ties, odd colours.
        choice: what LaTeX shows.
    """
    if form == "csv":
        return _render_csv(boards)
    if form == "tex":
        return latex_tables(boards, judgements, choice)
    if form == "json":
        return to_json(judgements)
    by_dataset = {own.standing.board.dataset: own for own in judgements}
    return "\n".join(_render_one(board, form, by_dataset.get(board.dataset)) for board in boards)


def leaderboard_text(run: Run, form: Format, choice: TableChoice = _EVERYTHING, common: bool = False) -> str:
    """The leaderboards of a run with what is to be said of them; with `common`, on the pairs that all methods have."""
    judgements = judged(run, common)
    return render([own.standing.board for own in judgements], form, judgements, choice)


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
        places = decimals(cell.mean for cell in self.cells)
        return [
            _emphasis(_number(cell, self.total, places), mean, best, second, form)
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


WIDEST = 120
"""Characters of a line in a terminal; wider tables stand in parts below one another."""


def _render_one(board: Leaderboard, form: Format, judged: BoardJudgement | None) -> str:
    metrics, people = _columns(board)
    lines = (*board.lines, *board.controls)
    overall = [("rank", ["" if line.rank is None else f"{line.rank:.2f}" for line in lines])]
    if judged and judged.standing.test:
        groups = {own.method: own.group for own in judged.standing.places}
        overall.append(("ties", [groups.get(line.method, "") for line in lines]))
    ends = [("failed", [str(line.failed) for line in lines]), ("flagged", [str(line.flagged) for line in lines])]
    if judged and any(own.strange for own in judged.colours.values()):
        odd = {name: str(len(own.strange) or "") for name, own in judged.colours.items()}
        ends.append(("odd colours", [odd.get(line.method, "") for line in lines]))
    columns = [
        *overall,
        *((own.head, own.texts(form)) for own in metrics),
        *((own.head, own.texts(form)) for own in people),
        *ends,
    ]
    names = ("method", [_name(line, form) for line in lines])
    parts = _side_by_side(names, columns) if form == "terminal" else [[names, *columns]]
    table = "\n\n".join(_grid(part, form) for part in parts)
    less = f" of {board.images + board.left_out} that all methods have" if board.left_out else ""
    order = "sorted by mean rank (families of metrics weigh the same)"
    title = f"{board.dataset}: mean over {board.images} images{less}, {order}"
    title = f"### {title}\n" if form == "md" else title
    note = "\nBest in bold, second best in italics." if form == "md" else "best *, second best '"
    about = _below(_about_people(board), form) if board.people else ""
    lacking = _below(_about_lacking(board, form), form) if _lacking(board) else ""
    brief = _about_training(board, form)
    start = _sentences(judged.sentences, form) if judged else ""
    ties = "ties: methods that share a letter cannot be told apart (Nemenyi's test of ranks in each pair)."
    told = _below(ties, form) if judged and judged.standing.test else ""
    return "\n".join(part for part in (start, title, table, note, told, lacking, brief, about) if part) + "\n"


def _below(note: str, form: Format) -> str:
    """A note below a table."""
    return f"\n{note}" if form == "md" else fill(note, WIDEST)


def _sentences(sentences: Sequence[str], form: Format) -> str:
    if form == "md":
        return "\n".join(f"{escape_markdown(sentence)}\n" for sentence in sentences)
    return "\n".join(fill(sentence, WIDEST) for sentence in sentences) + "\n"


NamedColumn = tuple[str, list[str]]
"""A heading and its texts."""


def _grid(columns: Sequence[NamedColumn], form: Format) -> str:
    head = [name for name, _ in columns]
    body = list(zip(*(texts for _, texts in columns), strict=True))
    align = ["left", *["right"] * (len(head) - 1)]
    style = "github" if form == "md" else "simple"
    return tabulate(body, head, tablefmt=style, disable_numparse=True, colalign=align)


def _side_by_side(names: NamedColumn, columns: Sequence[NamedColumn]) -> list[list[NamedColumn]]:
    """Columns in as many parts as it takes for none to be wider than a terminal; each begins with the names."""
    widths = [max(len(head) + MIN_PADDING, *map(len, texts)) + 2 for head, texts in (names, *columns)]
    parts: list[list[NamedColumn]] = [[names]]
    used = widths[0]
    for column, width in zip(columns, widths[1:], strict=True):
        if used + width > WIDEST and len(parts[-1]) > 1:
            parts.append([names])
            used = widths[0]
        parts[-1].append(column)
        used += width
    return parts


def _name(line: Line, form: Format) -> str:
    return _escape(line.method, form) + (f" {BRIEFLY_TRAINED}" if line.briefly_trained else "")


def _about_training(board: Leaderboard, form: Format) -> str:
    shares = {line.method: line.trained_share for line in board.lines if line.briefly_trained}
    if not shares:
        return ""
    note = _escape(about_training({name: share for name, share in shares.items() if share is not None}), form)
    return _below(f"{BRIEFLY_TRAINED} {note}", form)


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


def _number(cell: Cell, images: int, places: int) -> str:
    text = fixed(cell.mean, places)
    return text if cell.mean is None or cell.count == images else f"{text} ({cell.count}/{images})"


def _emphasis(text: str, mean: float | None, best: float | None, second: float | None, form: Format) -> str:
    marks = {
        "terminal": ("{}*", "{}'", "{} "),
        "md": ("**{}**", "*{}*", "{}"),
    }[form]
    if mean is None:
        return marks[2].format(text)
    return marks[0 if mean == best else 1 if mean == second else 2].format(text)


def _escape(name: str, form: Format) -> str:
    return escape_markdown(name) if form == "md" else name


def _render_csv(boards: Sequence[Leaderboard]) -> str:
    """Full precision, one row a data set and method; each number with how many images or sequences are behind it."""
    keys = [metric.key for metric in boards[0].metrics] if boards else []
    people = [score for score in PEOPLE_SCORES if any(score in board.people for board in boards)]
    text = io.StringIO()
    writer = CsvWriter(text)
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
