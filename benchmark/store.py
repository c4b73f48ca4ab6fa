"""Store: every score of a run, on disk, safe against interruption at any moment.

While a run works, rows are appended to a journal, one JSON object a line. At its end, and before the next run reads,
they move to one Parquet file a data set and method. A row names the content it belongs to (hashes of the sources, the
method, the fused file and the metric's code), so that a later run can tell what is still valid.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as parquet

from ivif.datasets.files import file_name, write_atomic
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


class Store:
    """The scores below a run directory."""

    def __init__(self, run: Path) -> None:
        self.folder = run / "scores"
        self.journal = self.folder / "journal.jsonl"

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows to the journal; once this returns they survive the process being killed."""
        text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
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
            table = pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA)
            buffer = io.BytesIO()
            parquet.write_table(table, buffer)
            write_atomic(path, buffer.getvalue())
        self.journal.unlink()

    def _read_all(self) -> Iterable[Row]:
        for path in sorted(self.folder.glob("*/*.parquet")):
            try:
                yield from (Row(**values) for values in parquet.read_table(path).to_pylist())
            except (pa.ArrowException, OSError, TypeError) as error:
                raise StoreError(f"{path} is damaged; delete it and give the same run again to make it anew") from error
        if self.journal.exists():
            for line in self.journal.read_text(encoding="utf-8").splitlines():
                try:
                    yield Row(**json.loads(line))
                except (json.JSONDecodeError, TypeError):
                    continue  # cut off by an interruption: that work is done again


def finite_or_none(value: float) -> float | None:
    """NaN, which no table may average, becomes None."""
    return None if math.isnan(value) else value
