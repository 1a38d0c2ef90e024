"""How log records of one exporter are alike: the layout of one of them, and rows out of the values of many."""

from typing import Any, Final

from app.wire.alike import Held, Layout, Slot
from app.wire.faults import MAX_NAMES
from app.wire.fields import FIXED64, LONG, SIZED, fields, parts
from app.wire.otlpvalues import DEPTH, DOUBLE_BYTES, Row, Values
from app.wire.wrapping import STAMP

TIME, BODY, ATTRIBUTE, OBSERVED = 1, 5, 6, 11
"""Fields of LogRecord."""
MAX_SLOTS: Final = 10_000
"""Values in a record that is laid out; a larger one is read by itself."""
_IDS: Final = frozenset({9, 10})
_MOMENTS: Final = {TIME: "time", OBSERVED: "observed"}
_MAP, _VALUE = 6, 2
_HEAD: Final = 6
"""The longest tag and length of a map that fills its value."""
_LONGEST: Final = 10


def rows_of(layout: Layout, columns: list[list[Any]]) -> list[Row | None]:
    """Make rows of the values in the slots of records."""
    slots = layout.slots
    moments = {slot.name: column for slot, column in zip(slots, columns, strict=True) if slot.held is Held.MOMENT}
    held = [n for n, slot in enumerate(slots) if slot.held not in {Held.MOMENT, Held.ANYTHING}]
    names = [slots[n].name for n in held]
    rows: list[Row | None] = [
        dict(zip(names, row, strict=True)) for row in zip(*(columns[n] for n in held), strict=True)
    ]
    nothing = [0] * len(rows)
    times = zip(moments.get(_MOMENTS[TIME], nothing), moments.get(_MOMENTS[OBSERVED], nothing), strict=True)
    for row, (time, observed) in zip(rows, times, strict=True):
        if row is not None and (time or observed):
            row[STAMP] = (time or observed) // 1000
    return rows


def slots_of(values: Values, start: int, stop: int) -> list[Slot] | None:
    """Lay a record out; None when its body is neither a map nor absent."""
    moments: list[Slot] = []
    attributes: list[Slot] = []
    body: list[Slot] = []
    for number, kind, first, last in fields(values.data, start, stop):
        if len(attributes) > MAX_SLOTS:
            return None
        if kind == SIZED and number == ATTRIBUTE:
            attributes.append(_slot(values, first, last, start))
        elif kind == SIZED and number == BODY:
            held = parts(values.data, _MAP, first, last, most=1)
            if body or len(held) != 1 or held[0][1] != last or held[0][0] - first > _HEAD:
                return None
            body = [
                _slot(values, *span, start) for span in parts(values.data, 1, *held[0], most=MAX_NAMES)[: MAX_SLOTS + 1]
            ]
            if len(body) > MAX_SLOTS:
                return None
        elif kind == FIXED64 and number in {TIME, OBSERVED}:
            moments.append(Slot(_MOMENTS[number], Held.MOMENT, first - start, last - start))
        elif kind == SIZED and number in _IDS:
            moments.append(Slot("", Held.ANYTHING, first - start, last - start))
    return [*moments, *attributes, *body] if attributes or body else None


def _slot(values: Values, start: int, stop: int, origin: int) -> Slot:
    """Lay a KeyValue out; a value that is not plain is one that never differs."""
    key, value = values.pair(start, stop, DEPTH)
    name = values.name(key)
    found = [(first, last) for number, kind, first, last in fields(values.data, start, stop) if number == _VALUE]
    if len(found) == 1:
        first, last = found[0]
        tag, size = values.data[first : first + 1], last - first
        if tag == b"\x21" and size == DOUBLE_BYTES:
            return Slot(name, Held.DOUBLE, first + 1 - origin, last - origin)
        if tag == b"\x0a" and size > 1 and values.data[first + 1] == size - 2 < LONG:
            return Slot(name, Held.TEXT, first + 2 - origin, last - origin)
        if tag in {b"\x10", b"\x18"} and 1 < size <= _LONGEST and _is_varint(values.data[first + 1 : last]):
            held = Held.FLAG if tag == b"\x10" else Held.INTEGER
            return Slot(name, held, first + 1 - origin, last - origin)
    return Slot(name, Held.SAME, start - origin, stop - origin, value)


def _is_varint(octets: bytes) -> bool:
    """Tell whether bytes are one number."""
    return octets[-1] < LONG and all(octet >= LONG for octet in octets[:-1])
