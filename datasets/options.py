"""Command-line options that commands share: several values of one kind, and which pairs a command works on."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets import load
from datasets.images import parse_range
from datasets.pairs import PairDataset, PairError, pair_folders

SEVERAL = "Options of several values take them repeated, separated by commas, or both: --metrics en,sd --metrics vif"
"""For the end of a command's help."""


class Several(argparse.Action):
    """An option of several values: repeated, separated by commas, or both (``--metrics en,sd --metrics vif``).

    A value with an equals sign, such as ``NAME=DIR``, is one value: its path may hold commas.
    """

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, **{"default": [], **settings})

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add to what was given before."""
        given = [values] if isinstance(values, str) else values
        new = [part for value in given for part in ([value] if "=" in value else value.split(",")) if part]
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, new if before is self.default else [*before, *new])


def add_pair_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the options that `chosen_pairs` reads; `default` is the data set of a command without any of them."""
    add = parser.add_argument
    add("--dataset", metavar="NAME", help=f"published one (default {default})")
    add("--root", type=Path, metavar="DIR", help="folder of the data set")
    add("--infrared", type=Path, metavar="DIR", help="your own pairs: folder of infrared images ...")
    add("--visible", type=Path, metavar="DIR", help="... and of visible ones with the same file names")
    add("--value-range", type=parse_range, metavar="LOW:HIGH", help="black and white of 16-bit files")
    parser.set_defaults(default_dataset=default)


def chosen_pairs(options: argparse.Namespace) -> PairDataset:
    """The pairs that the options of `add_pair_options` name.

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
        data = load(options.dataset or options.default_dataset, root=options.root)
    tell_unmatched(data)
    return data.with_range(options.value_range)


def tell_unmatched(data: PairDataset) -> None:
    """Say which files of a data set are in no pair, and why."""
    for path, reason in data.unmatched:
        print(f"left out: {path}: {reason}", file=sys.stderr)
