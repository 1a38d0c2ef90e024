"""Scores as a table: CSV or an Arrow stream."""

import csv
import io
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa
from starlette.responses import Response

CSV: Final = "text/csv"
ARROW: Final = "application/vnd.apache.arrow.stream"
_SCHEMA: Final = pa.schema(
    [
        ("window_start", pa.string()),
        ("feature", pa.string()),
        ("version", pa.string()),
        ("statistic", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("warning", pa.float64()),
        ("critical", pa.float64()),
        ("p_value", pa.float64()),
        ("rows", pa.int64()),
        ("status", pa.string()),
    ]
)


def tabular(accept: str, rows: Iterable[dict[str, Any]]) -> Response | None:
    """Answer as the table that `accept` asks for; None when it asks for none."""
    if CSV in accept:
        text = io.StringIO()
        writer = csv.DictWriter(text, _SCHEMA.names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(_flat(row) for row in rows)
        return Response(text.getvalue(), media_type=CSV)
    if ARROW in accept:
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, _SCHEMA) as writer:
            writer.write_table(pa.Table.from_pylist([_flat(row) for row in rows], _SCHEMA))
        return Response(sink.getvalue(), media_type=ARROW)
    return None


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **row["threshold"]}
