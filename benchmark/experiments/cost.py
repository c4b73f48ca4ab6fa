"""Complexity: what a method costs: parameters, multiply-accumulates, seconds and memory for one pair.

Each method is measured in a process of its own, so that peak memory is its own and nothing is warm from another.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from math import inf
from multiprocessing import get_context
from statistics import median
from typing import NamedTuple

import torch
from tabulate import tabulate
from torch.utils.flop_counter import FlopCounterMode

from ivif.fusion import FusionMethod, load
from ivif.fusion.loading import network_class, network_names
from ivif.fusion.networks.base import NetworkMethod
from ivif.fusion.networks.winograd import direct, direct_sums

LONGEST_TIMING = 10.0
"""Seconds of timed fusions after which a slow method is not timed again."""


@dataclass(frozen=True)
class Cost:
    """What one method costs on one pair.

    Attributes:
        method: its name.
        parameters: trainable parameters of what runs at test time; 0 for classical methods.
        gmac: 1e9 multiply-accumulates of its convolutions, matrix products and attention; None for classical methods.
        seconds: median time to fuse one pair.
        processor: median of seconds that processors worked for it, all threads together, which other work on the
            machine hardly changes; None on CUDA.
        peak: 1e9 multiply-accumulates a second that one large convolution reaches there, just before.
        memory: peak memory in MiB: on the CPU of the process above what it held before, on CUDA of the allocator.
    """

    method: str
    parameters: int
    gmac: float | None
    seconds: float
    processor: float | None
    peak: float
    memory: float

    @property
    def rate(self) -> float | None:
        """1e9 multiply-accumulates a second, as its layers are written down: saved ones count too."""
        return None if self.gmac is None else self.gmac / self.seconds

    @property
    def share(self) -> float | None:
        """The rate as a share of the peak."""
        return None if self.rate is None else self.rate / self.peak


def measure_costs(
    names: Sequence[str],
    size: tuple[int, int] = (640, 480),
    device: str = "cpu",
    threads: int = 1,
    repeats: int = 3,
    plain: bool = False,
) -> list[Cost]:
    """Measure methods one after another.

    Networks without weights here are measured with random ones: the cost is the same.

    Args:
        names: methods as `fusion.load` knows them.
        size: (width, height) of the pair in pixels.
        device: "cpu" or "cuda".
        threads: PyTorch threads on the CPU.
        repeats: timed fusions a method at most; the first one of a fast method is not timed.
        plain: measure each network a second time as a plain implementation would run it, see `_make_plain`.

    Raises:
        FusionError: unknown method.
    """
    for name in names:
        _make(name)  # a mistake in a name shows before anything is measured
    costs = []
    for name in names:
        for make in (_make, _make_plain) if plain and name in network_names() else (_make,):
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                costs.append(pool.submit(_measure, name, make, size, device, threads, repeats).result())
    return costs


def cost_table(costs: Sequence[Cost]) -> str:
    """Costs as a table for a terminal."""
    rows = [
        [
            *(cost.method, cost.parameters or None, cost.gmac, cost.seconds, cost.processor),
            *(cost.rate, cost.share, cost.memory),
        ]
        for cost in costs
    ]
    head = [
        "method",
        "parameters",
        "GMAC",
        "s a pair",
        "of processors",
        "GMAC/s",
        "of a large convolution's",
        "peak MiB",
    ]
    digits = ("", "", ".2f", ".3f", ".3f", ".1f", ".0%", ".0f")
    return tabulate(rows, head, floatfmt=digits, intfmt=",", missingval="-")


def _make(name: str) -> FusionMethod:
    if name in network_names():
        return network_class(name).untrained()
    return load(name)


def _make_plain(name: str) -> NetworkMethod:
    """A network as written down, on the whole image at once; for a process of its own, whose settings it changes.

    Layers are not folded, the memory layout is the default one, convolutions are direct sums, attention is spelt out
    (soft-max of a product, times values), all windows and rows are handled together, and what is needed again is kept.
    """
    for setting in ("flash", "mem_efficient", "cudnn"):
        getattr(torch.backends.cuda, f"enable_{setting}_sdp")(False)
    direct.set(True)
    return network_class(name).untrained(plain=True)


def _measure(
    name: str,
    make: Callable[[str], FusionMethod],
    size: tuple[int, int],
    device: str,
    threads: int,
    repeats: int,
) -> Cost:
    torch.set_num_threads(threads)
    method = make(name).to(device)
    label = f"{name} (plain)" if make is _make_plain else name
    width, height = size
    generator = torch.Generator().manual_seed(0)
    pair = [torch.rand(1, 1, height, width, generator=generator).to(device) for _ in range(2)]
    method.fuse(*(image[..., :64, :64] for image in pair))
    before = _peak(device)
    first = _seconds(method, pair, device)
    on_gpu = device.startswith("cuda")
    memory = _peak(device) - (0 if on_gpu else before)
    times = [first] if first.wall > LONGEST_TIMING else []  # what takes that long needs no warming up
    with direct_sums(), FlopCounterMode(display=False) as counter:
        method.fuse(*pair)
    fastest = _convolution_rate(device)
    while len(times) < repeats and sum(taken.wall for taken in times) < LONGEST_TIMING:
        times.append(_seconds(method, pair, device))
    seconds, processor = (median(values) for values in zip(*times, strict=True))
    spent = seconds, None if on_gpu else processor, fastest, memory
    if not isinstance(method, NetworkMethod):
        return Cost(label, 0, None, *spent)
    return Cost(label, parameter_count(type(method)), counter.get_total_flops() / 2e9, *spent)


def _convolution_rate(device: str) -> float:
    """1e9 multiply-accumulates a second of a 3x3 convolution of 256 to 256 channels, the best of some."""
    channels, height, width = 256, 64, 128
    maps = torch.rand(1, channels, height, width, device=device)
    layer = torch.nn.Conv2d(channels, channels, 3, padding=1).to(device)
    fastest = inf
    with torch.inference_mode():
        for _ in range(5):
            start = time.perf_counter()
            layer(maps)
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            fastest = min(fastest, time.perf_counter() - start)
    return height * width * layer.weight.numel() / fastest / 1e9


class _Seconds(NamedTuple):
    """By the clock on the wall, and by the one that runs while processors work for this process."""

    wall: float
    processor: float


def _seconds(method: FusionMethod, pair: Sequence[torch.Tensor], device: str) -> _Seconds:
    start = time.perf_counter(), time.process_time()
    method.fuse(*pair)
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return _Seconds(time.perf_counter() - start[0], time.process_time() - start[1])


def _peak(device: str) -> float:
    """Highest memory use so far in MiB."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def parameter_count(network: type[NetworkMethod]) -> int:
    """Trainable parameters of what runs at test time."""
    return sum(parameter.numel() for parameter in network.module().parameters() if parameter.requires_grad)


def multiply_accumulates(network: type[NetworkMethod], size: tuple[int, int] = (640, 480)) -> float:
    """1e9 multiply-accumulates of a pair of `size` (width, height), as a network is written, without computing any.

    What handles an image in parts may do a little more, where parts overlap; `measure_costs` counts that.
    """
    method = network.untrained(plain=True)
    method.network.to("meta")
    channels = (1, 3 if method.input == "rgb" else 1)
    pair = [torch.empty(1, count, *reversed(size), device="meta") for count in channels]
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        method.fuse_planes(*pair)
    return counter.get_total_flops() / 2e9
