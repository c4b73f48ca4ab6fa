"""Directory: what is kept of methods on corrupted sources, in a folder of the run directory.

RUN/robustness/robustness.yaml     what was measured, and by what
RUN/robustness/scores/             see `benchmark.store`; a pair is called ``PAIR@fog-3``, or ``PAIR@clean``
RUN/robustness/downstream.json     how well people were found; a data set is called ``DATASET@fog-3``
RUN/robustness/detections/         see `downstream.evaluation`
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ivif._checkout import as_typed
from ivif.benchmark.config import ConfigError, load_yaml
from ivif.benchmark.people import PeopleBoard, read_people
from ivif.benchmark.store import Row, Store
from ivif.datasets.corruptions import CorruptionLevel
from ivif.datasets.files import write_atomic

ROBUSTNESS = "robustness"
"""The folder's name in a run directory, and its description's."""

AT = "@"
"""What separates a pair, or a data set, from what its sources went through."""


def at_level(name: str, level: CorruptionLevel) -> str:
    """What a pair or data set is called under a corruption."""
    return f"{name}{AT}{level.key}"


class MeasuredData(BaseModel):
    """What was measured of one data set: pairs by name, corruptions by key (``clean``, ``fog-3``)."""

    pairs: list[str]
    levels: list[str]


class RobustnessFacts(BaseModel):
    """What ``robustness.yaml`` says that is read again.

    Attributes:
        methods, metrics: by name.
        baseline: the method that others are compared with.
        seed: of random patterns.
        datasets: what was measured of each.
        detectors: names by data set, where people were looked for.
        detector_keys: fingerprints of these, with how they are asked.
        versions: fingerprints of the methods.
        made_by: software and machines, by the keys that rows have.
    """

    model_config = ConfigDict(extra="allow")

    methods: list[str]
    metrics: list[str]
    baseline: str
    seed: int
    datasets: dict[str, MeasuredData]
    detectors: dict[str, str] = {}
    detector_keys: dict[str, str] = {}
    versions: dict[str, str] = {}
    made_by: dict[str, Any] = {}


class RobustnessFolder:
    """What is kept of methods on corrupted sources.

    Attributes:
        folder: where it is.
        facts: what was measured.

    Raises:
        ConfigError: there is none, or its description is damaged.
    """

    def __init__(self, run: Path | str) -> None:
        self.folder = Path(run) / ROBUSTNESS
        try:
            self.facts = RobustnessFacts.model_validate(load_yaml(_description(self.folder)))
        except OSError as error:
            command = as_typed("benchmark robustness")
            raise ConfigError(f"{run}: nothing was measured on corrupted sources; {command} does") from error
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(map(str, found["loc"]))
            raise ConfigError(f"{_description(self.folder)} is damaged ({where}: {found['msg']})") from error

    @classmethod
    def is_in(cls, run: Path | str) -> bool:
        """Whether a run directory has one."""
        return _description(Path(run) / ROBUSTNESS).is_file()

    @classmethod
    def begin(cls, run: Path, description: Mapping[str, Any]) -> RobustnessFolder:
        """Describe what is about to be measured; what stands there stays."""
        text = yaml.safe_dump(dict(description), sort_keys=False, allow_unicode=True)
        write_atomic(_description(run / ROBUSTNESS), text.encode())
        return cls(run)

    @property
    def store(self) -> Store:
        """All scores."""
        return Store(self.folder)

    def rows(self) -> list[Row]:
        """The scores; raises `StoreError` where they are damaged."""
        return self.store.rows()

    def people(self) -> dict[str, PeopleBoard]:
        """How well people were found, by data set and corruption, see `at_level`."""
        return read_people(self.folder)


def _description(folder: Path) -> Path:
    return folder / f"{ROBUSTNESS}.yaml"
