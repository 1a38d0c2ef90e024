"""The records of a file, one object each, whatever the file's format."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import pyarrow as pa

from app.cli.parcels import Read
from app.errors import BadRequest, Problem, Refused, TooLarge, UnsupportedType
from app.wire.decode import Format, decode
from app.wire.sources import Plain
from app.wire.stream import RowsFile
from app.wire.table import RawColumn, Table

Record = dict[str, Any]
Item = TypeVar("Item")
Failed = Callable[[Path, Problem], None]
ROWS: Final = 1_000
"""Records of a table that are made into objects at a time."""


def tables(path: Path, *, read: Read) -> Iterator[Table]:
    """Read a file of rows; one object by itself is one row."""
    file = RowsFile(path)
    if file.format() is not Format.JSON:
        yield from file.tables(read)
        return
    with Plain(path) as plain:
        content = plain.read(file.json_limit + 1)
    yield decode(content, "application/json", lone=True)
    read(file.size)


def records(path: Path, *, read: Read) -> Iterator[Record]:
    """Read a file record by record; what is none is passed over as an empty one."""
    for table in tables(path, read=read):
        names = list(table.columns)
        columns = [table.columns[name] for name in names]
        yield from ({} for _ in range(table.received - table.rows))
        for start in range(0, table.rows, ROWS):
            values = [_part(column, start) for column in columns]
            yield from (dict(zip(names, row, strict=True)) for row in zip(*values, strict=True))


def readable(items: Iterator[Item], path: Path, *, failed: Failed | None) -> Iterator[Item]:
    """Give what is made of a file as far as it can be read, and tell `failed`, if somebody listens, why no further."""
    try:
        yield from items
    except (BadRequest, Refused, TooLarge, UnsupportedType) as problem:
        if failed is None:
            raise
        failed(path, problem)


def names_of(path: Path) -> frozenset[str]:
    """Look at the first table of a file; gives the names in it, none when it cannot be read."""
    try:
        return frozenset(next(iter(tables(path, read=lambda _: None))).columns)
    except (StopIteration, Problem):
        return frozenset()


def _part(column: RawColumn, start: int) -> Sequence[Any]:
    if isinstance(column, pa.Array | pa.ChunkedArray):
        return python_values(column.slice(start, ROWS))
    return column[start : start + ROWS]


def python_values(column: Any) -> list[Any]:
    """Give the values of an Arrow column as Python has them, times to the microsecond."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values
