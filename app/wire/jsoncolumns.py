"""A JSON object of columns, each column parsed by itself: numbers become doubles and never Python objects.

The body is cut at its brackets. A string that holds a bracket is cut in two, and half a string is no JSON: such a
body, like every other one that this reader does not take, is read as a whole by the caller.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import orjson

from app.errors import BadRequest
from app.wire.cells import Cells
from app.wire.exact import ExactColumn
from app.wire.jsontext import load_exact, load_json
from app.wire.table import RawColumn

START: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"columns"[ \t\r\n]*:[ \t\r\n]*\{')
SMALLEST: Final = 1 << 12


def columns_of(body: bytes) -> dict[str, RawColumn] | None:
    """Read `{"columns":{name:[...]}}`; None when it is not plainly that."""
    if len(body) < SMALLEST or not START.match(body):
        return None
    arrays = list(_arrays(body))
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
    return _read(named, body, arrays)


def _read(names: dict[str, list[Any]], body: bytes, arrays: list[tuple[int, int]]) -> dict[str, RawColumn] | None:
    parser = _parser()
    try:
        return {name: _column(parser, body[first:stop]) for name, (first, stop) in zip(names, arrays, strict=True)}
    except (BadRequest, _NoListError):
        return None


def _arrays(body: bytes) -> Iterator[tuple[int, int]]:
    """Find where the brackets open, and what follows their end."""
    stop = 0
    while (first := body.find(b"[", stop)) >= 0 and (stop := body.find(b"]", first) + 1):
        yield first, stop


def _skeleton(body: bytes, arrays: list[tuple[int, int]]) -> bytes:
    ends = [0, *(stop for _, stop in arrays)]
    starts = [*(first for first, _ in arrays), len(body)]
    return b"[]".join(body[end:start] for end, start in zip(ends, starts, strict=True))


class _NoListError(Exception):
    """A piece of the body is no array of plain values after all."""


def _parser() -> Any:
    import simdjson  # noqa: PLC0415 - 7 MB that only columns of JSON need

    return simdjson.Parser()


def _column(parser: Any, text: bytes) -> RawColumn:
    """Read one array; integers, booleans and whatever is no number keep their values."""
    values = partial(_values, text)
    try:
        return Cells(np.frombuffer(parser.parse(text).as_buffer(of_type="d"), np.float64), values)
    except (TypeError, ValueError, RuntimeError):
        return values()


def _values(text: bytes) -> list[Any]:
    found = load_json(text)
    if not isinstance(found, list):
        raise _NoListError
    return ExactColumn(found, partial(load_exact, text))
