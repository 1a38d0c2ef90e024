"""Row objects of one shape, read into structs made for that shape: no dictionary for each row."""

import json
import re
import struct
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache, partial
from itertools import chain, pairwise
from types import GenericAlias
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.drift.columns import Block
from app.wire.cells import Cells, Doubles
from app.wire.exact import ExactColumn
from app.wire.jsonrows import RowColumns

START: Final = re.compile(rb'[ \t\r\n]*(\{[ \t\r\n]*"rows"[ \t\r\n]*:[ \t\r\n]*)?\[[ \t\r\n]*(?=\{)')
SMALLEST: Final = 1 << 14
LONGEST_FIRST_ROW: Final = 1 << 20
_LOOKS: Final = (1 << 13, LONGEST_FIRST_ROW)
_SHAPES: Final = 16
_NULLABLE: Final = frozenset({float, int, type(None)})
_NUMBERS: Final = frozenset({float, type(None)})
_OPEN: Final = ord("{")
_CLOSE: Final = ord("}")
_FAULTS: Final = (msgspec.MsgspecError, ValueError, RecursionError)

Exact = Callable[[], list[Any]]
Nulls = NDArray[np.bool_]


class StructColumns(RowColumns):
    """Columns of structs that all have the same names; a row without one of them holds None."""

    def __init__(self, names: tuple[str, ...], structs: list[Any], exact: Exact) -> None:
        """Keep the structs; `exact` reads all rows of the body again."""
        self.exact = exact
        self._names = dict.fromkeys(names)
        self._places = {name: place for place, name in enumerate(names)}
        self._structs = structs

    @property
    def received(self) -> int:
        """The number of rows."""
        return len(self._structs)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:  # type: ignore[override] # made when asked for
        """The rows as objects, for those who look into them."""
        return [dict(zip(self._names, row, strict=True)) for row in self._tuples]

    @cached_property
    def _tuples(self) -> list[tuple[Any, ...]]:
        return list(map(msgspec.structs.astuple, self._structs))

    @cached_property
    def _lists(self) -> list[tuple[Any, ...]]:
        return list(zip(*self._tuples, strict=True))

    @cached_property
    def _numbers(self) -> tuple[int, Doubles, Nulls | None] | None:
        """The longest run of columns that hold numbers and nulls alone: where it begins, both as (columns, rows)."""
        astuple = msgspec.structs.astuple
        first, stop = _longest_run([type(value) in _NUMBERS for value in astuple(self._structs[0])])
        if stop - first < len(self._names) // 2:
            return None
        pack = struct.Struct(f"{stop - first}d").pack
        try:
            # One row after the other: a thousand tuples at once would fall out of the cache.
            if stop - first == len(self._names):
                packed = [pack(*astuple(row)) for row in self._structs]
            else:
                packed = [pack(*astuple(row)[first:stop]) for row in self._structs]
        except (struct.error, OverflowError, TypeError):
            found = _with_nulls([row[first:stop] for row in self._tuples])
            return None if found is None else (first, *found)
        block = np.frombuffer(b"".join(packed), np.float64).reshape(len(packed), stop - first)
        return first, np.ascontiguousarray(block.T), None

    @cached_property
    def block(self) -> Block | None:
        """The columns that hold numbers alone."""
        if self._numbers is None:
            return None
        first, doubles, nulls = self._numbers
        whole = range(len(doubles)) if nulls is None else np.flatnonzero(~nulls.any(axis=1)).tolist()
        names = list(self._names)
        return Block({names[first + place]: place for place in whole}, doubles)

    def __getitem__(self, name: str) -> Any:
        """Give one column."""
        place = self._places[name]
        numbers = self._numbers
        if numbers is not None and 0 <= place - numbers[0] < len(numbers[1]):
            doubles, nulls = numbers[1][place - numbers[0]], numbers[2]
            mine = None if nulls is None else nulls[place - numbers[0]]
            return Cells(doubles, partial(self._column, place, name), nulls=mine)
        return self._column(place, name)

    def picked(self, names: Sequence[str], places: Sequence[int]) -> dict[str, list[Any]]:
        """Give a few rows without making whole columns."""
        chosen = [msgspec.structs.astuple(self._structs[place]) for place in places]
        return {name: [row[self._places[name]] for row in chosen] for name in names}

    def _column(self, place: int, name: str) -> list[Any]:
        return ExactColumn(self._lists[place], partial(self._again, name))


def structs_of_json(body: bytes, exact: Callable[[], Any]) -> StructColumns | None:
    """Read `{"rows":[{...}]}` or a bare array whose rows name nothing that the first one does not; else None."""
    start = START.match(body) if len(body) >= SMALLEST else None
    names = None if start is None else _names(body, start.end())
    if start is None or names is None:
        return None
    wrapped = start[1] is not None
    try:
        found = _decoder(names, wrapped=wrapped).decode(body)
    except _FAULTS:
        return None
    if wrapped:
        return StructColumns(names, found.rows, lambda: exact()["rows"])
    return StructColumns(names, found, exact)


def structs_of_lines(body: bytes, exact: Exact) -> StructColumns | None:
    """Read one object a line, when every line that is not blank holds exactly one and all are alike; else None."""
    names = _names(body, 0) if len(body) >= SMALLEST else None
    if names is None:
        return None
    lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    # After the end of an object no other begins within the same value, so no object reaches over such a line's end.
    if not all(line[0] == _OPEN and line.rstrip(b" \t\r")[-1] == _CLOSE for line in lines):
        return None
    try:
        structs = msgspec.json.Decoder(_row(names)).decode_lines(body)
    except _FAULTS:
        return None
    return StructColumns(names, structs, exact) if len(structs) == len(lines) else None


def _names(body: bytes, start: int) -> tuple[str, ...] | None:
    """Read the names of the first row."""
    for size in _LOOKS:
        text = body[start : start + size].decode("utf-8", "ignore")
        try:
            first, _ = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            continue
        return tuple(first) if isinstance(first, dict) and first else None
    return None


@lru_cache(_SHAPES)
def _row(names: tuple[str, ...]) -> type[msgspec.Struct]:
    fields = {f"c{place}": name for place, name in enumerate(names)}
    return msgspec.defstruct(
        "Row", [(field, Any, None) for field in fields], rename=fields, forbid_unknown_fields=True, gc=False
    )


@lru_cache(_SHAPES)
def _decoder(names: tuple[str, ...], *, wrapped: bool) -> Any:
    rows = GenericAlias(list, (_row(names),))
    return msgspec.json.Decoder(msgspec.defstruct("Rows", [("rows", rows)]) if wrapped else rows)


def _with_nulls(rows: list[tuple[Any, ...]]) -> tuple[Doubles, Nulls] | None:
    """Read numbers and nulls, shape (columns, rows); None when there is anything else."""
    if not set(map(type, chain.from_iterable(rows))) <= _NULLABLE:
        return None
    try:
        block = np.array(rows, np.float64).T
    except OverflowError:
        return None
    # The reader takes no NaN, so that what numpy makes of None stands for nothing else.
    nulls = np.isnan(block)
    return np.where(nulls, 0.0, block), nulls


def _longest_run(held: list[bool]) -> tuple[int, int]:
    """Find the longest run of true: its first place and the one after it."""
    edges = np.flatnonzero(np.diff(np.array([False, *held, False]).astype(np.int8)))
    runs: list[tuple[int, int]] = [(first, stop) for first, stop in list(pairwise(edges.tolist()))[::2]]
    return max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
