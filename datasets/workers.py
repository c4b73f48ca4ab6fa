"""Workers: processes that share work, on this machine or on a cluster; units of work don't know which.

Processes here end when the process that started them does, however it ends. What a cluster takes says
`datasets.cluster`.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ivif.datasets.cluster import Cluster
from ivif.datasets.errors import WorkersError

# loky replaces processes whose memory has grown, without harm, and warns each time
warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)

Backend = Literal["local", "dask"]
"""``local``: processes of this machine; ``dask``: the workers of a Dask cluster."""

_LOOK_EVERY = 1.0
"""Seconds between two looks at whether the parent is still there."""

_cluster: ContextVar[Cluster | None] = ContextVar("cluster", default=None)


@contextmanager
def workers_of(backend: Backend, scheduler: str | None, folder: Path) -> Iterator[None]:
    """Have the work of `in_workers` done by a cluster, as long as this lasts.

    Args:
        backend: who works.
        scheduler: address of the Dask scheduler, such as ``tcp://host:8786``.
        folder: where results go, which all workers must see.

    Raises:
        WorkersError: a scheduler without a cluster or the reverse, no such scheduler, or Dask is not installed.
        OSError: the folder can't be written.
    """
    if (backend == "dask") != (scheduler is not None):
        raise WorkersError("--backend dask and --scheduler ADDRESS go together")
    if scheduler is None:
        yield
        return
    with Cluster.at(scheduler, folder) as cluster:
        token = _cluster.set(cluster)
        try:
            yield
        finally:
            _cluster.reset(token)


def on_cluster() -> bool:
    """Whether `in_workers` has a cluster."""
    return _cluster.get() is not None


def in_workers(
    function: Callable[..., Any], calls: Iterable[tuple[Any, ...]], processes: int, ordered: bool = True
) -> Iterator[Any]:
    """The results of a function for many arguments, shared among workers.

    A call that a dying worker of a cluster began is made again by another: it must do no harm twice.

    Args:
        function: of a module, by its name.
        calls: its arguments, one tuple a call; they are asked for as work goes on.
        processes: how many on this machine; a cluster has its own number.
        ordered: results in the order of calls; else as they come.

    Raises:
        WorkersError: a worker died, or the cluster is gone.
    """
    try:
        if cluster := _cluster.get():
            yield from cluster.results(function, calls, ordered)
        else:
            work = Parallel(max(1, processes), return_as=_AS[ordered], batch_size=1)
            yield from work(shared(function)(*arguments) for arguments in calls)
    except TerminatedWorkerError as error:
        raise WorkersError(
            "a worker process died, most likely for lack of memory; give the same command again with fewer --jobs: "
            "everything finished so far is kept"
        ) from error


_AS = {True: "generator", False: "generator_unordered"}


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """What `joblib.delayed` gives, for a call that ends with the process that asks for it, and works in its folder.

    joblib's workers wait for work for ever where their parent was killed (SIGKILL, or for lack of memory), and stay
    in the folder where they began, in which a user's own code would be looked for.
    """
    call: Callable[..., Any] = delayed(_Call(function, os.getpid(), Path.cwd()))
    return call


@dataclass(frozen=True)
class _Call:
    function: Callable[..., Any]
    parent: int
    folder: Path

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if os.getpid() != self.parent:
            _end_with(self.parent)
            os.chdir(self.folder)
        return self.function(*arguments, **named)


@cache
def _end_with(parent: int) -> None:
    """End this process soon after its parent; asked for once a process."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent watch").start()
