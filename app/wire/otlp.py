"""OTLP log exports in protobuf, read from their wire format straight into rows.

The encoding is described in https://protobuf.dev/programming-guides/encoding/, the messages in logs_service.proto,
logs.proto, resource.proto and common.proto of opentelemetry-proto. A value that is broken, say a string that is no
UTF-8, costs itself and nothing else; a message that is cut short cannot be read at all.
"""

from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import Any, Final

from app.errors import TooLarge
from app.wire.alike import read_alike
from app.wire.faults import MAX_NAMES
from app.wire.fields import FIXED64, SIZED, fields, parts
from app.wire.jsontext import load_json
from app.wire.otlplayout import ATTRIBUTE, BODY, OBSERVED, TIME, rows_of, slots_of
from app.wire.otlpvalues import DEPTH, Row, Values, too_many_names
from app.wire.wrapping import STAMP, object_of

_RESOURCE, _SCOPE = 1, 2
_fixed64: Final = Struct("<Q").unpack_from


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


class _Reader(Values):
    """One export: its values, and how many records there are so far."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most
        self.read = 0

    def logs(self) -> list[Logs]:
        """Read every resource."""
        return [self.resource(first, last) for first, last in parts(self.data, 1, 0, len(self.data), most=self.most)]

    def resource(self, start: int, stop: int) -> Logs:
        """Read a ResourceLogs."""
        data = self.data
        attributes: Row = {}
        rows: list[Row | None] = []
        for number, kind, first, last in fields(data, start, stop):
            if kind == SIZED and number == _RESOURCE:
                attributes |= self.pairs(parts(data, 1, first, last, most=MAX_NAMES), DEPTH)
            elif kind == SIZED and number == _SCOPE:
                records = parts(data, 2, first, last, most=self.most)
                self.read += len(records)
                check_records(self.read, self.most)
                rows += read_alike(data, records, slots_of=partial(slots_of, self), read=self.record, make=rows_of)
        return of_resource(attributes, rows)

    def record(self, start: int, stop: int) -> Row | None:
        """Read a LogRecord."""
        data = self.data
        time = observed = 0
        body: Any = None
        pairs: list[tuple[int, int]] = []
        for number, kind, first, last in fields(data, start, stop):
            if kind == SIZED and number == ATTRIBUTE:
                if len(pairs) == MAX_NAMES:
                    raise too_many_names()
                pairs.append((first, last))
            elif kind == SIZED and number == BODY:
                body = self.value(first, last, DEPTH)
            elif kind == FIXED64 and number == TIME:
                (time,) = _fixed64(data, first)
            elif kind == FIXED64 and number == OBSERVED:
                (observed,) = _fixed64(data, first)
        return row_of(self.pairs(pairs, DEPTH), body, time=(time or observed) // 1000 if time or observed else None)
