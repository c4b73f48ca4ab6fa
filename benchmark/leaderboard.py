"""Leaderboard: the methods of a run on one data set in order of their mean rank; a pure function of scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ivif.benchmark.metrics import Metric, get
from ivif.benchmark.people import PEOPLE_SCORES, PeopleBoard, PeopleEntry, PeopleScore
from ivif.benchmark.ranking import mean_ranks
from ivif.benchmark.store import Row


@dataclass(frozen=True)
class Cell:
    """The mean of one metric over the images that have a value, and how many of them there are.

    For a score of people: over the images or sequences that could be used, and their number. It is `whole` if no other
    method has a value on an image that this one lacks: means over other images are not to be compared.
    """

    mean: float | None
    count: int
    whole: bool = True


@dataclass(frozen=True)
class Line:
    """One method on one data set.

    Attributes:
        method: its name.
        cells: one a metric.
        rank: mean of the method's ranks (1 is best) by each metric among the methods that lack no image which others
            have, families of metrics weighing the same, see `benchmark.ranking`; None for those that do.
        failed: images without a value in at least one metric, or that the detector could not look at.
        flagged: images with a value by convention in at least one metric.
        people: one a score of people.
        trained_share: share of the published training that its weights had; None where none is recorded.
    """

    method: str
    cells: tuple[Cell, ...]
    rank: float | None
    failed: int
    flagged: int
    people: tuple[Cell, ...] = ()
    trained_share: float | None = None

    @property
    def briefly_trained(self) -> bool:
        """Whether its weights are known to have had less than the published training."""
        return self.trained_share is not None and self.trained_share < 1


@dataclass(frozen=True)
class Leaderboard:
    """All methods of a run on one data set, best mean rank first.

    Attributes:
        dataset: its name.
        images: how many pairs it has, or of those how many all methods have, where these alone are compared.
        metrics: the quality metrics; ranks are made of them alone.
        lines: one a method.
        people: what detection and tracking are scored by, if the run did any here.
        totals: how many images or sequences each of `people` is to be taken over.
        controls: the cameras alone, which have scores of people and no metrics.
        detector: its name.
        left_out: pairs that some method lacks, where those that all have are compared.
    """

    dataset: str
    images: int
    metrics: tuple[Metric, ...]
    lines: tuple[Line, ...]
    people: tuple[PeopleScore, ...] = ()
    totals: tuple[int, ...] = ()
    controls: tuple[Line, ...] = ()
    detector: str = ""
    left_out: int = 0


def leaderboard(
    dataset: str,
    pairs: Sequence[str],
    rows: Sequence[Row],
    methods: Sequence[str],
    keys: Sequence[str],
    people: PeopleBoard | None = None,
    detector: str = "",
    trained_shares: Mapping[str, float] | None = None,
    common: bool = False,
) -> Leaderboard:
    """The leaderboard of one data set.

    Args:
        dataset: its name.
        pairs: names of all its pairs.
        rows: scores on these pairs.
        methods: their names.
        keys: of the metrics, in the order of columns.
        people: how well people were found, if they were looked for here.
        detector: the name of what looked for them.
        trained_shares: by method, see `Line`.
        common: compare all methods on the pairs that all have; methods without any value have no say.
    """
    every = set(pairs)
    if common:
        pairs, rows = on_common_pairs(pairs, rows, methods, keys)
    found = people or PeopleBoard(0, 0)
    scores = tuple(score for score in PEOPLE_SCORES if found.total(score))
    table: dict[tuple[str, str], list[Row]] = {(method, key): [] for method in methods for key in keys}
    for row in rows:
        if (row.method, row.metric) in table:
            table[row.method, row.metric].append(row)
    cells = _cells(table)
    ranks = _ranks(methods, keys, cells)
    lines = []
    for method in methods:
        own = [row for key in keys for row in table[method, key]]
        result = found.scores.get(method, PeopleEntry())
        complete = _images_with_all(own, len(keys)) - result.failures.keys()
        lines.append(
            Line(
                method,
                tuple(cells[method, key] for key in keys),
                ranks[method],
                len(set(pairs) - complete),
                len({row.pair for row in own if row.status == "flagged"}),
                _people_cells(result, scores, found),
                (trained_shares or {}).get(method),
            )
        )
    lines.sort(key=lambda line: (line.rank is None, line.rank or 0, not any(c.count for c in line.cells), line.method))
    controls = tuple(
        Line(name, (Cell(None, 0),) * len(keys), None, len(result.failures), 0, _people_cells(result, scores, found))
        for name, result in found.scores.items()
        if name not in methods
    )
    return Leaderboard(
        dataset,
        len(pairs),
        tuple(get(key) for key in keys),
        tuple(lines),
        scores,
        tuple(found.total(score) for score in scores),
        controls,
        detector if scores else "",
        len(every) - len(pairs),
    )


def on_common_pairs(
    pairs: Sequence[str], rows: Sequence[Row], methods: Sequence[str], keys: Sequence[str]
) -> tuple[list[str], list[Row]]:
    """The pairs on which every method has a value of every metric, and the rows of these."""
    values: dict[str, dict[str, set[str]]] = {method: {key: set() for key in keys} for method in methods}
    for row in rows:
        if row.value is not None and row.method in values and row.metric in keys:
            values[row.method][row.metric].add(row.pair)
    sets = [own for by_key in values.values() if any(by_key.values()) for own in by_key.values()]
    shared = set.intersection(*sets) if sets else set()
    return [pair for pair in pairs if pair in shared], [row for row in rows if row.pair in shared]


def _cells(table: Mapping[tuple[str, str], Sequence[Row]]) -> dict[tuple[str, str], Cell]:
    """By method and metric; whole are those with a value on every image on which some method has one."""
    has = {place: {row.pair for row in rows if row.value is not None} for place, rows in table.items()}
    whole: dict[str, set[str]] = {}
    for (_, key), images in has.items():
        whole.setdefault(key, set()).update(images)
    return {place: _cell(rows, has[place] == whole[place[1]]) for place, rows in table.items()}


def _people_cells(result: PeopleEntry, scores: Sequence[PeopleScore], board: PeopleBoard) -> tuple[Cell, ...]:
    cells = []
    for score in scores:
        count = getattr(result, score.counted)
        cells.append(Cell(result.value(score), count, count == board.total(score)))
    return tuple(cells)


def _cell(rows: Sequence[Row], whole: bool) -> Cell:
    values = [row.value for row in rows if row.value is not None]
    total = math.fsum(values) if all(map(math.isfinite, values)) else sum(values)
    return Cell(total / len(values) if values else None, len(values), whole)


def _images_with_all(rows: Sequence[Row], metrics: int) -> set[str]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.pair] = counts.get(row.pair, 0) + (row.value is not None)
    return {pair for pair, count in counts.items() if count == metrics}


def _ranks(
    methods: Sequence[str], keys: Sequence[str], cells: Mapping[tuple[str, str], Cell]
) -> dict[str, float | None]:
    if not (methods and keys):
        return dict.fromkeys(methods)
    whole = {method: all(cells[method, key].whole for key in keys) for method in methods}
    means = [[cells[method, key].mean if whole[method] else None for key in keys] for method in methods]
    found = mean_ranks(np.array(means, dtype=np.float64), [get(key) for key in keys])
    return {method: None if math.isnan(rank) else float(rank) for method, rank in zip(methods, found, strict=True)}


def method_means(
    boards: Sequence[Leaderboard], column: Metric | PeopleScore, cameras: bool = False
) -> dict[str, float]:
    """Mean of a metric or score of people by method, each data set weighing the same; with `cameras`, by camera too.

    NaN where a data set has none, or one over other images than those of other methods.
    """
    found: dict[str, list[float]] = {}
    for board in boards:
        for line in (*board.lines, *(board.controls if cameras else ())):
            columns = zip((*board.metrics, *board.people), (*line.cells, *line.people), strict=True)
            cell = next(cell for own, cell in columns if own is column)
            known = cell.mean is not None and cell.whole
            found.setdefault(line.method, []).append(cell.mean if known else math.nan)  # type: ignore[arg-type]
    return {method: sum(values) / len(values) for method, values in found.items()}
