"""Workers: they end with the process that started them, also where it could not tell them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from joblib import Parallel

from ivif.datasets.workers import shared

PARENT = """
import os, sys, time
from joblib import Parallel
from ivif.datasets.workers import shared

def work(folder):
    open(os.path.join(folder, str(os.getpid())), "w").close()
    time.sleep(60)

Parallel(n_jobs=2)(shared(work)(sys.argv[1]) for _ in range(2))
"""


def is_there(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="processes are looked up in /proc")
def test_workers_end_after_their_parent_was_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stderr=subprocess.DEVNULL)
    workers: list[int] = []
    deadline = time.monotonic() + 60
    while len(workers) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
        workers = [int(path.name) for path in tmp_path.iterdir()]
    assert len(workers) == 2 and all(map(is_there, workers))
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while any(map(is_there, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_there, workers))


def test_workers_that_are_used_again_work_where_their_parent_is(tmp_path, monkeypatch):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert Parallel(n_jobs=2)(shared(os.getcwd)() for _ in range(2)) == [str(tmp_path / name)] * 2
