"""JSON text to Python values: strict and fast first, tolerant of what senders really write after that."""

import codecs
import json
import re
from typing import Any, Final

import numpy as np
import orjson
from pydantic_core import from_json

from app.wire.faults import undecodable

BLANKS: Final = b" \t\r\n"
BLOCK: Final = 1 << 16
EXACT_DIGITS: Final = 4300
INTEGER_DIGITS: Final = 20

ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def load_json(body: bytes) -> Any:
    """Read one JSON value; NaN, Infinity, 1e400 and lone surrogates are survived, nothing else is."""
    text = body.removeprefix(codecs.BOM_UTF8)
    try:
        return from_json(text) if holds_long_integer(text) else orjson.loads(text)
    except ValueError:
        return _tolerant(text)


def holds_long_integer(text: bytes) -> bool:
    """Tell whether a run of 20 digits or more may be an integer, which a 64-bit parser would round."""
    octets = np.frombuffer(text, np.uint8)
    return any(_long_run(octets, start) for start in range(0, len(octets), BLOCK))


def _long_run(octets: np.ndarray[Any, np.dtype[np.uint8]], start: int) -> bool:
    """Look at every other byte: ten digits in a row there, and no decimal point before the run."""
    digit = (octets[start : start + BLOCK + 2 * INTEGER_DIGITS : 2] - np.uint8(ord("0"))) < 10  # noqa: PLR2004
    two = digit[:-1] & digit[1:]
    four = two[:-2] & two[2:]
    eight = four[:-4] & four[4:]
    ten = eight[:-2] & two[8:]
    if not ten.any():
        return False
    first = start + 2 * np.flatnonzero(ten & ~np.concatenate(([False], ten[:-1])))
    before = octets[np.maximum(first - 1, 0)]
    further = octets[np.maximum(first - 2, 0)]
    before = np.where((before - np.uint8(ord("0"))) < 10, further, before)  # noqa: PLR2004
    return bool((before != ord(".")).any())


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


def concatenated(body: bytes) -> list[Any] | None:
    """Read objects written one after the other with or without line ends; None when it is not that."""
    text = body.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace").strip(" \t\r\n")
    decoder = json.JSONDecoder(parse_int=_integer)
    values: list[Any] = []
    end = 0
    while end < len(text):
        try:
            value, end = decoder.raw_decode(text, end)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict):
            return None
        values.append(value)
        while end < len(text) and text[end] in " \t\r\n":
            end += 1
    return values
