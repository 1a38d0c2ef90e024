"""The fields of protobuf messages in their wire format, found without copying.

The encoding is described in https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator
from typing import Final

from app.errors import TooLarge
from app.wire.faults import undecodable

VARINT, FIXED64, SIZED, FIXED32 = 0, 1, 2, 5
LONG: Final = 0x80
"""The first length that takes more than one byte."""
_LONGEST: Final = 10

Field = tuple[int, int, int, int]
"""Number, wire type, and a span of the data; the span of a varint is its value and 0."""


def parts(data: bytes, wanted: int, start: int, stop: int, *, most: int) -> list[tuple[int, int]]:
    """Find the messages under one number; TooLarge when there are more than so many."""
    found: list[tuple[int, int]] = []
    for number, kind, first, last in fields(data, start, stop):
        if number == wanted and kind == SIZED:
            if len(found) == most:
                raise TooLarge("body-too-large", f"the message holds more than {most} parts of a kind")
            found.append((first, last))
    return found


def fields(data: bytes, start: int, stop: int) -> Iterator[Field]:
    """Give the fields of a message."""
    place = start
    while place < stop:
        tag = data[place]
        place += 1
        if tag >= LONG:
            tag, place = _varint(data, place - 1, stop)
        kind = tag & 7
        if kind == SIZED:
            size = data[place] if place < stop else LONG
            place += 1
            if size >= LONG:
                size, place = _varint(data, place - 1, stop)
            first, place = place, place + size
        elif kind == VARINT:
            value, place = _varint(data, place, stop)
            yield tag >> 3, kind, value, 0
            continue
        elif kind == FIXED64:
            first, place = place, place + 8
        elif kind == FIXED32:
            first, place = place, place + 4
        else:
            raise undecodable("the message is no protobuf: there is no such wire type")
        if place > stop:
            raise undecodable("the message is no protobuf, or cut short")
        yield tag >> 3, kind, first, place


def _varint(data: bytes, place: int, stop: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, least first."""
    value = 0
    for shift in range(0, 7 * _LONGEST, 7):
        if place >= stop:
            raise undecodable("the message is no protobuf, or cut short")
        octet = data[place]
        place += 1
        value |= (octet & 0x7F) << shift
        if octet < LONG:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise undecodable("the message is no protobuf: a number is too long")
