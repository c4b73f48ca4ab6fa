"""Comparison: methods of a run against their baselines, metric by metric, with a paired test on each."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tabulate import tabulate

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import Leaderboard, Line
from ivif.benchmark.metrics import Metric
from ivif.benchmark.reports.decimals import decimals, fixed
from ivif.benchmark.reports.escaping import escape_latex
from ivif.benchmark.reports.statistics import SIGNIFICANT, Paired, corrected, least_p, paired_by_name, verdict
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row
from ivif.datasets.csv_cells import CsvWriter

NOTE = (
    "p: Wilcoxon signed-rank, two-sided, corrected by Holm for all tests of this table. effect: matched-pairs rank "
    "biserial, +1 where the method is better on every pair, -1 where it is worse."
)

RETRAINED = "+rts"
"""What follows the name of a network that was trained with references, before whose weights they are."""


@dataclass(frozen=True)
class Compared:
    """One method against its baseline on one data set.

    Attributes:
        baseline, method: their names.
        tests: one a metric of the leaderboard.
        adjusted: p-values, corrected for all tests on this data set.
        lines: both methods' lines of the leaderboard, for their ranks and scores of people.
    """

    baseline: str
    method: str
    tests: tuple[Paired, ...]
    adjusted: tuple[float, ...]
    lines: tuple[Line, Line]

    def verdicts(self) -> list[int]:
        """1, -1 or 0 a metric: significantly better, worse, or neither."""
        return [verdict(test, p) for test, p in zip(self.tests, self.adjusted, strict=True)]


def couples(run: Run, methods: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Baselines with the methods to compare with them.

    Args:
        run: the run.
        methods: the first is the baseline of all others; none: every network with its ``+rts``
            counterpart, and published weights with their ``+rts+published`` ones.

    Raises:
        ConfigError: a method that the run lacks, or nothing to compare.
    """
    run.check_methods(methods)
    if methods:
        found = [(methods[0], name) for name in methods[1:]]
    else:
        found = [(name, retrained) for name in run.methods if (retrained := retrained_name(name)) in run.methods]
    if not found:
        raise ConfigError(
            f"nothing to compare in {run.folder}: name two methods, or run a network NAME beside NAME{RETRAINED}"
        )
    return found


def retrained_name(name: str) -> str:
    """``sdnet+rts`` for ``sdnet``, ``sdnet+rts+published`` for ``sdnet+published``."""
    network, plus, weights = name.partition("+")
    return f"{network}{RETRAINED}{plus}{weights}"


def comparisons(run: Run, pairs: Sequence[tuple[str, str]]) -> list[tuple[Leaderboard, list[Compared]]]:
    """Methods against baselines on every data set of a run, see `couples`."""
    values = values_by_pair(run.rows())
    return [(board, _on_one(board, values, pairs)) for board in run.leaderboards()]


ValuesByPair = Mapping[tuple[str, str, str], Mapping[str, float]]
"""By data set, method and metric: values by pair."""


def values_by_pair(rows: Iterable[Row]) -> ValuesByPair:
    """The values of scores; those that failed are left out."""
    values: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        if row.value is not None:
            values.setdefault((row.dataset, row.method, row.metric), {})[row.pair] = row.value
    return values


def _on_one(board: Leaderboard, values: ValuesByPair, pairs: Sequence[tuple[str, str]]) -> list[Compared]:
    tests = [[_test(values, board.dataset, couple, metric) for metric in board.metrics] for couple in pairs]
    lines = {line.method: line for line in board.lines}
    return [
        Compared(baseline, method, tuple(own), tuple(row.tolist()), (lines[baseline], lines[method]))
        for (baseline, method), own, row in zip(pairs, tests, corrected(tests), strict=True)
    ]


def _test(values: ValuesByPair, dataset: str, couple: tuple[str, str], metric: Metric) -> Paired:
    before, after = (values.get((dataset, name, metric.key), {}) for name in couple)
    return paired_by_name(before, after, metric.better == "higher")


def comparison_text(board: Leaderboard, found: Sequence[Compared]) -> str:
    """A table of every metric, and one of what that comes to, for a terminal."""
    rows = [
        [
            f"{one.method} against {one.baseline}" if not number else "",
            f"{metric.key} {metric.arrow}",
            test.before,
            test.after,
            f"{test.wins}:{test.losses}",
            test.effect,
            p,
            _word(outcome),
        ]
        for one in found
        for number, (metric, test, p, outcome) in enumerate(
            zip(board.metrics, one.tests, one.adjusted, one.verdicts(), strict=True)
        )
    ]
    head = ["", "metric", "baseline", "method", "pairs won:lost", "effect", "p (Holm)", ""]
    table = tabulate(rows, head, floatfmt=("", "", ".4g", ".4g", "", "+.2f", ".2g", ""))
    parts = [f"{board.dataset}, {board.images} pairs", table, NOTE, *_too_few(found), _summary(board, found)]
    return "\n\n".join(parts)


