"""Rows inside the keys that log pipelines put around them, as objects or as JSON in a string."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from app.errors import BadRequest
from app.wire.faults import NOT_AN_OBJECT
from app.wire.jsonrows import RowColumns
from app.wire.jsontext import load_exact, load_json
from app.wire.ndjson import table_of_lines
from app.wire.table import LISTED_REJECTIONS, RawColumn, Rejection, Table

STAMP: Final = "\0time"
"""The column of times that came beside the rows; no name holds U+0000, so it is nobody's."""
DATE: Final = "date"
"""The key under which Fluent Bit writes an event's time."""
DEPTH: Final = 8
"""Envelopes within envelopes that are opened."""

Row = dict[str, Any]
Load = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known about a model's rows: the keys that hold them, the columns that steer, the features' names.

    `prediction` is the model's only prediction feature, if it has just one.
    """

    keys: tuple[str, ...]
    time_column: str
    version_column: str | None
    features: frozenset[str]
    prediction: str | None


def unwrapped(table: Table, columns: RowColumns, opening: Opening) -> tuple[Table, Mapping[str, RawColumn]]:
    """Take rows out of the model's keys; gives them, and columns that stood outside and hold where there are none."""
    present = [key for key in opening.keys if key in columns]
    if not present:
        return table, {}
    lines = _lines(columns[present[0]]) if len(present) == 1 else None
    inner = None if lines is None else table_of_lines(lines)
    if inner is None or inner.received != table.rows or any(key in inner.columns for key in opening.keys):
        return mapped(table, columns, lambda row, load: _unwrapped(row, opening, load)), {}
    outside = {name: columns[name] for name in _steering(opening) if name in columns}
    if inner.numbers is not None:
        outside = {name: [column[row] for row in inner.numbers.tolist()] for name, column in outside.items()}
    return _placed(inner, table), outside


def _lines(texts: RawColumn) -> bytes | None:
    """Write strings one a line; None when some are no strings or hold line ends of their own."""
    if set(map(type, texts)) != {str}:
        return None
    body = "\n".join(map(str.strip, texts)).encode("utf-8", "replace")
    return body if body.count(b"\n") == len(texts) - 1 else None


def _placed(inner: Table, outer: Table) -> Table:
    """Number the rows of a table by the body around it."""
    if outer.numbers is None and not outer.rejections:
        return replace(inner, mark=outer.mark)
    places = np.arange(outer.rows, dtype=np.int64) if outer.numbers is None else outer.numbers
    own = [Rejection(int(places[one.row]), one.reason) for one in inner.rejections]
    return replace(
        inner,
        received=outer.received,
        numbers=places if inner.numbers is None else places[inner.numbers],
        rejections=_first([*outer.rejections, *own]),
        mark=outer.mark,
    )


def _first(rejections: list[Rejection]) -> tuple[Rejection, ...]:
    return tuple(sorted(rejections, key=lambda one: one.row)[:LISTED_REJECTIONS])


def mapped(table: Table, columns: RowColumns, change: Callable[[Row, Load], Row | None]) -> Table:
    """Change every row; one that becomes None is refused."""
    changed = [change(row, load_json) for row in columns.rows]
    good = [row for row in changed if row is not None]
    exact = columns.exact
    again = None if exact is None else lambda: [_again(row, change) for row in exact()]
    if len(good) == len(changed):
        return replace(table, columns=RowColumns(good, again))
    refused = np.array([row is None for row in changed])
    numbers = np.arange(table.rows, dtype=np.int64) if table.numbers is None else table.numbers
    rejections = [*table.rejections, *(Rejection(row, NOT_AN_OBJECT) for row in numbers[refused].tolist())]
    return replace(
        table,
        rows=len(good),
        columns=RowColumns(good, again),
        numbers=numbers[~refused],
        rejections=_first(rejections),
    )


def _again(row: Any, change: Callable[[Row, Load], Row | None]) -> Row | None:
    return change(row, load_exact) if isinstance(row, dict) else None


def _unwrapped(row: Row, opening: Opening, load: Load) -> Row | None:
    """Follow the keys inwards; time and version written outside hold where there are none inside."""
    outer: Row = {}
    for _ in range(DEPTH):
        held = [row[key] for key in opening.keys if row.get(key) is not None]
        if not held:
            break
        outer = {name: row[name] for name in _steering(opening) if row.get(name) is not None} | outer
        inner = next((found for value in held if (found := object_of(value, load)) is not None), None)
        if inner is None:
            return None
        row = inner
    row = {name: value for name, value in row.items() if name not in opening.keys}
    for name, value in outer.items():
        if row.get(name) is None:
            row[name] = value
    return row


def _steering(opening: Opening) -> Iterator[str]:
    yield from (opening.time_column, STAMP)
    if DATE not in opening.features:
        yield DATE
    if opening.version_column is not None:
        yield opening.version_column


def object_of(value: Any, load: Load) -> Row | None:
    """Give an object, or the one that a string holds."""
    if isinstance(value, str):
        text = value.strip()
        if not text.startswith("{"):
            return None
        try:
            value = load(text.encode("utf-8", "replace"))
        except BadRequest:
            return None
    return value if isinstance(value, dict) else None
