"""Unchanged: a run that is given again while nothing has changed, told before anything large is imported.

Finding that nothing is left to do takes seconds of imports, and every file is read to be hashed. Here the files' sizes
and times are looked at alone, as `make` does: those of the pairs, of results and weights made elsewhere, of the run
directory, of this project's code, and which libraries are installed. If all are as they were when a run ended without
a failure, what it would say is what was kept then. Where it is not quite sure what a run depends on, nothing is kept:
code of a user's own, labels beside which descriptions may lie, a run that was added to another.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ivif.datasets.files import cache_root, sha256_bytes, write_atomic

if TYPE_CHECKING:
    from ivif.benchmark.config import CheckedConfig
    from ivif.benchmark.running.succession import Existing

MOST_FILES = 500_000
"""So many are looked at in all; a run with more is planned each time."""

MOST_KEPT = 100
"""So many commands are remembered, the latest."""

_CODE = Path(__file__).parents[2]
_PACKAGES = ("benchmark", "datasets", "downstream", "fusion", "ivif")
_PASSED_OVER = ("__pycache__", ".git", ".lock")
_SETTINGS = ("IVIF_", "YOLO_")
_SURROUNDINGS = ("HOME", "XDG_CACHE_HOME", "PYTHONPATH", "CUDA_VISIBLE_DEVICES")


class _TooManyError(Exception):
    """There are more than `MOST_FILES`."""


@dataclass(frozen=True)
class Ended:
    """What a run without a failure left.

    Attributes:
        said: what it says when it is given again.
        notes: what it says of files that are not used.
        places: files and folders that it depends on.
        libraries: folders in which libraries are installed.
        state: hash of all these, see `_state`.
    """

    said: str
    notes: str
    places: tuple[str, ...]
    libraries: tuple[str, ...]
    state: str = ""

    def now(self) -> Ended:
        """The same with the state of now; raises `OSError` where a place is gone."""
        return replace(self, state=_state(self.places, self.libraries))


def repeated(words: Sequence[str]) -> int | None:
    """Say what the same command said before, if nothing has changed since.

    Args:
        words: of the command line, after the command's name.

    Returns:
        The exit code, None where the run has to be looked into.
    """
    try:
        stored = json.loads(_file(words).read_text(encoding="utf-8"))
        ended = Ended(**stored | {key: tuple(stored[key]) for key in ("places", "libraries")})
        if ended.now() != ended:
            return None
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, _TooManyError):
        return None
    if ended.notes:
        print(ended.notes, file=sys.stderr)
    print(ended.said)
    return 0


class Written(NamedTuple):
    """Which version of a file lies in its place."""

    number: int
    nanoseconds: int

    @classmethod
    def of(cls, path: Path) -> Written:
        """That of now; raises `OSError` where there is no file."""
        status = path.stat()
        return cls(status.st_ino, status.st_mtime_ns)


class Watch:
    """Looks at what a run depends on before it starts, so that what changes meanwhile is noticed.

    Args:
        words: of the command line, after the command's name.
        config: what is run.
        settings: the file it was read from, if any.
        existing: what becomes of a run that stands in the directory.
    """

    def __init__(self, words: Sequence[str], config: CheckedConfig, settings: Path | None, existing: Existing) -> None:
        self._file, self._config, self._libraries = _file(words), config, tuple(dict.fromkeys(sys.path))
        found = None if existing == "add" else _places(config)
        self._places = None if found is None else (*found, *([str(settings)] if settings else []))
        self._before = ""
        if self._places is not None:
            with suppress(OSError, _TooManyError):
                self._before = _state(self._places, self._libraries)

    def keep(self, said: str, notes: str, written: Written) -> None:
        """Keep what a run that ended without a failure says when it is given again.

        Args:
            said, notes: see `Ended`.
            written: of its description, when the run had its directory for itself: a run that came after it into the
                same directory has written another.
        """
        from ivif.benchmark.run_directory import DESCRIPTION

        if self._places is None or any(_strange_modules()):
            return
        try:
            if _state(self._places, self._libraries) != self._before:
                return
            places = (*self._places, *_own_places(self._config))
            ended = Ended(said, notes, places, self._libraries).now()
            if Written.of(self._config.out / DESCRIPTION) != written:
                return
            write_atomic(self._file, json.dumps(asdict(ended)).encode())
            kept = sorted(self._file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
            for old in kept[MOST_KEPT:]:
                old.unlink()
        except (OSError, _TooManyError):
            return  # it is looked into again


def _file(words: Sequence[str]) -> Path:
    """Where what a command left is kept: the same command in the same folder, by the same Python, code, environment."""
    told = {
        key: value for key, value in os.environ.items() if key in _SURROUNDINGS or key.startswith(("IVIF_", "YOLO"))
    }
    asked = [list(words), str(Path.cwd()), str(_CODE), sys.executable, sys.version, sorted(told.items())]
    return cache_root() / "runs" / f"{sha256_bytes(json.dumps(asked).encode())}.json"


def _places(config: CheckedConfig) -> tuple[str, ...] | None:
    """What a run reads that others made, this project's code too; None where that can't be told."""
    from ivif.datasets.catalog import ENTRIES, candidates, is_rendered
    from ivif.datasets.locations import Location
    from ivif.downstream.detector import SHIPPED_DETECTOR
    from ivif.fusion.folders import FolderResults
    from ivif.fusion.loading import names, network_names, network_of
    from ivif.fusion.weights import published_folder
    from ivif.fusion.weights.manifest import manifest_path

    if config.labels or (config.detect and config.detector is None and not all(map(is_rendered, config.datasets))):
        return None
    places = [path for package in _PACKAGES if (path := _CODE / package).is_dir()]
    places += [published_folder(), Path.cwd() / SHIPPED_DETECTOR]
    places += [Location.parse(place).folder for place in (config.infrared, config.visible) if place]
    published = {entry.key: entry for entry in ENTRIES}
    for name in config.datasets:
        entry = published.get(name.partition("/")[0].lower())
        if entry is None:
            return None
        for folder in [] if is_rendered(name) else candidates(entry, config.root):
            places.append(folder)
            if folder.is_dir():
                break
    for results in config.results():
        name, _, file = results.text.partition("=")
        if isinstance(results, FolderResults):
            places.append(results.place.folder)
        elif network_of(name) not in (*network_names(), *names()) or (file and not Path(file).is_file()):
            return None
        else:
            places += [Path(file), manifest_path(Path(file))] if file else []
    if config.detector not in (None, SHIPPED_DETECTOR):
        if not Path(config.detector or "").is_file():
            return None
        places.append(Path(config.detector or ""))
    return tuple(dict.fromkeys(map(str, places)))


def _own_places(config: CheckedConfig) -> Iterator[str]:
    """What a run makes, rendered scenes too."""
    from ivif.datasets.catalog import is_rendered

    yield str(config.out)
    if any(map(is_rendered, config.datasets)):
        yield str(cache_root() / "synthetic")


def _strange_modules() -> Iterator[str]:
    """Modules that neither came with Python or an installer nor belong to this project: what they read is unknown."""
    from ivif.datasets.identity import is_installed

    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        made_up = not Path(file).is_absolute()  # such as torch.ops
        if made_up or name in ("__main__", "__mp_main__") or is_installed(name.partition(".")[0], file):
            continue
        if not any(Path(file).is_relative_to(_CODE / package) for package in _PACKAGES):
            yield name


def _state(places: Iterable[str], libraries: Iterable[str]) -> str:
    """Hash of the sizes and times of all files in some places, and of what is installed."""
    lines = list(_files(places))
    for folder in libraries:
        with suppress(OSError), os.scandir(folder or ".") as entries:
            lines += sorted(f"{entry.name} {entry.stat().st_mtime_ns}" for entry in entries if _is_record(entry.name))
    return sha256_bytes("\n".join(lines).encode(errors="surrogateescape"))


def _is_record(name: str) -> bool:
    """Whether installers keep in a folder of that name what they installed, or in such a file where else it lies."""
    return name.endswith((".dist-info", ".egg-info", ".egg-link", ".pth"))


def _files(places: Iterable[str]) -> Iterator[str]:
    """A line for each file in some places, links followed, no folder twice."""
    waiting, seen, count = list(places), set[tuple[int, int]](), 0
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)  # noqa: PTH116 - of many files; a path takes thrice the time
        except FileNotFoundError:
            yield f"{path} is not there"
            continue
        if not os.path.isdir(path):  # noqa: PTH112
            yield f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"
        elif (known := (status.st_dev, status.st_ino)) not in seen:
            seen.add(known)
            waiting += sorted(os.path.join(path, name) for name in os.listdir(path) if name not in _PASSED_OVER)  # noqa: PTH118, PTH208
        count += 1
        if count > MOST_FILES:
            raise _TooManyError
