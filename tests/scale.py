"""Scale: how time and memory of a run grow with pairs, with folders of results, and with the size of pictures.

``python tests/scale.py pairs --counts 1000 10000`` runs three methods on so many pairs of 64x64, twice each;
``folders --counts 50 200`` so many folders of results on twenty pairs; ``picture --size 6000x4000`` one large pair with
every classical method and the core metrics. Seconds are those of the processor, which another's work leaves alone;
memory is the peak of the largest process.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from tabulate import tabulate

from ivif.datasets.images import write_png
from ivif.fusion.loading import load, names


def scene(chance: np.random.Generator, channels: int, height: int, width: int) -> torch.Tensor:
    """Smooth shapes and fine noise, ``uint8 [channels, height, width]``."""
    coarse = torch.from_numpy(chance.random((1, channels, 9, 12), dtype=np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    noise = torch.from_numpy(chance.integers(0, 16, (channels, height, width), dtype=np.uint8))
    return (smooth * 230).to(torch.uint8) + noise


def write_pairs(folder: Path, count: int, height: int = 64, width: int = 64) -> None:
    """So many pairs, all different: cut out of one large scene a camera."""
    large = {
        role: scene(np.random.default_rng(number), channels, height + 256, width + 256)
        for number, (role, channels) in enumerate((("infrared", 1), ("visible", 3)))
    }
    for number in range(count):
        top, left = divmod(number, 256)
        for role, image in large.items():
            write_png(folder / role / f"{number:06d}.png", image[:, top : top + height, left : left + width])


WATCH = """
import os, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
shown = [(os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
process = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ, file_actions=shown)
_, status, used = os.wait4(process, 0)
print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
"""Waits for a command. Small itself, as Linux counts the memory of whoever starts a process for that process's."""


def measured(arguments: Sequence[str], out: Path) -> tuple[float, float, float]:
    """Run the benchmark in a process of its own: seconds of its processor time and of the clock, and peak MiB."""
    command = [sys.executable, "-m", "ivif", "benchmark", "run", *arguments, "--jobs", "1", "--out", str(out)]
    start = time.perf_counter()
    log = out.parent / f"{out.name}.log"
    told = subprocess.check_output([sys.executable, "-S", "-c", WATCH, str(log), *command], text=True)
    status, spent, peak = told.split()
    if int(status) not in (0, 1):
        raise SystemExit(log.read_text()[-2000:])
    return float(spent), time.perf_counter() - start, int(peak) / 1024


def twice(what: str, arguments: Sequence[str], out: Path) -> list[tuple[str, ...]]:
    """A row for a run and one for the same run again."""
    rows = []
    for turn in ("first", "again"):
        spent, clock, peak = measured(arguments, out)
        rows.append((what, turn, f"{spent:.1f}", f"{clock:.1f}", f"{peak:.0f}"))
        print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def pairs(folder: Path, options: argparse.Namespace) -> list[tuple[str, ...]]:
    """Three methods on ever more pairs."""
    write_pairs(folder / "data", max(options.counts))
    own = ["--infrared", str(folder / "data" / "infrared"), "--visible", str(folder / "data" / "visible")]
    fixed = [*own, "--method", "average,maximum,laplacian", "--metrics", options.metrics]
    return [
        row
        for count in options.counts
        for row in twice(f"{count} pairs x 3", [*fixed, "--limit", str(count)], folder / f"pairs{count}")
    ]


def folders(folder: Path, options: argparse.Namespace) -> list[tuple[str, ...]]:
    """Ever more folders of results on twenty pairs."""
    write_pairs(folder / "data", 20 + max(options.counts))
    files = sorted((folder / "data" / "visible").iterdir())
    for role in ("infrared", "visible"):
        for file in files[20:]:
            (folder / "data" / role / file.name).rename(folder / f"{role}-{file.name}")
    spare = sorted(folder.glob("visible-*"))
    for number in range(max(options.counts)):
        target = folder / "results" / f"method{number:03d}"
        target.mkdir(parents=True)
        for place, file in enumerate(files[:20]):
            shutil.copyfile(spare[(number + place) % len(spare)], target / file.name)
    own = ["--infrared", str(folder / "data" / "infrared"), "--visible", str(folder / "data" / "visible")]
    rows = []
    for count in options.counts:
        named = [f"method{number:03d}={folder / 'results' / f'method{number:03d}'}" for number in range(count)]
        fused = [word for name in named for word in ("--fused", name)]
        rows += twice(
            f"20 pairs x {count} folders", [*own, *fused, "--metrics", options.metrics], folder / f"run{count}"
        )
    return rows


def picture(folder: Path, options: argparse.Namespace) -> list[tuple[str, ...]]:
    """Every classical method, and the core metrics, on one large pair; each method in a process of its own."""
    width, height = map(int, options.size.split("x"))
    write_pairs(folder / "data", 1, height, width)
    own = ["--infrared", str(folder / "data" / "infrared"), "--visible", str(folder / "data" / "visible")]
    classical = [name for name in names() if load(name).family != "network"] if not options.method else options.method
    rows = []
    for name in classical:
        spent, clock, peak = measured([*own, "--method", name, "--metrics", options.metrics], folder / name)
        rows.append((f"{options.size} {name}", "first", f"{spent:.1f}", f"{clock:.1f}", f"{peak:.0f}"))
        print("  ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("pairs", "folders", "picture"))
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10000], metavar="N")
    parser.add_argument("--size", default="6000x4000", metavar="WxH")
    parser.add_argument("--method", nargs="+", metavar="NAME", help="of a large picture; default: all classical ones")
    parser.add_argument("--metrics", default="core", metavar="KEY")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as name:
        rows = {"pairs": pairs, "folders": folders, "picture": picture}[options.what](Path(name), options)
    heads = (options.what, "run", "processor s", "clock s", "peak MiB")
    print(tabulate(rows, heads, disable_numparse=True, colalign=("left", "left", "right", "right", "right")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
