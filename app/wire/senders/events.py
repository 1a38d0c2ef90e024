"""CloudEvents in their three forms, and ModelMesh's payloads, to events of one shape.

The forms are those of the CloudEvents HTTP binding, version 1.0.2: attributes in `ce-` headers (binary), one JSON
object (structured) or an array of them (batch).
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

from app.errors import BadRequest
from app.wire.faults import check_names, undecodable
from app.wire.jsontext import load_json
from app.wire.octets import unbase64
from app.wire.senders.calls import GRPC
from app.wire.senders.seldon import puid_of

SELDON: Final = "io.seldon."
PREFIX: Final = "ce-"
_LENGTH: Final = "inference-header-content-length"


class Sender(StrEnum):
    """Who sent an event, by the word that metrics use."""

    KSERVE = "kserve"
    SELDON = "seldon"
    MODELMESH = "modelmesh"


class Half(StrEnum):
    """Which part of a call an event tells of."""

    REQUEST = "request"
    RESPONSE = "response"
    FEEDBACK = "feedback"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: which call it belongs to (`pair`), which part of it is told, and the bytes as the model saw them.

    `candidates` are the names that may be the model's, best first; `lone` says that no other part will come, and
    `failed` that the model answered with an error.
    """

    sender: Sender
    half: Half
    pair: tuple[str, ...]
    candidates: tuple[str, ...]
    version: str
    time: str
    content_type: str
    header_length: int | None
    body: bytes
    lone: bool = False
    failed: bool = False


def events_of(headers: Mapping[str, str], body: bytes) -> list[Event | BadRequest]:
    """Read the events of a body; BadRequest when it is none, and in the place of what is none in a batch."""
    content_type = headers.get("content-type", "")
    attributes = _attributes(headers)
    kind = content_type.partition(";")[0].strip().lower()
    if not attributes or kind.startswith("application/cloudevents"):
        value = _json(body)
        if isinstance(value, list) and (kind.startswith("application/cloudevents-batch") or not attributes):
            return [_or_problem(one) for one in value]
        if isinstance(value, dict) and "modelid" in value and "specversion" not in value:
            return [_modelmesh(value)]
        if isinstance(value, dict) and "specversion" in value:
            return [_structured(value)]
        if not attributes:
            raise undecodable("there are neither ce- headers nor an event in the body")
    return [_event(attributes, content_type, body)]


def _or_problem(value: Any) -> Event | BadRequest:
    try:
        return _structured(value)
    except BadRequest as problem:
        return problem


def _json(body: bytes) -> Any:
    try:
        return load_json(body)
    except BadRequest:
        return None


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    found = {name[len(PREFIX) :]: _text(value) for name, value in headers.items() if name.startswith(PREFIX)}
    if found and _LENGTH in headers:
        found[_LENGTH] = headers[_LENGTH]
    return found


def _text(value: str) -> str:
    """Decode a header: UTF-8 as it is or in percent, quoted or not."""
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode()
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return unquote(value[1:-1].replace('\\"', '"') if quoted else value)


def _structured(value: Any) -> Event:
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise undecodable("an event is an object with an id")
    check_names(len(value))
    attributes = {name.lower(): str(one) for name, one in value.items() if isinstance(one, str | int)}
    content_type = attributes.get("datacontenttype", "application/json")
    return _event(attributes, content_type, _data(value))


def _data(value: dict[str, Any]) -> bytes:
    if value.get("data_base64") is not None:
        return unbase64(value["data_base64"])
    data = value.get("data")
    return data.encode("utf-8", "replace") if isinstance(data, str) else json.dumps(data).encode()


def _event(attributes: dict[str, str], content_type: str, body: bytes) -> Event:
    kind = attributes.get("type", "")
    sender = Sender.SELDON if kind.startswith(SELDON) else Sender.KSERVE
    word = kind.rpartition(".")[2].lower()
    half = Half(word) if word in list(Half) else Half.REQUEST
    service, namespace = attributes.get("inferenceservicename", ""), attributes.get("namespace", "")
    own = attributes.get("id", "")
    pair: tuple[str, ...] = (attributes.get("source", ""), own)
    if sender is Sender.SELDON:
        request = attributes.get("requestid", "") or (puid_of(body) if half is Half.FEEDBACK else "")
        pair = (service, request) if request else (service, "", own)
    elif not own:
        raise undecodable("an event needs an id")
    elif word not in list(Half):
        pair = (*pair, kind)
    return Event(
        sender=sender,
        half=half,
        pair=pair,
        candidates=tuple(name for name in (f"{namespace}/{service}" if namespace else "", service) if name),
        version=attributes.get("endpoint", ""),
        time=attributes.get("time", ""),
        content_type=content_type,
        header_length=_header_length(attributes),
        body=body,
        lone=word not in list(Half),
        failed=half is Half.RESPONSE and (attributes.get("statuscode") or "200")[:1] != "2",
    )


def _header_length(attributes: Mapping[str, str]) -> int | None:
    """Find the length of the JSON before binary tensors: a header of its own, or one that the logger passed on."""
    told: object = attributes.get(_LENGTH)
    if told is None and "metadata" in attributes:
        try:
            passed = json.loads(attributes["metadata"])
        except (ValueError, RecursionError):
            passed = None
        if isinstance(passed, dict):
            told = next((value for name, value in passed.items() if name.lower() == _LENGTH), None)
            told = told[0] if isinstance(told, list) and told else told
    text = str(told)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None  # noqa: PLR2004 - below a terabyte


def _modelmesh(value: dict[str, Any]) -> Event:
    kind, identity, model = str(value.get("kind")).lower(), value.get("id"), value.get("modelid")
    if kind not in {Half.REQUEST, Half.RESPONSE} or not isinstance(model, str) or not isinstance(identity, str):
        raise undecodable("a payload holds id, modelid, kind (request or response) and data")
    return Event(
        sender=Sender.MODELMESH,
        half=Half(kind),
        pair=(model, identity),
        candidates=(model,),
        version="",
        time="",
        content_type=GRPC,
        header_length=None,
        body=unbase64(value.get("data")),
        failed=kind == Half.RESPONSE and value.get("status") not in {None, "", "OK"},
    )
