"""One logged call as rows of JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from app.cli.importers.bodies import answer_of, request_of
from app.cli.importers.records import python_values
from app.cli.importers.schema import Schema
from app.errors import Problem
from app.wire.senders.joined import joined
from app.wire.senders.sides import Answer
from app.wire.table import RawColumn, Table


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, what was answered if anything was, and when, in any form that a time column may have."""

    request: bytes
    request_type: str
    response: bytes | None
    response_type: str
    at: Any


def rows_of(call: Call, schema: Schema) -> tuple[list[dict[str, Any]], int]:
    """Give the rows of a call and how many could not be read; a call that cannot be read at all is one such row."""
    try:
        table = request_of(call.request, call.request_type, schema.asked)
    except Problem:
        return [], 1
    answers = [answer for answer in [_answer(call, schema)] if answer is not None and answer.rows == table.received]
    whole = joined(table, answers, own=frozenset(schema.asked.ordered), barred=schema.steering)
    names = list(whole.columns)
    rows = [dict(zip(names, values, strict=True)) for values in zip(*map(_values, _columns(whole)), strict=True)]
    for row in rows:
        if call.at is not None and row.get(schema.time_column) is None:
            row[schema.time_column] = call.at
    return rows, table.received - table.rows


def _columns(table: Table) -> Sequence[RawColumn]:
    return list(table.columns.values())


def _answer(call: Call, schema: Schema) -> Answer | None:
    if call.response is None:
        return None
    try:
        return answer_of(call.response, call.response_type, schema.answered)
    except Problem:
        return None


def _values(column: RawColumn) -> list[Any]:
    """Give the values of a column as JSON has them."""
    if isinstance(column, pa.Array | pa.ChunkedArray):
        return [_plain(value) for value in python_values(column)]
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, bool | int | float | str | list | dict | None) else str(value)
