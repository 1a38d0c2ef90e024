"""What rows are that nothing announces: told by the names that a model knows, or by their lines."""

import codecs
import csv
import io
import re
from collections.abc import Collection
from itertools import islice
from typing import Any, Final

from app.wire.jsontext import BLANKS
from app.wire.names import lawful
from app.wire.text import repaired

HEAD: Final = 1 << 20
LINES: Final = 10
FEWEST: Final = 2
"""Columns and lines without which text is no table."""
_PROSE: Final = re.compile(r"[<{\[]|[+-]?[0-9.]+$")
"""What no column is called: markup, JSON, numbers."""
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def is_row(value: dict[str, Any], known: Collection[str]) -> bool:
    """Tell whether an object is a row: a name that is known has a single value."""
    inner = value.get("features")
    held = value | inner if isinstance(inner, dict) else value
    return any(name in held and not isinstance(held[name], list | dict) for name in known)


def has_header(body: bytes, known: Collection[str]) -> bool:
    """Tell whether the first line names a column that is known."""
    if not known or not (b"\n" in body or b"\r" in body):
        return False
    return any(not frozenset(known).isdisjoint(names) for names in _cells(body, 1))


def is_text(body: bytes) -> bool:
    """Tell text in UTF-8 from bytes of any other make."""
    return _CONTROL.search(body) is None and repaired(body) is body


def is_table(head: bytes) -> bool:
    """Tell whether text is CSV: lawful, distinct names and below them as many cells in each line."""
    lines = _cells(head, LINES)
    if len(lines) < FEWEST or len(lines[0]) < FEWEST or set(map(len, lines)) != {len(lines[0])}:
        return False
    names = lines[0]
    if len(set(names)) < len(names) or not all(lawful(name) and not _PROSE.match(name) for name in names):
        return False
    return not any(cells[0].lstrip().startswith(("{", "[", "<")) for cells in lines)


def are_lines(body: bytes) -> bool:
    """Tell whether the first line looks like an object, whatever is wrong in it, and most lines do."""
    text = body.removeprefix(codecs.BOM_UTF8).lstrip(BLANKS)
    first = text.partition(b"\n")[0].strip(BLANKS)
    if not _is_closed(first) or first.count(b"{") != first.count(b"}"):
        return False
    lines = [line for line in map(bytes.strip, io.BytesIO(text)) if line]
    return len(lines) > 1 and 2 * sum(map(_is_closed, lines)) > len(lines)


def _cells(body: bytes, most: int) -> list[list[str]]:
    """Read the first whole lines that are not blank."""
    head = body[:HEAD].removeprefix(codecs.BOM_UTF8)
    if len(body) > HEAD:
        head = head[: head.rfind(b"\n") + 1]
    rows = csv.reader(io.StringIO(head.decode("utf-8", "replace"), newline=""))
    try:
        return list(islice(filter(None, rows), most))
    except csv.Error:
        return []


def _is_closed(line: bytes) -> bool:
    return line.startswith(b"{") and line.endswith(b"}")
