"""Shards: parts of a run that know nothing of each other, merged to what one run makes, byte for byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from ivif.benchmark.cli import main
from ivif.benchmark.config import ConfigError
from ivif.benchmark.running.merging import command_of, finished_shards
from ivif.benchmark.store import Row, Store
from ivif.datasets.images import write_png
from ivif.datasets.shards import Shard
from ivif.downstream.cli import main as downstream
from ivif.fusion.cli import main as fusion

SPOTS = """
import numpy as np
from ivif.datasets.boxes import Boxes

class Spots:
    name = "spots"

    def __init__(self, settings, device):
        pass

    def detect(self, images):
        return [self._spot(image) for image in images]

    def _spot(self, image):
        rows, columns = np.nonzero((image.amax(0) > 200).numpy())
        if not len(rows):
            return Boxes(np.empty((0, 4)))
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes(np.array([corners], dtype=float), scores=np.array([0.9]))

    def fingerprint(self):
        return "spots"
"""

FRAMES = 5


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One person walks through five frames; ``spots:Spots`` finds who is bright."""
    rows = []
    for frame in range(FRAMES):
        for role, values in (("infrared", 250), ("visible", 180)):
            image = torch.arange(48).repeat(32, 1)[None].to(torch.uint8) + frame
            image[:, 8:20, 4 * frame : 4 * frame + 12] = values
            write_png(tmp_path / role / f"{frame + 1:06d}.png", image)
        rows.append(f"{frame + 1},1,{4 * frame},8,12,12,1,1,1\n")
    (tmp_path / "gt.txt").write_text("".join(rows))
    (tmp_path / "spots.py").write_text(SPOTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "spots", raising=False)
    return tmp_path


OPTIONS = ["--infrared", "infrared", "--visible", "visible", "--method", "average,maximum", "--metrics", "en,sf"]
PEOPLE = ["--labels", "gt.txt", "--detector", "spots:Spots", "--track"]


def made(run: Path) -> dict[str, bytes]:
    """Everything of a run that says what came out; of run.yaml all but how it was asked for."""
    names = ("leaderboard.*", "downstream.json", "fused/**/*.png", "detections/**/*.txt", "tracks/**/*.txt")
    found = {str(path.relative_to(run)): path.read_bytes() for name in names for path in sorted(run.glob(name))}
    description = yaml.safe_load((run / "run.yaml").read_text())
    assert description["config"].pop("out") == str(run.absolute())
    description["command"], description["config"]["jobs"] = "", 0
    return found | {"run.yaml": yaml.safe_dump(description).encode()}


def rows(run: Path) -> list[Row]:
    """All scores, but for how long it took."""
    return [replace(row, seconds=None) for row in Store(run).rows()]


def test_shards_of_pairs_are_all_pairs_once() -> None:
    from ivif.datasets.pairs import ImageFile, Pair, PairDataset

    source = ImageFile(Path("x.png"))
    data = PairDataset("d", tuple(Pair(f"{number:02d}", source, source) for number in range(11)))
    for count in (1, 2, 3, 8, 11, 20):
        parts = [Shard(number, count).of(data) for number in range(1, count + 1)]
        assert [pair.name for part in parts for pair in part] == [pair.name for pair in data]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["", "3", "0/8", "9/8", "-1/8", "a/b", "1/0", "1/8/2"])
def test_what_is_no_shard_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--dataset", "synthetic", f"--shard={text}"]) == 2
    assert "expected one such as 3/8" in capsys.readouterr().err


