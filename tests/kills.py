"""Kills: long work is stopped by SIGKILL at random moments, resumed each time, and compared with undisturbed work.

``python tests/kills.py --kills 25 --seed 0`` kills six kinds of work in turn and says what came of it; the test suite
does the same with fewer. Work runs in a fork of this process, so that a kill hits work and not imports.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch

from ivif.benchmark.cli import main as benchmark
from ivif.benchmark.store import Store
from ivif.datasets.files import sha256_bytes, sha256_file
from ivif.datasets.images import write_png
from ivif.datasets.pairs import pair_folders
from ivif.downstream.cli import main as downstream
from ivif.fusion.cli import main as fusion
from ivif.fusion.training.recipes import recipe_for
from ivif.fusion.training.trainer import TrainingSettings, train

PAIRS, HEIGHT, WIDTH = 12, 96, 128

SPOTS = """
import time
import numpy as np
from ivif.datasets.boxes import Boxes

class Spots:
    name = "spots"

    def __init__(self, settings, device):
        pass

    def detect(self, images):
        time.sleep(0.05 * len(images))
        return [self._spot(image) for image in images]

    def _spot(self, image):
        rows, columns = np.nonzero((image.amax(0) > 240).numpy())
        if not len(rows):
            return Boxes(np.empty((0, 4)))
        corners = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        return Boxes(np.array([corners], dtype=float), scores=np.array([0.9]))

    def fingerprint(self):
        return "spots"
"""


WARM = (
    "ivif.benchmark.commands.running",
    "ivif.benchmark.reports.html.page",
    "ivif.downstream.commands",
    "ivif.fusion.reference.cli",
    "ivif.fusion.classical",
)
"""Modules that are imported before any fork, as they would be in every one."""


def write_data(folder: Path) -> None:
    """Twelve frames in which one person walks, their labels, and a detector."""
    rows = []
    for number in range(PAIRS):
        for role, channels in (("infrared", 1), ("visible", 3)):
            coarse = np.random.default_rng((number, channels)).random((1, channels, 6, 8), dtype=np.float32)
            smooth = torch.nn.functional.interpolate(torch.from_numpy(coarse), (HEIGHT, WIDTH), mode="bicubic")
            image = (smooth.clamp(0, 1)[0] * 200).to(torch.uint8)
            image[:, 30:60, 5 * number : 5 * number + 20] = 255
            write_png(folder / role / f"{number + 1:06d}.png", image)
        rows.append(f"{number + 1},1,{5 * number},30,20,30,1,1,1\n")
    (folder / "gt.txt").write_text("".join(rows))
    (folder / "spots.py").write_text(SPOTS)


OWN = ["--infrared", "infrared", "--visible", "visible"]
PEOPLE = [*OWN, "--labels", "gt.txt", "--detector", "spots:Spots", "--method", "visible,infrared", "--batch", "1"]


def _fuse(out: Path) -> int:
    return benchmark(["run", *OWN, "--method", "average,adf,msvd", "--metrics", "en", "--jobs", "1", "--out", str(out)])


def _measure(out: Path) -> int:
    metrics = "vif,qabf,ssim,psnr"
    return benchmark(["run", *OWN, "--method", "average", "--metrics", metrics, "--jobs", "1", "--out", str(out)])


def _detect(out: Path) -> int:
    return downstream(["detect", *PEOPLE, "--out", str(out)])


def _track(out: Path) -> int:
    return downstream(["track", *PEOPLE, "--out", str(out)])


def _references(out: Path) -> int:
    return fusion(["references", *OWN, "--method", "average,laplacian,adf", "--jobs", "1", "--out", str(out)])


def _train(out: Path) -> int:
    recipe = recipe_for("sdnet")
    recipe.batch, recipe.patch, recipe.stride = 2, 16, 8
    settings = TrainingSettings(out, schedule=30, validate_every=5, validation_patches=2, save_every=0.05, quiet=True)
    train(recipe, pair_folders("infrared", "visible"), replace(settings, validation_side=32), "30")
    return 0


KINDS: dict[str, Callable[[Path], int]] = {
    "fusing": _fuse,
    "measuring": _measure,
    "detecting": _detect,
    "tracking": _track,
    "building references": _references,
    "training": _train,
}

RESULTS = (
    *("fused/**/*.png", "leaderboard.*", "*.csv", "detections/**/*", "tracks/**/*"),
    *("pool/**/*.png", "pairs/**/*", "**/*.safetensors"),
)
"""Files that must be the same, byte for byte; a training's log has times."""


