"""The three JSON shapes of rows: an object of rows, an object of columns, a bare array."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from itertools import chain
from typing import Any

from app.wire.exact import ExactColumn
from app.wire.faults import NOT_AN_OBJECT, check_names, kept, listed, undecodable
from app.wire.jsontext import load_exact
from app.wire.table import Table


class RowColumns(Mapping[str, list[Any]]):
    """Columns of row objects, each made when it is asked for: ignored names cost nothing."""

    def __init__(self, rows: list[dict[str, Any]], exact: Callable[[], list[Any]] | None) -> None:
        """Keep the rows and find the names in them; `exact` reads all rows of the body again."""
        self.rows = rows
        self.exact = exact
        first = tuple(rows[0]) if rows else ()
        self._uniform = all(map(first.__eq__, map(tuple, rows)))
        self._names = dict.fromkeys(first if self._uniform else chain.from_iterable(rows))
        self._columns: dict[str, tuple[Any, ...]] = {}
        check_names(len(self._names))

    def __getitem__(self, name: str) -> list[Any]:
        """Give one column; a row without the name holds None."""
        if name not in self._names:
            raise KeyError(name)
        if self._uniform and not self._columns:
            self._columns = dict(zip(self._names, zip(*map(dict.values, self.rows), strict=True), strict=True))
        values = self._columns[name] if self._uniform else [row.get(name) for row in self.rows]
        return list(values) if self.exact is None else ExactColumn(values, partial(self._again, name))

    def picked(self, names: Sequence[str], places: Sequence[int]) -> dict[str, list[Any]]:
        """Give a few rows without making whole columns."""
        chosen = [self.rows[place] for place in places]
        return {name: [row.get(name) for row in chosen] for name in names}

    def _again(self, name: str) -> list[Any]:
        rows = self.exact() if self.exact is not None else []
        return [row.get(name) for row in rows if isinstance(row, dict)]

    def __iter__(self) -> Iterator[str]:
        """Give the names in order of appearance."""
        return iter(self._names)

    def __len__(self) -> int:
        """Count the distinct names."""
        return len(self._names)


class NamedColumns(Mapping[str, list[Any]]):
    """Columns that came as columns, and the way to read them again."""

    def __init__(self, columns: dict[str, list[Any]], exact: Callable[[], dict[str, Any]]) -> None:
        self._columns = columns
        self._exact = exact

    def __getitem__(self, name: str) -> list[Any]:
        """Give one column."""
        return ExactColumn(self._columns[name], lambda: self._exact()[name])

    def __iter__(self) -> Iterator[str]:
        """Give the names in the order of the body."""
        return iter(self._columns)

    def __len__(self) -> int:
        """Count the names."""
        return len(self._columns)


def is_histograms(value: object) -> bool:
    """Tell ready histograms from rows."""
    if not isinstance(value, dict) or not isinstance(value.get("features"), dict) or "columns" in value:
        return False
    return not isinstance(value.get("rows"), list)


def table_of_rows(rows: list[Any], *, exact: Callable[[], list[Any]] | None = None) -> Table:
    """Make a table of row objects; whatever is no object is refused alone. `exact` reads the rows again."""
    uniform = set(map(type, rows)) <= {dict}
    bad = array("q", () if uniform else (n for n, row in enumerate(rows) if not isinstance(row, dict)))
    good = [row for row in rows if isinstance(row, dict)] if bad else rows
    return Table(
        rows=len(good),
        columns=RowColumns(good, exact),
        received=len(rows),
        numbers=kept(len(rows), bad),
        rejections=listed(bad, NOT_AN_OBJECT),
    )


def table_of_columns(columns: dict[str, Any], *, exact: Callable[[], dict[str, Any]] | None = None) -> Table:
    """Make a table of named arrays of one length."""
    check_names(len(columns))
    if not all(isinstance(column, list) for column in columns.values()):
        raise undecodable("every column must be an array")
    lengths = set(map(len, columns.values()))
    if len(lengths) > 1:
        raise undecodable("the columns are not of equal length")
    rows = lengths.pop() if lengths else 0
    return Table(rows=rows, columns=columns if exact is None else NamedColumns(columns, exact), received=rows)


def table_of_value(value: object, *, body: bytes | None = None) -> Table:
    """Make a table of any of the three shapes; `body` is what it was read from, for a closer look."""
    again = None if body is None else cache(partial(load_exact, body))
    match value:
        case list():
            return table_of_rows(value, exact=again)
        case {"rows": list(rows)}:
            return table_of_rows(rows, exact=None if again is None else lambda: again()["rows"])
        case {"columns": dict(columns)} if isinstance(value, dict) and "rows" not in value:
            return table_of_columns(columns, exact=None if again is None else lambda: again()["columns"])
        case _:
            pass
    raise undecodable('JSON rows are {"rows":[...]}, {"columns":{name:[...]}} or an array of objects')
