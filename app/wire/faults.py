"""The few refusals that all decoders share."""

import io
from collections.abc import Iterable
from heapq import nsmallest
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.errors import BadRequest, Refused, TooLarge
from app.wire.letters import occurrences
from app.wire.table import LISTED_REJECTIONS, Rejection

ECHOED: Final = 100
MAX_NAMES: Final = 65_536
MAX_ROWS: Final = 10_000_000
MAX_CONTAINERS: Final = 1 << 20
COLUMNS: Final = b'"columns"'
HEAD_BYTES: Final = 64
SPARE_OBJECTS: Final = 1 << 17
MAX_VALUES: Final = 1 << 22
BYTES_OF_VALUE: Final = 8
"""A value in a body of documents takes more than that."""
LARGE_TEXT: Final = 1 << 22
"""Bytes of JSON beyond which it pays to count what it holds before it is read."""

NOT_AN_OBJECT: Final = "not an object"
RAGGED_LINE: Final = "ragged line"


def clip(text: str) -> str:
    """Shorten what came from outside to what an error may repeat."""
    return text if len(text) <= ECHOED else text[: ECHOED - 3] + "..."


def undecodable(detail: str) -> BadRequest:
    """Say that the whole body cannot be read."""
    return BadRequest("undecodable", detail)


def check_names(count: int) -> None:
    """Refuse a body with more names than any table has."""
    if count > MAX_NAMES:
        raise TooLarge("too-many-names", f"the body names more than {MAX_NAMES} columns")


def check_containers(text: bytes) -> None:
    """Refuse JSON of more arrays, objects, names, values or strings than any table needs.

    An array or object takes some 70 to 250 bytes in memory, a name 150, a string 60 and a number 40, however few it
    takes in the body.
    """
    if len(text) <= 2 * MAX_CONTAINERS:
        return
    objects = occurrences(text, b"{")
    if objects + occurrences(text, b"[") > MAX_CONTAINERS:
        raise undecodable(f"the body holds more than {MAX_CONTAINERS} arrays and objects")
    if len(text) <= LARGE_TEXT:
        return
    values = check_values(occurrences(text, b","), len(text))
    named = occurrences(text, b'":')
    if named > objects * MAX_NAMES:
        check_names(named)
    strings = values * 3 // 8
    if occurrences(text, b'"') // 2 - named > strings:
        raise TooLarge("body-too-large", f"the body holds more than {strings} strings; send it in parts")


def check_values(count: int, size: int) -> int:
    """Refuse more values than memory is meant for; gives how many there may be in so many bytes."""
    values = max(MAX_VALUES, size // BYTES_OF_VALUE)
    if count > values:
        raise TooLarge("body-too-large", f"the body holds more than {values} values; send it in parts")
    return values


def too_many_rows(most: int) -> Refused:
    """Say how many rows a batch may hold, of one that has more."""
    return Refused("too-many-rows", f"a batch may hold {most} rows, this one has more", extra={"limit": most})


def check_objects(body: bytes, most: int) -> None:
    """Refuse a batch of many more objects than it may have rows, each some 250 bytes in memory."""
    objects = 2 * most + SPARE_OBJECTS
    if len(body) <= LARGE_TEXT:
        return
    if occurrences(body, b"{") > objects:
        raise TooLarge("body-too-large", f"the body holds more than {objects} objects; send it in parts")
    # Where no string holds a comma, one of so few arrays is longer than a batch.
    arrays = occurrences(body, b"[")
    if (
        COLUMNS in body[:HEAD_BYTES]
        and occurrences(body, b'"') <= 2 * arrays + 2
        and occurrences(body, b",") > (arrays + 1) * (most + 1)
    ):
        raise too_many_rows(most)


def check_lines(body: bytes, most: int, *, headed: bool = False) -> None:
    """Refuse more lines that are not blank, a header aside, than a batch may have rows, before they are read."""
    if occurrences(body, b"\n") < most:
        return
    rows = -int(headed)
    for line in io.BytesIO(body):
        rows += not line.isspace()
        if rows > most:
            raise too_many_rows(most)


def check_rows(count: int) -> None:
    """Refuse a body whose few bytes stand for too many rows."""
    if count > MAX_ROWS:
        raise TooLarge("body-too-large", f"the body holds more than {MAX_ROWS} rows")


def check_listed(count: int) -> None:
    """Refuse more rows than there may be arrays and objects, where each row becomes one."""
    if count > MAX_CONTAINERS:
        raise TooLarge("body-too-large", f"the body holds more than {MAX_CONTAINERS} rows")


def check_cells(rows: int, columns: int, *, limit: int) -> None:
    """Refuse a table of more cells than bytes are allowed."""
    check_rows(rows)
    if rows * columns > limit:
        raise TooLarge("body-too-large", f"the body holds more than {limit} cells")


def check_row_count(received: int, told: int | None) -> None:
    """Refuse a body that holds another number of rows than its sender counted."""
    if told is not None and told != received:
        raise Refused("row-count-mismatch", f"the body holds {received} rows, not {told}")


def kept(received: int, bad: ArrayLike) -> NDArray[np.int64] | None:
    """Number the rows that stay; None when all do."""
    numbers = np.arange(received, dtype=np.int64)
    return np.delete(numbers, np.asarray(bad, np.int64)) if np.size(bad) else None


def listed(bad: Iterable[int], reason: str) -> tuple[Rejection, ...]:
    """List the first refused rows, ascending, for the receipt."""
    return tuple(Rejection(row, reason) for row in nsmallest(LISTED_REJECTIONS, bad))
