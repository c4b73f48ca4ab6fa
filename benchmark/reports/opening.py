"""Opening: what a reader of a leaderboard should know first, in one sentence a question, from the tests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ivif.benchmark.leaderboard import Leaderboard, Line
from ivif.benchmark.people import PeopleScore
from ivif.benchmark.reports.colour import Colours, colours_of
from ivif.benchmark.reports.joining import Joined, join
from ivif.benchmark.reports.people_standing import PeopleSpread
from ivif.benchmark.reports.standing import BoardStanding
from ivif.benchmark.run_directory import Run

NAMED = 4
"""Methods that a sentence names; of more it gives the number."""


@dataclass(frozen=True)
class CameraGain:
    """The best fusion beside the best single camera.

    Attributes:
        score: by which both are best.
        method, camera: their names.
        fused, alone: their scores.
        spread: how sure the difference is.
    """

    score: PeopleScore
    method: str
    camera: str
    fused: float
    alone: float
    spread: PeopleSpread


@dataclass(frozen=True)
class BoardJudgement:
    """A leaderboard with what is to be said of it.

    Attributes:
        standing: the leaderboard and how sure it is.
        colours: by method, those of its fused images, as far as they are still there.
        sentences: see `opening`.
        split: fingerprint of the pairs' names, as the run recorded it.
        part: what it is of.
    """

    standing: BoardStanding
    colours: Mapping[str, Colours]
    sentences: tuple[str, ...]
    split: str
    part: Joined


def judged(run: Run, common: bool = False) -> list[BoardJudgement]:
    """One a data set of a run, on all pairs or those that all methods have; raises `StoreError` for damaged scores."""
    return judgements_of(join([run]), common)


def judgements_of(parts: Sequence[Joined], common: bool = False) -> list[BoardJudgement]:
    """One a data set of runs that have been joined, on all pairs or, with `common`, on those that all methods have."""
    return [_judged(part, common) for part in parts]


def _judged(part: Joined, common: bool) -> BoardJudgement:
    sets = [part.data] if part.data else []
    colours = {name: own for run in part.members for name, own in colours_of(run, sets).get(part.dataset, {}).items()}
    found = part.standing(common=common or any(run.config.common for run in part.members))
    split = part.members[0].description["datasets"][part.dataset].get("split", "")
    return BoardJudgement(found, colours, tuple(opening(found, colours, part.one_picture())), split, part)


def camera_gains(standing: BoardStanding) -> Iterator[CameraGain]:
    """How much better people are found and followed in the best fusion than in the best single camera."""
    board = standing.board
    for place, score in enumerate(board.people):
        best, alone = (_best(lines, place) for lines in (board.lines, board.controls))
        spreads = standing.people.get(score.key, {})
        if best and alone and best[0] in spreads:
            yield CameraGain(score, best[0], alone[0], best[1], alone[1], spreads[best[0]])


def _best(lines: Sequence[Line], place: int) -> tuple[str, float] | None:
    known = [(line.method, mean) for line in lines if (mean := line.people[place].mean) is not None]
    return max(known, key=lambda item: item[1], default=None)


def opening(
    standing: BoardStanding, colours: Mapping[str, Colours] | None = None, one_picture: Sequence[str] = ()
) -> list[str]:
    """Sentences: which method is best and whom it cannot be told from; what failed; colours; fusion beside cameras.

    Args:
        standing: the leaderboard and how sure it is.
        colours: by method.
        one_picture: methods that have one picture for all pairs.
    """
    return [
        _best_method(standing),
        *_failures(standing.board),
        *_one_picture(one_picture),
        *_colours(colours or {}),
        *map(_beside_cameras, camera_gains(standing)),
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


def _one_picture(methods: Sequence[str]) -> Iterator[str]:
    if methods:
        yield f"One and the same picture stands for all pairs of {_named(methods)}: are these the right files?"


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
    low, high = gain.spread.gain_low, gain.spread.gain_high
    if math.isnan(low):
        how = f"no interval: {gain.spread.why_not}"
        lead = "better" if difference > 0 else "no better"
    else:
        how = f"95 % {low:+.3f} to {high:+.3f}"
        lead = "better" if low > 0 else "worse" if high < 0 else "neither better nor worse"
    doubt = ", as far as one can tell," if math.isnan(low) else ""
    return (
        f"People are {word} {lead}{doubt} in the best fusion ({gain.method}) than by {gain.camera} alone "
        f"({numbers}; {how})."
    )
