"""Page: the report as one HTML file; what it shows is in `content` and `pictures`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ivif.benchmark.reports.decimals import decimals, fixed
from ivif.benchmark.reports.html.content import board_content, methods_content, trust_content
from ivif.benchmark.reports.html.pictures import PictureMode, pictures_content
from ivif.benchmark.reports.joining import join
from ivif.benchmark.reports.opening import BoardJudgement, judgements_of
from ivif.benchmark.reports.robustness.page import robustness_script, robustness_section
from ivif.benchmark.reports.templates import REPORT_PACKAGE, environment_of, library, packaged
from ivif.benchmark.run_directory import Run
from ivif.datasets.files import write_atomic

VENDORED = ("d3.min.js", "plot.umd.min.js", "dataTables.min.js", "img-comparison-slider.js")
SCRIPTS = ("common.js", "table.js", "pictures.js", "plots.js", "page.js")


def write_report(
    runs: Sequence[Run],
    out: Path,
    images: PictureMode = "embed",
    judgements: Sequence[BoardJudgement] | None = None,
    references: Path | None = None,
) -> Path:
    """Write the report of one run, or of several joined.

    Args:
        runs: finished runs, see `join`.
        out: the file; pictures that are not embedded lie in a folder ``NAME_files`` beside it.
        images: see `PICTURE_MODES`.
        judgements: of these runs, where they are at hand.
        references: see `pictures_content`.

    Returns:
        The file.

    Raises:
        ConfigError: runs that may not be joined, or references of none of their pairs; the message says why.
        StoreError: scores of a run are damaged.
    """
    out = Path(out)
    beside = out.with_name(f"{out.stem}_files")
    write_atomic(out, page(judgements or judgements_of(join(runs)), images, beside, references).encode())
    return out


def page(
    judgements: Sequence[BoardJudgement], images: PictureMode, folder: Path, references: Path | None = None
) -> str:
    """The text of the report, see `write_report`; pictures that are not embedded are written to `folder`."""
    parts = [own.part for own in judgements]
    boards = [board_content(own) for own in judgements]
    pictures = [pictures_content(part, images, folder, references) for part in parts]
    environment = environment_of(REPORT_PACKAGE)
    environment.globals.update(family_runs=family_runs, short_count=short_count, table_columns=table_columns)
    return environment.get_template("report.html").render(
        title=", ".join(board["dataset"] for board in boards),
        boards=boards,
        pictures=pictures,
        methods=methods_content(parts),
        trust=trust_content(parts),
        robustness=robustness_section(list(dict.fromkeys(run.folder for part in parts for run in part.members))),
        robustness_script=robustness_script(),
        libraries=[library(name) for name in VENDORED],
        scripts=[packaged(REPORT_PACKAGE, f"templates/{name}") for name in SCRIPTS],
        style=packaged(REPORT_PACKAGE, "templates/report.css"),
    )


def family_runs(columns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring columns of one family, for a heading above them."""
    return [{"family": name, "count": len(list(own))} for name, own in groupby(columns, lambda own: own["family"])]


def short_count(count: int) -> str:
    """A number of parameters: ``67 k``, ``1.2 M``."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)


def table_columns(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Columns of a board's table: metrics, then scores of people, each with its cells in the order of lines.

    A cell has its text, a mark ("best", "second" or ""), and whether it is tied: not told from the best, where others
    in the column are.
    """
    lines = board["lines"]
    columns = []
    for place, metric in enumerate(board["metrics"]):
        cells = [line["cells"][place] for line in lines]
        columns.append(
            {**metric, "total": board["images"], "kind": "metric", "place": place, "cells": _marked(cells, metric)}
        )
    families = list(dict.fromkeys(metric["family"] for metric in board["metrics"]))
    columns.sort(key=lambda column: families.index(column["family"]))
    every = [*lines, *board["controls"]]
    for place, score in enumerate(board["people"]):
        cells = [line["people"][place] for line in every]
        columns.append(
            {**score, "kind": "people", "place": place, "name": score["label"], "cells": _marked(cells, score)}
        )
    return columns


def _marked(cells: Sequence[dict[str, Any]], column: dict[str, Any]) -> list[dict[str, Any]]:
    means = [cell["mean"] for cell in cells]
    known = sorted({mean for mean in means if mean is not None}, reverse=column["better"] == "higher")
    ranks = {mean: place for place, mean in enumerate(known[:2])}
    places = decimals(means)
    telling = any(mean is not None and not cell.get("alike", True) for mean, cell in zip(means, cells, strict=True))
    marks = [
        "" if mean is None else ("best", "second")[ranks[mean]] if mean in ranks else ""
        for mean, cell in zip(means, cells, strict=True)
    ]
    return [
        cell | {"text": fixed(cell["mean"], places), "mark": mark, "tied": telling and bool(cell.get("alike"))}
        for cell, mark in zip(cells, marks, strict=True)
    ]
