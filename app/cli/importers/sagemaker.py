"""SageMaker data capture: one JSON object a line, input and output of one call and the id of the event.

The form is that of Amazon's documentation on data capture (docs.aws.amazon.com/sagemaker, "Capture data from
real-time endpoint"): `encoding` says how `data` is written, BASE64 where the content type was not declared.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from app.cli.importers.bodies import decoded
from app.cli.importers.calls import Call, rows_of
from app.cli.importers.records import records
from app.cli.importers.schema import Schema
from app.cli.parcels import Parcel, Read
from app.errors import BadRequest
from app.wire.names import BATCH_ID_BYTES, lawful

KEY: Final = "captureData"


def parcels(path: Path, schema: Schema, *, read: Read) -> Iterator[Parcel]:
    """Make a batch of every event, named by the event's id."""
    for number, record in enumerate(records(path, read=read)):
        call = _call(record)
        if call is None:
            yield Parcel(path, "", None, 1)
            continue
        rows, refused = rows_of(call, schema)
        named = Parcel.of_rows(path, number, rows, refused=refused)
        event = _mapping(record.get("eventMetadata")).get("eventId")
        yield named.called(_lawful(event)) if isinstance(event, str) and event else named


def _lawful(event: str) -> str:
    return event if lawful(event, limit=BATCH_ID_BYTES) else hashlib.sha256(event.encode()).hexdigest()


def _call(record: Mapping[str, Any]) -> Call | None:
    captured = _mapping(record.get(KEY))
    asked, answered = (_side(_mapping(captured.get(name))) for name in ("endpointInput", "endpointOutput"))
    if asked is None:
        return None
    response, response_type = answered or (None, "")
    at = _mapping(record.get("eventMetadata")).get("inferenceTime")
    return Call(asked[0], asked[1], response, response_type, at)


def _side(half: Mapping[str, Any]) -> tuple[bytes, str] | None:
    """Give the bytes of one half and what they are; None when it cannot be read."""
    data, content_type = half.get("data"), half.get("observedContentType")
    kind = content_type.lower() if isinstance(content_type, str) else ""
    if not isinstance(data, str):
        return None
    encoding = str(half.get("encoding", "")).upper()
    if encoding == "BASE64":
        with suppress(BadRequest):
            return decoded(data), kind
        return None
    return data.encode("utf-8", "replace"), kind or {"CSV": "text/csv", "JSON": "application/json"}.get(encoding, "")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
