"""Rows as log pipelines wrap them: inside a key, as JSON in a string, with features in an object of their own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from app.drift.columns import Block
from app.wire.cells import Cells
from app.wire.faults import check_listed, check_names
from app.wire.flat import flat
from app.wire.jsonrows import RowColumns
from app.wire.objects import fields, single, table_of_objects
from app.wire.table import RawColumn, Table
from app.wire.times import READ, instants
from app.wire.wrapping import DATE, STAMP, Opening, Row, mapped, unwrapped

OLDEST_US: Final = 946_684_800_000_000
FEATURES: Final = "features"
PREDICTION: Final = "prediction"


def opened(table: Table, opening: Opening, *, logged: bool = True) -> Table:
    """Take rows out of their envelopes; a table that has none is given back as it is.

    In a log, a date is the time of rows that have none, and a lone prediction the model's only one.
    """
    if not isinstance(table.columns, RowColumns) and any(key in table.columns for key in opening.keys):
        table = table_of_objects(table)
    outside: Mapping[str, RawColumn] = {}
    if isinstance(table.columns, RowColumns):
        table, outside = unwrapped(table, table.columns, opening)
    table = _lifted(table)
    if outside:
        made = {name: _filled(table.columns.get(name), column) for name, column in outside.items()}
        table = replace(table, columns=_Named(table.columns, made=made, hidden=set()))
    return _named(table, opening, logged=logged)


def _lifted(table: Table) -> Table:
    """Lift what stands in `features` and `prediction` up into the rows."""
    columns = table.columns
    names = [name for name in (FEATURES, PREDICTION) if name in columns and _holds_objects(columns[name])]
    parts = {name: columns[name] for name in sorted(names, key=list(columns).index if len(names) > 1 else None)}
    if not parts:
        return table
    made = None if isinstance(columns, RowColumns) else _fields(columns, parts)
    if made is not None:
        return replace(table, columns=_Named(columns, made=made, hidden=set(parts)))
    table = table if isinstance(columns, RowColumns) else table_of_objects(table)
    return mapped(table, cast("RowColumns", table.columns), lambda row, _: _unfolded(row))


def _holds_objects(part: RawColumn) -> bool:
    if isinstance(part, list):
        return any(isinstance(value, dict) for value in part)
    return not isinstance(part, Cells) and (pa.types.is_struct(part.type) or pa.types.is_map(part.type))


def _fields(columns: Mapping[str, RawColumn], parts: Mapping[str, RawColumn]) -> dict[str, RawColumn] | None:
    """Give the fields of structs as columns; None where rows would have to choose between two values."""
    made: dict[str, RawColumn] = {}
    for part in parts.values():
        if isinstance(part, list | Cells) or not pa.types.is_struct(part.type):
            return None
        found = fields(part)
        taken = made.keys() | columns.keys() - parts.keys()
        if part.null_count and not taken.isdisjoint(found):
            return None
        made |= found
    check_names(len(columns) + len(made))
    return made


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

    @property
    def block(self) -> Block | None:
        """The numbers among the columns that go by their own names."""
        whole: Block | None = getattr(self._columns, "block", None)
        if whole is None:
            return None
        own = self._names.keys() - self._made.keys()
        return Block({name: place for name, place in whole.places.items() if name in own}, whole.values)

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
        times = columns[beside]
        if beside == DATE:
            check_listed(table.rows)
            times = _readable_dates(times, table.rows)
        made[opening.time_column] = _filled(columns.get(opening.time_column), times, text=table.text)
        hidden.add(beside)
    only = opening.prediction if logged and PREDICTION not in opening.features else None
    if only is not None and PREDICTION in columns:
        made[only] = _filled(columns.get(only), columns[PREDICTION], text=table.text)
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


def _readable_dates(dates: RawColumn, rows: int) -> RawColumn:
    """Keep what can be read as a time since 2000; another date, say 20261120, is somebody's own column."""
    found = instants(dates, rows, receipt_us=0, naive="utc", zone=ZoneInfo("UTC"))
    recent = (found.state == READ) & (found.us >= OLDEST_US)
    if isinstance(dates, list | Cells):
        return [date if kept else None for date, kept in zip(dates, recent.tolist(), strict=True)]
    return flat(dates).take(pa.array(np.arange(rows), mask=~recent))


def _filled(own: RawColumn | None, others: RawColumn, *, text: bool = False) -> RawColumn:
    """Fill what a column lacks from another one."""
    if own is None:
        return others
    check_listed(len(own))
    pairs = zip(single(own, text=text), single(others, text=text), strict=True)
    return [other if one is None else one for one, other in pairs]
