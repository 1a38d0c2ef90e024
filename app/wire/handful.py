"""A body of a few plain JSON rows."""

from functools import lru_cache
from typing import Any, Final

import orjson

from app.wire.decode import Format, declared_format

LARGEST: Final = 1 << 14
"""Bytes of a body that may be a handful."""
MOST_ROWS: Final = 7
"""From eight on numpy adds in another order."""


def plain_rows(body: bytes, content_type: str) -> list[dict[str, Any]] | None:
    """Read the rows of a small body; None when it is no JSON of a few row objects or columns."""
    if len(body) > LARGEST or _is_lines(content_type):
        return None
    try:
        value = orjson.loads(body)
    except ValueError:
        return None
    if isinstance(value, dict):
        value = value["rows"] if "rows" in value else _turned(value.get("columns"))
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ROWS or set(map(type, value)) != {dict}:
        return None
    return value


def _turned(columns: object) -> list[dict[str, Any]] | None:
    """Make rows of columns."""
    if not isinstance(columns, dict) or set(map(type, columns.values())) != {list}:
        return None
    lengths = set(map(len, columns.values()))
    if len(lengths) > 1 or max(lengths) > MOST_ROWS:
        return None
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@lru_cache(maxsize=64)
def _is_lines(content_type: str) -> bool:
    return declared_format(content_type) is Format.NDJSON
