"""Cluster: units of work done by the workers of a Dask cluster, whoever started it.

Workers see the folders of a run, at the same path or below a folder of their own: where `SHARED` is set for the process
that hands out work and for a worker, paths below the one become paths below the other. A unit that was begun by a
worker which died is done again by another; units write whole files, whose content the unit decides.
"""

from __future__ import annotations

import io
import os
import pickle  # Dask's own way between processes of one user  # nosec B403
import platform
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from pathlib import Path
from secrets import token_hex
from typing import Any

from ivif.datasets.errors import WorkersError
from ivif.datasets.files import make_folder
from ivif.datasets.software import installation

SHARED = "IVIF_SHARED"
"""Environment variable: the shared folder as this process sees it."""

SCHEDULER_PATIENCE = "20s"
"""How long a scheduler may take to answer."""

_SETTINGS = ("IVIF_DATA", "IVIF_CACHE", "IVIF_WEIGHTS")
"""Environment variables that hold for a worker which has no others."""

_AHEAD = 3
"""Units that wait for each thread of the cluster, so that none is idle while results travel."""


@dataclass(frozen=True)
class Cluster:
    """Workers behind a scheduler.

    Attributes:
        client: of `distributed`.
        address: the scheduler's.
        witness: a file that every worker must see.
    """

    client: Any
    address: str
    witness: Path

    @classmethod
    @contextmanager
    def at(cls, address: str, folder: Path) -> Iterator[Cluster]:
        """The cluster behind a scheduler, for work whose results go to `folder`.

        Raises:
            WorkersError: there is no such scheduler, or Dask is not installed.
            OSError: the folder can't be written.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise WorkersError(
                f"a cluster takes dask.distributed ({error}); pip install 'ivif-bench[cluster]'"
            ) from error
        folder = folder.absolute()
        make_folder(folder)
        try:
            client = Client(address, set_as_default=False, timeout=SCHEDULER_PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            raise WorkersError(f"no Dask scheduler answers at {address} ({error})") from error
        witness = folder / f".shared-{token_hex(8)}"
        try:
            witness.touch()
            yield cls(client, address, witness)
        finally:
            witness.unlink(missing_ok=True)
            client.close()

    def results(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], ordered: bool) -> Iterator[Any]:
        """The results of calls, see `datasets.workers.in_workers`."""
        from distributed import KilledWorker, as_completed
        from distributed.comm import CommClosedError

        units = (self._packed(function, arguments) for arguments in calls)
        running, numbers, done, following = as_completed(loop=self.client.loop), dict[Any, int](), dict[int, Any](), 0
        numbering = count()

        def hand_out() -> None:
            threads = sum(self.client.ncores().values())
            if not threads:
                print(f"waiting for workers of {self.address}", file=sys.stderr)
            for unit in islice(units, max(0, _AHEAD * max(1, threads) - len(numbers))):
                future = self.client.submit(_do, unit, key=f"ivif-{token_hex(16)}")
                numbers[future] = next(numbering)
                running.add(future)

        try:
            hand_out()
            for future in running:
                number = numbers.pop(future)
                result = future.result()
                hand_out()
                if not ordered:
                    yield result
                    continue
                done[number] = result
                while following in done:
                    yield done.pop(following)
                    following += 1
        except KilledWorker as error:
            raise WorkersError(
                "several workers died at the same unit of work, most likely for lack of memory; give workers more, and "
                "the same command again: everything finished so far is kept"
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise WorkersError(
                f"the scheduler at {self.address} is gone; start it again and give the same command: everything "
                "finished so far is kept"
            ) from error
        except ImportError as error:
            raise WorkersError(f"a worker of {self.address} lacks code ({error}): install it there") from error
        finally:
            with suppress(CancelledError, OSError):
                self.client.cancel(list(numbers), force=True)

    def _packed(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
        settings = tuple((name, os.environ[name]) for name in _SETTINGS if name in os.environ)
        unit = _Unit(function, arguments, Path.cwd(), self.witness, tuple(installation().items()), settings)
        return packed(unit, shared_root())


@dataclass(frozen=True)
class _Unit:
    """A call, where it was asked for, and what the worker must have."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    folder: Path
    witness: Path
    installation: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]


def shared_root() -> Path | None:
    """The shared folder as this process sees it; None where it is the same for all."""
    root = os.environ.get(SHARED)
    return Path(root).expanduser().absolute() if root else None


def packed(value: Any, root: Path | None) -> bytes:
    """A pickle in which paths below `root`, in paths and texts, are told apart from it."""
    buffer = io.BytesIO()
    _Pickler(buffer, root).dump(value)
    return buffer.getvalue()


def unpacked(data: bytes, root: Path | None) -> Any:
    """What `packed` was given; paths below its root are below this one, or stay where there is none here."""
    return _Unpickler(io.BytesIO(data), root).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, root: Path | None) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._root, self._at = str(root), re.compile(f"(?:^|(?<==)){re.escape(str(root))}(?=/|$)") if root else None

    def persistent_id(self, value: Any) -> Any:
        if self._at is None or not (type(value) is str or isinstance(value, Path)):
            return None
        parts = self._at.split(str(value))
        # In bytes, as texts in what is given back here would be asked about again.
        return (isinstance(value, Path), *map(os.fsencode, (self._root, *parts))) if len(parts) > 1 else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, root: Path | None) -> None:
        super().__init__(file)
        self._root = root

    def persistent_load(self, pid: Any) -> Any:
        is_path, (there, *parts) = pid[0], map(os.fsdecode, pid[1:])
        text = str(self._root or there).join(parts)
        return Path(text) if is_path else text


_alone = threading.Lock()
"""Held by the unit that works: what PyTorch and OpenCV are told of threads is told for the whole process."""


def _do(data: bytes) -> Any:
    """Do a unit, in a worker."""
    with _alone:
        unit: _Unit = unpacked(data, shared_root())
        _check(unit.witness, unit.installation)
        for name, value in unit.settings:
            os.environ.setdefault(name, value)
        if unit.folder.is_dir():
            os.chdir(unit.folder)  # where paths begin, and a user's own code lies
        return unit.function(*unit.arguments)


@cache
def _check(witness: Path, expected: tuple[tuple[str, str], ...]) -> None:
    """Raise `WorkersError` where this process can't do the same as the one that asks for it."""
    here = f"the worker on {platform.node()}"
    own = installation()
    if other := [f"{name} {own.get(name)} instead of {value}" for name, value in expected if own.get(name) != value]:
        raise WorkersError(f"{here} has {', '.join(other)}: install the same there, or numbers of a run would differ")
    if not witness.exists():
        raise WorkersError(
            f"{here} does not see {witness.parent}: share that folder; where it is mounted elsewhere, set {SHARED} to "
            "the shared folder's path, here and for every worker"
        )
