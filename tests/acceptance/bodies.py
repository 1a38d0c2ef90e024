"""Rows as bytes in every format that the contract names."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]
JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
ARROW: Final = "application/vnd.apache.arrow.stream"


def names(rows: Sequence[Row]) -> list[str]:
    """Every key in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row))


def as_rows(rows: Sequence[Any]) -> bytes:
    """A JSON object with a list of rows."""
    return json.dumps({"rows": rows}).encode()


def as_array(rows: Sequence[Any]) -> bytes:
    """A bare JSON array of rows."""
    return json.dumps(rows).encode()


def as_columns(rows: Sequence[Row]) -> bytes:
    """A JSON object of columns; a missing key is null."""
    return json.dumps({"columns": {name: [row.get(name) for row in rows] for name in names(rows)}}).encode()


def as_ndjson(rows: Sequence[Any]) -> bytes:
    """One JSON value a line."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def cells(rows: Sequence[Row]) -> list[dict[str, str]]:
    """The same rows as the text that a CSV writer makes of them."""
    return [{name: _cell(row.get(name)) for name in names(rows)} for row in rows]


def _cell(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_csv(rows: Sequence[Row]) -> bytes:
    """A header line and one line of cells a row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names(rows))
    writer.writeheader()
    writer.writerows(cells(rows))
    return out.getvalue().encode()


def table(rows: Sequence[Row]) -> pa.Table:
    """A typed table; every column must hold one type."""
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names(rows)})


def as_parquet(rows: Sequence[Row]) -> bytes:
    """A Parquet file of several row groups."""
    out = io.BytesIO()
    pq.write_table(table(rows), out, row_group_size=max(1, len(rows) // 3))
    return out.getvalue()


def as_arrow(rows: Sequence[Row]) -> bytes:
    """An Arrow stream of several record batches."""
    out = io.BytesIO()
    held = table(rows)
    with pa.ipc.new_stream(out, held.schema) as writer:
        writer.write_table(held, max_chunksize=max(1, len(rows) // 3))
    return out.getvalue()


def zipped(content: bytes) -> bytes:
    """The bytes under gzip."""
    return gzip.compress(content, mtime=0)


Formats = dict[str, tuple[str, Callable[[Sequence[Any]], bytes]]]
LOOSE: Final[Formats] = {
    "rows": (JSON, as_rows),
    "array": (JSON, as_array),
    "columns": (JSON, as_columns),
    "ndjson": (NDJSON, as_ndjson),
}
TYPED: Final[Formats] = {
    "csv": (CSV, as_csv),
    "parquet": (PARQUET, as_parquet),
    "arrow": (ARROW, as_arrow),
}