def outcome(out: Path) -> dict[str, str]:
    """What came out, by file, and rows of scores without their times."""
    files = {path for pattern in RESULTS for path in out.glob(pattern) if path.is_file() and path.name != "log.csv"}
    found = {str(path.relative_to(out)): sha256_file(path) for path in sorted(files)}
    if (out / "scores").is_dir():
        rows = [replace(row, seconds=None) for row in Store(out).rows()]
        found["scores"] = sha256_bytes(repr(rows).encode())
    return found


@dataclass
class Tally:
    """How it went with one kind of work: kills in the middle of it, and what was not the same."""

    kills: int = 0
    seconds: float = 0.0
    wrong: tuple[str, ...] = ()


def begun(work: Callable[[Path], int], out: Path) -> int:
    """Begin work in a fork; the process."""
    process = os.fork()
    if process == 0:
        code = 70
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            code = work(out)
        finally:
            os._exit(code)
    return process


def ended(process: int, after: float) -> int | None:
    """The exit code of a process that ends within so many seconds; None where it was killed then."""
    deadline = time.monotonic() + after
    while time.monotonic() < deadline:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def disturbed(kind: str, kills: int, folder: Path, chance: random.Random) -> Tally:
    """Kill one kind of work so many times, resume it each time, and compare what comes out in the end."""
    work, tally = KINDS[kind], Tally()
    start = time.monotonic()
    if ended(begun(work, folder / "whole"), 600) != 0:
        return Tally(wrong=("it fails undisturbed",))
    tally.seconds = time.monotonic() - start
    expected = outcome(folder / "whole")
    out, part = folder / "parts", tally.seconds
    while tally.kills < kills:
        code = ended(begun(work, out), chance.uniform(0.02, 0.9) * part)
        if code is None:
            tally.kills += 1
            part = max(part * 0.8, tally.seconds / 3)  # what is done already is not done again
            continue
        tally.wrong += _differences(expected, outcome(out), code)
        shutil.rmtree(out)
        part = tally.seconds
    code = ended(begun(work, out), 600)
    tally.wrong += _differences(expected, outcome(out), 1 if code is None else code)
    tally.wrong += tuple(f"left over: {path.name}" for path in out.rglob(".*.part"))
    return tally


def _differences(expected: dict[str, str], found: dict[str, str], code: int) -> tuple[str, ...]:
    names = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    return (*([f"exit code {code}"] if code else []), *names)


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """A folder with data, which is the current one, and Spots importable."""
    before = Path.cwd()
    with TemporaryDirectory() as name:
        write_data(Path(name))
        os.chdir(name)
        sys.path.insert(0, name)
        try:
            yield Path(name)
        finally:
            sys.path.remove(name)
            os.chdir(before)


def main(arguments: list[str]) -> int:
    """Kill, resume, compare; 1 where anything was not the same."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--kills", type=int, default=25, metavar="N", help="in all (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    for name in WARM:
        importlib.import_module(name)
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    chance, failed = random.Random(options.seed), False
    with workshop() as folder:
        for place, kind in enumerate(KINDS):
            kills = len(range(place, options.kills, len(KINDS)))
            if not kills:
                continue
            tally = disturbed(kind, kills, folder / kind.replace(" ", "-"), chance)
            failed |= bool(tally.wrong)
            result = f"WRONG: {', '.join(tally.wrong[:5])}" if tally.wrong else "the same as undisturbed"
            print(f"{kind}: {tally.kills} kills in work of {tally.seconds:.1f} s, {result}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
