"""A JSON object of columns, each column parsed by itself: numbers become doubles and never Python objects.

The body is cut at its brackets. A string that holds a bracket is cut in two, and half a string is no JSON: such a
body, like every other one that this reader does not take, is read as a whole by the caller.
"""

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from app.errors import BadRequest
from app.wire.cells import Cells, Doubles
from app.wire.exact import ExactColumn
from app.wire.faults import MAX_NAMES
from app.wire.jsontext import load_exact, load_json
from app.wire.table import RawColumn

START: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"columns"[ \t\r\n]*:[ \t\r\n]*\{')
SMALLEST: Final = 1 << 12
# Longer words first, each with a number to stand for it while it is read, and its value.
WORDS: Final = {
    b"-Infinity": (b" 5e-324 ", -np.inf),
    b"Infinity": (b" 1e-323 ", np.inf),
    b"NaN": (b" 15e-324 ", np.nan),
    b"null": (b" 2e-323 ", 0.0),
}
_WAYS: Final[tuple[tuple[bytes, ...], ...]] = ((), (b"null",), tuple(WORDS))


def columns_of(body: bytes) -> dict[str, RawColumn] | None:
    """Read `{"columns":{name:[...]}}`; None when it is not plainly that."""
    if len(body) < SMALLEST or not START.match(body):
        return None
    arrays = list(islice(_arrays(body), MAX_NAMES + 1))
    if len(arrays) > MAX_NAMES:
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
    return _read(named, body, arrays)


def _read(names: dict[str, list[Any]], body: bytes, arrays: list[tuple[int, int]]) -> dict[str, RawColumn] | None:
    reader = _Reader()
    try:
        return {name: reader.column(body[first:stop]) for name, (first, stop) in zip(names, arrays, strict=True)}
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


class _Reader:
    """Reads one array after the other, each first in the way that served the last one."""

    def __init__(self) -> None:
        import simdjson  # noqa: PLC0415 - 7 MB that only columns of JSON need

        self._parser: Any = simdjson.Parser()
        self._words: tuple[bytes, ...] = ()

    def column(self, text: bytes) -> RawColumn:
        """Read one array; integers, booleans and whatever is no number keep their values."""
        values = partial(_values, text)
        for words in dict.fromkeys([self._words, *_WAYS]):
            try:
                doubles, nulls = self._numbers(text, words)
            except (TypeError, ValueError, RuntimeError):
                continue
            self._words = words
            return Cells(doubles, values, nulls=nulls)
        self._words = ()
        return values()

    def _numbers(self, text: bytes, words: tuple[bytes, ...]) -> tuple[Doubles, NDArray[np.bool_] | None]:
        """Read numbers among which are words; ValueError when it cannot be told where the words stood.

        Each word is read as a number that nobody means. Blanks around it keep what was no JSON from becoming some.
        """
        counts = {}
        for word in words:
            counts[word] = text.count(word)
            text = text.replace(word, WORDS[word][0]) if counts[word] else text
        doubles = np.frombuffer(self._parser.parse(text).as_buffer(of_type="d"), np.float64)
        if not any(counts.values()):
            return doubles, None
        found, nulls = doubles.copy(), None
        for word, count in counts.items():
            here = doubles == float(WORDS[word][0])
            if int(np.count_nonzero(here)) != count:
                raise ValueError("somebody meant that number")
            found[here] = WORDS[word][1]
            nulls = here if word == b"null" and count else nulls
        return found, nulls


def _values(text: bytes) -> list[Any]:
    found = load_json(text)
    if not isinstance(found, list):
        raise _NoListError
    return ExactColumn(found, partial(load_exact, text))
