"""Options of command lines: which pairs a command works on, and options that take several values."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, get_args

from ivif.datasets.images import parse_range
from ivif.datasets.loading import load
from ivif.datasets.locations import Note, Unmatched
from ivif.datasets.pairs import PairDataset, PairError, pair_folders
from ivif.datasets.shards import Shard
from ivif.datasets.value_range import PERCENTILES
from ivif.datasets.workers import Backend, workers_of


class Several(argparse.Action):
    """An option for several values: repeated, separated by commas, or both, as in ``--method gff,tif --method adf``.

    What follows an equals sign is taken whole, as paths may hold commas: ``gff,mine=results, old`` are two values,
    ``gff`` and ``mine=results, old``. The values are a list of texts, empty where the option isn't given, unless there
    is a default; what is given takes a default's place. With ``nargs="+"`` each of the words may be several values.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, **{"default": [], **settings})

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add what one occurrence of the option gives."""
        known = getattr(namespace, self.dest, None)
        before = [] if known is self.default or known is None else known
        texts = [values] if isinstance(values, str) else values or []
        setattr(namespace, self.dest, [*before, *(item for text in texts for item in self._split(text))])

    def _split(self, text: str) -> list[str]:
        head, equals, rest = text.partition("=")
        items = [item.strip() for item in head.split(",")]
        if not all(items):
            raise argparse.ArgumentError(self, f"a value is missing in {text!r}")
        return [*items[:-1], items[-1] + equals + rest]


def add_pair_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options that `chosen_pairs` reads; `default` is the data set of a command without any of them."""
    add = parser.add_argument
    add("--dataset", metavar="NAME", help=f"published one (default {default})")
    add("--root", type=Path, metavar="DIR", help="folder of the data set")
    add("--infrared", type=Path, metavar="DIR", help="your own pairs: folder of infrared images ...")
    add("--visible", type=Path, metavar="DIR", help="... and of visible ones with the same file names")
    add_value_range(parser)
    parser.set_defaults(default_dataset=default)


def add_value_range(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add ``--value-range`` to a command that reads pictures."""
    parser.add_argument(
        "--value-range",
        type=parse_range,
        metavar="LOW:HIGH",
        help="black and white of source files of more than 8 bit (--value-range=LOW:HIGH if LOW is negative), or auto: "
        f"their {PERCENTILES[0]:g} and {PERCENTILES[1]:g} %% percentiles, for each camera",
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add the options that `chosen_workers` reads, to a command whose work can be shared among machines."""
    group = parser.add_argument_group("more than one machine", "see the page of the documentation about clusters")
    backends = get_args(Backend)
    group.add_argument("--backend", choices=backends, default=backends[0], help=f"who works (default: {backends[0]})")
    group.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster, such as tcp://host:8786")


def add_shard(parser: argparse.ArgumentParser, about: str) -> None:
    """Add ``--shard`` to a command; the value is a `Shard`."""
    help_text = f"one part alone of the pairs, such as the third of eight: {about}"
    parser.add_argument("--shard", type=_shard, default=Shard(1, 1), metavar="N/COUNT", help=help_text)


def _shard(text: str) -> Shard:
    try:
        return Shard.parse(text)
    except PairError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def chosen_workers(options: argparse.Namespace, folder: Path) -> AbstractContextManager[None]:
    """Have the workers that the options of `add_backend` name do the work, see `workers_of`."""
    return workers_of(options.backend, options.scheduler, folder)


def frame_size(text: str) -> tuple[int, int]:
    """A size as given on a command line, such as 640x480; raises `argparse.ArgumentTypeError` for anything else."""
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected WIDTHxHEIGHT such as 640x480") from None
    if width < 1 or height < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: both sides must be positive")
    return width, height


def chosen_pairs(options: argparse.Namespace, **settings: Any) -> PairDataset:
    """The pairs that the options of `add_pair_options` name; a data set takes further settings, see `load`.

    Raises:
        PairError: unknown data set, nothing found, or options that do not go together.
    """
    own = options.infrared, options.visible
    if any(own):
        if not all(own):
            raise PairError("--infrared and --visible go together: give both folders or neither")
        if options.dataset or options.root:
            raise PairError("either --infrared and --visible or --dataset: a command takes one kind")
        data = pair_folders(*own)
    else:
        data = load(options.dataset or options.default_dataset, root=options.root, **settings)
    tell_unmatched(data)
    return data.with_range(options.value_range)


def tell_unmatched(data: PairDataset) -> None:
    """Say which files of a data set are in no pair, and why."""
    tell_notes(data.unmatched)


def tell_notes(notes: Iterable[Unmatched]) -> None:
    """Say what is not used, or not as it is."""
    for line in told(notes):
        print(line, file=sys.stderr)


def told(notes: Iterable[Unmatched]) -> list[str]:
    """What `tell_notes` says, a line each."""
    return [f"{'note' if isinstance(item, Note) else 'left out'}: {item.path}: {item.reason}" for item in notes]