def test_eight_shards_merged_are_one_run(walk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of five pairs: three shards are empty, and the sequence is cut into five."""
    assert main(["run", *OPTIONS, *PEOPLE, "--jobs", "1", "--out", "whole"]) == 0
    for number in (3, 1, 2, 8, 7, 6, 5, 4):
        assert main(["run", *OPTIONS, *PEOPLE, "--jobs", "1", "--out", "parts", "--shard", f"{number}/8"]) == 0
    assert "merge" in capsys.readouterr().out
    assert main(["merge", "parts"]) == 0
    assert "0 fused images done now, 10 still valid" in capsys.readouterr().out
    assert made(Path("parts")) == made(Path("whole"))
    assert rows(Path("parts")) == rows(Path("whole"))
    before = made(Path("parts"))
    assert main(["merge", "parts"]) == 0 and made(Path("parts")) == before  # once more does no harm
    assert main(["run", *OPTIONS, *PEOPLE, "--jobs", "1", "--out", "parts"]) == 0
    assert "0 fused images done now" in capsys.readouterr().out
    shutil.rmtree("parts/shards")
    assert main(["run", *OPTIONS, *PEOPLE, "--jobs", "1", "--out", "parts"]) == 0 and made(Path("parts")) == before


def test_shards_that_are_not_all_of_one_finished_run_are_refused(walk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="has no shards"):
        finished_shards(Path("run"))
    shard = ["run", *OPTIONS, "--jobs", "1", "--out", "run", "--shard"]
    assert main([*shard, "1/3"]) == 0 and main([*shard, "3/3"]) == 0
    with pytest.raises(ConfigError, match="1 of 3 shards are missing: 2/3"):
        finished_shards(Path("run"))
    assert main([*shard, "2/3", "--seed", "7"]) == 0
    with pytest.raises(ConfigError, match=r"another run.*seed 7 instead of 0"):
        finished_shards(Path("run"))
    assert main([*shard, "2/3", "--replace"]) == 0
    assert [run.config.shard for run in finished_shards(Path("run"))] == ["1/3", "2/3", "3/3"]
    store = Path("run/shards/2-of-3/scores")
    shutil.rmtree(store)
    with pytest.raises(ConfigError, match=r"shard 2/3 is not finished: 8 of 8 values are missing"):
        finished_shards(Path("run"))
    assert main([*shard, "1/2"]) == 0
    with pytest.raises(ConfigError, match="two runs"):
        finished_shards(Path("run"))


def test_the_whole_runs_command_is_a_shards_without_its_number() -> None:
    class Part:
        def __init__(self, command: str) -> None:
            self.description = {"command": command}

    for given in ("ivif benchmark run --shard 3/8 --out 'a b'", "ivif benchmark run --shard=3/8 --out 'a b'"):
        assert command_of([Part(given)]) == "ivif benchmark run --out 'a b'"  # type: ignore[list-item]
    assert command_of([]) == ""


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


PAIRS = ["--infrared", "infrared", "--visible", "visible", "--method", "average,maximum,laplacian"]


def test_references_of_shards_and_of_a_cluster_are_those_of_one_job(walk: Path, threads: str) -> None:
    assert fusion(["references", *PAIRS, "--jobs", "1", "--out", "whole"]) == 0
    for shard in ("2/2", "1/2"):
        assert fusion(["references", *PAIRS, "--jobs", "1", "--out", "parts", "--shard", shard]) == 0
    assert fusion(["references", *PAIRS, "--out", "cluster", "--backend", "dask", "--scheduler", threads]) == 0
    assert files(Path("parts")) == files(Path("cluster")) == files(Path("whole"))
    assert len(list(Path("whole").glob("pairs/*/1.png"))) == FRAMES


@pytest.mark.parametrize("command", ["detect", "track"])
def test_detections_of_a_cluster_are_those_of_one_process(walk: Path, threads: str, command: str) -> None:
    looked = [*PAIRS, "--labels", "gt.txt", "--detector", "spots:Spots"]
    assert downstream([command, *looked, "--out", "whole"]) == 0
    assert downstream([command, *looked, "--out", "cluster", "--backend", "dask", "--scheduler", threads]) == 0
    assert files(Path("cluster")) == files(Path("whole")) and len(list(Path("whole").glob("detections/*/*/*"))) == 3


@pytest.fixture
def threads() -> Iterator[str]:
    """Two workers in threads of this process."""
    distributed = pytest.importorskip("distributed")
    settings = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**settings, protocol="tcp", host="127.0.0.1") as local:
        yield local.scheduler_address


@pytest.fixture
def cluster(walk: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler on this machine, and two workers that see the folder at other places."""
    pytest.importorskip("distributed")
    (walk.parent / "elsewhere").symlink_to(walk)
    file = walk / "scheduler.json"
    logs = (walk / "dask.log").open("wb")

    def start(words: Sequence[str], root: Path) -> subprocess.Popen[bytes]:
        environment = os.environ | {"IVIF_SHARED": str(root), "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", *words]
        if words[0] == "worker":
            command = [sys.executable, "-m", "distributed.cli.dask_worker", *words[1:]]
        return subprocess.Popen(command, cwd=walk, env=environment, stdout=logs, stderr=logs)

    ends = ["--host", "127.0.0.1", "--no-dashboard"]
    processes = [start([*ends, "--port", "0", "--scheduler-file", str(file)], walk)]
    try:
        deadline = time.monotonic() + 120
        while not file.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        worker = ["worker", "--scheduler-file", str(file), *ends, "--nthreads", "1", "--no-nanny"]
        processes += [start(worker, root) for root in (walk, walk.parent / "elsewhere")]
        yield json.loads(file.read_text())["address"], processes
    finally:
        for process in processes[::-1]:
            process.kill()
            process.wait()
        logs.close()


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_makes_the_same_run(
    walk: Path, cluster: tuple[str, list[subprocess.Popen[bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies after the first pair that either has done."""
    import ivif.benchmark.running.runner as runner

    address, processes = cluster
    assert main(["run", *OPTIONS, *PEOPLE, "--jobs", "1", "--out", "whole"]) == 0
    assert main(["run", *OPTIONS, *PEOPLE, "--jobs", "2", "--out", "two"]) == 0
    append, killed = Store.append, []

    def append_and_kill(self: Store, rows: list[Row]) -> None:
        append(self, rows)
        if rows and not killed:
            killed.append(processes[1])
            processes[1].send_signal(signal.SIGKILL)

    monkeypatch.setattr(runner.Store, "append", append_and_kill)
    monkeypatch.setenv("IVIF_SHARED", str(walk))
    options = ["--backend", "dask", "--scheduler", address, "--out", "cluster"]
    assert main(["run", *OPTIONS, *PEOPLE, *options]) == 0
    assert killed and processes[2].poll() is None
    assert made(Path("two")) == made(Path("whole"))
    assert made(Path("cluster")) == made(Path("whole"))
    assert rows(Path("cluster")) == rows(Path("two")) == rows(Path("whole"))
