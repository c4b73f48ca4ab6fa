"""Opening: what a reader of a leaderboard should know first, in one sentence a question, from the tests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ivif.benchmark.config import ConfigError
from ivif.benchmark.leaderboard import Leaderboard, Line
from ivif.benchmark.people import PeopleScore
from ivif.benchmark.reports.colour import Colours, colours_of
from ivif.benchmark.reports.resampling import FEWEST, ResamplingError, gain_interval, made_again
from ivif.benchmark.reports.standing import BoardStanding, standings
from ivif.benchmark.run_directory import Run
from ivif.datasets.pairs import PairDataset

NAMED = 4
"""Methods that a sentence names; of more it gives the number."""

PREFERRED = ("ap50", "mota")
"""Scores of people that are compared with the cameras'."""


@dataclass(frozen=True)
class CameraGain:
    """The best fusion beside the best single camera.

    Attributes:
        score: by which both are best.
        method, camera: their names.
        fused, alone: their scores.
        low, high: 95 % interval of the difference over images or sequences drawn anew; NaN where there is none.
        why_not: why there is no interval.
    """

    score: PeopleScore
    method: str
    camera: str
    fused: float
    alone: float
    low: float = math.nan
    high: float = math.nan
    why_not: str = ""


@dataclass(frozen=True)
class BoardJudgement:
    """A leaderboard with what is to be said of it.

    Attributes:
        standing: the leaderboard and how sure it is.
        colours: by method, those of its fused images, as far as they are still there.
        sentences: see `opening`.
        split: fingerprint of the pairs' names, as the run recorded it.
    """

    standing: BoardStanding
    colours: Mapping[str, Colours]
    sentences: tuple[str, ...]
    split: str = ""


def judged(run: Run, common: bool = False) -> list[BoardJudgement]:
    """One a data set of a run, on all pairs or those that all methods have; raises `StoreError` for damaged scores."""
    try:
        sets = run.datasets()
    except ConfigError:
        sets = []
    colours = colours_of(run, sets)
    found = []
    for own in standings(run, common):
        known = colours.get(own.board.dataset, {})
        sentences = opening(own, camera_gains(run, own.board, sets), known)
        split = run.description["datasets"][own.board.dataset].get("split", "")
        found.append(BoardJudgement(own, known, tuple(sentences), split))
    return found


def camera_gains(run: Run, board: Leaderboard, sets: Sequence[PairDataset]) -> list[CameraGain]:
    """How much better people are found and followed in the best fusion than in the best single camera.

    Args:
        run: the run.
        board: one of its leaderboards.
        sets: its data sets as far as they are still there; without them there are no intervals.
    """
    return [gain for score in board.people if score.key in PREFERRED for gain in _gain(run, board, score, sets)]


def _gain(run: Run, board: Leaderboard, score: PeopleScore, sets: Sequence[PairDataset]) -> Iterator[CameraGain]:
    place = board.people.index(score)
    best, alone = (_best(lines, place) for lines in (board.lines, board.controls))
    if best is None or alone is None:
        return
    plain = CameraGain(score, best[0], alone[0], best[1], alone[1])
    try:
        parts = [made_again(run, sets, board.dataset, name) for name in (plain.camera, plain.method)]
    except (ResamplingError, ConfigError) as error:
        yield CameraGain(**vars(plain) | {"why_not": str(error)})
        return
    low, high = gain_interval(score, [(parts[0], parts[1])])
    why_not = f"fewer than {FEWEST} {score.counted}" if math.isnan(low) else ""
    yield CameraGain(**vars(plain) | {"low": low, "high": high, "why_not": why_not})


def _best(lines: Sequence[Line], place: int) -> tuple[str, float] | None:
    known = [(line.method, mean) for line in lines if (mean := line.people[place].mean) is not None]
    return max(known, key=lambda item: item[1], default=None)


def opening(
    standing: BoardStanding, gains: Sequence[CameraGain] = (), colours: Mapping[str, Colours] | None = None
) -> list[str]:
    """Sentences: which method is best and whom it cannot be told from; what failed; colours; fusion beside cameras."""
    return [
        _best_method(standing),
        *_failures(standing.board),
        *_colours(colours or {}),
        *map(_beside_cameras, gains),
    ]


def _best_method(standing: BoardStanding) -> str:
    board, ranked = standing.board, standing.ranked
    if not ranked:
        return f"On {board.dataset} no method has a value of every metric, so none has a rank."
    best = board.lines[0]
    start = f"On {board.dataset} ({board.images} pairs), {best.method} has the best mean rank ({best.rank:.2f})"
    if len(ranked) == 1:
        return f"On {board.dataset} ({board.images} pairs) only {best.method} has a rank: there is nothing to compare."
    if standing.test is None:
        return f"{start}, which may be chance: there is no test ({standing.why_not})."
    alike = standing.alike()
    others = len(ranked) - 1
    if len(alike) == others:
        told = (
            f"but cannot be told from any of the other {others}" if others > 1 else f"but is no surer than {alike[0]}"
        )
    elif alike:
        told = f"but cannot be told from {_named(alike)}; {_of_others(others - len(alike))} significantly worse"
    else:
        told = "significantly better than all others"
    return f"{start}, {told} (Nemenyi's test, {standing.test.blocks} pairs)."


def _of_others(count: int) -> str:
    return f"{count} other{'s are' if count > 1 else ' is'}"


def _named(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _failures(board: Leaderboard) -> Iterator[str]:
    failed = [(line.method, line.failed) for line in board.lines if line.failed]
    if failed:
        worst = sorted(failed, key=lambda item: -item[1])
        yield f"Images are missing or could not be measured: {_named([f'{n} {count}' for n, count in worst])}."


def _colours(colours: Mapping[str, Colours]) -> Iterator[str]:
    strange = {name: own for name, own in colours.items() if own.strange}
    if strange:
        worst = sorted(strange, key=lambda name: -len(strange[name].strange))
        named = _named([f"{n} in {len(strange[n].strange)} of {len(strange[n].chroma)} pairs" for n in worst])
        yield f"Colours that the visible image does not have, which no metric sees: {named}; look at the pictures."


def _beside_cameras(gain: CameraGain) -> str:
    difference = gain.fused - gain.alone
    word = "found" if gain.score.counted == "images" else "followed"
    numbers = f"{gain.score.label} {gain.fused:.3f} against {gain.alone:.3f}, difference {difference:+.3f}"
    if math.isnan(gain.low):
        how = f"no interval: {gain.why_not}"
        lead = "better" if difference > 0 else "no better"
    else:
        how = f"95 % {gain.low:+.3f} to {gain.high:+.3f}"
        lead = "better" if gain.low > 0 else "worse" if gain.high < 0 else "neither better nor worse"
    doubt = ", as far as one can tell," if math.isnan(gain.low) else ""
    return (
        f"People are {word} {lead}{doubt} in the best fusion ({gain.method}) than by {gain.camera} alone "
        f"({numbers}; {how})."
    )
