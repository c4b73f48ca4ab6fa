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

    For a score of people: over the images or sequences that could be used, and their number.
    """

    mean: float | None
    count: int


@dataclass(frozen=True)
class Line:
    """One method on one data set.

    Attributes:
        method: its name.
        cells: one a metric.
        rank: mean of the method's ranks among all methods by each metric (1 is best), families of metrics weighing the
            same, see `benchmark.ranking`; None if a mean is missing.
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
        images: how many pairs it has.
        metrics: the quality metrics; ranks are made of them alone.
        lines: one a method.
        people: what detection and tracking are scored by, if the run did any here.
        totals: how many images or sequences each of `people` is to be taken over.
        controls: the cameras alone, which have scores of people and no metrics.
        detector: its name.
    """

    dataset: str
    images: int
    metrics: tuple[Metric, ...]
    lines: tuple[Line, ...]
    people: tuple[PeopleScore, ...] = ()
    totals: tuple[int, ...] = ()
    controls: tuple[Line, ...] = ()
    detector: str = ""


def leaderboard(
    dataset: str,
    pairs: Sequence[str],
    rows: Sequence[Row],
    methods: Sequence[str],
    keys: Sequence[str],
    people: PeopleBoard | None = None,
    detector: str = "",
    trained_shares: Mapping[str, float] | None = None,
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
    """
    found = people or PeopleBoard(0, 0)
    scores = tuple(score for score in PEOPLE_SCORES if found.total(score))
    table: dict[tuple[str, str], list[Row]] = {(method, key): [] for method in methods for key in keys}
    for row in rows:
        if (row.method, row.metric) in table:
            table[row.method, row.metric].append(row)
    cells = {place: _cell(own) for place, own in table.items()}
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
                _people_cells(result, scores),
                (trained_shares or {}).get(method),
            )
        )
    lines.sort(key=lambda line: (line.rank is None, line.rank or 0, line.method))
    controls = tuple(
        Line(name, (Cell(None, 0),) * len(keys), None, len(result.failures), 0, _people_cells(result, scores))
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
    )


def _people_cells(result: PeopleEntry, scores: Sequence[PeopleScore]) -> tuple[Cell, ...]:
    return tuple(Cell(result.value(score), getattr(result, score.counted)) for score in scores)


def _cell(rows: Sequence[Row]) -> Cell:
    values = [row.value for row in rows if row.value is not None]
    total = math.fsum(values) if all(map(math.isfinite, values)) else sum(values)
    return Cell(total / len(values) if values else None, len(values))


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
    means = [[cells[method, key].mean for key in keys] for method in methods]
    found = mean_ranks(np.array(means, dtype=np.float64), [get(key) for key in keys])
    return {method: None if math.isnan(rank) else float(rank) for method, rank in zip(methods, found, strict=True)}


def method_means(boards: Sequence[Leaderboard], column: Metric | PeopleScore) -> dict[str, float]:
    """Mean of a metric or score of people by method, each data set weighing the same; NaN where a data set has none."""
    found: dict[str, list[float]] = {}
    for board in boards:
        for line in board.lines:
            columns = zip((*board.metrics, *board.people), (*line.cells, *line.people), strict=True)
            mean = next(cell.mean for own, cell in columns if own is column)
            found.setdefault(line.method, []).append(math.nan if mean is None else mean)
    return {method: sum(values) / len(values) for method, values in found.items()}
