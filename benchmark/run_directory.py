"""Run: a run directory and all that is in it.

A run directory holds ``run.yaml`` (the configuration and where every number comes from), ``scores/`` (see
`benchmark.store`), ``fused/DATASET/METHOD/PAIR.png``, and where people were looked for ``downstream.json``,
``detections/`` and ``tracks/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ivif._checkout import as_typed
from ivif.benchmark.config import ConfigError, RunConfig, load_datasets, load_yaml
from ivif.benchmark.leaderboard import Leaderboard, leaderboard
from ivif.benchmark.people import PeopleBoard, read_people
from ivif.benchmark.store import Row, Store
from ivif.datasets.files import file_name, write_atomic
from ivif.datasets.pairs import PairDataset
from ivif.fusion.results import PAIR, FolderResults, MethodResults, ResultFiles, StoredResults, parse

REPORT_FILE = "report.html"
"""What a run calls its report."""

DESCRIPTION = "run.yaml"

TRAINED_SHARE = "share_of_published_training"
"""What `DESCRIPTION` says of a method whose weights this project trained, see `fusion.loading.trained_share`."""


class _Facts(BaseModel):
    model_config = ConfigDict(extra="allow")


class _MethodFacts(_Facts):
    share: Annotated[float | None, Field(alias=TRAINED_SHARE, ge=0, allow_inf_nan=False)] = None


class _DataFacts(_Facts):
    pairs: list[str]


class _Detector(_Facts):
    name: str


class _Downstream(_Facts):
    detector: _Detector


class _Description(_Facts):
    """What of `DESCRIPTION` is read again."""

    config: dict[str, Any]
    methods: dict[str, _MethodFacts | None]
    datasets: dict[str, _DataFacts]
    downstream: _Downstream | None = None


class Run:
    """A run directory.

    Attributes:
        folder: where it is.
        description: all that its run.yaml says.
        config: what was run; folders that it names may be gone since.
        methods: names of the methods.
        pairs: names of the pairs, by data set.

    Raises:
        ConfigError: there is no run, or its description is damaged.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        path = self.folder / DESCRIPTION
        try:
            self.description: dict[str, Any] = load_yaml(path)
            self._said = _Description.model_validate(self.description)
            self.config = RunConfig.from_dict(self._said.config)
            self.methods = tuple(self._said.methods)
            self.pairs = {name: tuple(facts.pairs) for name, facts in self._said.datasets.items()}
        except OSError as error:
            raise ConfigError(
                f"{folder} is no run directory (no run.yaml); {as_typed('benchmark run')} makes one"
            ) from error
        except (ValidationError, ConfigError) as error:
            found = error.errors()[0] if isinstance(error, ValidationError) else None
            what = f"{'.'.join(map(str, found['loc'])) or 'all of it'}: {found['msg']}" if found else str(error)
            raise ConfigError(f"{path} is damaged ({what}); run again into the same directory") from error

    @classmethod
    def begin(cls, folder: Path, description: Mapping[str, Any]) -> Self:
        """Describe a run in its directory; what earlier ones into the same directory left stays where it is."""
        write_atomic(folder / DESCRIPTION, yaml.safe_dump(description, sort_keys=False, allow_unicode=True).encode())
        return cls(folder)

    @property
    def trained_shares(self) -> dict[str, float]:
        """Share of the published training by method, where the run recorded one."""
        shares = {name: facts.share if facts else None for name, facts in self._said.methods.items()}
        return {name: share for name, share in shares.items() if share is not None}

    def datasets(self) -> list[PairDataset]:
        """The pairs that were fused; raises `ConfigError` where they are not there any more."""
        return load_datasets(self.config)

    def results(self, method: str, dataset: str) -> ResultFiles:
        """What a method made of a data set.

        Raises:
            ConfigError: no such method.
            FusionError: its results were in a folder that is gone.
        """
        self.check_methods([method])
        texts = {text.partition("=")[0]: text for text in (*self.config.methods, *self.config.fused)}
        return self.files(parse(texts[method]), dataset)

    def files(self, results: MethodResults | FolderResults, dataset: str) -> ResultFiles:
        """Results as they lie on disk: those of methods in this directory."""
        if isinstance(results, FolderResults):
            return results
        folder = self.folder / "fused" / file_name(dataset) / file_name(results.name)
        return StoredResults(results, str(folder / f"{PAIR}.png"))

    def check_methods(self, names: Iterable[str]) -> None:
        """Raise `ConfigError` for a method that the run lacks."""
        if unknown := sorted(set(names) - set(self.methods)):
            raise ConfigError(f"{self.folder} has no method {', '.join(unknown)}; it has {', '.join(self.methods)}")

    @property
    def store(self) -> Store:
        """All scores in the directory, those of earlier runs too."""
        return Store(self.folder)

    def rows(self) -> list[Row]:
        """The scores of this run's pairs and methods; raises `StoreError` where they are damaged."""
        methods = set(self.methods)
        pairs = {(name, pair) for name, names in self.pairs.items() for pair in names}
        return [row for row in self.store.rows() if row.method in methods and (row.dataset, row.pair) in pairs]

    def people(self) -> dict[str, PeopleBoard]:
        """How well people were found and followed, by data set; empty where nobody was looked for."""
        return read_people(self.folder) if self.config.detect else {}

    def leaderboards(self, common: bool = False) -> list[Leaderboard]:
        """One leaderboard a data set; raises `StoreError` where scores are damaged.

        With `common`, or where the run was made so, methods are compared on the pairs that all have.
        """
        rows, people = self.rows(), self.people()
        detector = self._said.downstream.detector.name if people and self._said.downstream else ""
        return [
            leaderboard(
                name,
                pairs,
                [row for row in rows if row.dataset == name],
                self.methods,
                self.config.metrics,
                people.get(name),
                detector,
                self.trained_shares,
                common or self.config.common,
            )
            for name, pairs in self.pairs.items()
        ]
