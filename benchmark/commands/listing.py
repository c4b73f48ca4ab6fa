"""The commands that say what there is: list, explain. They import no method and no metric, see `catalogue`."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from ivif.benchmark.catalogue import MetricFacts, catalogue, matching
from ivif.datasets.catalog import ENTRIES
from ivif.datasets.files import cache_root
from ivif.plugins import is_own, offered


def fill_list(parser: argparse.ArgumentParser) -> None:
    """Add what ``list`` takes."""
    parser.add_argument("what", choices=tuple(_TABLES))
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="such as '*ssim*'; default: all")
    parser.set_defaults(command=_list)


def _list(options: argparse.Namespace) -> int:
    head, rows = _TABLES[options.what]
    every = {row[0]: row for row in rows()}
    shown = [every[name] for name in matching(every, options.patterns)]
    print(tabulate(shown, head, maxcolwidths=[None] * (len(head) - 1) + [70], disable_numparse=True))
    return 0


def _method_rows() -> Sequence[tuple[str, ...]]:
    fetched = {path.stem for path in (cache_root() / "weights").glob("*.safetensors")}
    facts = catalogue().methods
    rows = [(f.name, f.title, f.family, f.input, f.trained, f.paper) for f in facts if f.here]
    published = ((f"{f.name}+published", f"{f.title} (published)", f) for f in facts if f.name in fetched)
    rows += [(name, title, f.family, f.input, "authors'", f.paper) for name, title, f in published]
    return rows + [(name, point.value, "own", "", "-", "") for name, point in offered("methods").items()]


def _metric_rows() -> Sequence[tuple[str, ...]]:
    rows = [(f.key, f.name, f.better, _range(f), f.unit, f.family) for f in catalogue().metrics]
    return rows + [(name, point.value, "", "", "", "own") for name, point in offered("metrics").items()]


def _range(facts: MetricFacts) -> str:
    return f"{facts.low:g} .. {'inf' if facts.high is None else format(facts.high, 'g')}"


def _dataset_rows() -> Sequence[tuple[str, ...]]:
    rows = [(entry.key, entry.title, entry.licence) for entry in ENTRIES]
    return rows + [(name, point.value, "") for name, point in offered("datasets").items()]


_TABLES = {
    "methods": (("name", "title", "family", "input", "trained", "paper"), _method_rows),
    "metrics": (("key", "name", "better", "range", "unit", "family"), _metric_rows),
    "datasets": (("name", "title", "licence"), _dataset_rows),
}


def fill_explain(parser: argparse.ArgumentParser) -> None:
    """Add what ``explain`` takes."""
    parser.add_argument("metric", metavar="METRIC", help="as `list metrics` calls it, or as papers do: MS-SSIM, Q_abf")
    parser.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> int:
    facts = _facts(options.metric)
    print(f"{facts.key}: {facts.name}\n\n{textwrap.indent(facts.notes, '  ')}\n")
    print(tabulate(_lines(facts), tablefmt="plain", maxcolwidths=[None, 90]))
    return 0


def _facts(name: str) -> MetricFacts:
    """From the catalogue; of a metric of somebody's own, from its code."""
    if not (is_own(name) or name in offered("metrics")):
        return catalogue().metric(name)
    from ivif.benchmark.commands.cataloguing import metric_facts
    from ivif.benchmark.metrics import get

    return metric_facts(get(name))


def _lines(facts: MetricFacts) -> list[tuple[str, str]]:
    unmoved = [what for what, holds in (("swapping", facts.symmetric), ("transposing", facts.transposable)) if holds]
    base = facts.key.partition("@")[0]
    siblings = [f for f in catalogue().metrics if f.key.partition("@")[0] == base and f.key != facts.key]
    arrow = "↑" if facts.better == "higher" else "↓"
    return [
        ("formula", f"{facts.formula}. A: infrared, B: visible, F: fused, all 0..255."),
        ("values", f"{facts.better} is better {arrow}, {_range(facts)} {facts.unit}".rstrip()),
        ("family", facts.family),
        ("A = B = F", "depends on the picture" if facts.identity is None else f"{facts.identity:g}"),
        ("unmoved by", " and ".join(unmoved) + " the images" if unmoved else "neither swapping nor transposing"),
        ("noise", "adding noise tends to improve it" if facts.rewards_noise else "adding noise does not improve it"),
        ("blur", "blurring tends to improve it" if facts.rewards_blur else "blurring does not improve it"),
        ("smallest image", f"{facts.min_side} pixels a side"),
        ("by convention", "; ".join(["the fused image is constant", *facts.conventions]) + ": flagged"),
        ("equal to", f"{', '.join(facts.equal_to)} (metrics-check shows it)" if facts.equal_to else "no code at hand"),
        ("codes", facts.agrees),
        ("related", "; ".join(f"{f.key}: {f.name}" for f in siblings) or "no variants"),
        ("paper", facts.paper),
        ("profiles", ", ".join(facts.profiles)),
    ]
