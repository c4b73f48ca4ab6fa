"""The command that shows, measures and calibrates corruptions."""

from __future__ import annotations

import argparse
from pathlib import Path

from ivif.benchmark.config import DEFAULT_DATASET
from ivif.benchmark.experiments.robustness.calibration import (
    calibrate,
    severities_text,
    severity_similarities,
    similarities_table,
)
from ivif.benchmark.experiments.robustness.faults_sheet import faults_sheet
from ivif.command_line import command_given
from ivif.datasets.corruptions import SEVERITIES, levels_of
from ivif.datasets.corruptions.severities import SEVERITIES_FILE, amounts
from ivif.datasets.files import write_atomic
from ivif.datasets.images import write_png
from ivif.datasets.options import Several, add_pair_options, chosen_pairs
from ivif.datasets.pairs import PairError
from ivif.fusion.training.patches import training_split


def add_corruption_options(parser: argparse.ArgumentParser, default: str) -> None:
    """Add ``--corruption`` and ``--severity``; `default` says which severities are taken if none is named."""
    add = parser.add_argument
    add("--corruption", dest="corruptions", action=Several, metavar="NAME", help="default: all")
    add("--severity", dest="severities", action=Several, metavar="1..5", help=f"default: {default}")


def chosen_severities(options: argparse.Namespace) -> tuple[int, ...]:
    """What ``--severity`` names; raises `PairError` for what is no number."""
    if wrong := [text for text in options.severities if not text.isdecimal()]:
        raise PairError(f"severity {wrong[0]}: expected one of {', '.join(map(str, SEVERITIES))}")
    return tuple(map(int, options.severities))


def fill_corruptions(parser: argparse.ArgumentParser) -> None:
    """Add what ``corruptions`` takes."""
    add_pair_options(parser, default="roadscene")
    add_corruption_options(parser, "all")
    add = parser.add_argument
    add("--limit", type=int, metavar="N", help="the first N pairs")
    add("--held-out", action="store_true", help="only pairs that no training of networks here sees")
    add("--seed", type=int, default=0, help="of the patterns (default %(default)s)")
    add("--jobs", type=int, default=0, metavar="N", help="processes (default: one a processor core)")
    add("--pair", metavar="NAME", help="of the sheet (default: the first)")
    add("--method", default="", metavar="NAME", help="of the sheet: whose fused images stand beside the sources")
    add("--width", type=int, default=240, help="of one picture of the sheet, in pixels (default %(default)s)")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--sheet", type=Path, metavar="FILE", help="a picture of all corruptions, to look at")
    what = "measure anew which amounts make the severities, and write them down for everyone"
    group.add_argument("--calibrate", action="store_true", help=what)
    parser.set_defaults(command=_corruptions)


def _corruptions(options: argparse.Namespace) -> int:
    rendered = {"seed": options.seed} if options.dataset == DEFAULT_DATASET else {}
    data = chosen_pairs(options, **rendered)
    data = (training_split(data)[1] if options.held_out else data)[: options.limit]
    if options.calibrate:
        found = calibrate(data, options.seed, options.jobs)
        write_atomic(SEVERITIES_FILE, severities_text(found, command_given("benchmark")).encode())
        amounts.cache_clear()
        print(SEVERITIES_FILE)
    severities = chosen_severities(options) or SEVERITIES
    levels = levels_of(data.name, tuple(options.corruptions), severities)
    if options.sheet:
        pair = data.select([options.pair])[0] if options.pair else data[0]
        write_png(options.sheet, faults_sheet(pair, levels, data.name, options.seed, options.width, options.method))
        print(options.sheet)
        return 0
    means = severity_similarities(data, levels, options.seed, options.jobs).mean(axis=0)
    print(f"mean SSIM of clean and corrupted source over {len(data)} pairs of {data.name}")
    print(similarities_table(levels, means.tolist()))
    return 0
