"""The commands that say what there is: list, explain. They import no method and no metric, see `catalogue`."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence

from tabulate import tabulate

from ivif.benchmark.catalogue import MetricFacts, catalogue, matching
from ivif.benchmark.explanation import explanation, range_text
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
    rows = [(f.key, f.name, f.better, range_text(f), f.unit, f.family) for f in catalogue().metrics]
    return rows + [(name, point.value, "", "", "", "own") for name, point in offered("metrics").items()]


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
    print(tabulate(explanation(facts), tablefmt="plain", maxcolwidths=[None, 90]))
    return 0


def _facts(name: str) -> MetricFacts:
    """From the catalogue; of a metric of somebody's own, from its code."""
    if not (is_own(name) or name in offered("metrics")):
        return catalogue().metric(name)
    from ivif.benchmark.commands.cataloguing import metric_facts
    from ivif.benchmark.metrics import get

    return metric_facts(get(name))
