"""The commands that say what there is: list, explain. They import no method and no metric, see `catalogue`."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Collection, Sequence

from tabulate import tabulate

from ivif.benchmark.catalogue import MethodFacts, MetricFacts, catalogue, matching
from ivif.benchmark.explanation import explanation, range_text
from ivif.datasets.catalog import ENTRIES
from ivif.datasets.files import cache_root
from ivif.plugins import is_own, offered


def fill_list(parser: argparse.ArgumentParser) -> None:
    """Add what ``list`` takes."""
    parser.add_argument("what", choices=tuple(_TABLES))
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="such as '*ssim*'; default: all")
    parser.add_argument("--papers", action="store_true", help="also whom to cite")
    parser.set_defaults(command=_list)


def _list(options: argparse.Namespace) -> int:
    head, rows = _TABLES[options.what]
    every = {row[0]: row for row in rows()}
    shown = [every[name] for name in matching(every, options.patterns)]
    widths: list[int | None] = [None] * (len(head) - 1) + [70]
    if not options.papers:
        head, shown, widths = head[:-1], [row[:-1] for row in shown], widths[:-1]
    align = ["right" if name in _NUMBERS else "left" for name in head]
    print(tabulate(shown, head, maxcolwidths=widths, colalign=align if shown else None, disable_numparse=True))
    return 0


_NUMBERS = ("year", "parameters", "GMAC")
"""Columns that are set to the right. GMAC is of a pair of 640x480."""


def _method_rows() -> Sequence[tuple[str, ...]]:
    facts = catalogue().methods
    rows = [
        _method_row(f, f.name, f.title, f"shipped, {f.trained} trained" if f.network else "") for f in facts if f.here
    ]
    fetched = {path.stem for path in (cache_root() / "weights").glob("*.safetensors")}
    rows += [
        _method_row(
            f, f"{f.name}+published", f"{f.title} (published)".replace(") (", ", "), f"authors', {_where(f, fetched)}"
        )
        for f in facts
        if f.published
    ]
    return rows + [(name, point.value, *[""] * 4, "own", *[""] * 3) for name, point in offered("methods").items()]


def _where(facts: MethodFacts, fetched: Collection[str]) -> str:
    """Whether weights of others are here, and how they can be had."""
    return "here" if facts.name in fetched else {"fetch": "to be fetched"}.get(facts.published, facts.published)


def _method_row(facts: MethodFacts, name: str, title: str, weights: str) -> tuple[str, ...]:
    parameters = f"{facts.parameters:,}" if facts.network else ""
    gmac = "" if facts.gmac is None else f"{facts.gmac:.3g}"
    year = "" if facts.year is None else str(facts.year)
    return name, title, year, facts.venue, parameters, gmac, facts.family, facts.input, weights, facts.paper


def _metric_rows() -> Sequence[tuple[str, ...]]:
    rows = [(f.key, f.name, f.better, range_text(f), f.unit, f.family, f.paper) for f in catalogue().metrics]
    return rows + [(name, point.value, "", "", "", "own", "") for name, point in offered("metrics").items()]


def _dataset_rows() -> Sequence[tuple[str, ...]]:
    rows = [(entry.key, entry.title, entry.licence, str(entry.citation)) for entry in ENTRIES]
    return rows + [(name, point.value, "", "") for name, point in offered("datasets").items()]


_METHOD_HEAD = ("name", "title", "year", "venue", "parameters", "GMAC", "family", "input", "weights", "paper")

_TABLES = {
    "methods": (_METHOD_HEAD, _method_rows),
    "metrics": (("key", "name", "better", "range", "unit", "family", "paper"), _metric_rows),
    "datasets": (("name", "title", "licence", "paper"), _dataset_rows),
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
