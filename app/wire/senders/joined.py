"""The two sides of a call and the truth about it, as one table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.senders.sides import Answer
from app.wire.table import RawColumn, Table


class Joined(Mapping[str, RawColumn]):
    """Columns of a request, and beside them those of answers."""

    def __init__(self, asked: Mapping[str, RawColumn], answered: Mapping[str, RawColumn]) -> None:
        """Prefer what was answered."""
        self._asked = asked
        self._answered = answered

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        return self._answered[name] if name in self._answered else self._asked[name]

    @property
    def block(self) -> Block | None:
        """Plain numbers of the request, unless some were answered."""
        block: Block | None = getattr(self._asked, "block", None)
        return None if block is None or self._answered.keys() & block.places.keys() else block

    def __iter__(self) -> Iterator[str]:
        """Give the names of the request, then those of the answers."""
        yield from self._asked
        yield from (name for name in self._answered if name not in self._asked)

    def __len__(self) -> int:
        """Count the names."""
        return len(self._asked) + sum(name not in self._asked for name in self._answered)


def joined(table: Table, answers: Sequence[Answer], *, own: frozenset[str], barred: frozenset[str]) -> Table:
    """Put answers beside the rows they belong to.

    Columns named in `own` are the request's if it has them, those in `barred` are never an answer's.
    """
    columns: dict[str, RawColumn] = {}
    for answer in answers:
        for name, column in answer.columns.items():
            if name not in barred and (name not in own or name not in table.columns):
                columns[name] = column if table.numbers is None else _taken(column, table.numbers)
    return Table(
        table.rows, Joined(table.columns, columns), table.received, table.numbers, table.rejections, table.text
    )


def _taken(column: RawColumn, rows: NDArray[Any]) -> RawColumn:
    if isinstance(column, pa.Array | pa.ChunkedArray):
        return column.take(pa.array(rows))
    return [column[row] for row in rows.tolist()]
