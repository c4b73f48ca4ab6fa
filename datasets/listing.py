"""The commands that say what is known of data sets: list, show. They read no picture."""

from __future__ import annotations

import argparse

from tabulate import tabulate

from ivif._checkout import as_typed
from ivif.datasets.catalog import ENTRIES, CatalogEntry, find, locate


def fill_list(parser: argparse.ArgumentParser) -> None:
    """Add what ``list`` takes: nothing."""
    parser.set_defaults(command=_list)


def _list(options: argparse.Namespace) -> int:
    rows = [(entry.key, entry.title, _count(entry), entry.licence, _where(entry)) for entry in ENTRIES]
    print(tabulate(rows, headers=("key", "title", "pairs", "licence", "where"), tablefmt="simple"))
    return 0


def _count(entry: CatalogEntry) -> str:
    return str(entry.pairs) if entry.pairs is not None else "any" if entry.rendered else "varies"


def _where(entry: CatalogEntry) -> str:
    if entry.rendered:
        return "rendered on demand"
    way = as_typed(f"datasets {'download' if entry.automatic else 'show'} {entry.key}")
    return str(locate(entry) or f"not here: {way}")


def fill_show(parser: argparse.ArgumentParser) -> None:
    """Add what ``show`` takes."""
    parser.add_argument("name")
    parser.set_defaults(command=_show)


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
