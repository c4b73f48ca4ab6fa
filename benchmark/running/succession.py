"""What a run does with the run that stands in its directory: goes on with it, adds to it, or takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ivif.benchmark.config import CheckedConfig, ConfigError, RunConfig
from ivif.benchmark.run_directory import DESCRIPTION, Run
from ivif.datasets.pairs import PairDataset

Existing = Literal["resume", "add", "replace"]
"""``resume``: nothing of the standing run may be left out; ``add``: it is kept and more comes; ``replace``: it goes."""

_DECISIVE = ("value_range", "seed", "detector", "image_size")
"""Settings that change numbers, so that runs which differ in them are not one."""


def standing_run(folder: Path) -> Run | None:
    """The run in a directory; None where there is none, or its description is damaged."""
    if not (folder / DESCRIPTION).is_file():
        return None
    try:
        return Run(folder)
    except ConfigError:
        return None


def added(before: RunConfig, wish: RunConfig) -> RunConfig:
    """A standing run and more: what `wish` names besides, and where it names nothing what was there.

    Raises:
        ConfigError: the two cannot be one run.
    """
    given = wish.model_fields_set
    for key in _DECISIVE:
        old, new = getattr(before, key), getattr(wish, key)
        if key in given and old not in (None, new):
            raise ConfigError(f"{wish.out} was made with {key} {old}, not {new}: give another --out, or --replace")
    merged = vars(before) | {key: getattr(wish, key) for key in given} | _united_data(before, wish)
    names = {_name(text) for text in (*wish.methods, *wish.fused)}
    standing = [text for text in (*before.methods, *before.fused) if _name(text) not in names]
    merged |= {"methods": (*standing, *wish.methods), "fused": wish.fused}
    merged["metrics"] = (*before.metrics, *(wish.metrics if "metrics" in given else ()))
    if "limit" in given:
        merged["limit"] = None if None in (before.limit, wish.limit) else max(before.limit or 0, wish.limit or 0)
    return RunConfig(**merged | {key: getattr(wish, key) or getattr(before, key) for key in ("detect", "track")})


def _united_data(before: RunConfig, wish: RunConfig) -> dict[str, Any]:
    """Both runs' data sets, or the one pair of folders that both name; the standing run's where no data are named."""
    own = ("datasets", "infrared", "visible", "labels", "root")
    if not wish.model_fields_set & {"datasets", "infrared"}:
        return {key: getattr(before, key) for key in own}
    for key in ("infrared", "visible", "labels", "root"):
        old, new = getattr(before, key), getattr(wish, key)
        both = bool(old and new) or key in ("infrared", "visible")
        if both and (old and old.absolute()) != (new and new.absolute()):
            have = f"{key} {old}" if old else "data sets of their own"
            raise ConfigError(f"{wish.out} holds a run with {have}, not {key} {new}: one run takes one; another --out")
    united = dict.fromkeys([*before.datasets, *wish.datasets])
    return {key: getattr(before, key) or getattr(wish, key) for key in own} | {"datasets": tuple(united)}


def _name(text: str) -> str:
    return text.partition("=")[0]


def left_out(before: Run, now: CheckedConfig, sets: Sequence[PairDataset]) -> list[str]:
    """What the table of a standing run has and that of a new run in its place would not have, in words."""
    pairs = {data.name: {pair.name for pair in data} for data in sets}
    found = [f"data set {name}" for name in before.pairs if name not in pairs]
    for name, names in before.pairs.items():
        if name in pairs and (fewer := set(names) - pairs[name]):
            found.append(f"{len(fewer)} pairs of {name}")
    found += _named("method", [name for name in before.methods if name not in map(_name, now.methods)])
    found += _named("metric", [key for key in before.config.metrics if key not in now.metrics])
    decided = ((key, getattr(before.config, key), getattr(now, key)) for key in _DECISIVE)
    found += [f"{key} {old}" for key, old, new in decided if old is not None and old != new]
    if before.config.detect and not now.detect:
        found.append("detection")
    return found + ["tracking"] * bool(before.config.track and not now.track)


def _named(what: str, names: Sequence[str]) -> list[str]:
    """``methods gff, adf and 3 more``; nothing of nothing."""
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"{what}{'s' * (len(names) > 1)} {', '.join(names[:3])}{more}"]


def check_succession(before: Run | None, now: CheckedConfig, sets: Sequence[PairDataset], existing: Existing) -> None:
    """Refuse a run that would leave out what a standing one has, unless it is to take its place.

    Raises:
        ConfigError: with what would be left out.
    """
    if before is None or existing == "replace":
        return
    if lost := left_out(before, now, sets):
        raise ConfigError(
            f"{now.out} holds another run, of which this one would leave out: {'; '.join(lost)}. "
            "--add keeps it all and adds, --replace puts this run in its place, --out DIR begins another"
        )
