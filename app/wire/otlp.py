"""OTLP log exports in protobuf, read from their wire format straight into rows.

The encoding is described in https://protobuf.dev/programming-guides/encoding/, the messages in logs_service.proto,
logs.proto, resource.proto and common.proto of opentelemetry-proto. A value that is broken, say a string that is no
UTF-8, costs itself and nothing else; a message that is cut short cannot be read at all.
"""

from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

from app.errors import TooLarge
from app.wire.envelope import STAMP, object_of
from app.wire.faults import MAX_NAMES
from app.wire.fields import FIXED64, LONG, SIZED, Field, fields, parts
from app.wire.jsontext import load_json

DEPTH: Final = 16
"""Maps within maps that are read; deeper ones are objects without contents."""
MAX_MAPS: Final = 500_000
REMEMBERED: Final = 64
"""Maps that stood in earlier records and are not read again, such as BentoML's description of its columns."""
NO_VALUE: Final[list[Any]] = []
"""Stands for arrays and bytes: never a number and never a category."""

_RESOURCE, _SCOPE = 1, 2
_TIME, _BODY, _ATTRIBUTE, _OBSERVED = 1, 5, 6, 11
_KEY, _HELD = 0x0A, 0x12
_TEXT, _DOUBLE, _DOUBLE_BYTES = 0x0A, 0x21, 9
_double: Final = Struct("<d").unpack_from
_fixed64: Final = Struct("<Q").unpack_from

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Logs:
    """The records of one resource as rows with their time in microseconds under STAMP; None holds no row."""

    service: str | None
    version: str | None
    rows: list[Row | None]


def row_of(attributes: Row, body: Any, *, time: Any) -> Row | None:
    """Make the row of a record: what its body says holds over its attributes."""
    held = object_of(body, load_json)
    if held is None and not attributes:
        return None
    row = attributes if held is None else attributes | held
    if time is not None:
        row[STAMP] = time
    return row


def of_resource(attributes: Row, rows: list[Row | None]) -> Logs:
    """Name the service whose records these are."""
    return Logs(_text(attributes.get("service.name")), _text(attributes.get("service.version")), rows)


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) else None


def check_records(count: int, limit: int) -> None:
    """Refuse an export of too many records."""
    if count > limit:
        raise TooLarge("body-too-large", f"the export holds more than {limit} log records", extra={"limit": limit})


def logs_of_protobuf(data: bytes, *, most: int) -> list[Logs]:
    """Read an ExportLogsServiceRequest of at most so many records."""
    return _Reader(data, most).logs()


class _Reader:
    """One export: its bytes, the names met so far and what may still be made of it."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data = data
        self.most = most
        self.read = 0
        self.maps = MAX_MAPS
        self.names: dict[bytes, str] = {}
        self.known: dict[bytes, Row] = {}

    def logs(self) -> list[Logs]:
        """Read every resource."""
        return [self.resource(first, last) for first, last in parts(self.data, 1, 0, len(self.data))]

    def resource(self, start: int, stop: int) -> Logs:
        """Read a ResourceLogs."""
        data = self.data
        attributes: Row = {}
        rows: list[Row | None] = []
        for number, kind, first, last in fields(data, start, stop):
            if kind == SIZED and number == _RESOURCE:
                attributes |= self.pairs(parts(data, 1, first, last), DEPTH)
            elif kind == SIZED and number == _SCOPE:
                records = parts(data, 2, first, last)
                self.read += len(records)
                check_records(self.read, self.most)
                rows.extend(self.record(one, end) for one, end in records)
        return of_resource(attributes, rows)

    def record(self, start: int, stop: int) -> Row | None:
        """Read a LogRecord."""
        data = self.data
        time = observed = 0
        body: Any = None
        pairs: list[tuple[int, int]] = []
        for number, kind, first, last in fields(data, start, stop):
            if kind == SIZED and number == _ATTRIBUTE:
                pairs.append((first, last))
            elif kind == SIZED and number == _BODY:
                body = self.value(first, last, DEPTH)
            elif kind == FIXED64 and number == _TIME:
                (time,) = _fixed64(data, first)
            elif kind == FIXED64 and number == _OBSERVED:
                (observed,) = _fixed64(data, first)
        return row_of(self.pairs(pairs, DEPTH), body, time=(time or observed) // 1000 if time or observed else None)

    def pairs(self, spans: list[tuple[int, int]], depth: int) -> Row:
        """Read KeyValues."""
        data, names = self.data, self.names
        found: Row = {}
        for start, stop in spans:
            # The common layout, a short key and then a short value, is taken apart in place.
            size = data[start + 1] if stop - start > 1 and data[start] == _KEY else LONG
            middle = start + 2 + size
            if (
                size < LONG
                and middle + 1 < stop
                and data[middle] == _HELD
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
            raise TooLarge("too-many-names", f"the body names more than {MAX_NAMES} columns")
        return self.names.setdefault(key, key.decode("utf-8", "replace"))

    def value(self, start: int, stop: int, depth: int) -> Any:
        """Read an AnyValue."""
        data = self.data
        size = stop - start
        if size == _DOUBLE_BYTES and data[start] == _DOUBLE:
            return _double(data, start + 1)[0]
        if size > 1 and data[start] == _TEXT and data[start + 1] == size - 2 < LONG:
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
        found = self.pairs(parts(self.data, 1, start, stop), depth - 1)
        if depth < DEPTH and len(self.known) < REMEMBERED:
            self.known[octets] = found
        return found
