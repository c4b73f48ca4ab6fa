"""The commands that work on data sets: download, verify, statistics, render."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tabulate import tabulate

from ivif.command_line import EXIT_FAILURES
from ivif.datasets.catalog import find, is_rendered, locate
from ivif.datasets.download import RECORD, download, read_record
from ivif.datasets.loading import load
from ivif.datasets.options import add_value_range, frame_size
from ivif.datasets.pairs import PairError, pair_folders
from ivif.datasets.statistics import measure_pair, spread_out, statistics_of
from ivif.datasets.synthetic import write_render
from ivif.datasets.verify import verify, verify_download


def fill_download(parser: argparse.ArgumentParser) -> None:
    """Add what ``download`` takes."""
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--root", type=Path, help="folder to put them in (default: the cache)")
    parser.add_argument("--force", action="store_true", help="fetch again what is here already")
    parser.set_defaults(command=_download)


def _download(options: argparse.Namespace) -> int:
    for name in options.names:
        entry = find(name)
        folder = download(entry, options.root, options.force, progress=sys.stderr.isatty())
        record = read_record(folder)
        assert record is not None
        for file in record.files:
            print(f"{entry.title}: {file.size} bytes on {file.date}\n  SHA-256 {file.sha256}\n  {file.url}")
        print(f"  in {folder} (recorded in {RECORD}); licence: {entry.licence}; cite: {entry.citation}")
    return 0


def fill_verify(parser: argparse.ArgumentParser) -> None:
    """Add what ``verify`` takes."""
    add = parser.add_argument
    add("name", nargs="?")
    add("--root", type=Path, help="the data set's folder, or one that holds it")
    add("--infrared", type=Path, metavar="DIR", help="own infrared images")
    add("--visible", type=Path, metavar="DIR", help="own visible images of the same names")
    add_value_range(parser)
    add("--tolerance", type=float, help="displacement in pixels to warn of (default: 0.5%% of the diagonal)")
    add("--jobs", type=int, default=0, metavar="N", help="processes (default: one a processor core)")
    add("--limit", type=int, help="check the first so many pairs only")
    parser.set_defaults(command=_verify)


def _verify(options: argparse.Namespace) -> int:
    findings = []
    if options.name and not (options.infrared or options.visible):
        dataset = load(options.name, options.root)
        folder = locate(find(options.name), options.root)
        findings += verify_download(folder) if folder else []
    elif options.infrared and options.visible and not options.name:
        dataset = pair_folders(options.infrared, options.visible)
    else:
        raise PairError("name a data set, or give both --infrared DIR and --visible DIR")
    dataset = dataset[: options.limit].with_range(options.value_range)
    findings += verify(dataset, options.jobs, options.tolerance, progress=sys.stderr.isatty())
    for finding in findings:
        print(f"{finding.severity:<8}{finding.kind:<12}{finding.subject}: {finding.text}")
    counts = Counter(finding.severity for finding in findings)
    parts = (f"{counts[name]} {name}{'' if counts[name] == 1 else 's'}" for name in ("error", "warning", "note"))
    print(f"{dataset.name}: {len(dataset)} pairs, {', '.join(parts)}")
    return EXIT_FAILURES if counts["error"] else 0


def fill_statistics(parser: argparse.ArgumentParser) -> None:
    """Add what ``statistics`` takes."""
    add = parser.add_argument
    add("names", nargs="+", metavar="NAME", help="synthetic, challenge, roadscene, vifb ...")
    add("--root", type=Path, help="folder that holds the published ones")
    add("--limit", type=int, default=40, help="pairs of each, evenly spaced (default: 40)")
    parser.set_defaults(command=_statistics)


def _statistics(options: argparse.Namespace) -> int:
    sets = [load(name, None if is_rendered(name) else options.root) for name in options.names]
    sets = [spread_out(dataset, options.limit) for dataset in sets]
    rows = []
    for name, quantiles, inside in statistics_of([[measure_pair(pair) for pair in dataset] for dataset in sets]):
        cells = ["-" if low != low else f"{middle:.3g} [{low:.3g}, {high:.3g}]" for low, middle, high in quantiles]
        rows.append((name, *cells, {True: "yes", False: "NO", None: ""}[inside]))
    heads = ("", *(f"{dataset.name} ({len(dataset)})" for dataset in sets), "inside")
    print(tabulate(rows, headers=heads, tablefmt="simple", disable_numparse=True))
    print("median [10th, 90th percentile]; inside: the first one's median within the others' percentiles")
    return 0


def fill_render(parser: argparse.ArgumentParser) -> None:
    """Add what ``render`` takes."""
    add = parser.add_argument
    add("--condition", default="night", help="day, night, fog ..., or all (default: night)")
    add("--pairs", type=int, default=8, help="still pairs of each condition (default: 8)")
    add("--sequence", type=int, default=0, help="frames of one clip of each condition (default: 0)")
    add("--size", type=frame_size, default=(640, 480), metavar="WxH", help="default: 640x480")
    add("--seed", type=int, default=0)
    add("--out", type=Path, required=True, metavar="DIR")
    add("--preview", action="store_true", help="also write a picture that shows all pairs")
    parser.set_defaults(command=_render)


def _render(options: argparse.Namespace) -> int:
    wanted = {name: getattr(options, name) for name in ("condition", "pairs", "sequence", "size", "seed", "preview")}
    try:
        write_render(options.out, **wanted)
    except ValueError as error:
        raise PairError(str(error)) from error
    print(f"written to {options.out}")
    return 0
