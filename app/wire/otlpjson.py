"""OTLP log exports in JSON: lowerCamelCase names, 64-bit integers as text or numbers, unknown fields ignored."""

from typing import Any, Final

from app.errors import TooLarge
from app.wire.faults import undecodable
from app.wire.jsontext import load_json
from app.wire.letters import occurrences
from app.wire.otlp import Logs, check_records, of_resource, row_of
from app.wire.otlpvalues import DEPTH, NO_VALUE, Row

MAX_CONTAINERS: Final = 1_000_000
"""Objects and arrays in one export, counted before they become memory."""
_TIMES: Final = ("timeUnixNano", "observedTimeUnixNano")
_NO_TIME: Final = (None, 0, "", "0")
_SPECIAL: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def logs_of_json(body: bytes, *, most: int) -> list[Logs]:
    """Read an ExportLogsServiceRequest of at most so many records."""
    if occurrences(body, b"{") + occurrences(body, b"[") > MAX_CONTAINERS:
        raise TooLarge("body-too-large", f"the export holds more than {MAX_CONTAINERS} objects and arrays")
    document = load_json(body)
    if not isinstance(document, dict):
        raise undecodable("the body is no OTLP export: not an object")
    resources = _objects(document, "resourceLogs")
    check_records(sum(len(records) for one in resources for records in _records(one)), most)
    return [_resource(one) for one in resources]


def _list(document: Any, name: str) -> list[Any]:
    """Give the list under a name; one that is absent or null is empty."""
    if not isinstance(document, dict):
        raise undecodable("the body is no OTLP export: an object is missing")
    found = document.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise undecodable(f"the body is no OTLP export: {name} is no array")
    return found


def _objects(document: Any, name: str) -> list[dict[str, Any]]:
    """Give the objects of a list; whatever else stands there holds no record."""
    return [one for one in _list(document, name) if isinstance(one, dict)]


def _records(resource: Any) -> list[list[Any]]:
    return [_list(scope, "logRecords") for scope in _objects(resource, "scopeLogs")]


def _resource(document: Any) -> Logs:
    rows = [_row(record) for records in _records(document) for record in records]
    described = document.get("resource")
    return of_resource(_pairs(described.get("attributes") if isinstance(described, dict) else None, DEPTH), rows)


def _row(record: Any) -> Row | None:
    if not isinstance(record, dict):
        return None
    time = next((told for name in _TIMES if (told := record.get(name)) not in _NO_TIME), None)
    return row_of(_pairs(record.get("attributes"), DEPTH), _value(record.get("body"), DEPTH), time=_microseconds(time))


def _microseconds(nanoseconds: Any) -> Any:
    """Read a time; one that is no number stays as it is, to be refused as unreadable."""
    try:
        return None if nanoseconds is None else int(nanoseconds) // 1000
    except (ValueError, TypeError, OverflowError):
        return nanoseconds


def _pairs(pairs: Any, depth: int) -> Row:
    if not isinstance(pairs, list):
        return {}
    named = [(pair.get("key", ""), pair.get("value")) for pair in pairs if isinstance(pair, dict)]
    return {key: _value(value, depth) for key, value in named if isinstance(key, str)}


def _value(value: Any, depth: int) -> Any:
    """Read an AnyValue."""
    if not isinstance(value, dict):
        return None
    for kind, held in value.items():
        match kind:
            case "stringValue" | "intValue" | "boolValue":
                return held
            case "doubleValue":
                return _SPECIAL.get(held, held) if isinstance(held, str) else held
            case "arrayValue" | "bytesValue":
                return NO_VALUE
            case "kvlistValue":
                return _pairs(held.get("values"), depth - 1) if depth and isinstance(held, dict) else {}
            case _:
                pass
    return None
