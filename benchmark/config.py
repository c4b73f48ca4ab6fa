"""Configuration: what is run, from a YAML file, the command line, or both; checked before anything starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StrictBool, ValidationError

from ivif import datasets
from ivif.benchmark.metrics import MetricError, expand_keys
from ivif.datasets.catalog import is_rendered
from ivif.datasets.files import file_name
from ivif.datasets.labels import own_pairs
from ivif.datasets.options import tell_unmatched
from ivif.datasets.pairs import PairDataset
from ivif.datasets.shards import Shard
from ivif.downstream.labelled_images import CONTROLS
from ivif.errors import IvifError
from ivif.fusion import FusionError
from ivif.fusion.folders import METHOD, FolderResults, folder_results
from ivif.fusion.loading import light_names, names
from ivif.fusion.results import MethodResults, parse
from ivif.spelling import did_you_mean

ALL = "all"
"""What stands for every bundled method, the slow ones too."""

DEFAULT_DATASET = "synthetic"


class ConfigError(IvifError, ValueError):
    """A run that cannot start as described; the message says what to change."""


def _words(value: Any) -> Any:
    """One word stands for a list of it; numbers that YAML read are words."""
    if isinstance(value, str):
        return (value,)
    return [str(item) if isinstance(item, int | float) else item for item in value] if _listed(value) else value


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
ShardText = Annotated[str, AfterValidator(lambda text: str(Shard.parse(text)))]
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class RunConfig(BaseModel):
    """A run as somebody wishes it; what is missing or wrong shows when it is `checked`.

    Attributes:
        out: run directory; None: below ``runs/``, called like the data sets.
        datasets: names of published data sets, or "synthetic"; empty: the synthetic scenes, or the user's own pairs.
        root: folder of the data set (or of several); None: ``IVIF_DATA`` and downloaded copies.
        infrared, visible: folders of the user's own pairs, instead of `datasets`.
        methods: what takes part, see `fusion.results.parse`; empty with `fused` set: those folders alone; empty
            without: `fusion.loading.light_names`; "all" are all bundled ones.
        fused: further folders of fused images, ``NAME=DIR`` or ``NAME=DIR/{pair}_suffix.png``.
        metrics: metric keys and profile names.
        limit: the first so many pairs of each data set; None: all.
        value_range: (low, high) that maps to black and white in source files of more than 8 bit, or "auto", see
            `datasets.pairs.PairDataset.with_range`.
        common: whether methods that lack pairs are compared, all of them on the pairs that all have; else they get no
            rank.
        shard: one part alone of every data set's pairs, such as "3/8", in a directory below `out`, see
            `benchmark.running.merging`.
        jobs: worker processes; 0: one a processor core.
        device: "auto", "cpu", "cuda" or "cuda:N".
        seed: of everything random.
        labels: where the user's own pairs have labels, see `datasets.labels.read_labels`; a ``.txt`` file
            (MOTChallenge) makes them frames of one sequence.
        names: of the classes that are numbers in `labels`; empty: see `datasets.labels.read_labels`.
        detect: whether people are detected in the fused images of labelled pairs, and in both sources; None: where all
            data sets are rendered, and the libraries that it takes are installed.
        track: whether they are followed through sequences; brings `detect` in; None: where `detect` is None too, and
            there are sequences.
        detector: weights file or name, brings `detect` in; None: `downstream.detector.default_detector`.
        image_size: longer side in pixels that the detector sees; None: what it was trained for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: UserPath | None = None
    datasets: Words = ()
    root: UserPath | None = None
    infrared: UserPath | None = None
    visible: UserPath | None = None
    methods: Words = ()
    fused: Words = ()
    metrics: Words = ("core",)
    limit: int | None = None
    value_range: tuple[float, float] | Literal["auto"] | None = None
    common: StrictBool = False
    shard: ShardText | None = None
    jobs: int = 0
    device: str = "auto"
    seed: int = 0
    labels: UserPath | None = None
    names: Words = ()
    detect: StrictBool | None = None
    track: StrictBool | None = None
    detector: str | None = None
    image_size: int | None = None

    def __init__(self, out: Path | str | None = None, **settings: Any) -> None:
        try:
            super().__init__(out=out, **{key: value for key, value in settings.items() if value is not None})
        except ValidationError as error:
            raise ConfigError("; ".join(_complaint(found) for found in error.errors())) from error

    def checked(self) -> CheckedConfig:
        """This configuration with defaults filled in; raises `ConfigError` if it cannot be run."""
        try:
            metrics, methods = expand_keys(self.metrics), self._methods()
        except (MetricError, FusionError) as error:
            raise ConfigError(str(error)) from error
        filled = {
            "out": self._folder(),
            "metrics": metrics,
            "methods": tuple(dict.fromkeys(results.text for results in methods)),
            "fused": (),
            "datasets": tuple(dict.fromkeys(self.datasets)) or (() if self.infrared else (DEFAULT_DATASET,)),
            "detect": True if self.detect is None and (self.track or self.detector) else self.detect,
            "detector": _absolute_file(self.detector),
        }
        wish = {**vars(self), **filled}
        return CheckedConfig(
            **{key: value.absolute() if key in _PATHS and value else value for key, value in wish.items()}
        )

    def _folder(self) -> Path:
        out = self.out or Path("runs", self._data_name())
        return Shard.parse(self.shard).folder(out) if self.shard else out

    def _data_name(self) -> str:
        """What the data are called, for a folder's name."""
        own = self.infrared.resolve().parent.name or "folders" if self.infrared else DEFAULT_DATASET
        return file_name("+".join(dict.fromkeys(self.datasets)) or own)

    def _methods(self) -> list[MethodResults | FolderResults]:
        named = [every for name in self.methods for every in (names() if name == ALL else [name])]
        chosen = list(dict.fromkeys(named)) or ([] if self.fused else light_names())
        return [*map(parse, chosen), *folder_results(self.fused, self._pair_names())]

    def _pair_names(self) -> list[str]:
        """Names of all pairs, where methods are to be found by them."""
        if not any(METHOD in text for text in self.fused):
            return []
        data = self if self.datasets or self.infrared else self.but(datasets=(DEFAULT_DATASET,))
        return [pair.name for every in load_datasets(data) for pair in every]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for YAML; `RunConfig` takes them back."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """A configuration from plain values; raises `ConfigError` for unknown keys and wrong types."""
        if unnamed := [key for key in values if not isinstance(key, str)]:
            raise ConfigError(f"{unnamed[0]!r} is no name of a setting")
        return cls(**values)

    def but(self, **changes: Any) -> Self:
        """The same with some settings changed, checked again."""
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})


def _complaint(found: Any) -> str:
    """What pydantic found wrong, in a sentence."""
    key = str(found["loc"][0])
    match found["type"]:
        case "extra_forbidden":
            known = list(RunConfig.model_fields)
            return f"unknown setting {key}; {did_you_mean(key, known) or 'there are ' + ', '.join(sorted(known))}"
        case "bool_type":
            return f"{key}: expected true or false, found {found['input']!r}"
    return f"{key}: {found['msg'].lower()}, found {found['input']!r}"


class CheckedConfig(RunConfig):
    """A run that can start: every default filled in, nothing contradicts itself. `RunConfig.checked` makes one.

    ``methods`` holds all that take part, folders too, as texts that mean the same in every folder; ``metrics`` keys.

    Raises:
        ConfigError: what it says cannot be run.
    """

    out: Path

    def __init__(self, out: Path | str | None = None, **settings: Any) -> None:
        super().__init__(out, **settings)
        if (self.infrared is None) != (self.visible is None):
            raise ConfigError("--infrared and --visible go together: give both folders or neither")
        if self.infrared is not None and self.datasets:
            raise ConfigError(f"either --infrared and --visible or --dataset {self.datasets[0]}: a run takes one kind")
        if self.jobs < 0 or (self.limit is not None and self.limit < 1):
            raise ConfigError("--jobs must be 0 (one a core) or more, --limit 1 or more")
        low, high = self.value_range if isinstance(self.value_range, tuple) else (0.0, 1.0)
        if not (isfinite(low) and isfinite(high) and low < high):
            raise ConfigError(f"--value-range needs LOW < HIGH, found {self.value_range}")
        if self.image_size is not None and self.image_size < 32:
            raise ConfigError(f"--image-size {self.image_size}: a detector needs 32 pixels or more")
        if self.labels and not self.infrared:
            raise ConfigError("--labels go with --infrared and --visible; published data sets have their own")
        if self.detect is False and (self.track or self.detector):
            wish = "--track" if self.track else f"--detector {self.detector}"
            raise ConfigError(f"{wish} has nothing to do where nobody is detected: leave --no-detect out")
        self._check_names()

    def _check_names(self) -> None:
        entries = [results.name for results in self.results()]
        if twice := sorted({name for name in entries if entries.count(name) > 1}):
            raise ConfigError(f"two methods are called {', '.join(twice)}; give the folder another name")
        if self.detect and (reason := named_like_a_camera(entries)):
            raise ConfigError(reason)

    def checked(self) -> CheckedConfig:
        """Itself."""
        return self

    def results(self, device: str = "cpu") -> list[MethodResults | FolderResults]:
        """All that take part; methods fuse on `device`."""
        return [parse(text, device) for text in self.methods]


def named_like_a_camera(methods: Iterable[str]) -> str:
    """Why people cannot be looked for in the images of methods that are called so; "" where they can."""
    taken = sorted(set(CONTROLS) & set(methods))
    return f"a method is called {taken[0]}, as one camera alone is in tables; give it another name" if taken else ""


def read_config(path: Path) -> dict[str, Any]:
    """The settings in a YAML file: its top level, or what stands under ``config:`` (as in a run's run.yaml)."""
    try:
        content = load_yaml(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or error})") from error
    settings = content.get("config", content) if isinstance(content, dict) else content
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: expected settings such as `dataset: [vifb]`, found {type(settings).__name__}")
    return dict(settings)


