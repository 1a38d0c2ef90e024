"""Arrays as Postgres sends and receives them in binary: made for many small groups, where every call counts."""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

_HEAD: Final = struct.Struct("!iiIii")
_LENGTH: Final = struct.Struct("!i")
_NULL: Final = _LENGTH.pack(-1)
_EPOCH_US: Final = 946_684_800_000_000


class Parameter(NamedTuple):
    """A value in binary and the number of its type."""

    oid: int
    data: bytes | None


def integers(values: Sequence[int]) -> Parameter:
    """Make an integer[]; what does not fit raises ValueError."""
    return Parameter(1007, _fixed(23, "i", 4, values))


def bigints(values: Sequence[int]) -> Parameter:
    """Make a bigint[]; what does not fit raises ValueError."""
    return Parameter(1016, _fixed(20, "q", 8, values))


def booleans(values: Sequence[bool]) -> Parameter:
    """Make a boolean[]."""
    return Parameter(1000, _fixed(16, "?", 1, values))


def instants(values_us: Sequence[int]) -> Parameter:
    """Make a timestamptz[] of microseconds since 1970."""
    return Parameter(1185, _fixed(1184, "q", 8, [us - _EPOCH_US for us in values_us]))


def texts(values: Sequence[str]) -> Parameter:
    """Make a text[]; what is no Unicode raises ValueError."""
    return Parameter(1009, _varied(25, [value.encode() for value in values]))


def octets(values: Sequence[bytes | None]) -> Parameter:
    """Make a bytea[], None for null."""
    return Parameter(1001, _varied(17, values))


def integer(value: int) -> Parameter:
    """Make an integer."""
    return Parameter(23, struct.pack("!i", value))


def bigint(value: int) -> Parameter:
    """Make a bigint."""
    return Parameter(20, struct.pack("!q", value))


def blob(value: bytes) -> Parameter:
    """Make a bytea."""
    return Parameter(17, value)


def double(value: float | None) -> Parameter:
    """Make a double, None for null."""
    return Parameter(701, None if value is None else struct.pack("!d", value))


def _head(element: int, length: int, *, nulls: bool) -> bytes:
    return _HEAD.pack(1, nulls, element, length, 1) if length else struct.pack("!iiI", 0, 0, element)


def _fixed(element: int, kind: str, size: int, values: Sequence[int]) -> bytes:
    pairs: list[int] = [size] * (2 * len(values))
    pairs[1::2] = values
    try:
        return _head(element, len(values), nulls=False) + struct.pack("!" + f"i{kind}" * len(values), *pairs)
    except struct.error as error:
        raise ValueError(str(error)) from error


def _varied(element: int, values: Sequence[bytes | None]) -> bytes:
    parts = [_head(element, len(values), nulls=None in values)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            parts += (_LENGTH.pack(len(value)), value)
    return b"".join(parts)