def _too_few(found: Sequence[Compared]) -> list[str]:
    """Whether no test of a table could have come out significant, whatever the images are like."""
    tests = [test for one in found for test in one.tests]
    pairs = max((test.pairs for test in tests), default=0)
    least = least_p(pairs, len(tests))
    if least < SIGNIFICANT:
        return []
    return [
        f"Worth nothing as a test: of {pairs} pairs in {len(tests)} tests no p-value can be below {least:.2g}, so that "
        "nothing here could be significant. Take more pairs, or fewer metrics."
    ]


def _summary(board: Leaderboard, found: Sequence[Compared]) -> str:
    rows: list[list[object]] = []
    for one in found:
        verdicts = one.verdicts()
        people = [_change(line.people[n].mean for line in one.lines) for n in range(len(board.people))]
        counts = [verdicts.count(value) for value in (1, 0, -1)]
        rows.append([f"{one.baseline}, {one.method}", _change(line.rank for line in one.lines), *counts, *people])
    head = ["baseline, then method", "mean rank", "metrics better", "not told apart", "worse"]
    return tabulate(rows, [*head, *(f"{score.label} {score.arrow}" for score in board.people)], disable_numparse=True)


def _change(values: Iterable[float | None]) -> str:
    return " to ".join("-" if value is None else f"{value:.3g}" for value in values)


def _word(outcome: int) -> str:
    return {1: "better", -1: "worse", 0: ""}[outcome]


ComparisonFormat = Literal["terminal", "tex", "csv"]
COMPARISON_FORMATS: tuple[ComparisonFormat, ...] = ("terminal", "tex", "csv")


def render_comparisons(found: Sequence[tuple[Leaderboard, Sequence[Compared]]], form: ComparisonFormat) -> str:
    """Comparisons on all data sets as text; `form` is one of `COMPARISON_FORMATS`."""
    if form == "csv":
        return _csv(found)
    if form == "tex":
        return "\n".join(_latex(board, own) for board, own in found)
    return "\n".join(f"{comparison_text(board, own)}\n" for board, own in found)


def _csv(found: Sequence[tuple[Leaderboard, Sequence[Compared]]]) -> str:
    """Full precision, one row a test."""
    text = io.StringIO()
    writer = CsvWriter(text)
    columns = ("baseline", "method", "gain", "pairs", "won", "lost", "effect", "p", "p_holm", "outcome")
    writer.writerow(["dataset", "compared_method", "compared_baseline", "metric", *columns])
    for board, own in found:
        for one in own:
            for metric, test, p, outcome in zip(board.metrics, one.tests, one.adjusted, one.verdicts(), strict=True):
                numbers = test.before, test.after, test.gain, test.pairs, test.wins, test.losses, test.effect, test.p, p
                writer.writerow([board.dataset, one.method, one.baseline, metric.key, *numbers, _word(outcome)])
    return text.getvalue()


def _latex(board: Leaderboard, found: Sequence[Compared]) -> str:
    """A table with booktabs; what is significantly better is bold."""
    rows = [line for one in found for line in _latex_rows(board, one)]
    caption = (
        f"{escape_latex(board.dataset)}, {board.images} pairs: methods against their baselines. Significantly better "
        "values are bold. p: Wilcoxon signed-rank test, corrected by Holm for all tests of this table; r: "
        "matched-pairs rank biserial correlation."
    )
    return "\n".join(
        (
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{' '.join((caption, *map(escape_latex, _too_few(found))))}}}",
            r"\begin{tabular}{lrrrrr}",
            r"\toprule",
            r"Metric & Baseline & Method & Pairs won:lost & r & p \\",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        )
    )


def _latex_rows(board: Leaderboard, one: Compared) -> Iterator[str]:
    yield r"\midrule"
    yield rf"\multicolumn{{6}}{{l}}{{{escape_latex(one.method)} against {escape_latex(one.baseline)}}} \\"
    for metric, test, p, outcome in zip(board.metrics, one.tests, one.adjusted, one.verdicts(), strict=True):
        arrow = r"$\uparrow$" if metric.better == "higher" else r"$\downarrow$"
        sides = [fixed(value, decimals((test.before, test.after))) for value in (test.before, test.after)]
        if outcome:
            better = 1 if outcome > 0 else 0
            sides[better] = rf"\textbf{{{sides[better]}}}"
        small = "$<$0.001" if p < 0.001 else f"{p:.3f}"
        cells = (
            f"{escape_latex(metric.label)} {arrow}",
            *sides,
            f"{test.wins}:{test.losses}",
            f"{test.effect:+.2f}",
            small,
        )
        yield f"{' & '.join(cells)} \\\\"
