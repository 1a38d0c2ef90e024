"""Newline-delimited JSON: one object a line."""

import codecs
import io
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import orjson

from app.errors import BadRequest
from app.wire.bounds import Bounds
from app.wire.jsonrows import table_of_rows
from app.wire.jsontext import BLANKS, load_exact, load_json
from app.wire.letters import occurrences
from app.wire.quick import quick_lines
from app.wire.table import Table

BEGINNINGS: Final = frozenset({ord("{"), codecs.BOM_UTF8[0]})
"""How a line begins that may be an object."""
SOMETHING: Final = re.compile(rb"[^ \t\r\n]")
LONG_LINE: Final = 1 << 16
WRAPPED: Final = re.compile(rb'\s*\{\s*"(?:rows"\s*:\s*\[|columns"\s*:\s*\{)')


def table_of_lines(body: bytes) -> Table:
    """Make a table of lines; a line that is no object is refused alone, a blank one is no row."""
    exact = cache(lambda: parsed(lines_of(body), load_exact, objects=True))
    quick = quick_lines(body, exact)
    if quick is not None:
        return quick
    return table_of_rows(parsed(lines_of(body), orjson.loads, objects=True), exact=exact)


def plain_lines(body: bytes, *, bounds: Bounds) -> Table | None:
    """Make a table of lines of one shape within bounds; None of any others."""
    if occurrences(body, b"\n") > bounds.rows:
        return None
    return quick_lines(body, cache(lambda: parsed(lines_of(body), load_exact, objects=True)), bounds=bounds)


def lines_of(body: bytes) -> Iterable[bytes]:
    """Give the lines of a body one by one."""
    return io.BytesIO(body.removeprefix(codecs.BOM_UTF8))


def parsed(lines: Iterable[bytes], load: Callable[[bytes], Any], *, objects: bool = False) -> list[Any]:
    """Read each line that is not blank; None stands for one that is no JSON, or no object where only those count."""
    values: list[Any] = []
    for line in lines:
        bare = line.strip(BLANKS)
        if objects and bare and bare[0] not in BEGINNINGS:
            values.append(None)
        elif bare:
            try:
                values.append(load(line))
            except (BadRequest, ValueError):
                values.append(_second_look(line))
    return values


def _second_look(line: bytes) -> Any:
    try:
        return load_json(line)
    except BadRequest:
        return None


def looks_like_lines(body: bytes, *, whole: bool = False) -> bool:
    """Tell whether the first line is an object by itself and something follows it.

    What begins like one object of rows or columns is one, unless that line ends soon, or the `whole` body is looked at.
    """
    end = _end_of_first_line(body, LONG_LINE if WRAPPED.match(body) and not whole else len(body))
    return end >= 0 and SOMETHING.search(body, end) is not None and is_object(body[:end])


def wraps_rows(body: bytes) -> bool:
    """Tell whether the only line holds rows or columns: arrays and objects are no values of a row."""
    if WRAPPED.match(body.removeprefix(codecs.BOM_UTF8)) is None:
        return False
    end = _end_of_first_line(body)
    return end < 0 or SOMETHING.search(body, end) is None


def first_line(body: bytes) -> bytes:
    """Give the first line that is not blank."""
    end = _end_of_first_line(body)
    return body if end < 0 else body[:end]


def _end_of_first_line(body: bytes, stop: int | None = None) -> int:
    """Find the line end after the first letter that is no blank, -1 without one up to `stop`; nothing is copied."""
    start = SOMETHING.search(body)
    return -1 if start is None else body.find(b"\n", start.start(), stop)


def is_object(line: bytes) -> bool:
    """Tell whether one line holds one object."""
    bare = line.removeprefix(codecs.BOM_UTF8).lstrip(BLANKS)
    return bare.startswith(b"{") and isinstance(_second_look(bare), dict)
