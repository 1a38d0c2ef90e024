"""MessagePack as log shippers write it: `[time, record]` or `[[time, metadata], record]`, in one array or in a row.

The shapes are those of Fluent Bit's documentation of its event format; a time is a number of seconds or the
extension type 0 of the Fluentd forward protocol, seconds and nanoseconds as two big-endian words.
"""

import struct
from collections.abc import Iterator
from typing import Any, Final

from app.errors import TooLarge
from app.wire.faults import undecodable
from app.wire.jsonrows import table_of_rows
from app.wire.table import Table
from app.wire.wrapping import STAMP

EVENT_TIME: Final = 0
EVENT_TIME_BYTES: Final = 8
PAIR: Final = 2
MAX_CONTAINERS: Final = 1_000_000
"""Maps and arrays in one body, which may take a byte here and a hundred in memory; rows; and values of one of them."""
SMALL: Final = range(0x80, 0xA0)
"""The first bytes of small maps and arrays, with which no UTF-8 text begins."""
LARGE: Final = range(0xDC, 0xE0)
"""Those of others, which in UTF-8 are followed by a byte of 128 or more."""


def is_unmistakable(body: bytes) -> bool:
    """Tell whether a body begins with a map or an array, and so as no text does."""
    return len(body) > 1 and (body[0] in SMALL or (body[0] in LARGE and body[1] < SMALL.start))


def table_of_msgpack(body: bytes) -> Table:
    """Make a table of entries; one that is none is refused alone."""
    rows: list[Any] = []
    for value in _values(body):
        rows.extend(_rows(value))
        if len(rows) > MAX_CONTAINERS:
            raise _too_many("rows")
    return table_of_rows(rows)


def _values(body: bytes) -> Iterator[Any]:
    """Read values that stand one after the other."""
    import msgpack  # noqa: PLC0415 - only few senders speak it

    counter = _Counter()
    unpacker = msgpack.Unpacker(
        max_buffer_size=max(len(body), 1),
        raw=False,
        strict_map_key=False,
        unicode_errors="replace",
        ext_hook=_extension,
        object_hook=counter,
        list_hook=counter,
        timestamp=2,
        max_array_len=MAX_CONTAINERS,
        max_map_len=MAX_CONTAINERS,
    )
    unpacker.feed(body)
    while unpacker.tell() < len(body):
        try:
            value = unpacker.unpack()
        except msgpack.OutOfData:
            raise undecodable("the MessagePack data are cut short") from None
        except (msgpack.UnpackException, ValueError, TypeError, OverflowError, RecursionError) as error:
            if "exceeds max_" in str(error) and len(body) > MAX_CONTAINERS:
                raise _too_many("values in one array or map") from None
            raise undecodable("the body is no MessagePack") from None
        yield value


class _Counter:
    """A hook that counts what is made of a body, so that few bytes cannot become much memory."""

    def __init__(self) -> None:
        self._left = MAX_CONTAINERS

    def __call__(self, value: Any) -> Any:
        """Let a map or an array pass."""
        self._left -= 1
        if self._left < 0:
            raise _too_many("maps and arrays")
        return value


def _too_many(what: str) -> TooLarge:
    return TooLarge("body-too-large", f"the body holds more than {MAX_CONTAINERS} {what}")


def _extension(code: int, data: bytes) -> Any:
    """Read an extension: an event time in nanoseconds, else an object that is no value."""
    if code == EVENT_TIME and len(data) == EVENT_TIME_BYTES:
        seconds, nanoseconds = struct.unpack(">II", data)
        return seconds * 1_000_000_000 + nanoseconds
    return {}


def _rows(value: Any) -> Iterator[Any]:
    """Give the rows of one value: an entry, a record without a time, or an array of either."""
    if isinstance(value, list) and not _is_entry(value):
        for inner in value:
            yield _row(inner)
    else:
        yield _row(value)


def _is_entry(value: list[Any]) -> bool:
    """Tell an entry from an array of two: its second half is the record, its first a time."""
    if len(value) != PAIR or not isinstance(value[1], dict):
        return False
    return not isinstance(value[0], dict) and (not isinstance(value[0], list) or _is_head(value[0]))


def _is_head(value: list[Any]) -> bool:
    return len(value) == PAIR and isinstance(value[1], dict) and not isinstance(value[0], list | dict)


def _row(value: Any) -> Any:
    """Give the record of an entry with its time under STAMP; a bare record as it is, None for anything else."""
    if isinstance(value, dict):
        return _named(value)
    if not isinstance(value, list) or not _is_entry(value):
        return None
    head, record = value
    row = _named(record)
    row[STAMP] = head[0] if isinstance(head, list) else head
    return row


def _named(record: dict[Any, Any]) -> dict[str, Any]:
    """Keep what has a name; bytes stand for text."""
    if set(map(type, record)) <= {str} and bytes not in set(map(type, record.values())):
        return record
    return {str(_text(name)): _text(value) for name, value in record.items() if isinstance(name, str | bytes)}


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
