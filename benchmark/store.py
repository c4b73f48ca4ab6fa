"""Store: every score of a run, on disk, safe against interruption at any moment.

While a run works, rows are appended to a journal, one JSON object a line. At its end, and before the next run reads,
they move to one Parquet file a data set and method. A row names the content it belongs to (hashes of the sources, the
method, the fused file and the metric's code), so that a later run can tell what is still valid.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as parquet

from ivif.datasets.files import file_name, sha256_bytes, write_atomic
from ivif.errors import IvifError


class StoreError(IvifError, ValueError):
    """Scores on disk that cannot be read; the message says what to do."""


@dataclass(frozen=True)
class Row:
    """One metric on one fused image, or why there is no number.

    Attributes:
        dataset, method, pair, metric: what was measured.
        value: the number, None for a failure.
        status: "ok"; "flagged": a number by convention, `reason` says which; "failed": no number, `reason` says why.
        reason: see `status`.
        seconds: time it took to fuse the image, None if it was there already.
        fuse_key: hash of the sources and of the method.
        fused_sha256: hash of the fused file that was measured.
        metric_key: hash of the metric's code.
        made_by: which entry of run.yaml's ``made_by`` tells the software and the machine.
    """

    dataset: str
    method: str
    pair: str
    metric: str
    value: float | None
    status: Literal["ok", "flagged", "failed"]
    reason: str = ""
    seconds: float | None = None
    fuse_key: str = ""
    fused_sha256: str = ""
    metric_key: str = ""
    made_by: str = ""


_COLUMNS = [field.name for field in fields(Row)]
_SCHEMA = pa.schema([(name, pa.float64() if name in ("value", "seconds") else pa.string()) for name in _COLUMNS])


WITHDRAWN = "out of date, and not measured again yet"
"""The reason of a value that new work has begun to replace."""


def withdrawn(rows: Iterable[Row], due: Collection[tuple[str, str, str, str]]) -> Iterator[Row]:
    """Values that will be measured anew, as missing until they have been, lest a table mix old numbers with new.

    Args:
        rows: what is stored.
        due: (data set, method, pair, metric) of what is to be measured.
    """
    for row in rows:
        if row.value is not None and (row.dataset, row.method, row.pair, row.metric) in due:
            yield replace(row, value=None, status="failed", reason=WITHDRAWN)


class Store:
    """The scores below a run directory."""

    def __init__(self, run: Path) -> None:
        self.folder = run / "scores"
        self.journal = self.folder / "journal.jsonl"

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows to the journal; once this returns they survive the process being killed."""
        text = "".join(_line(row) + "\n" for row in rows)
        if not text:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.journal.open("a", encoding="utf-8") as file:
            file.write(text)

    def rows(self) -> list[Row]:
        """All rows, the latest where one was written several times, sorted by data set, method, pair and metric."""
        latest = {(row.dataset, row.method, row.pair, row.metric): row for row in self._read_all()}
        return [latest[key] for key in sorted(latest)]

    def compact(self) -> None:
        """Move the journal into the Parquet files; interrupted at any point, the next call completes it."""
        if not self.journal.exists():
            return
        tables: dict[Path, list[Row]] = {}
        for row in self.rows():
            tables.setdefault(self.folder / file_name(row.dataset) / f"{file_name(row.method)}.parquet", []).append(row)
        for path, rows in tables.items():
            schema = _SCHEMA.with_metadata({_DIGEST: _digest(rows)})
            table = pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)
            buffer = io.BytesIO()
            parquet.write_table(table, buffer)
            write_atomic(path, buffer.getvalue())
        self.journal.unlink()

    def _read_all(self) -> Iterable[Row]:
        for path in sorted(self.folder.glob("*/*.parquet")):
            yield from _shard(path)
        if self.journal.exists():
            try:
                lines = self.journal.read_bytes().split(b"\n")
            except OSError as error:
                raise StoreError(f"{self.journal} cannot be read ({error.strerror or error})") from error
            yield from (row for line in lines if (row := _row_of(line)))


def _shard(path: Path) -> list[Row]:
    """The rows of a Parquet file, as they were written; raises `StoreError` for any other."""
    try:
        with parquet.ParquetFile(path) as file:  # `read_table` would import pandas, and take longer than the reading
            table = file.read()
        rows = [Row(**values) for values in table.to_pylist()]
        known = (table.schema.metadata or {}).get(_DIGEST)
        if known is not None and known != _digest(rows):
            raise ValueError("its checksum is another")
    except (pa.ArrowException, OSError, TypeError, ValueError, MemoryError) as error:
        raise StoreError(f"{path} is damaged; delete it and give the same run again to make it anew") from error
    return rows


_DIGEST = b"ivif sha256"
"""What a Parquet file calls the checksum of its rows; those of older versions have none."""


def _digest(rows: Iterable[Row]) -> bytes:
    return sha256_bytes("\n".join(repr(astuple(row)) for row in rows).encode("utf-8", "backslashreplace")).encode()


_CHECK = 16
"""Digits of a journal line's checksum, which stands before it."""


def _line(row: Row) -> str:
    text = json.dumps(asdict(row))
    return f"{sha256_bytes(text.encode())[:_CHECK]} {text}"


def _row_of(line: bytes) -> Row | None:
    """The row of a journal line; None if it is not as written, cut off by an interruption: that work is done again."""
    check, _, text = line.partition(b" ")
    if not text or check != sha256_bytes(text)[:_CHECK].encode():
        return None
    try:
        return Row(**json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None


def finite_or_none(value: float) -> float | None:
    """NaN, which no table may average, becomes None."""
    return None if math.isnan(value) else value
