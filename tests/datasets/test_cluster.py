"""Clusters: calls done by Dask's workers, paths that are other paths there, and what is said where it can't be done."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ivif.datasets import cluster
from ivif.datasets.cluster import packed, unpacked
from ivif.datasets.errors import WorkersError
from ivif.datasets.workers import in_workers, on_cluster, workers_of

distributed = pytest.importorskip("distributed")


@dataclass(frozen=True)
class Task:
    out: Path
    origin: str
    other: str


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Two workers in threads of this process."""
    settings = {"n_workers": 2, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**settings, protocol="tcp", host="127.0.0.1") as local:
        yield local.scheduler_address


def test_paths_below_the_shared_folder_are_below_the_workers_own() -> None:
    root = Path("/mnt/here")
    task = Task(root / "runs" / "a", f"sdnet={root}/weights.safetensors", "/else/mnt/here/x")
    there = unpacked(packed(task, root), Path("/data"))
    assert there == Task(Path("/data/runs/a"), "sdnet=/data/weights.safetensors", "/else/mnt/here/x")
    assert unpacked(packed(task, root), None) == task
    assert unpacked(packed(task, None), Path("/data")) == task
    assert unpacked(packed(Path("/mnt/hereafter"), root), Path("/data")) == Path("/mnt/hereafter")
    assert unpacked(packed(root, root), Path("/data")) == Path("/data")
    assert unpacked(packed("/mnt/here/mnt/here/x", root), Path("/data")) == "/data/mnt/here/x"


@pytest.mark.parametrize("ordered", [True, False])
def test_a_cluster_gives_what_processes_here_give(scheduler: str, tmp_path: Path, ordered: bool) -> None:
    calls = [(number, 2) for number in range(40)]
    here = list(in_workers(pow, calls, 1, ordered))
    assert not on_cluster()
    with workers_of("dask", scheduler, tmp_path):
        assert on_cluster()
        there = list(in_workers(pow, calls, 1, ordered))
    assert sorted(there) == here and (not ordered or there == here)
    assert not on_cluster() and list(tmp_path.iterdir()) == []


def most_at_once(running: list[int], most: list[int]) -> None:
    running.append(1)
    most[0] = max(most[0], len(running))
    threading.Event().wait(0.02)
    running.pop()


def test_one_unit_works_at_a_time_in_a_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What PyTorch and OpenCV are told of threads holds for a process, and sums depend on it."""
    monkeypatch.setattr(cluster, "unpacked", lambda data, root: data)
    running: list[int] = []
    most = [0]
    (tmp_path / "witness").touch()
    unit = cluster._Unit(most_at_once, (running, most), tmp_path, tmp_path / "witness", (), ())
    monkeypatch.chdir(tmp_path)
    threads = [threading.Thread(target=cluster._do, args=(unit,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def divided(number: int) -> float:
    return 1 / number


def test_an_error_of_a_unit_is_raised_here(scheduler: str, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), workers_of("dask", scheduler, tmp_path):
        list(in_workers(divided, [(2,), (0,), (1,)], 1))


def test_a_worker_that_sees_another_folder_is_named(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = iter([tmp_path / "here", *[tmp_path / "there"] * 100])
    monkeypatch.setattr(cluster, "shared_root", lambda: next(roots))
    with (
        pytest.raises(WorkersError, match=r"does not see .*there/run.*IVIF_SHARED"),
        workers_of("dask", scheduler, tmp_path / "here" / "run"),
    ):
        list(in_workers(abs, [(1,)], 1))


def test_a_worker_with_other_software_is_refused(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([{"torch": "2.0"}, *[{"torch": "1.0"}] * 100])
    monkeypatch.setattr(cluster, "installation", lambda: next(found))
    with (
        pytest.raises(WorkersError, match=r"torch 1\.0 instead of 2\.0"),
        workers_of("dask", scheduler, tmp_path),
    ):
        list(in_workers(abs, [(1,)], 1))


def test_no_scheduler_no_dask_or_half_of_the_options_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WorkersError, match="go together"), workers_of("dask", None, tmp_path):
        pass
    with pytest.raises(WorkersError, match="go together"), workers_of("local", "tcp://127.0.0.1:1", tmp_path):
        pass
    monkeypatch.setattr(cluster, "SCHEDULER_PATIENCE", "0.3s")
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        with pytest.raises(WorkersError, match="no Dask scheduler answers at"), workers_of("dask", address, tmp_path):
            pass
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorkersError, match=r"ivif-bench\[cluster\]"), workers_of("dask", "tcp://x:1", tmp_path):
        pass


def die() -> None:
    os._exit(9)


@pytest.mark.slow
def test_a_unit_that_kills_its_workers_and_a_scheduler_that_goes_are_told(tmp_path: Path) -> None:
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with (
        distributed.LocalCluster(**settings, host="127.0.0.1") as local,
        pytest.raises(WorkersError, match="workers died at the same unit"),
        workers_of("dask", local.scheduler_address, tmp_path),
    ):
        list(in_workers(die, [()], 1))
