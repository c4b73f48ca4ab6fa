"""Joining: several runs as one, data set by data set, or the reason why they may not be joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import leaderboard
from ivif.benchmark.people import PeopleBoard
from ivif.benchmark.reports.standing import BoardStanding, standing
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row
from ivif.datasets.pairs import PairDataset


@dataclass(frozen=True)
class Joined:
    """One data set with all methods that any of the runs has on it.

    Attributes:
        dataset: its name.
        pairs: names of its pairs.
        runs: by method: the run that it is from.
        keys: of the metrics that all runs measured.
        rows: scores.
        people: how well people were found, if they were looked for.
        detector: what looked for them.
        data: the pairs themselves, as far as they are still there.
    """

    dataset: str
    pairs: tuple[str, ...]
    runs: dict[str, Run]
    keys: tuple[str, ...]
    rows: tuple[Row, ...]
    people: PeopleBoard | None
    detector: str
    data: PairDataset | None

    @property
    def members(self) -> list[Run]:
        """The runs, each once."""
        return list({run.folder: run for run in self.runs.values()}.values())

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Names of pairs by condition; none unless there are several conditions."""
        found: dict[str, list[str]] = {}
        for pair in self.data or ():
            for tag in pair.tags:
                found.setdefault(tag, []).append(pair.name)
        return {tag: tuple(names) for tag, names in found.items()} if len(found) > 1 else {}

    def standing(self, tag: str = "") -> BoardStanding:
        """The leaderboard and how sure it is: of all pairs, or of those of one condition.

        People are looked for in whole sequences; conditions alone have no scores of them.
        """
        pairs = self.tags()[tag] if tag else self.pairs
        rows = [row for row in self.rows if row.pair in set(pairs)] if tag else list(self.rows)
        people, detector = (None, "") if tag else (self.people, self.detector)
        shares = {name: share for run in self.members for name, share in run.trained_shares.items()}
        board = leaderboard(self.dataset, pairs, rows, list(self.runs), self.keys, people, detector, shares)
        return standing(board, pairs, rows)


def join(runs: Sequence[Run]) -> list[Joined]:
    """Runs as one, a part a data set.

    Raises:
        ConfigError: two runs on different pairs of a data set, or whose metrics are of different code, who have a
            method in common on it, no metric in common, or whose people were found by different detectors.
    """
    names = dict.fromkeys(name for run in runs for name in run.pairs)
    return [_joined(name, [run for run in runs if name in run.pairs]) for name in names]


def _joined(dataset: str, runs: Sequence[Run]) -> Joined:
    first, *others = runs
    for run in others:
        _check(dataset, first, run)
    methods: dict[str, Run] = {}
    for run in runs:
        for name in run.methods:
            if name in methods:
                raise ConfigError(
                    f"{methods[name].folder} and {run.folder} both have {name} on {dataset}; a method takes part once: "
                    "leave one run out, or give one of them another name"
                )
            methods[name] = run
    keys = tuple(key for key in first.config.metrics if all(key in run.config.metrics for run in others))
    if not keys:
        raise ConfigError(f"{first.folder} and {others[0].folder} have no metric in common on {dataset}")
    rows = tuple(row for run in runs for row in run.rows() if row.dataset == dataset)
    people, detector = _people(dataset, runs)
    return Joined(dataset, first.pairs[dataset], methods, keys, rows, people, detector, _data(first, dataset))


def _check(dataset: str, first: Run, second: Run) -> None:
    both = f"{first.folder} and {second.folder}"
    if set(first.pairs[dataset]) != set(second.pairs[dataset]):
        counts = f"{len(first.pairs[dataset])} and {len(second.pairs[dataset])}"
        raise ConfigError(f"{both} are on different pairs of {dataset} ({counts}): ranks of both would mean nothing")
    sides = [run.description.get("metrics", {}) for run in (first, second)]
    changed = [key for key in sides[0] if key in sides[1] and sides[0][key] != sides[1][key]]
    if changed:
        raise ConfigError(
            f"{both} measured {', '.join(changed)} by different code; give the older run again, and its scores are "
            "made anew"
        )


def _people(dataset: str, runs: Sequence[Run]) -> tuple[PeopleBoard | None, str]:
    looked = [(run, board) for run in runs if (board := run.people().get(dataset))]
    if not looked:
        return None, ""
    detectors = {run.description["downstream"]["detector"]["sha256"] for run, _ in looked}
    if len(detectors) > 1:
        raise ConfigError(
            f"people on {dataset} were found by different detectors in {' and '.join(str(r.folder) for r, _ in looked)}"
        )
    scores = {name: entry for _, board in looked for name, entry in board.scores.items()}
    first = looked[0][1]
    return PeopleBoard(first.images, first.sequences, scores), looked[0][0].description["downstream"]["detector"][
        "name"
    ]


def _data(run: Run, dataset: str) -> PairDataset | None:
    try:
        return next((data for data in run.datasets() if data.name == dataset), None)
    except ConfigError:
        return None
