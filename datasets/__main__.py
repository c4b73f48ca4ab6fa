"""Data sets on the command line: list, show, download, verify, statistics, render."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from ivif.datasets import load, pair_folders
from ivif.datasets.archives import ArchiveError
from ivif.datasets.boxes import BoxesError
from ivif.datasets.catalog import ENTRIES, CatalogEntry, find, is_rendered, locate
from ivif.datasets.download import RECORD, DownloadError, download, read_record
from ivif.datasets.images import ImageError
from ivif.datasets.pairs import PairError
from ivif.datasets.verify import verify, verify_download


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 is success, 1 "errors were found in the data", 2 "could not be done"."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (PairError, ImageError, BoxesError, DownloadError, ArchiveError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; a download goes on where it stopped when run again", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m datasets", description="Infrared-visible image pairs.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="all data sets, and which are here")
    command.set_defaults(run=_list)

    command = commands.add_parser("show", help="what is known about a data set, and how to get it")
    command.add_argument("name")
    command.set_defaults(run=_show)

    command = commands.add_parser("download", help="fetch and unpack data sets")
    command.add_argument("names", nargs="+", metavar="NAME")
    command.add_argument("--root", type=Path, help="folder to put them in (default: the cache)")
    command.add_argument("--force", action="store_true", help="fetch again what is here already")
    command.set_defaults(run=_download)

    command = commands.add_parser("verify", help="look for errors in a data set; exit code 1 if there are any")
    command.add_argument("name", nargs="?")
    command.add_argument("--root", type=Path, help="the data set's folder, or one that holds it")
    command.add_argument("--infrared", type=Path, metavar="DIR", help="own infrared images")
    command.add_argument("--visible", type=Path, metavar="DIR", help="own visible images of the same names")
    command.add_argument(
        "--tolerance", type=float, help="displacement in pixels to warn of (default: 0.5%% of the diagonal)"
    )
    command.add_argument("--jobs", type=int, default=0, metavar="N", help="processes (default: one a processor core)")
    command.add_argument("--limit", type=int, help="check the first so many pairs only")
    command.set_defaults(run=_verify)

    command = commands.add_parser("statistics", help="of data sets side by side: the first against the others")
    command.add_argument("names", nargs="+", metavar="NAME", help="synthetic, challenge, roadscene, vifb ...")
    command.add_argument("--root", type=Path, help="folder that holds the published ones")
    command.add_argument("--limit", type=int, default=40, help="pairs of each, evenly spaced (default: 40)")
    command.set_defaults(run=_statistics)

    command = commands.add_parser("render", help="write synthetic pairs and clips, with labels")
    command.add_argument("--condition", default="night", help="day, night, fog ..., or all (default: night)")
    command.add_argument("--pairs", type=int, default=8, help="still pairs of each condition (default: 8)")
    command.add_argument("--sequence", type=int, default=0, help="frames of one clip of each condition (default: 0)")
    command.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="default: 640x480")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--preview", action="store_true", help="also write a picture that shows all pairs")
    command.set_defaults(run=_render)
    return parser


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected WIDTHxHEIGHT such as 640x480") from None
    if width < 1 or height < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: both sides must be positive")
    return width, height


def _list(options: argparse.Namespace) -> int:
    rows = [(entry.key, entry.title, _count(entry), entry.licence, _where(entry)) for entry in ENTRIES]
    print(tabulate(rows, headers=("key", "title", "pairs", "licence", "where"), tablefmt="simple"))
    return 0


def _count(entry: CatalogEntry) -> str:
    return str(entry.pairs) if entry.pairs is not None else "any" if entry.rendered else "varies"


def _where(entry: CatalogEntry) -> str:
    if entry.rendered:
        return "rendered on demand"
    folder = locate(entry)
    return (
        str(folder)
        if folder
        else f"not here: python -m datasets {'download' if entry.automatic else 'show'} {entry.key}"
    )


def _show(options: argparse.Namespace) -> int:
    entry = find(options.name)
    facts = [
        ("data set", f"{entry.title} ({entry.key})"),
        ("content", entry.description),
        ("pairs", _count(entry)),
        ("licence", entry.licence),
        ("homepage", entry.homepage),
        ("cite", str(entry.citation)),
        ("folders", entry.tree),
        ("where", _where(entry)),
        ("by hand", entry.manual),
    ]
    for file in entry.files:
        facts += [("file", file.url), ("SHA-256", file.sha256 or "not published; the first download is recorded")]
    print("\n".join(f"{name + ':':<10}{text}" for name, text in facts if text))
    return 0


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
    dataset = dataset[: options.limit]
    findings += verify(dataset, options.jobs, options.tolerance, progress=sys.stderr.isatty())
    for finding in findings:
        print(f"{finding.severity:<8}{finding.kind:<12}{finding.subject}: {finding.text}")
    counts = Counter(finding.severity for finding in findings)
    parts = (f"{counts[name]} {name}{'' if counts[name] == 1 else 's'}" for name in ("error", "warning", "note"))
    print(f"{dataset.name}: {len(dataset)} pairs, {', '.join(parts)}")
    return 1 if counts["error"] else 0


def _statistics(options: argparse.Namespace) -> int:
    from ivif.datasets.statistics import measure_pair, spread_out, statistics_of

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


def _render(options: argparse.Namespace) -> int:
    from ivif.datasets.synthetic import write_render

    wanted = {name: getattr(options, name) for name in ("condition", "pairs", "sequence", "size", "seed", "preview")}
    try:
        write_render(options.out, **wanted)
    except ValueError as error:
        raise PairError(str(error)) from error
    print(f"written to {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
