"""The plain bodies that most senders write, read without a Python object for each value or row."""

from functools import cache, partial
from typing import Any

from app.wire.bounds import Bounds
from app.wire.faults import LARGE_TEXT, check_containers, check_names, check_objects
from app.wire.jsoncolumns import columns_of
from app.wire.jsontext import load_exact
from app.wire.shaped import SMALLEST, ShapedColumns, shaped_json, shaped_lines
from app.wire.structs import StructColumns, structs_of_json, structs_of_lines
from app.wire.table import Table


def quick_json(body: bytes, *, most: int | None = None, bounds: Bounds | None = None) -> Table | None:
    """Make a table of columns or of rows of one shape; None when the body has to be read the long way.

    With `bounds` also when it holds more, or that is to be feared. Of many more objects than `most` rows can need none
    is read.
    """
    columns = columns_of(body, most=most, bounds=bounds)
    if columns is not None:
        check_names(len(columns))
        return Table(rows=columns.rows, columns=columns, received=columns.rows)
    if most is not None:
        check_objects(body, most)
    if len(body) > LARGE_TEXT:  # less that is no object cannot be too much
        check_containers(body)
    exact = cache(partial(load_exact, body))
    shaped = shaped_json(body, exact, bounds=bounds)
    if shaped is not None:
        return _of_rows(shaped)
    if bounds is not None and len(body) > SMALLEST:
        return None
    if len(body) <= LARGE_TEXT:
        check_containers(body)
    structs = structs_of_json(body, exact)
    return None if structs is None else _of_rows(structs)


def quick_lines(body: bytes, exact: Any, *, bounds: Bounds | None = None) -> Table | None:
    """Make a table of lines that are objects of one shape, else None; `exact` reads all rows again.

    `bounds` are as for `quick_json`.
    """
    if len(body) > LARGE_TEXT:  # less that is no object cannot be too much
        check_containers(body)
    shaped = shaped_lines(body, exact, bounds=bounds)
    if shaped is not None:
        return _of_rows(shaped)
    if bounds is not None and len(body) > SMALLEST:
        return None
    if len(body) <= LARGE_TEXT:
        check_containers(body)
    structs = structs_of_lines(body, exact)
    return None if structs is None else _of_rows(structs)


def _of_rows(columns: StructColumns | ShapedColumns) -> Table:
    check_names(len(columns))
    return Table(rows=columns.received, columns=columns, received=columns.received)
