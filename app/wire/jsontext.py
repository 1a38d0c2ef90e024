"""JSON text to Python values: strict and fast first, tolerant of what senders really write after that."""

import codecs
import json
import re
from typing import Any, Final

import orjson
from pydantic_core import from_json

from app.wire.faults import check_containers, undecodable

BLANKS: Final = b" \t\r\n"
EXACT_DIGITS: Final = 4300
NEXT_OBJECT: Final = re.compile(r"[}\n][ \t\r]*+(?=\{)")
MOST_BROKEN: Final = 100
"""Broken objects of a stream: for each the lines before it are counted."""
AFTER_OBJECT: Final = "{ \t\r\n"
WHOLE: Final = 2

ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def load_json(body: bytes) -> Any:
    """Read one JSON value; NaN, Infinity, 1e400 and lone surrogates are survived, nothing else is.

    Integers beyond 64 bits may come as doubles; `load_exact` keeps their digits.
    """
    text = body.removeprefix(codecs.BOM_UTF8)
    check_containers(text)
    try:
        return orjson.loads(text)
    except ValueError:
        return _tolerant(text)


def load_exact(body: bytes) -> Any:
    """Read one JSON value with integers of up to 4,300 digits kept exact, at some cost."""
    return _tolerant(body.removeprefix(codecs.BOM_UTF8))


def _tolerant(text: bytes) -> Any:
    try:
        return from_json(text)
    except ValueError:
        pass
    try:
        decoded = ESCAPE.sub(_paired, text).decode("utf-8", "replace")
        return json.loads(decoded, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise undecodable(f"the body is no JSON: {error.msg} at byte {error.pos}") from None
    except (RecursionError, MemoryError):
        raise undecodable("the body is JSON nested too deeply") from None
    except ValueError:
        raise undecodable("the body is no JSON") from None


def _paired(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match[1] else match[0]


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits.lstrip("-")) <= EXACT_DIGITS else float(digits)


def concatenated(body: bytes, *, broken: bool = False) -> list[Any] | None:
    """Read objects written one after the other with or without line ends; None when it is not that.

    Some of them may be `broken`: None stands for one, up to where the next object begins, and two must be whole.
    """
    text = body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").strip(" \t\r\n")
    decoder = json.JSONDecoder(parse_int=_integer)
    values: list[Any] = []
    end = 0
    if text.startswith("["):
        return None
    while end < len(text):
        try:
            value, end = decoder.raw_decode(text, end)
        except (ValueError, RecursionError) as error:
            if not broken or values.count(None) == MOST_BROKEN:
                return None
            values.append(None)
            following = NEXT_OBJECT.search(text, getattr(error, "pos", len(text)))
            end = len(text) if following is None else following.end()
            continue
        if not isinstance(value, dict) or (end < len(text) and text[end] not in AFTER_OBJECT):
            return None
        values.append(value)
        while end < len(text) and text[end] in " \t\r\n":
            end += 1
    return None if broken and len(values) - values.count(None) < WHOLE else values
