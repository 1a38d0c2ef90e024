"""Newline-delimited JSON: one object a line."""

import codecs
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import orjson

from app.errors import BadRequest
from app.wire.jsonrows import table_of_rows
from app.wire.jsontext import BLANKS, load_exact, load_json
from app.wire.table import Table


def table_of_lines(body: bytes) -> Table:
    """Make a table of lines; a line that is no object is refused alone, a blank one is no row."""
    return table_of_rows(parsed(lines_of(body), orjson.loads), exact=cache(lambda: parsed(lines_of(body), load_exact)))


def lines_of(body: bytes) -> list[bytes]:
    """Split a body into its lines."""
    return body.removeprefix(codecs.BOM_UTF8).split(b"\n")


def parsed(lines: Iterable[bytes], load: Callable[[bytes], Any]) -> list[Any]:
    """Read each line that is not blank; None stands for one that is no JSON."""
    values: list[Any] = []
    for line in lines:
        if line.strip(BLANKS):
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


def looks_like_lines(body: bytes) -> bool:
    """Tell whether the first line is an object by itself and something follows it."""
    first, _, rest = body.removeprefix(codecs.BOM_UTF8).lstrip(BLANKS).partition(b"\n")
    return bool(rest.strip(BLANKS)) and is_object(first)


def is_object(line: bytes) -> bool:
    """Tell whether one line holds one object."""
    return line.lstrip(BLANKS).startswith(b"{") and isinstance(_second_look(line), dict)
