"""A JSON object of columns, each column parsed by itself: numbers become doubles and never Python objects.

The body is cut at its brackets. A string that holds a bracket is cut in two, and half a string is no JSON: such a
body, like every other one that this reader does not take, is read as a whole by the caller.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson

from app.drift.columns import Block
from app.errors import BadRequest
from app.wire.bounds import Bounds
from app.wire.cells import Cells, Doubles
from app.wire.doubles import DOUBLE_BYTES, DoublesReader
from app.wire.exact import ExactColumn
from app.wire.faults import LARGE_TEXT, MAX_NAMES, check_containers, check_objects, check_values, too_many_rows
from app.wire.jsontext import load_exact, load_json
from app.wire.letters import occurrences
from app.wire.table import RawColumn

START: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"columns"[ \t\r\n]*:[ \t\r\n]*\{')
SMALLEST: Final = 1 << 12


def columns_of(body: bytes, *, most: int | None = None, bounds: Bounds | None = None) -> "CellColumns | None":
    """Read `{"columns":{name:[...]}}`; None when it is not plainly that, or beyond `bounds`.

    Refused, TooLarge where the arrays are longer than `most` rows, or hold more than memory is meant for.
    """
    if len(body) < SMALLEST or not START.match(body):
        return None
    names = MAX_NAMES if bounds is None else bounds.names
    arrays = list(islice(_arrays(body), names + 1))
    if len(arrays) > names:
        return None
    # What is left without the arrays tells the names, and that the rest is sound.
    between = _skeleton(body, arrays)
    check_containers(between)
    try:
        skeleton = orjson.loads(between)
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
    return _read(tuple(named), body, arrays, most=most, bounds=bounds)


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
    names: tuple[str, ...], body: bytes, arrays: list[tuple[int, int]], *, most: int | None, bounds: Bounds | None
) -> CellColumns | None:
    """Read every array; None when their lengths differ, or one is no list of plain values."""
    reader = _Reader(body, len(arrays), most=most, bounds=bounds)
    columns: CellColumns | None = None
    place = 0
    while place < len(arrays):
        octets, found = reader.array(*arrays[place], again=columns is not None)
        rows = octets.size // DOUBLE_BYTES if octets is not None else -1 if found is None else len(found)
        if columns is None and reader.takes(rows):
            columns = CellColumns(body, dict(zip(names, arrays, strict=True)), rows)
        if columns is None or rows != columns.rows:
            return None
        if octets is not None:
            columns.doubles[place] = np.frombuffer(octets, np.float64)
        elif isinstance(found, Cells) and found.nulls is None:
            columns.doubles[place] = found.doubles
        elif found is not None:
            columns.odd[names[place]] = found
        place = reader.fill(columns.doubles, arrays, first=place + 1)
    return columns


class _Reader:
    """Reads the arrays of a body, of which no more becomes objects than may."""

    def __init__(self, body: bytes, names: int, *, most: int | None, bounds: Bounds | None) -> None:
        self._body = body
        self._names = names
        self._most = most
        self._bounds = bounds
        self._reader = DoublesReader()
        self._checked = False

    def takes(self, rows: int) -> bool:
        """Tell by the first array whether there is room for all; Refused, TooLarge when there are too many values."""
        values = rows * self._names
        check_values(values, len(self._body))
        if self._most is not None and rows > self._most:
            raise too_many_rows(self._most)
        within = self._bounds is None or rows <= self._bounds.rows
        return within and 0 < values <= len(self._body)  # a cell takes two bytes at least

    def fill(self, rows: Doubles, arrays: list[tuple[int, int]], *, first: int) -> int:
        """Read plain arrays of the same length from the first on; gives which one is something else, or large."""
        return self._reader.fill(rows, self._body, arrays, first=first, largest=LARGE_TEXT)

    def array(self, first: int, stop: int, *, again: bool = False) -> tuple[Any, RawColumn | None]:
        """Read an array as the octets of doubles, or else as a column; neither when it is no list of plain values.

        One that is read `again` was not plain, or is large.
        """
        large = stop - first > LARGE_TEXT
        if large:
            self._check()
        octets = self._reader.plain(self._body[first:stop]) if large or not again else None
        if octets is not None:
            return octets, None
        self._check()
        return None, _odd(self._reader, self._body, first, stop) if self._few_strings else None

    def _check(self) -> None:
        """Look through the body once, before anything of it becomes objects or takes more room than it does."""
        if self._checked:
            return
        self._checked = True
        check_containers(self._body)
        if self._most is not None:
            check_objects(self._body, self._most)

    @cached_property
    def _few_strings(self) -> bool:
        """Whether there are no more strings beside the names than may be read."""
        return self._bounds is None or occurrences(self._body, b'"') // 2 - self._names <= self._bounds.others


def _arrays(body: bytes) -> Iterator[tuple[int, int]]:
    """Find where the brackets open, and what follows their end."""
    stop = 0
    while (first := body.find(b"[", stop)) >= 0 and (stop := body.find(b"]", first) + 1):
        yield first, stop


def _skeleton(body: bytes, arrays: list[tuple[int, int]]) -> bytes:
    ends = [0, *(stop for _, stop in arrays)]
    starts = [*(first for first, _ in arrays), len(body)]
    return b"[]".join(body[end:start] for end, start in zip(ends, starts, strict=True))


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
