"""Cells of CSV files: names that a spreadsheet would take for formulas are kept as text."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import IO, Any

_BEGIN = ("=", "+", "-", "@", "\t", "\r")
"""How a formula begins in Excel, LibreOffice and Google Sheets."""


def plain_cell(value: Any) -> Any:
    """A text that would be a formula gets an apostrophe before it, which spreadsheets don't show; all else as it is.

    Examples:
        >>> plain_cell("@SUM(A1)"), plain_cell("-0.5"), plain_cell("-"), plain_cell(-0.5), plain_cell("sdnet+rts")
        ("'@SUM(A1)", '-0.5', '-', -0.5, 'sdnet+rts')
    """
    if not isinstance(value, str) or not value.startswith(_BEGIN) or len(value) == 1:
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


class CsvWriter:
    """Writes rows as `csv.writer` does, lines ending as on Unix, with `plain_cell`."""

    def __init__(self, file: IO[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")

    def writerow(self, cells: Iterable[Any]) -> None:
        """Write one row."""
        self._writer.writerow([plain_cell(cell) for cell in cells])