def load_yaml(path: Path) -> Any:
    """What a YAML file holds: plain values alone.

    Raises:
        ConfigError: it is damaged.
        OSError: it cannot be read.
    """
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from error


_PATHS = ("out", "root", "infrared", "visible", "labels")


def _absolute_file(detector: str | None) -> str | None:
    """A file from the root on, so that run.yaml can be given elsewhere; official names stay as they are."""
    path = Path(detector).expanduser() if detector else None
    return str(path.absolute()) if path and path.is_file() else detector


def load_datasets(config: RunConfig, tell: bool = False) -> list[PairDataset]:
    """The data sets a configuration names; raises `ConfigError` with the way to get one that is not there.

    With `tell` it is said which files are not used, and why.
    """
    try:
        if config.infrared and config.visible:
            folders = config.infrared, config.visible
            sets = [own_pairs(*folders, config.labels, config.names, value_range=config.value_range)]
        else:
            sets = [_load_dataset(name, config) for name in config.datasets]
    except ValueError as error:
        raise ConfigError(str(error)) from error
    for data in sets if tell else ():
        tell_unmatched(data)
    whole = [data[: config.limit].with_range(config.value_range) for data in sets]
    return [Shard.parse(config.shard).of(data) for data in whole] if config.shard else whole


def _load_dataset(name: str, config: RunConfig) -> PairDataset:
    if name == DEFAULT_DATASET:
        return datasets.load(name, seed=config.seed, jobs=config.jobs)
    if is_rendered(name):
        return datasets.load(name, jobs=config.jobs)
    return datasets.load(name, root=config.root)
