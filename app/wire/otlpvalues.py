"""The values of OTLP messages in protobuf: KeyValue, AnyValue and KeyValueList of common.proto."""

from struct import Struct
from typing import Any, Final

from app.errors import TooLarge
from app.wire.faults import MAX_NAMES
from app.wire.fields import LONG, SIZED, Field, fields, parts

DEPTH: Final = 16
"""Maps within maps that are read; deeper ones are objects without contents."""
MAX_MAPS: Final = 500_000
REMEMBERED: Final = 64
"""Maps that stood in earlier records and are not read again, such as BentoML's description of its columns."""
NO_VALUE: Final[list[Any]] = []
"""Stands for arrays and bytes: never a number and never a category."""
KEY, HELD = 0x0A, 0x12
TEXT, DOUBLE, DOUBLE_BYTES = 0x0A, 0x21, 9
_double: Final = Struct("<d").unpack_from

Row = dict[str, Any]


def too_many_names() -> TooLarge:
    """Say that a body names more columns than any table has."""
    return TooLarge("too-many-names", f"the body names more than {MAX_NAMES} columns")


class Values:
    """The values in one body: the names met so far and what may still be made of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.maps = MAX_MAPS
        self.names: dict[bytes, str] = {}
        self.known: dict[bytes, Row] = {}

    def pairs(self, spans: list[tuple[int, int]], depth: int) -> Row:
        """Read KeyValues."""
        data, names = self.data, self.names
        found: Row = {}
        for start, stop in spans:
            # The common layout, a short key and then a short value, is taken apart in place.
            size = data[start + 1] if stop - start > 1 and data[start] == KEY else LONG
            middle = start + 2 + size
            if (
                size < LONG
                and middle + 1 < stop
                and data[middle] == HELD
                and data[middle + 1] == stop - middle - 2 < LONG
            ):
                key = data[start + 2 : middle]
                name = names.get(key)
                found[self.name(key) if name is None else name] = self.value(middle + 2, stop, depth)
            else:
                key, value = self.pair(start, stop, depth)
                found[self.name(key)] = value
        return found

    def pair(self, start: int, stop: int, depth: int) -> tuple[bytes, Any]:
        """Read a KeyValue of any layout."""
        data = self.data
        key, value = b"", None
        for number, kind, first, last in fields(data, start, stop):
            if kind == SIZED and number == 1:
                key = data[first:last]
            elif kind == SIZED:
                value = self.value(first, last, depth) if number == 2 else value  # noqa: PLR2004 - the value
        return key, value

    def name(self, key: bytes) -> str:
        """Read a key, of which there may be only so many."""
        if len(self.names) >= MAX_NAMES:
            raise too_many_names()
        return self.names.setdefault(key, key.decode("utf-8", "replace"))

    def value(self, start: int, stop: int, depth: int) -> Any:
        """Read an AnyValue."""
        data = self.data
        size = stop - start
        if size == DOUBLE_BYTES and data[start] == DOUBLE:
            return _double(data, start + 1)[0]
        if size > 1 and data[start] == TEXT and data[start + 1] == size - 2 < LONG:
            return data[start + 2 : stop].decode("utf-8", "replace")
        found: Any = None
        for field in fields(data, start, stop):
            found = self.choice(field, depth, found=found)
        return found

    def choice(self, field: Field, depth: int, *, found: Any) -> Any:
        """Read one of the kinds of value; `found` stays where the field is none of them."""
        match field:
            case 1, 2, first, last:
                found = self.data[first:last].decode("utf-8", "replace")
            case 2, 0, first, _:
                found = first != 0
            case 3, 0, first, _:
                found = first - (1 << 64) if first >> 63 else first
            case 4, 1, first, _:
                (found,) = _double(self.data, first)
            case ((5 | 7), 2, _, _):
                found = NO_VALUE
            case 6, 2, first, last:
                found = self.map(first, last, depth)
            case _:
                pass
        return found

    def map(self, start: int, stop: int, depth: int) -> Row:
        """Read a KeyValueList, unless the same stood in an earlier record."""
        octets = self.data[start:stop]
        known = self.known.get(octets)
        if known is not None:
            return known
        self.maps -= 1
        if self.maps < 0:
            raise TooLarge("body-too-large", f"the export holds more than {MAX_MAPS} maps")
        if not depth:
            return {}
        found = self.pairs(parts(self.data, 1, start, stop, most=MAX_NAMES), depth - 1)
        if depth < DEPTH and len(self.known) < REMEMBERED:
            self.known[octets] = found
        return found
