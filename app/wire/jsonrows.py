"""The three JSON shapes of rows: an object of rows, an object of columns, a bare array."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from app.wire.faults import NOT_AN_OBJECT, check_names, kept, listed, undecodable
from app.wire.table import Table


class RowColumns(Mapping[str, list[Any]]):
    """Columns of row objects, each made when it is asked for: ignored names cost nothing."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        """Keep the rows and find the names in them."""
        self._rows = rows
        first = tuple(rows[0]) if rows else ()
        self._uniform = all(map(first.__eq__, map(tuple, rows)))
        self._names = dict.fromkeys(first if self._uniform else chain.from_iterable(rows))
        self._columns: dict[str, list[Any]] = {}
        check_names(len(self._names))

    def __getitem__(self, name: str) -> list[Any]:
        """Give one column; a row without the name holds None."""
        if name not in self._names:
            raise KeyError(name)
        if self._uniform and not self._columns:
            columns = map(list, zip(*map(dict.values, self._rows), strict=True))
            self._columns = dict(zip(self._names, columns, strict=True))
        return self._columns[name] if self._uniform else [row.get(name) for row in self._rows]

    def __iter__(self) -> Iterator[str]:
        """Give the names in order of appearance."""
        return iter(self._names)

    def __len__(self) -> int:
        """Count the distinct names."""
        return len(self._names)


def is_histograms(value: object) -> bool:
    """Tell ready histograms from rows."""
    return isinstance(value, dict) and "features" in value and "rows" not in value and "columns" not in value


def table_of_rows(rows: list[Any]) -> Table:
    """Make a table of row objects; whatever is no object is refused alone."""
    bad = [] if set(map(type, rows)) <= {dict} else [n for n, row in enumerate(rows) if not isinstance(row, dict)]
    good = [row for row in rows if isinstance(row, dict)] if bad else rows
    return Table(
        rows=len(good),
        columns=RowColumns(good),
        received=len(rows),
        numbers=kept(len(rows), bad),
        rejections=listed(bad, NOT_AN_OBJECT),
    )


def table_of_columns(columns: dict[str, Any]) -> Table:
    """Make a table of named arrays of one length."""
    check_names(len(columns))
    if not all(isinstance(column, list) for column in columns.values()):
        raise undecodable("every column must be an array")
    lengths = set(map(len, columns.values()))
    if len(lengths) > 1:
        raise undecodable("the columns are not of equal length")
    rows = lengths.pop() if lengths else 0
    return Table(rows=rows, columns=columns, received=rows)


def table_of_value(value: object) -> Table:
    """Make a table of any of the three shapes."""
    match value:
        case list():
            return table_of_rows(value)
        case {"rows": list(rows)}:
            return table_of_rows(rows)
        case {"columns": dict(columns)} if isinstance(value, dict) and "rows" not in value:
            return table_of_columns(columns)
        case _:
            pass
    raise undecodable('JSON rows are {"rows":[...]}, {"columns":{name:[...]}} or an array of objects')
