"""Paper: leaderboards as LaTeX tables that can go into a paper as they are; they take the package booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from ivif.benchmark.catalogue import catalogue
from ivif.benchmark.leaderboard import Cell, Leaderboard, Line
from ivif.benchmark.metrics import Metric
from ivif.benchmark.people import PeopleScore
from ivif.benchmark.reports.decimals import decimals, fixed
from ivif.benchmark.reports.escaping import escape_latex
from ivif.benchmark.reports.opening import BoardJudgement
from ivif.benchmark.reports.training_note import about_training
from ivif.fusion.loading import network_of

DAGGER = r"$^\dagger$"
TIED = r"$^{\approx}$"


@dataclass(frozen=True)
class TableChoice:
    """What a table shows, and how.

    Attributes:
        columns: keys of metrics and scores of people, in order; none: all.
        methods: in order; none: all, by family and rank.
        names: what methods are called instead.
        decimals: of all numbers; None: as each column needs.
        caption: instead of one that says what the table holds.
        most: columns of numbers beside one another; more make a second table below, split between families.
        together: all data sets in one table.
    """

    columns: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    decimals: int | None = None
    caption: str = ""
    most: int = 10
    together: bool = False


_Column = Metric | PeopleScore


def _all_columns(board: Leaderboard) -> list[_Column]:
    return [*board.metrics, *board.people]


@dataclass(frozen=True)
class _Section:
    """One data set: its lines, and which cells cannot be told from the best."""

    board: Leaderboard
    split: str
    alike: Mapping[tuple[str, str], bool]

    @property
    def lines(self) -> tuple[Line, ...]:
        return (*self.board.lines, *self.board.controls)

    def cell(self, line: Line, key: str) -> Cell | None:
        columns = zip(_all_columns(self.board), (*line.cells, *line.people), strict=True)
        return next((cell for column, cell in columns if column.key == key), None)


def latex_tables(boards: Sequence[Leaderboard], judgements: Sequence[BoardJudgement], choice: TableChoice) -> str:
    """Leaderboards as LaTeX, one floating table a data set, or one of all.

    Args:
        boards: one a data set.
        judgements: of the same data sets; none: ties are not marked.
        choice: what is shown.
    """
    known = {own.standing.board.dataset: own for own in judgements}
    sections = [_section(board, known.get(board.dataset)) for board in boards]
    groups = [sections] if choice.together else [[section] for section in sections]
    return "\n".join(_table(group, choice) for group in groups if group)


def _section(board: Leaderboard, judgement: BoardJudgement | None) -> _Section:
    alike = {
        (place.method, metric.key): spread.alike
        for place in (judgement.standing.places if judgement else ())
        for metric, spread in zip(board.metrics, place.spreads, strict=True)
    }
    return _Section(board, judgement.split if judgement else "", alike)


def _table(sections: Sequence[_Section], choice: TableChoice) -> str:
    columns = _columns(sections, choice)
    parts = list(_parts(columns, choice.most)) or [[]]
    tabulars = [_tabular(sections, part, choice, number == 0) for number, part in enumerate(parts)]
    names = "-".join(section.board.dataset for section in sections)
    lines = [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{choice.caption or _caption(sections, columns)}}}",
        rf"\label{{tab:{''.join(letter for letter in names if letter.isalnum() or letter == '-')}}}",
        "\n\\par\\medskip\n".join(tabulars),
        *_notes(sections),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _columns(sections: Sequence[_Section], choice: TableChoice) -> list[_Column]:
    """Of all sections, chosen and in order; those of one family beside one another."""
    every: dict[str, _Column] = {}
    for section in sections:
        every |= {column.key: column for column in _all_columns(section.board)}
    if choice.columns:
        return [every[key] for key in choice.columns if key in every]
    families = list(dict.fromkeys(map(_family, every.values())))
    return sorted(every.values(), key=lambda column: families.index(_family(column)))


def _family(column: _Column) -> str:
    if isinstance(column, Metric):
        return column.family
    return "detection" if column.counted == "images" else "tracking"


def _parts(columns: Sequence[_Column], most: int) -> Iterator[list[_Column]]:
    part: list[_Column] = []
    for _, group in groupby(columns, _family):
        own = list(group)
        if part and len(part) + len(own) > most:
            yield part
            part = []
        part += own
    if part:
        yield part


def _tabular(sections: Sequence[_Section], columns: Sequence[_Column], choice: TableChoice, first: bool) -> str:
    ranked = first and not choice.columns
    start = 2 if ranked else 1
    runs = [(family, len(list(own))) for family, own in groupby(columns, _family)]
    head = ["", *([""] if ranked else []), *(rf"\multicolumn{{{count}}}{{c}}{{{family}}}" for family, count in runs)]
    labels = ["Method", *(["Rank"] if ranked else []), *map(_label, columns)]
    rows = [line for section in sections for line in _rows(section, columns, choice, ranked, len(sections) > 1)]
    return "\n".join(
        (
            rf"\begin{{tabular}}{{l{'r' * (start - 1 + len(columns))}}}",
            r"\toprule",
            f"{' & '.join(head)} \\\\",
            " ".join(_rules(runs, start)),
            f"{' & '.join(labels)} \\\\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
        )
    )


def _rules(runs: Sequence[tuple[str, int]], start: int) -> Iterator[str]:
    for _, count in runs:
        yield rf"\cmidrule(lr){{{start + 1}-{start + count}}}"
        start += count


def _label(column: _Column) -> str:
    arrow = r"$\uparrow$" if column.better == "higher" else r"$\downarrow$"
    return f"{escape_latex(column.label)} {arrow}"


def _rows(
    section: _Section, columns: Sequence[_Column], choice: TableChoice, ranked: bool, several: bool
) -> Iterator[str]:
    width = len(columns) + (2 if ranked else 1)
    lines = _lines(section, choice)
    texts = {column.key: _texts(section, lines, column, choice) for column in columns}
    if several:
        title = f"{escape_latex(section.board.dataset)}, {section.board.images} pairs"
        yield rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{title}}}}} \\"
    groups = [(family, list(own)) for family, own in groupby(lines, _method_family)]
    for number, (family, own) in enumerate(groups):
        if len(groups) > 1 and not choice.methods:
            yield from [r"\addlinespace"] if number else []
            yield rf"\multicolumn{{{width}}}{{l}}{{\textit{{{escape_latex(family)}}}}} \\"
        for line in own:
            name = escape_latex(choice.names.get(line.method, line.method)) + (
                f" {DAGGER}" if line.briefly_trained else ""
            )
            rank = ["" if line.rank is None else f"{line.rank:.2f}"] if ranked else []
            yield f"{' & '.join((name, *rank, *(texts[column.key][line.method] for column in columns)))} \\\\"


def _lines(section: _Section, choice: TableChoice) -> list[Line]:
    if choice.methods:
        own = {line.method: line for line in section.lines}
        return [own[name] for name in choice.methods if name in own]
    families = list(dict.fromkeys(map(_method_family, section.lines)))
    return sorted(section.lines, key=lambda line: families.index(_method_family(line)))


def _method_family(line: Line) -> str:
    """What the catalogue says; "published images" where the catalogue has no such method."""
    if not line.cells or (line.rank is None and all(cell.count == 0 for cell in line.cells) and line.people):
        return "one camera alone"
    known = {facts.name: facts.family for facts in catalogue().methods}
    return known.get(line.method) or known.get(network_of(line.method)) or "made elsewhere"


def _texts(section: _Section, lines: Sequence[Line], column: _Column, choice: TableChoice) -> dict[str, str]:
    cells = {line.method: section.cell(line, column.key) for line in lines}
    means = {name: cell.mean for name, cell in cells.items() if cell is not None}
    known = sorted({mean for mean in means.values() if mean is not None}, reverse=column.better == "higher")
    best, second, *_ = (*known, None, None)
    places = decimals(means.values()) if choice.decimals is None else choice.decimals
    total = _total(section.board, column)
    telling = any(not section.alike.get((name, column.key), True) for name in means)
    found = {}
    for name, cell in cells.items():
        if cell is None or cell.mean is None:
            found[name] = "--"
            continue
        text = fixed(cell.mean, places)
        text = rf"\textbf{{{text}}}" if cell.mean == best else rf"\underline{{{text}}}" if cell.mean == second else text
        tied = telling and cell.mean != best and section.alike.get((name, column.key), False)
        count = f" ({cell.count}/{total})" if cell.count != total else ""
        found[name] = text + (TIED if tied else "") + count
    return found


def _total(board: Leaderboard, column: _Column) -> int:
    if isinstance(column, Metric):
        return board.images
    return next((total for score, total in zip(board.people, board.totals, strict=True) if score == column), 0)


def _caption(sections: Sequence[_Section], columns: Sequence[_Column]) -> str:
    sets = "; ".join(
        f"{escape_latex(section.board.dataset)}, {section.board.images} pairs"
        + (rf" (split \texttt{{{section.split[:8]}}})" if section.split else "")
        for section in sections
    )
    detectors = dict.fromkeys(escape_latex(own.board.detector) for own in sections if own.board.detector)
    variants = [escape_latex(column.key) for column in columns if "@" in column.key]
    units: dict[str, list[str]] = {}
    for column in columns:
        if isinstance(column, Metric) and column.unit:
            units.setdefault(escape_latex(column.unit), []).append(escape_latex(column.label))
    parts = [
        f"Means over {sets}.",
        f"{'; '.join(_in_unit(*item) for item in units.items())}." if units else "",
        "Best in bold, second underlined.",
        rf"{TIED}: not told from the best (paired Wilcoxon tests, Holm)." if any(own.alike for own in sections) else "",
        "Rank: mean over metrics, families of metrics weighing the same.",
        f"People found by {', '.join(detectors)}, no part of the rank." if detectors else "",
        f"Definitions other than the default: {', '.join(variants)}." if variants else "",
    ]
    return " ".join(filter(None, parts))


def _in_unit(unit: str, labels: Sequence[str]) -> str:
    return f"{', '.join(labels)} in {unit}"


def _notes(sections: Sequence[_Section]) -> Iterator[str]:
    shares = {line.method: line.trained_share for own in sections for line in own.board.lines if line.briefly_trained}
    if shares:
        note = escape_latex(about_training({name: share for name, share in shares.items() if share is not None}))
        yield rf"\par\smallskip{{\footnotesize {DAGGER} {note}\par}}"
