"""Columns of any make as row objects of JSON values, for what can only be told row by row."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from app.wire.categories import BOOLEANS, MOMENTS, moment
from app.wire.cells import Cells
from app.wire.exact import ExactColumn
from app.wire.excerpt import values_of
from app.wire.faults import check_listed, check_values
from app.wire.flat import flat
from app.wire.jsonrows import RowColumns
from app.wire.numbers import BLANKS
from app.wire.table import RawColumn, Table


def table_of_objects(table: Table) -> Table:
    """Give the rows of a table as objects; TooLarge when those would take too much memory."""
    check_listed(table.rows)
    check_values(table.rows * len(table.columns), 0)
    check_values(sum(_inner(table.columns[name]) for name in table.columns), 0)
    columns = {name: values(table.columns[name], text=table.text) for name in table.columns}
    return replace(table, columns=RowColumns(_rows(columns), lambda: _rows(_again(columns))), text=False)


def _rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _again(columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: column.again() if isinstance(column, ExactColumn) else column for name, column in columns.items()}


def values(column: RawColumn, *, text: bool = False) -> list[Any]:
    """Give a column as JSON would have it, so that it counts the same; `text` says that cells are CSV text."""
    if isinstance(column, Cells):
        return list(column)
    found = column if isinstance(column, list) else _of_array(column)
    return [_boolean(cell) if isinstance(cell, str) else cell for cell in found] if text else found


def single(column: RawColumn, *, text: bool = False) -> list[Any]:
    """Give a column of single values as `values` does; of what holds others nothing is read but that it is there."""
    return values(column if isinstance(column, list | Cells) else flat(column), text=text)


def fields(column: Any) -> dict[str, Any]:
    """Give the columns inside a struct, plain, by name; a name that is no UTF-8 is nobody's."""
    null = column.is_null().to_numpy(zero_copy_only=False)
    places = pa.array(np.arange(len(column)), mask=null) if null.any() else None
    plain = {name: flat(_inside(column, place)) for place, name in _names(column.type).items()}
    # Arrow's own `flatten` ends the process over a union and forgets the nulls of runs.
    return plain if places is None else {name: field.take(places) for name, field in plain.items()}


def _names(kind: pa.DataType) -> dict[int, str]:
    found = {}
    for place in range(kind.num_fields):
        with suppress(UnicodeDecodeError):
            found[place] = kind.field(place).name
    return found


def _inside(column: Any, place: int) -> Any:
    """Give a column inside a struct as it is, with whatever stands where the struct is null."""
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([chunk.field(place) for chunk in column.chunks], column.type.field(place).type)
    return column.field(place)


def _boolean(cell: str) -> str | bool:
    word = cell.strip(BLANKS).lower()
    return word == "true" if word in BOOLEANS else cell


def _inner(column: RawColumn) -> int:
    """Count the values inside of structs and maps."""
    if isinstance(column, list | Cells):
        return 0
    if pa.types.is_struct(column.type):
        return sum(len(column) + _inner(_inside(column, place)) for place in _names(column.type))
    return sum(len(entries) + _inner(entries) for entries in _entries(column))


def _of_array(column: Any) -> list[Any]:
    kind = column.type
    if pa.types.is_struct(kind):
        names = _names(kind)
        rows = zip(*(_of_array(_inside(column, place)) for place in names), strict=True)
        there = column.is_valid().to_pylist()
        if not names:
            return [{} if here else None for here in there]
        return [
            dict(zip(names.values(), row, strict=True)) if here else None for here, row in zip(there, rows, strict=True)
        ]
    if pa.types.is_map(kind):
        return list(chain.from_iterable(map(_of_map, _chunks(column))))
    plain = flat(column)
    words = plain.type.value_type if pa.types.is_dictionary(plain.type) else plain.type
    found = values_of(plain)
    if any(test(words) for test in MOMENTS):
        return [value if value is None or value == {} else moment(value) for value in found]
    return found


def _entries(column: Any) -> Iterator[Any]:
    """Give the items of maps; of other columns none."""
    if pa.types.is_map(column.type):
        for chunk in _chunks(column):
            yield chunk.items


def _chunks(column: Any) -> list[Any]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]


def _of_map(column: Any) -> list[Any]:
    """Give maps as objects; a name that is no text is nobody's."""
    bounds = column.offsets.to_pylist()
    first, count = bounds[0], bounds[-1] - bounds[0]
    names, items = (_of_array(held.slice(first, count)) for held in (column.keys, column.items))
    entries = [(name, item) for name, item in zip(names, items, strict=True)]
    return [
        {name: item for name, item in entries[start - first : end - first] if isinstance(name, str)} if there else None
        for there, (start, end) in zip(column.is_valid().to_pylist(), pairwise(bounds), strict=True)
    ]
