"""A JSON object of columns, each column parsed by itself: numbers become doubles and never Python objects.

The body is cut at its brackets. A string that holds a bracket is cut in two, and half a string is no JSON: such a
body, like every other one that this reader does not take, is read as a whole by the caller.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson

from app.drift.columns import Block
from app.errors import BadRequest
from app.wire.bounds import Bounds
from app.wire.cells import Cells
from app.wire.doubles import DOUBLE_BYTES, DoublesReader
from app.wire.exact import ExactColumn
from app.wire.faults import MAX_NAMES, check_containers
from app.wire.jsontext import load_exact, load_json
from app.wire.letters import occurrences
from app.wire.table import RawColumn

START: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"columns"[ \t\r\n]*:[ \t\r\n]*\{')
SMALLEST: Final = 1 << 12


def columns_of(body: bytes, *, bounds: Bounds | None = None) -> "CellColumns | None":
    """Read `{"columns":{name:[...]}}`; None when it is not plainly that, or beyond `bounds`."""
    if len(body) < SMALLEST or not START.match(body):
        return None
    most = MAX_NAMES if bounds is None else bounds.names
    arrays = list(islice(_arrays(body), most + 1))
    if len(arrays) > most:
        return None
    try:
        # What is left without the arrays tells the names, and that the rest is sound.
        skeleton = orjson.loads(_skeleton(body, arrays))
    except ValueError:
        return None
    match skeleton:
        case {"columns": dict(named), **rest} if not rest and len(named) == len(arrays):
            pass
        case _:
            return None
    # Another value than an array can hide only behind a name that stands twice, and the last one holds.
    if not all(isinstance(value, list) for value in named.values()):
        return None
    return _read(tuple(named), body, arrays, bounds=bounds)


class CellColumns(Mapping[str, RawColumn]):
    """Columns of a body, of which those of numbers alone lie side by side; each is made when it is asked for."""

    def __init__(self, body: bytes, arrays: dict[str, tuple[int, int]], rows: int) -> None:
        """Keep the body and where the array of each name is; room is made for `rows` of each."""
        self._body = body
        self._arrays = arrays
        self._places = {name: place for place, name in enumerate(arrays)}
        self.doubles = np.empty((len(arrays), rows))
        self.odd: dict[str, RawColumn] = {}
        self.rows = rows

    @property
    def block(self) -> Block:
        """The columns that hold numbers alone."""
        held = (
            {name: place for name, place in self._places.items() if name not in self.odd} if self.odd else self._places
        )
        return Block(held, self.doubles)

    def __getitem__(self, name: str) -> RawColumn:
        """Give one column."""
        odd = self.odd.get(name)
        if odd is not None:
            return odd
        return Cells(self.doubles[self._places[name]], partial(_values, self._body, *self._arrays[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def _read(
    names: tuple[str, ...], body: bytes, arrays: list[tuple[int, int]], *, bounds: Bounds | None
) -> CellColumns | None:
    """Read every array; None when their lengths differ, or one is no list of plain values."""
    reader = DoublesReader()
    columns: CellColumns | None = None
    room = memoryview(b"")
    checked = False
    for place, (first, stop) in enumerate(arrays):
        text = body[first:stop]
        octets = reader.plain(text)
        if octets is None and not checked:
            check_containers(body)  # what is no number becomes objects
            if bounds is not None and _strings(body, len(arrays)) > bounds.others:
                return None
            checked = True
        found = _odd(reader, body, first, stop) if octets is None else None
        rows = octets.size // DOUBLE_BYTES if octets is not None else -1 if found is None else len(found)
        if bounds is not None and rows > bounds.rows:
            return None
        if columns is None and 0 < rows * len(arrays) <= len(body):  # a cell takes two bytes at least
            columns = CellColumns(body, dict(zip(names, arrays, strict=True)), rows)
            room = columns.doubles.reshape(-1).view(np.uint8).data
        if columns is None or rows != columns.rows:
            return None
        if octets is not None:
            room[place * octets.size : (place + 1) * octets.size] = octets
        elif isinstance(found, Cells) and found.nulls is None:
            columns.doubles[place] = found.doubles
        elif found is not None:
            columns.odd[names[place]] = found
    return columns


def _arrays(body: bytes) -> Iterator[tuple[int, int]]:
    """Find where the brackets open, and what follows their end."""
    stop = 0
    while (first := body.find(b"[", stop)) >= 0 and (stop := body.find(b"]", first) + 1):
        yield first, stop


def _skeleton(body: bytes, arrays: list[tuple[int, int]]) -> bytes:
    ends = [0, *(stop for _, stop in arrays)]
    starts = [*(first for first, _ in arrays), len(body)]
    return b"[]".join(body[end:start] for end, start in zip(ends, starts, strict=True))


def _strings(body: bytes, names: int) -> int:
    """Tell how many strings there are beside the names, at most."""
    return occurrences(body, b'"') // 2 - names


def _odd(reader: DoublesReader, body: bytes, first: int, stop: int) -> RawColumn | None:
    """Read an array that is not plainly numbers; None when it is no array of plain values after all."""
    values = partial(_values, body, first, stop)
    try:
        doubles, nulls = reader.numbers(body[first:stop])
    except ValueError:
        try:
            return values()
        except (BadRequest, _NoListError):
            return None
    return Cells(doubles, values, nulls=nulls)


class _NoListError(Exception):
    """A piece of the body is no array of plain values after all."""


def _values(body: bytes, first: int, stop: int) -> list[Any]:
    text = body[first:stop]
    found = load_json(text)
    if not isinstance(found, list):
        raise _NoListError
    return ExactColumn(found, partial(load_exact, text))
