"""One table written in every format."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Columns = Mapping[str, Sequence[Any]]


def objects(columns: Columns) -> list[dict[str, Any]]:
    """Turn columns into row objects."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def rows_json(columns: Columns) -> bytes:
    """Write an object of rows."""
    return json.dumps({"rows": objects(columns)}).encode()


def bare_json(columns: Columns) -> bytes:
    """Write a bare array of rows."""
    return json.dumps(objects(columns)).encode()


def columns_json(columns: Columns) -> bytes:
    """Write an object of columns."""
    return json.dumps({"columns": {name: list(column) for name, column in columns.items()}}).encode()


def ndjson(columns: Columns) -> bytes:
    """Write a line for each row."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in objects(columns))


def csv_text(columns: Columns) -> bytes:
    """Write a header and a line for each row."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def arrow_stream(columns: Columns, compression: str | None = None) -> bytes:
    """Write an Arrow stream in small batches."""
    return _arrow(columns, pa.ipc.new_stream, compression)


def arrow_file(columns: Columns, compression: str | None = None) -> bytes:
    """Write an Arrow file in small batches."""
    return _arrow(columns, pa.ipc.new_file, compression)


def _arrow(columns: Columns, new: Any, compression: str | None) -> bytes:
    table, sink = pa.table(dict(columns)), io.BytesIO()
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=7)
    return sink.getvalue()


def parquet(columns: Columns) -> bytes:
    """Write a Parquet file in small row groups."""
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), sink, row_group_size=7)
    return sink.getvalue()
