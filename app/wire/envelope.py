"""Rows as log pipelines wrap them: inside a key, as JSON in a string, with features in an object of their own."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from app.errors import BadRequest
from app.wire.faults import NOT_AN_OBJECT
from app.wire.jsonrows import RowColumns
from app.wire.jsontext import load_exact, load_json
from app.wire.table import LISTED_REJECTIONS, RawColumn, Rejection, Table
from app.wire.times import READ, instants

STAMP: Final = "\0time"
"""The column of times that came beside the rows; no name holds U+0000, so it is nobody's."""
DATE: Final = "date"
"""The key under which Fluent Bit writes an event's time."""
OLDEST_US: Final = 946_684_800_000_000
FEATURES: Final = "features"
PREDICTION: Final = "prediction"
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


def opened(table: Table, opening: Opening, *, logged: bool = True) -> Table:
    """Take rows out of their envelopes; a table that has none is given back as it is.

    In a log, a date is the time of rows that have none, and a lone prediction the model's only one.
    """
    if isinstance(table.columns, RowColumns):
        if any(key in table.columns for key in opening.keys):
            table = _mapped(table, table.columns, lambda row, load: _unwrapped(row, opening, load))
        if isinstance(table.columns, RowColumns) and _has_parts(table.columns):
            table = _mapped(table, table.columns, lambda row, _: _unfolded(row))
        return _named(table, opening, logged=logged)
    return table


def _mapped(table: Table, columns: RowColumns, change: Callable[[Row, Load], Row | None]) -> Table:
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
    return Table(
        rows=len(good),
        columns=RowColumns(good, again),
        received=table.received,
        numbers=numbers[~refused],
        rejections=tuple(sorted(rejections, key=lambda one: one.row)[:LISTED_REJECTIONS]),
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


def _has_parts(columns: RowColumns) -> bool:
    parts = [name for name in (FEATURES, PREDICTION) if name in columns]
    return any(isinstance(row.get(name), dict) for name in parts for row in columns.rows)


def _unfolded(row: Row) -> Row:
    """Lift what stands in `features` and `prediction` objects up into the row."""
    whole: Row = {}
    lifted: Row = {}
    for name, value in row.items():
        if name not in {FEATURES, PREDICTION} or not isinstance(value, dict | None):
            whole[name] = value
        elif value is not None:
            lifted |= value
    return whole | lifted


class _Named(Mapping[str, RawColumn]):
    """Columns of which some go by another name and some are put in place of others."""

    def __init__(self, columns: Mapping[str, RawColumn], *, made: Mapping[str, RawColumn], hidden: set[str]) -> None:
        self._columns = columns
        self._made = made
        self._names = dict.fromkeys([*(name for name in columns if name not in hidden), *made])

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        if name not in self._names:
            raise KeyError(name)
        return self._made[name] if name in self._made else self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def relabelled(table: Table, names: Mapping[str, str]) -> Table:
    """Let columns go by other names, unless those are taken."""
    made = {new: table.columns[old] for old, new in names.items() if old in table.columns and new not in table.columns}
    if not made:
        return table
    hidden = {old for old, new in names.items() if new in made}
    return replace(table, columns=_Named(table.columns, made=made, hidden=hidden))


def _named(table: Table, opening: Opening, *, logged: bool) -> Table:
    """Name the columns as the model does: the time that came beside the rows, and a lone prediction."""
    columns = table.columns
    made: dict[str, RawColumn] = {}
    hidden: set[str] = set()
    beside = _beside(columns, opening, logged=logged)
    if beside is not None:
        times = _readable_dates(columns[DATE], table.rows) if beside == DATE else list(columns[beside])
        made[opening.time_column] = _filled(columns.get(opening.time_column), times)
        hidden.add(beside)
    only = opening.prediction if logged and PREDICTION not in opening.features else None
    if only is not None and PREDICTION in columns:
        made[only] = _filled(columns.get(only), columns[PREDICTION])
        hidden.add(PREDICTION)
    if not made:
        return table
    return replace(table, columns=_Named(columns, made=made, hidden=hidden))


def _beside(columns: Mapping[str, RawColumn], opening: Opening, *, logged: bool) -> str | None:
    """Name the column of times that came beside the rows."""
    if STAMP in columns:
        return STAMP
    free = logged and DATE in columns and DATE not in opening.features and opening.time_column != DATE
    return DATE if free else None


def _readable_dates(dates: RawColumn, rows: int) -> list[Any]:
    """Keep what can be read as a time since 2000; another date, say 20261120, is somebody's own column."""
    found = instants(dates, rows, receipt_us=0, naive="utc", zone=ZoneInfo("UTC"))
    recent = (found.state == READ) & (found.us >= OLDEST_US)
    return [date if kept else None for date, kept in zip(dates, recent.tolist(), strict=True)]


def _filled(own: RawColumn | None, others: RawColumn) -> RawColumn:
    """Fill what a column lacks from another one."""
    return others if own is None else [other if one is None else one for one, other in zip(own, others, strict=True)]
