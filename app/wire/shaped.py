"""Columns of row objects that all have one shape: numbers side by side, other values as lists."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from app.drift.columns import Block
from app.wire import tape
from app.wire.bounds import Bounds
from app.wire.cells import Cells, Doubles
from app.wire.jsonrows import RowColumns
from app.wire.jsontext import BLANKS
from app.wire.structs import START
from app.wire.taperows import Rows, rows_between

SMALLEST: Final = 1 << 17  # of fewer bytes msgspec has read the rows before their shape is known
_END: Final = 1 << 10
_ARRAY_END: Final = re.compile(rb"\}[ \t\r\n]*\][ \t\r\n]*\Z")
_OBJECT_END: Final = re.compile(rb"\}[ \t\r\n]*\][ \t\r\n]*\}[ \t\r\n]*\Z")

Exact = Callable[[], list[Any]]


class ShapedColumns(RowColumns):
    """Columns of rows that all have the same names, and values of the same kinds."""

    def __init__(self, found: Rows, exact: Exact) -> None:
        """Keep what was read; `exact` reads all rows of the body again."""
        self.exact = exact
        self.received = found.words.shape[1] if found.shape.numeric else len(next(iter(found.lists.values())))
        self._found = found
        self._names = dict.fromkeys(found.shape.names)
        self._places = found.shape.places

    @cached_property
    def rows(self) -> list[dict[str, Any]]:  # type: ignore[override] # made when asked for
        """The rows as objects, for those who look into them."""
        columns = [self._values(name) for name in self._names]
        return [dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True)]

    @cached_property
    def _doubles(self) -> Doubles:
        """The numbers as doubles, shape (numbers, rows)."""
        words, tags = self._found.words, self._found.tags
        doubles = words.view(np.float64)
        if tags is None:
            return doubles
        doubles = doubles.copy()
        for tag, kind in ((tape.INTEGER, np.int64), (tape.UNSIGNED, np.uint64)):
            np.copyto(doubles, words.view(kind), where=tags == tag)
        return doubles

    @cached_property
    def block(self) -> Block:
        """The columns of numbers."""
        return Block(self._places, self._doubles)

    def __getitem__(self, name: str) -> Any:
        """Give one column."""
        place = self._places.get(name)
        if place is None:
            return self._found.lists[name]
        return Cells(self._doubles[place], partial(self._values, name))

    def picked(self, names: Sequence[str], places: Sequence[int]) -> dict[str, list[Any]]:
        """Give a few rows without making whole columns."""
        return {name: self._values(name, places) for name in names}

    def _values(self, name: str, places: Sequence[int] | slice = slice(None)) -> list[Any]:
        """Give a column, or some rows of it, as the body wrote it: integers are none of the doubles."""
        place = self._places.get(name)
        if place is None:
            column = self._found.lists[name]
            return column[places] if isinstance(places, slice) else [column[row] for row in places]
        some = places if isinstance(places, slice) else np.array(places, np.intp)
        tags, words = self._found.tags, self._found.words[place, some]
        whole: list[Any]
        if tags is None:
            whole = words.view(np.float64).tolist()
            return whole
        kinds = {tape.DOUBLE: np.float64, tape.INTEGER: np.int64, tape.UNSIGNED: np.uint64}
        held = np.unique(tags[place, some]).tolist()
        if len(held) == 1:
            whole = words.view(kinds[held[0]]).tolist()
            return whole
        ways = {kind: words.view(dtype).tolist() for kind, dtype in kinds.items()}
        return [ways[tag][row] for row, tag in enumerate(tags[place, some].tolist())]


def shaped_json(body: bytes, exact: Callable[[], Any], *, bounds: Bounds | None = None) -> ShapedColumns | None:
    """Read `{"rows":[{...}]}` or a bare array whose rows are alike and within `bounds`; else None."""
    start = START.match(body) if len(body) >= SMALLEST else None
    if start is None:
        return None
    wrapped = start[1] is not None
    end = (_OBJECT_END if wrapped else _ARRAY_END).search(body, max(start.end(), len(body) - _END))
    if end is None:
        return None
    found = rows_between(body, start.end(), end.start(), bounds=bounds)
    return _columns(found, (lambda: exact()["rows"]) if wrapped else exact)


def shaped_lines(body: bytes, exact: Exact, *, bounds: Bounds | None = None) -> ShapedColumns | None:
    """Read one object a line when all are alike and within `bounds`; else None."""
    if len(body) < SMALLEST or not body.startswith(b"{"):
        return None
    last = body.rfind(b"}", len(body) - _END)
    if last < 0 or body[last + 1 :].strip(BLANKS):
        return None
    return _columns(rows_between(body, 0, last, lines=True, bounds=bounds), exact)


def _columns(found: Rows | None, exact: Exact) -> ShapedColumns | None:
    return None if found is None else ShapedColumns(found, exact)
