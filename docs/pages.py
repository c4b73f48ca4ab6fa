"""What the site says of metrics, methods and data sets: written from the catalogue while it is built.

A hook of MkDocs. Pages name the place of a table by a comment (``<!-- methods -->``); a family of metrics is a page.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from ivif.benchmark.catalogue import MethodFacts, MetricFacts, catalogue
from ivif.benchmark.explanation import explanation, range_text
from ivif.datasets.catalog import ENTRIES, CatalogEntry
from ivif.datasets.corruptions import SEVERITIES, Corruption, amounts, corruption_names, find_corruption

FAMILIES = dict.fromkeys(facts.family for facts in catalogue().metrics)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each family of metrics."""
    for family in FAMILIES:
        files.append(File.generated(config, f"metrics/{family}.md", content=_family_page(family)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put tables where a page names them."""
    for name, table in _TABLES.items():
        markdown = markdown.replace(f"<!-- {name} -->", table())
    if left := re.search(r"<!-- \w+ -->", markdown):
        raise PluginError(f"{page.file.src_uri}: no table is called {left[0]}")
    return markdown


_FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video)\b[^>]*\bsrc="(?:https?:)?//|<link\b[^>]*\bhref="https?://"""
)


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Refuse a page that would fetch anything from another host; links that a reader follows are free."""
    if found := _FETCHED.search(output):
        raise PluginError(f"{page.file.src_uri} asks another host: {output[found.start() : found.end() + 60]}")
    return output


def _family_page(family: str) -> str:
    metrics = [facts for facts in catalogue().metrics if facts.family == family]
    parts = [f"# {family.capitalize()}", _metric_table(metrics, family), *map(_metric_section, metrics)]
    return "\n\n".join(parts) + "\n"


def _metric_section(facts: MetricFacts) -> str:
    told = {name: text for name, text in explanation(facts) if name not in ("formula", "family", "related") and text}
    told["equal to"] = ", ".join(f"`{code}`" for code in facts.equal_to) or "no code at hand; tests have it on paper"
    rows = [(name, text if name == "equal to" else _plain(text)) for name, text in told.items()]
    level = "###" if "@" in facts.key else "##"
    return "\n\n".join(
        (
            f"{level} {_plain(facts.name)} {{ #{_anchor(facts.key)} }}",
            f"`{facts.key}` · {_plain(facts.label)}",
            _plain(facts.notes),
            f"```text\n{facts.formula}\n```",
            _table(("", ""), rows),
        )
    )


def _metric_table(metrics: Iterable[MetricFacts], page: str = "") -> str:
    """Metrics with links to what is told of them; `page` is the family's, if the table stands there."""
    rows = []
    for facts in metrics:
        link = f"[`{facts.key}`]({'' if page else f'{facts.family}.md'}#{_anchor(facts.key)})"
        arrow = "↑" if facts.better == "higher" else "↓"
        row = link, _plain(facts.name), arrow, range_text(facts), facts.unit
        rows.append(row if page else (*row, facts.family))
    head = "key", "name", "better", "values", "unit"
    return _table(head if page else (*head, "family"), rows)


def _profile_table() -> str:
    names = dict.fromkeys(name for facts in catalogue().metrics for name in facts.profiles)
    rows = []
    for name in names:
        members = [facts for facts in catalogue().metrics if name in facts.profiles]
        listed = ", ".join(f"[`{facts.key}`]({facts.family}.md#{_anchor(facts.key)})" for facts in members)
        whole = {"all": "every default definition", "variants": "every metric here"}
        rows.append((f"`{name}`", str(len(members)), whole.get(name, listed)))
    return _table(("profile", "metrics", ""), rows)


_METHOD_HEAD = ("name", "title", "year", "family", "input", "parameters", "GMAC", "trained", "paper")


def _method_table() -> str:
    return "\n\n".join(
        f"## {title}\n\n" + _table(_METHOD_HEAD, map(_method_row, group))
        for title, group in (
            ("Classical methods", [facts for facts in catalogue().methods if not facts.network]),
            ("Networks", [facts for facts in catalogue().methods if facts.network]),
        )
    )


def _method_row(facts: MethodFacts) -> Sequence[str]:
    name = f"`{facts.name}`" + (" (slow)" if facts.slow else "") + ("" if facts.here else " (no weights here)")
    size = f"{facts.parameters:,}" if facts.network else "", "" if facts.gmac is None else f"{facts.gmac:.3g}"
    year = "" if facts.year is None else str(facts.year)
    told = _plain(facts.title), year, _plain(facts.family), facts.input, *size, facts.trained, _plain(facts.paper)
    return name, *told


def _dataset_sections() -> str:
    return "\n\n".join(map(_dataset_section, ENTRIES))


def _dataset_section(entry: CatalogEntry) -> str:
    way = "`ivif datasets download {}`" if entry.automatic else "`ivif datasets show {}` tells how to get it by hand"
    rows = [
        ("pairs", str(entry.pairs) if entry.pairs else "as many as are asked for" if entry.rendered else "varies"),
        ("licence", _plain(entry.licence)),
        ("cite", _plain(str(entry.citation))),
        ("folders", f"`{entry.tree}`"),
        ("get", "rendered on first use" if entry.rendered else way.format(entry.key)),
        ("homepage", f"<{entry.homepage}>" if entry.homepage else ""),
    ]
    told = _table(("", ""), [row for row in rows if row[1]])
    description = entry.description[0].upper() + entry.description[1:]
    return f"## {_plain(entry.title)} {{ #{entry.key} }}\n\n`{entry.key}` · {_plain(description)}.\n\n{told}"


def _severity_table() -> str:
    head = "corruption", "camera", "unit of the amount", *(f"severity {severity}" for severity in SEVERITIES)
    return _table(head, map(_severity_row, map(find_corruption, corruption_names())))


def _severity_row(found: Corruption) -> Sequence[str]:
    known = (f"{amounts(found.name)[severity]:g}" for severity in SEVERITIES)
    return f"`{found.name}`", found.camera, _plain(found.unit), *known


_TABLES = {
    "severities": _severity_table,
    "metrics": lambda: _metric_table(catalogue().metrics),
    "profiles": _profile_table,
    "methods": _method_table,
    "datasets": _dataset_sections,
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _anchor(key: str) -> str:
    return key.replace("@", "-")


def _plain(text: str) -> str:
    """Text as it stands: nothing in it is markup, but for what stands between backticks."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _escaped(part) for part in parts)


def _escaped(text: str) -> str:
    return re.sub(r"([\\*_\[\]{}#])", r"\\\1", html.escape(text, quote=False))
