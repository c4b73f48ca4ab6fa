"""The command line of references."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ivif.datasets.files import file_name
from ivif.datasets.options import Several, add_backend, add_pair_options, add_shard, chosen_pairs, chosen_workers
from ivif.fusion.loading import default_names
from ivif.fusion.method import FusionError, resolve_device
from ivif.fusion.reference.build import DONE, Plan, build_references, rejections
from ivif.fusion.reference.enhance import KINDS
from ivif.fusion.reference.filter import NO_REGRET, Rule
from ivif.fusion.reference.pool import TESTED_ON, Pool, member

SHOWN = 10
"""Failures that are told in full."""


def fill_references(parser: argparse.ArgumentParser) -> None:
    """Add what ``references`` takes."""
    add_reference_options(parser)
    parser.add_argument("--preview", action="store_true", help="a contact sheet for every pair")
    add_backend(parser)
    add_shard(parser, "jobs that make references of one part each may share OUT")
    parser.set_defaults(command=_references)


def add_reference_options(parser: argparse.ArgumentParser) -> None:
    """The options that say which pairs, and how references are made of them; see `reference_plan`."""
    add_pair_options(parser, default="roadscene")
    add = parser.add_argument
    add("--out", type=Path, default=Path("references"), metavar="DIR", help="finished work there is kept")
    add("--method", dest="methods", action=Several, metavar="NAME", help="candidate; default: all fast ones")
    learner = (
        "the network that is to learn, or NAME=DIR of its results: what it lacks is taught, see --filter no-regret"
    )
    add("--for", dest="learner", metavar="METHOD", help=f"{learner}; references in OUT/METHOD")
    add("--fused", action=Several, metavar="NAME=DIR", help="candidates made elsewhere")
    tests = (
        f"data sets that the learner is tested on, and no candidate was trained on (default: {', '.join(TESTED_ON)})"
    )
    add("--tested-on", action=Several, default=list(TESTED_ON), metavar="NAME", help=tests)
    add("--k", type=int, default=Rule.count, metavar="K", help="references a pair (default %(default)s)")
    rules = "auto, no-regret, random, best, metric:KEY, or list:FILE with a line 'PAIR METHOD [METHOD ...]' a pair"
    add("--filter", metavar="RULE", help=f"{rules} (default: {Rule.name}; with --for, {NO_REGRET})")
    add("--temperature", type=float, default=Rule.temperature, help="of the weights; inf: all alike")
    add("--diversity", type=float, default=Rule.diversity, help="what near copies of a chosen one lose")
    add("--enhance", choices=KINDS, default=Plan.enhancement)
    add("--limit", type=int, metavar="N", help="the first N pairs")
    add("--jobs", type=int, default=0, metavar="N", help="processes (default: one a processor core)")
    add("--device", default="auto", metavar="NAME")
    add("--seed", type=int, default=0)


def reference_plan(options: argparse.Namespace, preview: bool = False) -> Plan:
    """How references are made, by the options of `add_reference_options`."""
    names = [*(options.methods or default_names()), *options.fused]
    pool = Pool.of(options.out.absolute() / "pool", names, resolve_device(options.device), options.tested_on)
    learner = member(options.learner, pool.device) if options.learner else None
    out = options.out / file_name(learner.name) if learner else options.out
    rule = options.filter or (NO_REGRET if learner else Rule.name)
    chosen = Rule(rule, options.k, options.temperature, options.diversity, options.seed)
    return Plan(out.absolute(), pool, chosen, options.enhance, learner, preview)


def _references(options: argparse.Namespace) -> int:
    plan = reference_plan(options, options.preview)
    every = chosen_pairs(options)[: options.limit]
    if not len(every):
        raise FusionError("no pairs to make references of")
    pairs = options.shard.of(every)
    with chosen_workers(options, options.out):
        results = build_references(pairs, plan, options.jobs)
    made, kept = (list(results.values()).count(outcome) for outcome in DONE)
    failed = {name: outcome for name, outcome in results.items() if outcome not in DONE}
    print(f"{made} pairs made now, {kept} still valid from before; references in {plan.out}/pairs")
    for method, reasons in rejections(plan, pairs).items():
        pair, reason = next(iter(reasons.items()))
        print(f"  {method} was out of the question for {len(reasons)} of {made + kept} pairs, such as {pair}: {reason}")
    if failed:
        print(f"{len(failed)} pairs failed:", file=sys.stderr)
    for name, reason in list(failed.items())[:SHOWN]:
        print(f"  {reason if name in reason else f'{name}: {reason}'}", file=sys.stderr)
    if len(failed) > SHOWN:
        print(f"  ... and {len(failed) - SHOWN} more", file=sys.stderr)
    return 1 if failed else 0
