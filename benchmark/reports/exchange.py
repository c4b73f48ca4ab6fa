"""Exchange: leaderboards for other programs: records of plain values, JSON, Excel, a pandas table."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from typing import Any

from ivif.benchmark.config import ConfigError
from ivif.benchmark.reports.opening import BoardJudgement

SHEET_NAME = 31
"""Letters that Excel takes in the name of a sheet."""


def records(judgements: Sequence[BoardJudgement]) -> list[dict[str, Any]]:
    """One row a data set and method, cameras alone included: full precision, None where there is no number.

    Columns of a metric: ``KEY`` (its mean), ``KEY_images``, ``KEY_low`` and ``KEY_high`` (95 % of resampled pairs) and
    ``KEY_tied`` (not told from the best); of a score of people ``KEY`` and ``KEY_images`` or ``KEY_sequences``, and
    where it has intervals over these ``KEY_low``, ``KEY_high``, ``KEY_gain`` (beside the best single camera),
    ``KEY_gain_low``, ``KEY_gain_high`` and ``KEY_tied``.
    """
    return [row for own in judgements for row in _rows(own)]


def _rows(judgement: BoardJudgement) -> list[dict[str, Any]]:
    board, places = judgement.standing.board, {place.method: place for place in judgement.standing.places}
    found = []
    for line in (*board.lines, *board.controls):
        place = places.get(line.method)
        row: dict[str, Any] = {"dataset": board.dataset, "method": line.method, "rank": line.rank}
        row |= {
            "rank_low": place and place.low,
            "rank_high": place and place.high,
            "ties": place.group if place else "",
        }
        for number, (metric, cell) in enumerate(zip(board.metrics, line.cells, strict=True)):
            spread = place.spreads[number] if place else None
            row |= {metric.key: cell.mean, f"{metric.key}_images": cell.count}
            row |= {f"{metric.key}_low": spread and spread.low, f"{metric.key}_high": spread and spread.high}
            row[f"{metric.key}_tied"] = bool(spread and spread.alike)
        for score, cell in zip(board.people, line.people, strict=True):
            row |= {score.key: cell.mean, f"{score.key}_{score.counted}": cell.count}
            if sure := judgement.standing.people.get(score.key, {}).get(line.method):
                keys = ("low", "high", "gain", "gain_low", "gain_high")
                row |= {f"{score.key}_{key}": getattr(sure, key) for key in keys} | {f"{score.key}_tied": sure.alike}
        colours = judgement.colours.get(line.method)
        row |= {
            "failed": line.failed,
            "flagged": line.flagged,
            "odd_colours": len(colours.strange) if colours else None,
        }
        row["share_of_published_training"] = line.trained_share
        found.append({key: _finite(value) for key, value in row.items()})
    return found


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(judgements: Sequence[BoardJudgement]) -> str:
    """``{"opening": {DATASET: [sentence ...]}, "rows": [...]}``, see `records`."""
    sentences = {own.standing.board.dataset: own.sentences for own in judgements}
    content = {"opening": sentences, "rows": records(judgements)}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def to_excel(judgements: Sequence[BoardJudgement]) -> bytes:
    """An Excel file with a sheet a data set; raises `ConfigError` where openpyxl is not installed."""
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Font
    except ImportError as error:
        raise ConfigError("Excel files take the package openpyxl: pip install openpyxl") from error
    book = Workbook()
    for blank in book.worksheets:
        book.remove(blank)
    for judgement in judgements:
        rows = _rows(judgement)
        sheet = book.create_sheet(_sheet_name(judgement.standing.board.dataset))
        head = list(rows[0]) if rows else []
        for number, name in enumerate(head, start=1):
            sheet.cell(1, number, name).font = Font(bold=True)
        for place, row in enumerate(rows, start=2):
            for number, value in enumerate(row.values(), start=1):
                cell = sheet.cell(place, number, value)
                if isinstance(value, str):
                    cell.data_type = "s"  # a method called "=A1" is no formula
        sheet.freeze_panes = "C2"
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _sheet_name(dataset: str) -> str:
    return "".join("_" if letter in "[]:*?/\\" else letter for letter in dataset)[:SHEET_NAME]


def to_frame(judgements: Sequence[BoardJudgement]) -> Any:
    """A pandas DataFrame of `records`; raises `ConfigError` where pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise ConfigError("tables of pandas take the package pandas: pip install pandas") from error
    return pandas.DataFrame(records(judgements))
