"""The plain bodies that most senders write, read without a Python object for each value or row."""

from functools import cache, partial
from typing import Any

from app.wire.faults import check_containers, check_names
from app.wire.jsoncolumns import columns_of
from app.wire.jsontext import load_exact
from app.wire.structs import StructColumns, structs_of_json, structs_of_lines
from app.wire.table import Table


def quick_json(body: bytes) -> Table | None:
    """Make a table of columns or of rows of one shape; None when the body has to be read the long way."""
    check_containers(body)
    columns = columns_of(body)
    if columns is not None:
        check_names(len(columns))
        lengths = set(map(len, columns.values()))
        rows = lengths.pop() if lengths else 0
        return None if lengths else Table(rows=rows, columns=columns, received=rows)
    structs = structs_of_json(body, cache(partial(load_exact, body)))
    return None if structs is None else _of_structs(structs)


def quick_lines(body: bytes, exact: Any) -> Table | None:
    """Make a table of lines that are objects of one shape, else None; `exact` reads all rows again."""
    check_containers(body)
    structs = structs_of_lines(body, exact)
    return None if structs is None else _of_structs(structs)


def _of_structs(structs: StructColumns) -> Table:
    check_names(len(structs))
    rows = structs.received
    return Table(rows=rows, columns=structs, received=rows)
