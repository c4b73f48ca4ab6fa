"""Joining: several runs as one, data set by data set, or the reason why they may not be joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import leaderboard, on_common_pairs
from ivif.benchmark.people import PeopleBoard
from ivif.benchmark.reports.people_standing import people_spreads
from ivif.benchmark.reports.resampling import Looks, Parts, ResamplingError
from ivif.benchmark.reports.standing import BoardStanding, standing
from ivif.benchmark.run_directory import Run
from ivif.benchmark.store import Row
from ivif.datasets.pairs import PairDataset
from ivif.downstream.evaluation import Evaluation


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
        looks: by run directory: what was found in its images.
    """

    dataset: str
    pairs: tuple[str, ...]
    runs: dict[str, Run]
    keys: tuple[str, ...]
    rows: tuple[Row, ...]
    people: PeopleBoard | None
    detector: str
    data: PairDataset | None
    looks: Mapping[Path, Looks] = field(default_factory=dict)

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

    def one_picture(self) -> list[str]:
        """Methods that have one and the same file for all pairs, although these differ."""
        files: dict[str, dict[str, tuple[str, str]]] = {}
        for row in self.rows:
            if row.fused_sha256:
                files.setdefault(row.method, {})[row.pair] = row.fuse_key, row.fused_sha256
        return [
            name
            for name, own in files.items()
            if len({key for key, _ in own.values()}) > 1 and len({content for _, content in own.values()}) == 1
        ]

    def standing(self, tag: str = "", common: bool = False) -> BoardStanding:
        """The leaderboard and how sure it is: of all pairs, or of those of one condition.

        With `common`, methods are compared on the pairs that all have.
        """
        pairs: Sequence[str] = self.tags()[tag] if tag else self.pairs
        rows: Sequence[Row] = [row for row in self.rows if row.pair in set(pairs)] if tag else self.rows
        parts, why_not = self.parts
        people = self._people_of(pairs) if tag else self.people
        shares = {name: share for run in self.members for name, share in run.trained_shares.items()}
        methods = list(self.runs)
        board = leaderboard(
            self.dataset, pairs, rows, methods, self.keys, people, self.detector if people else "", shares, common
        )
        if board.left_out:
            pairs, rows = on_common_pairs(pairs, rows, methods, self.keys)
        names = set(pairs)
        chosen = {name: own.among(names, self._sequences(names)) for name, own in parts.items()} if tag else parts
        return standing(board, pairs, rows, people_spreads(board, chosen, why_not))

    def look(self, method: str) -> Looks | None:
        """Where it is known what was found in the images of a method or camera."""
        looked = (run for run in self.members if "downstream" in run.description)
        run = self.runs.get(method) or next(looked, self.members[0])
        return self.looks.get(run.folder)

    @cached_property
    def parts(self) -> tuple[dict[str, Parts], str]:
        """What scores of people are made of, by method and camera; and why those are missing that are."""
        found, why_not = {}, ""
        for name in self.people.scores if self.people else ():
            look = self.look(name)
            try:
                if look:
                    found[name] = look.parts(self.dataset, name)
            except ResamplingError as error:
                why_not = why_not or str(error)
        return found, why_not

    def _sequences(self, pairs: set[str]) -> set[str]:
        """Sequences all of whose frames are among some pairs."""
        frames: dict[str, list[str]] = {}
        for pair in self.data or ():
            if pair.sequence is not None:
                frames.setdefault(pair.sequence, []).append(pair.name)
        return {name for name, own in frames.items() if pairs >= set(own)}

    def _people_of(self, pairs: Sequence[str]) -> PeopleBoard | None:
        """How well people were found in some of the pairs; None where it is not known of any method."""
        parts, _ = self.parts
        names = set(pairs)
        sequences = self._sequences(names)
        scores = {name: own.entry(names, sequences) for name, own in parts.items()}
        if not scores:
            return None
        images, sequences = (max(getattr(own, what) for own in scores.values()) for what in ("images", "sequences"))
        return PeopleBoard(images, sequences, scores)


def join(runs: Sequence[Run], known: Mapping[tuple[str, str], Evaluation] | None = None) -> list[Joined]:
    """Runs as one, a part a data set.

    Args:
        runs: the runs.
        known: of a single run: what was found in its images, where that is at hand, by data set and method.

    Raises:
        ConfigError: two runs on different pairs of a data set, or whose metrics are of different code, who have a
            method in common on it, no metric in common, or whose people were found by different detectors.
    """
    names = dict.fromkeys(name for run in runs for name in run.pairs)
    sets = {run.folder: _sets(run) for run in runs}
    looks = {run.folder: Looks(run, sets[run.folder], known if len(runs) == 1 else None) for run in runs}
    return [_joined(name, [run for run in runs if name in run.pairs], sets, looks) for name in names]


def _joined(
    dataset: str, runs: Sequence[Run], sets: Mapping[Path, Sequence[PairDataset]], looks: Mapping[Path, Looks]
) -> Joined:
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
    data = next((data for data in sets[first.folder] if data.name == dataset), None)
    return Joined(dataset, first.pairs[dataset], methods, keys, rows, people, detector, data, looks)


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
    detectors = [run.description.get("downstream", {}).get("detector", {}) for run, _ in looked]
    if len({own.get("sha256") for own in detectors}) > 1:
        raise ConfigError(
            f"people on {dataset} were found by different detectors in {' and '.join(str(r.folder) for r, _ in looked)}"
        )
    scores = {name: entry for _, board in looked for name, entry in board.scores.items()}
    first = looked[0][1]
    return PeopleBoard(first.images, first.sequences, scores), detectors[0].get("name", "")


def _sets(run: Run) -> list[PairDataset]:
    """The data sets of a run, none where they are not there any more."""
    try:
        return run.datasets()
    except ConfigError:
        return []
