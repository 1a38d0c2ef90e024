"""Tables of logged calls: Databricks inference tables and Vertex AI's request-response logs.

Their columns are described in Databricks' "Inference tables for monitoring" and in Google's "Online inference logging".
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from app.cli.importers.bodies import JSON
from app.cli.importers.calls import Call, rows_of
from app.cli.importers.records import records
from app.cli.importers.schema import Schema
from app.cli.parcels import CELLS, ROWS, Parcel, Read
from app.errors import BadRequest
from app.wire.jsontext import load_json

DATABRICKS: Final = frozenset({"request", "response"})
VERTEX: Final = frozenset({"request_payload"})
_TIMES: Final = ("timestamp_ms", "request_time", "logging_time")
_UTC: Final = " UTC"
"""How BigQuery ends a time that it exports as text."""
_GOOD: Final = 200


def parcels(path: Path, schema: Schema, *, read: Read) -> Iterator[Parcel]:
    """Make batches of some thousand rows, named by file, place and bytes."""
    held: list[dict[str, Any]] = []
    refused, cells, offset = 0, 0, 0
    for number, record in enumerate(records(path, read=read)):
        call = _vertex(record) if "request_payload" in record else _databricks(record)
        rows, bad = ([], 1) if call is None else rows_of(call, schema)
        held += rows
        refused += bad
        cells += sum(map(len, rows))
        if len(held) >= ROWS or cells >= CELLS:
            yield Parcel.of_rows(path, offset, held, refused=refused)
            held, refused, cells, offset = [], 0, 0, number + 1
    if held or refused:
        yield Parcel.of_rows(path, offset, held, refused=refused)


def _databricks(record: Mapping[str, Any]) -> Call | None:
    """Read a call whose two sides stand in strings of JSON; one that failed has no predictions."""
    request, response = (_text(record.get(name)) for name in ("request", "response"))
    if request is None:
        return None
    failed = record.get("status_code") not in {None, _GOOD, str(_GOOD)}
    return Call(request, JSON, None if failed else response, JSON, _time(record))


def _vertex(record: Mapping[str, Any]) -> Call | None:
    """Read a call whose instances and predictions are an array of strings of JSON each."""
    instances, predictions = (_values(record.get(name)) for name in ("request_payload", "response_payload"))
    whole = None if instances else _text(record.get("full_request"))
    if whole is not None:
        return Call(whole, JSON, _text(record.get("full_response")), JSON, _time(record))
    if instances is None:
        return None
    asked = _written({"instances": instances})
    answered = None if predictions is None else _written({"predictions": predictions})
    return Call(asked, JSON, answered, JSON, _time(record))


def _values(payload: Any) -> list[Any] | None:
    """Read every element; a string that is no JSON stands for itself."""
    if isinstance(payload, str):
        payload = _value(payload)
    if not isinstance(payload, list):
        return None
    return [_value(one) if isinstance(one, str) else one for one in payload]


def _value(text: str) -> Any:
    try:
        return load_json(text.encode("utf-8", "replace"))
    except BadRequest:
        return text


def _text(side: Any) -> bytes | None:
    if isinstance(side, str):
        return side.encode("utf-8", "replace")
    if isinstance(side, dict | list):
        return _written(side)
    return side if isinstance(side, bytes) else None


def _written(document: object) -> bytes:
    return json.dumps(document, default=str).encode()


def _time(record: Mapping[str, Any]) -> Any:
    found = next((record[name] for name in _TIMES if record.get(name) is not None), None)
    if isinstance(found, str) and found.endswith(_UTC):
        return found.removesuffix(_UTC) + "Z"
    return found.isoformat() if isinstance(found, dt.datetime) else found
