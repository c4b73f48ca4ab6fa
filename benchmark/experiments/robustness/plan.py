"""Plan: which methods meet which corruptions of which pairs, and what of that is still to be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivif.benchmark.config import DEFAULT_DATASET, CheckedConfig, ConfigError, RunConfig, load_datasets
from ivif.benchmark.experiments.robustness.work import LevelTask, MethodOnLevel
from ivif.benchmark.reports.robustness.directory import at_level
from ivif.benchmark.running.runner import metric_code
from ivif.benchmark.store import Row
from ivif.datasets.catalog import find, locate
from ivif.datasets.corruptions import CorruptionLevel, corrupted, levels_of
from ivif.datasets.images import ImageError
from ivif.datasets.pairs import PairDataset, PairError
from ivif.fusion import FusionError
from ivif.fusion.loading import bundled, default_names
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.results import FolderResults, MethodResults

BASELINE = "laplacian"
"""What others are compared with, if nothing else is said."""

LIGHT_NETWORKS = ("pmgi", "sdnet")
"""Networks that take no more than a second or so a pair on one core; they come with their retrained twins."""

DEFAULT_SEVERITIES = (1, 3, 5)
"""What is measured if nothing else is said: curves by three points and the clean one, for three fifths of the time."""


def default_methods() -> list[str]:
    """All classical methods but the slow ones, and the light networks with their retrained twins."""
    classical = [name for name in default_names() if not issubclass(bundled()[name], NetworkMethod)]
    return [*classical, *(name for network in LIGHT_NETWORKS for name in (network, f"{network}+rts"))]


def default_data() -> list[str]:
    """VIFB, where it is here, and the rendered scenes."""
    return [*(["vifb"] if locate(find("vifb")) else []), DEFAULT_DATASET]


@dataclass(frozen=True)
class RobustnessPlan:
    """What is to be measured.

    Attributes:
        config: data sets, metrics, seed, people, and the rest of what runs are made of.
        entrants: methods that fuse now, the baseline among them.
        folders: names of those whose images were made elsewhere: they can't be asked about other sources.
        baseline: a name among the entrants.
        sets: the pairs.
        levels: what their sources go through, by data set.
    """

    config: CheckedConfig
    entrants: tuple[MethodResults, ...]
    folders: tuple[str, ...]
    baseline: str
    sets: tuple[PairDataset, ...]
    levels: Mapping[str, tuple[CorruptionLevel, ...]]

    @property
    def out(self) -> Path:
        """The run directory."""
        return self.config.out


def plan_robustness(
    wish: RunConfig,
    corruptions: Sequence[str] = (),
    severities: Sequence[int] = DEFAULT_SEVERITIES,
    baseline: str = BASELINE,
    device: str = "cpu",
) -> RobustnessPlan:
    """Check what is wished, and load what it takes.

    Args:
        wish: a run; no methods named: `default_methods`; no data: `default_data`.
        corruptions: by name; none: all that a data set can have.
        severities: 1..5.
        baseline: a method; it takes part whether it is among those of the run or not.
        device: where methods fuse.

    Raises:
        ConfigError: a data set, method, corruption or severity that is not there, or nothing that fuses.
    """
    if not wish.methods and not wish.fused:
        wish = wish.but(methods=tuple(default_methods()))
    if not wish.datasets and not wish.infrared:
        wish = wish.but(datasets=tuple(default_data()))
    checked = wish.checked()
    found = checked.results(device)
    folders = tuple(own.name for own in found if isinstance(own, FolderResults))
    entrants = [own for own in found if isinstance(own, MethodResults)]
    if not entrants:
        named = ", ".join(folders)
        raise ConfigError(f"{named}: fused elsewhere, so it can't be seen what becomes of other sources; name a method")
    if baseline not in (own.name for own in entrants):
        entrants = [*RunConfig(methods=(baseline,)).checked().results(device), *entrants]  # type: ignore[list-item]
    try:
        sets = load_datasets(checked)
        levels = {data.name: tuple(levels_of(data.name, tuple(corruptions), tuple(severities))) for data in sets}
        pinned = tuple(own.pinned() for own in entrants)
    except (FusionError, PairError) as error:
        raise ConfigError(str(error)) from error
    if lacking := [name for name, own in levels.items() if len(own) == 1]:
        raise ConfigError(f"{lacking[0]}: no corruption of it is asked for; crossover takes rendered scenes")
    return RobustnessPlan(checked, pinned, folders, baseline, tuple(sets), levels)


def tasks_left(plan: RobustnessPlan, rows: Sequence[Row], device: str, maker: str) -> Iterator[LevelTask]:
    """One task a pair and level with anything left to do, pair by pair.

    Args:
        plan: what is wanted.
        rows: what is stored.
        device: where networks and metrics run.
        maker: key of the software and machine.
    """
    codes = {key: metric_code(key) for key in plan.config.metrics}
    stored: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.status != "failed" and row.metric_key == codes.get(row.metric):
            stored.setdefault((row.dataset, row.method, row.pair), []).append(row)
    for data in plan.sets:
        for pair in data:
            for level in plan.levels[data.name]:
                spoilt = corrupted(pair, level, data.name, plan.config.seed)
                try:
                    sources = spoilt.fingerprint()
                except ImageError:
                    sources = "unreadable"  # the worker meets the same error and records it
                name, methods = at_level(pair.name, level), []
                for results in plan.entrants:
                    key = results.fingerprint(spoilt, sources)
                    known = stored.get((data.name, results.name, name), ())
                    finished = {row.metric for row in known if row.fuse_key == key}
                    if missing := tuple((metric, code) for metric, code in codes.items() if metric not in finished):
                        methods.append(MethodOnLevel(results, key, missing))
                if methods:
                    yield LevelTask(data.name, name, pair, spoilt, tuple(methods), device, maker)
