"""Bodies of rows of one shape, read part by part off simdjson's tape: no object of Python for a number or a row.

A body is taken only when each of its parts is an array of objects that all have the names and kinds of the first one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.wire import tape
from app.wire.rowshape import Part, RowShape, StrangeError, Tags
from app.wire.tape import Words, tape_of

PART: Final = 1 << 18
SPARES: Final = 2
_TRIES: Final = 32
_BETWEEN: Final = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_BETWEEN_LINES: Final = re.compile(rb"\r?\n(?=\{)")
_FAULTS: Final = (StrangeError, ValueError, TypeError, RuntimeError, IndexError)


class _Desk:
    """A parser and room for a part of a body, kept for the next one."""

    def __init__(self, size: int) -> None:
        """Make room for so many bytes and the brackets around them."""
        import simdjson  # noqa: PLC0415 - 7 MB that only JSON bodies of some size need

        self.parser: Any = simdjson.Parser()
        self.size = size
        self.room = memoryview(bytearray(size + 2))

    def parsed(self, text: bytes | memoryview) -> Any:
        """Read objects between commas as an array, which must be gone before the next are read."""
        end = len(text) + 1
        self.room[0], self.room[end] = b"[]"
        self.room[1:end] = text
        return self.parser.parse(self.room[: end + 1])


_SPARE: Final[list[_Desk]] = []


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Words of numbers of shape (numbers, rows), their tags where some are no doubles, and columns of other values."""

    shape: RowShape
    words: Words
    tags: Tags | None
    lists: dict[str, list[Any]]


def rows_between(body: bytes, first: int, last: int, *, lines: bool = False) -> Rows | None:
    """Read the objects from the brace at `first` to the one at `last`, between commas or one a line; None if unlike."""
    if not tape.trusted():
        return None
    desk = _desk()
    try:
        return _joined(*_read(body, _spans(body, first, last + 1, lines=lines), desk, lines=lines))
    except _FAULTS:
        return None
    finally:
        if len(_SPARE) < SPARES:
            _SPARE.append(desk)


def _desk() -> _Desk:
    try:
        return _SPARE.pop()
    except IndexError:  # asking first would leave time for another thread to take the last one
        return _Desk(PART)


def _read(body: bytes, spans: Iterator[tuple[int, int]], desk: _Desk, *, lines: bool) -> tuple[RowShape, list[Part]]:
    shape: RowShape | None = None
    parts = []
    for first, stop in spans:
        text, rows = _between_commas(body[first:stop]) if lines else (memoryview(body)[first:stop], 0)
        array = (desk if len(text) <= desk.size else _Desk(len(text))).parsed(text)
        found = tape_of(array)
        shape = RowShape.of(found) if shape is None else shape
        part = shape.part(found, without=b"}" if lines else b"")
        if rows not in {0, len(part.words)}:
            raise StrangeError
        parts.append(part)
        del array  # or its parser takes no other text
    if shape is None:
        raise StrangeError
    return shape, parts


def _between_commas(text: bytes) -> tuple[bytes, int]:
    """Put commas for the ends of lines; gives the text and the number of lines."""
    separate = text.split(b"\n")
    if not all(line.startswith(b"{") and line.endswith((b"}", b"}\r")) for line in separate):
        raise StrangeError
    # No object reaches over the end of such a line, unless a string of it does, which then holds a brace.
    return b",".join(separate), len(separate)


def _spans(body: bytes, first: int, stop: int, *, lines: bool) -> Iterator[tuple[int, int]]:
    """Cut between rows; a cut inside a string makes a part that is no JSON."""
    between = _BETWEEN_LINES if lines else _BETWEEN
    size = PART
    while stop - first > size:
        brace = first + size
        following = None
        for _ in range(_TRIES):
            brace = body.rfind(b"}", first, brace)
            following = between.match(body, brace + 1) if brace >= 0 else None
            if following or brace < 0:
                break
        if following is None:
            size *= 2
            continue
        yield first, brace + 1
        first, size = following.end(), PART
    yield first, stop


def _joined(shape: RowShape, parts: list[Part]) -> Rows:
    rows = sum(len(part.words) for part in parts)
    words = np.empty((len(shape.numeric), rows), np.uint64)
    tags = None
    if any(part.tags is not None for part in parts):
        tags = np.full(words.shape, tape.DOUBLE, np.uint8)
    first = 0
    for part in parts:
        stop = first + len(part.words)
        words[:, first:stop] = part.words.T
        if tags is not None and part.tags is not None:
            tags[:, first:stop] = part.tags.T
        first = stop
    lists: dict[str, list[Any]] = {name: [] for name in shape.textual}
    for part in parts:
        for column, more in zip(lists.values(), part.lists, strict=True):
            column.extend(more)
    return Rows(shape, words, tags, lists)
