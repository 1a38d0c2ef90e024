"""The few refusals that all decoders share."""

from collections.abc import Iterable
from heapq import nsmallest
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from app.errors import BadRequest, Refused, TooLarge
from app.wire.table import LISTED_REJECTIONS, Rejection

ECHOED: Final = 100
MAX_NAMES: Final = 65_536
MAX_ROWS: Final = 10_000_000
MAX_CONTAINERS: Final = 1 << 20

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
    """Refuse JSON of more arrays and objects, each some 70 to 250 bytes in memory, than any table needs."""
    if len(text) > 2 * MAX_CONTAINERS and text.count(b"[") + text.count(b"{") > MAX_CONTAINERS:
        raise undecodable(f"the body holds more than {MAX_CONTAINERS} arrays and objects")


def check_rows(count: int) -> None:
    """Refuse a body whose few bytes stand for too many rows."""
    if count > MAX_ROWS:
        raise TooLarge("body-too-large", f"the body holds more than {MAX_ROWS} rows")


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
