"""The command line of references."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import datasets
from fusion.folder import FusedFolder
from fusion.method import resolve_device
from fusion.reference.build import Plan, build_references
from fusion.reference.enhance import KINDS
from fusion.reference.filter import Rule
from fusion.reference.pool import Pool
from fusion.registry import default_names


def add_parser(commands: Any) -> None:
    """Add ``references`` to the subparsers of ``python -m fusion``."""
    parser = commands.add_parser("references", help="the best of what many methods made of each pair, to train on")
    add_reference_options(parser)
    parser.add_argument("--preview", action="store_true", help="a contact sheet for every pair")
    parser.set_defaults(command=_references)


def add_reference_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which pairs, and how references are made of them; see `reference_plan`."""
    add = parser.add_argument
    add("--dataset", default="roadscene", metavar="NAME")
    add("--root", type=Path, metavar="DIR", help="folder of the data set")
    add("--out", type=Path, default=Path("references"), metavar="DIR", help="finished work there is kept")
    add(
        "--method",
        dest="methods",
        action="append",
        metavar="NAME",
        help="candidate, repeatable; default: all fast ones",
    )
    add("--candidates", action="append", default=[], metavar="NAME=DIR", help="results made elsewhere, repeatable")
    add("--k", type=int, default=Rule.count, metavar="K", help="references a pair (default %(default)s)")
    add("--filter", default=Rule.name, metavar="RULE", help="auto, random, best, metric:KEY or list:FILE")
    add("--temperature", type=float, default=Rule.temperature, help="of the weights; inf: all alike")
    add("--diversity", type=float, default=Rule.diversity, help="what near copies of a chosen one lose")
    add("--enhance", choices=KINDS, default=Plan.enhancement)
    add("--limit", type=int, metavar="N", help="the first N pairs")
    add("--jobs", type=int, default=0, metavar="N", help="processes (default: one a processor core)")
    add("--device", default="auto", metavar="NAME")
    add("--seed", type=int, default=0)


def reference_plan(options: argparse.Namespace, preview: bool = False) -> Plan:
    """How references are made, by the options of `add_reference_options`."""
    folders = tuple(FusedFolder.parse(text) for text in options.candidates)
    methods = tuple(options.methods or default_names())
    pool = Pool(options.out / "pool", methods, folders, resolve_device(options.device))
    rule = Rule(options.filter, options.k, options.temperature, options.diversity, options.seed)
    return Plan(options.out, pool, rule, options.enhance, preview)


def _references(options: argparse.Namespace) -> int:
    plan = reference_plan(options, options.preview)
    results = build_references(datasets.load(options.dataset, root=options.root)[: options.limit], plan, options.jobs)
    counts = Counter(result if result in ("made", "kept") else "failed" for result in results.values())
    print(
        f"{counts['made']} pairs made now, {counts['kept']} still valid from before; references in {options.out}/pairs"
    )
    failed = {name: result for name, result in results.items() if result not in ("made", "kept")}
    for name, reason in list(failed.items())[:10]:
        print(f"  failed: {name}: {reason}")
    return 1 if failed else 0
