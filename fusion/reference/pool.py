"""Pool: what many methods made of every pair, as 8-bit luminance on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from glob import escape
from pathlib import Path

import torch
from joblib import Parallel, cpu_count, delayed
from torch import Tensor
from tqdm import tqdm

from datasets.files import is_disk_error, reason, sha256_bytes, sha256_file, write_atomic
from datasets.images import ImageError, encode_png, luminance, read_image, to_float, to_uint8
from datasets.pairs import Pair, PairDataset
from fusion.folder import FusedFolder
from fusion.method import FusionError, FusionMethod
from fusion.registry import called, load


@dataclass(frozen=True)
class Candidate:
    """One method's result for a pair.

    Attributes:
        method: its name.
        luminance: ``uint8 [1, H, W]``; None where there is no usable result.
        file: where it was read from or written to.
        reason: why there is none.
    """

    method: str
    luminance: Tensor | None
    file: Path | None = None
    reason: str = ""


@dataclass(frozen=True)
class Pool:
    """Candidates of all pairs.

    Attributes:
        folder: where bundled methods' results are kept, as ``METHOD/PAIR.HASH.png``; the hash is of the method's code
            and weights and of the pair's pictures, so that a changed method or picture never meets an old result.
        methods: what `fusion.load` makes methods from.
        folders: results made elsewhere, which are read where they are.
        device: where bundled methods fuse, and where their results are judged and enhanced.
    """

    folder: Path
    methods: tuple[str, ...]
    folders: tuple[FusedFolder, ...] = ()
    device: str = "cpu"

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) < len(names):
            raise FusionError(f"candidates must have different names, found {', '.join(names)}")
        if not names:
            raise FusionError("a pool needs candidates: name methods or folders of fused images")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all candidates: bundled methods, then folders."""
        return (*map(called, self.methods), *(folder.name for folder in self.folders))

    def fill(self, dataset: PairDataset, jobs: int = 0) -> None:
        """Fuse whatever is missing, pairs in parallel; failures show when the pair is read.

        Args:
            dataset: pairs.
            jobs: processes; 0: see `processes`.
        """
        for method in self.methods:
            _loaded(method, self.device)  # an unknown name is told before any work starts
        work = Parallel(n_jobs=self.processes(jobs), return_as="generator_unordered")
        calls = (delayed(_fill)(self, pair) for pair in dataset)
        for _ in tqdm(work(calls), total=len(dataset), unit="pair", desc="pool"):
            pass

    def processes(self, jobs: int) -> int:
        """`jobs`; 0: one a processor core, but one alone where methods fuse on a GPU, whose memory they share."""
        return jobs or (1 if self.device.startswith("cuda") else cpu_count())

    def candidates(self, pair: Pair) -> Iterator[Candidate]:
        """The candidates of one pair, in the order of `names`; bundled methods fuse now what is not there yet."""
        for method in self.methods:
            yield _attempt(called(method), partial(self._made, method, pair))
        for folder in self.folders:
            yield _attempt(folder.name, partial(_read, folder, pair.name))

    def fingerprint(self, pair: Pair) -> str:
        """A hash that changes when a candidate of this pair does."""
        made = [f"{name} {self._key(name, pair)}" for name in self.methods]
        read = [f"{folder.name} {_file_hash(folder, pair.name)}" for folder in self.folders]
        return sha256_bytes("\n".join([*made, *read]).encode())

    def _key(self, name: str, pair: Pair) -> str:
        return sha256_bytes(f"{_loaded(name, self.device).fingerprint()} {pair.fingerprint()}".encode())[:12]

    def _made(self, name: str, pair: Pair) -> tuple[Tensor, Path]:
        path = self.folder / called(name) / f"{pair.name}.{self._key(name, pair)}.png"
        try:
            return read_image(path), path
        except (ImageError, OSError):
            pass  # not there yet, or damaged
        infrared, visible = pair.read()
        sources = (to_float(image)[None].to(self.device) for image in (infrared, luminance(visible)))
        fused = to_uint8(_loaded(name, self.device).fuse(*sources))[0].cpu()
        for old in path.parent.glob(f"{escape(pair.name)}.????????????.png"):
            old.unlink(missing_ok=True)
        write_atomic(path, encode_png(fused))
        return fused, path


def _file_hash(folder: FusedFolder, pair: str) -> str:
    try:
        return sha256_file(folder.find(pair))
    except (FusionError, OSError):
        return "missing"


def _read(folder: FusedFolder, pair: str) -> tuple[Tensor, Path]:
    path = folder.find(pair)
    return luminance(read_image(path)), path


def _attempt(name: str, make: Callable[[], tuple[Tensor, Path]]) -> Candidate:
    try:
        return Candidate(name, *make())
    except Exception as error:
        if is_disk_error(error):
            raise
        return Candidate(name, None, reason=reason(error))


def _fill(pool: Pool, pair: Pair) -> None:
    torch.set_num_threads(1)
    for _ in pool.candidates(pair):
        pass


@lru_cache(maxsize=64)
def _loaded(name: str, device: str) -> FusionMethod:
    return load(name).to(device)


def usable(candidates: Sequence[Candidate]) -> dict[str, Tensor]:
    """Luminance by method, of those candidates that have a result."""
    return {found.method: found.luminance for found in candidates if found.luminance is not None}
