"""Bodies of rows of one shape, read part by part off simdjson's tape: no object of Python for a number or a row.

A body is taken only when each of its parts is an array of objects that all have the names and kinds of the first one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from app.wire import tape
from app.wire.bounds import Bounds
from app.wire.rowshape import Part, RowShape, StrangeError, Tags, first_row
from app.wire.tape import Tape, Words, tape_of

PART: Final = 1 << 18
SPARES: Final = 2
REMEMBERED: Final = 1 << 12
"""Names of rows that are worth the memory."""
_TRIES: Final = 32
_SPARE_ROOM: Final = 1.05
_BETWEEN: Final = re.compile(rb"[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_BETWEEN_LINES: Final = re.compile(rb"\r?\n(?=\{)")
_Word = TypeVar("_Word", np.uint64, np.uint8)
_FAULTS: Final = (StrangeError, ValueError, TypeError, RuntimeError, IndexError)


class _Desk:
    """A parser, room for a part of a body, and what rows were like, kept for the next one."""

    def __init__(self, size: int) -> None:
        """Make room for so many bytes and the brackets around them."""
        import simdjson  # noqa: PLC0415 - 7 MB that only JSON bodies of some size need

        self.parser: Any = simdjson.Parser()
        self.shape: RowShape | None = None
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


def rows_between(
    body: bytes, first: int, last: int, *, lines: bool = False, bounds: Bounds | None = None
) -> Rows | None:
    """Read the objects from the brace at `first` to the one at `last`, between commas or one a line; None if unlike.

    Also None where all would be beyond `bounds`, going by the first part.
    """
    if not tape.trusted():
        return None
    desk = _desk()
    try:
        return _read(body, first, last + 1, desk=desk, lines=lines, bounds=bounds).rows()
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


class _Gathered:
    """Rows of one shape, part after part, as columns."""

    def __init__(self, shape: RowShape, room: int) -> None:
        """Make room for about so many rows."""
        self.shape = shape
        self._words = np.empty((len(shape.numeric), room), np.uint64)
        self._tags: Tags | None = None
        self._lists: list[list[Any]] = [[] for _ in shape.textual]
        self._rows = 0

    def add(self, part: Part) -> None:
        """Add rows, of which nothing is needed afterwards."""
        first, stop = self._rows, self._rows + len(part.words)
        self._rows = stop
        if stop > self._words.shape[1]:
            self._words = _wider(self._words, 2 * stop)
            self._tags = None if self._tags is None else _wider(self._tags, 2 * stop)
        self._words[:, first:stop] = part.words.T
        if part.tags is not None and self._tags is None:
            self._tags = np.full(self._words.shape, tape.DOUBLE, np.uint8)
        if self._tags is not None:
            self._tags[:, first:stop] = tape.DOUBLE if part.tags is None else part.tags.T
        for column, more in zip(self._lists, part.lists, strict=True):
            column.extend(more)

    def rows(self) -> Rows:
        """Give what was added."""
        whole = slice(None), slice(self._rows)
        tags = None if self._tags is None else self._tags[whole]
        return Rows(self.shape, self._words[whole], tags, dict(zip(self.shape.textual, self._lists, strict=True)))


def _wider(held: NDArray[_Word], columns: int) -> NDArray[_Word]:
    wider = np.empty((len(held), columns), held.dtype)
    wider[:, : held.shape[1]] = held
    return wider


def _read(  # noqa: PLR0913 - what rows_between is given
    body: bytes, begin: int, end: int, *, desk: _Desk, lines: bool, bounds: Bounds | None
) -> _Gathered:
    gathered: _Gathered | None = None
    for first, stop in _spans(body, begin, end, lines=lines):
        text, rows = _between_commas(body[first:stop]) if lines else (memoryview(body)[first:stop], 0)
        array = (desk if len(text) <= desk.size else _Desk(len(text))).parsed(text)
        found = tape_of(array)
        without = b"}" if lines else b""
        if gathered is None:
            if bounds is not None:
                _check_bounds(found, bounds, parts=(end - begin) / (stop - first))
            shape, part = _first(found, desk.shape, without=without)
            desk.shape = shape if len(shape.names) <= REMEMBERED else None
            gathered = _Gathered(shape, _room(len(part.words), (end - begin) / (stop - first)))
        else:
            part = gathered.shape.part(found, without=without)
        if rows not in {0, len(part.words)}:
            raise StrangeError
        gathered.add(part)
        del array  # or its parser takes no other text
    if gathered is None:
        raise StrangeError
    return gathered


def _check_bounds(found: Tape, bounds: Bounds, *, parts: float) -> None:
    """Judge a body by its first row and the share of its first part."""
    rows, names, others = first_row(found)
    if not bounds.hold(rows * parts, names=names, others=others):
        raise StrangeError


def _first(found: Tape, known: RowShape | None, *, without: bytes) -> tuple[RowShape, Part]:
    """Read the first part of a body; most bodies are like the last one."""
    if known is not None:
        try:
            return known, known.part(found, without=without)
        except _FAULTS:
            pass
    shape = RowShape.of(found)
    return shape, shape.part(found, without=without)


def _room(rows: int, parts: float) -> int:
    """Guess the rows of a body by those of its first part: as many in each, and some to spare."""
    return rows if parts == 1 else int(rows * parts * _SPARE_ROOM) + 1


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
