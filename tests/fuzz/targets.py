"""What is fuzzed: every reader of bytes from outside, and of bytes that another version stored.

A target reads one input to the end. Whatever escapes but a problem of ours (or what its reader declares) is a find.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.errors import Problem
from app.monitor import tokens
from app.storage import codec
from app.storage.codec import UnreadableError
from app.wire.decode import decode
from app.wire.envelope import opened
from app.wire.inflate import inflate
from app.wire.jsontext import load_json
from app.wire.msgpack import table_of_msgpack
from app.wire.otlp import logs_of_protobuf
from app.wire.otlpjson import logs_of_json
from app.wire.partition import read_histograms
from app.wire.senders.calls import read_request, read_response, read_truth
from app.wire.senders.events import Event, events_of
from app.wire.senders.protobuf import tensors_of_message
from app.wire.senders.sides import Side, named
from app.wire.table import Table
from app.wire.times import instants
from app.wire.values import categorical, numeric
from app.wire.windows import read_posting
from app.wire.wrapping import Opening

LIMIT: Final = 1 << 20
MOST: Final = 10_000
UTC: Final = ZoneInfo("UTC")
NEW_YORK: Final = ZoneInfo("America/New_York")
FEATURES: Final = ("age", "income", "city")
ASKED: Final = Side(FEATURES, frozenset({*FEATURES, "score"}))
ANSWERED: Final = Side(("score",), ASKED.known, answer=True)
TYPES: Final = (
    None, "application/json", "application/x-ndjson", "text/csv", "application/msgpack",
    "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream", "application/octet-stream",
)  # fmt: skip
CE_TYPES: Final = (
    "org.kubeflow.serving.inference.request", "org.kubeflow.serving.inference.response", "io.seldon.serving.feedback",
    "io.seldon.serving.inference.request",
)  # fmt: skip
SHAPE: Final = (24, 3)


@dataclass(frozen=True, slots=True)
class Target:
    """A reader, and what may escape from it."""

    read: Callable[[bytes], object]
    declared: tuple[type[Exception], ...] = (Problem,)


def _count(table: Table) -> None:
    """Look at every column as both kinds of feature, and as times."""
    for name in list(table.columns)[:50]:
        raw = table.columns[name]
        numeric(raw, text=table.text)
        categorical(raw, text=table.text)
        instants(raw, table.rows, receipt_us=0, naive="local", zone=NEW_YORK, text=table.text)


def _inflate(data: bytes) -> None:
    inflate(data[1:], ("gzip", "zstd", None)[data[0] % 3] if data else None, limit=LIMIT)


def _batch(data: bytes) -> None:
    """The first byte chooses what the sender says it is."""
    said = data[0] if data else 0
    _count(decode(data[1:], TYPES[said % len(TYPES)], limit=LIMIT, lone=said >= len(TYPES)))


def _histograms(data: bytes) -> None:
    read_posting(data)
    read_histograms(load_json(data))


def _journal(data: bytes) -> None:
    """As stored, and with a checksum that fits, so that what lies behind it is met too."""
    try:
        codec.decode(data, shape=SHAPE)
    except UnreadableError:
        codec.decode(_sealed(data), shape=SHAPE)


def _sealed(data: bytes) -> bytes:
    body = zlib.compress(data, 1)
    head = (1, *SHAPE, 7)
    return codec._HEADER.pack(*head, zlib.crc32(body, zlib.crc32(repr(head).encode()))) + body


def _token(data: bytes) -> None:
    tokens.read(data.decode("latin-1"))
    tokens.read(data.decode("utf-8", "replace"))


def _times(data: bytes) -> None:
    """Lines as CSV cells and as JSON values."""
    lines: list[Any] = data.decode("utf-8", "replace").split("\n")[:1000]
    for zone, naive in ((UTC, "utc"), (NEW_YORK, "local")):
        instants(lines, len(lines), receipt_us=0, naive=naive, zone=zone, text=True)
        instants(lines, len(lines), receipt_us=0, naive=naive, zone=zone)
    value = load_json(data)
    values = value if isinstance(value, list) else [value]
    instants(values, len(values), receipt_us=0, naive="local", zone=NEW_YORK)


def _call(data: bytes) -> None:
    """A call, an answer and a truth of any server; the first byte tells how long the JSON is said to be."""
    told, body = (data[0] or None if data else None), data[1:]
    readers: tuple[Callable[[], Any], ...] = (
        lambda: read_request(body, "", header_length=told, side=ASKED),
        lambda: read_response(body, "", header_length=told, side=ANSWERED),
        lambda: read_truth(body, side=ANSWERED),
    )
    for read in readers:
        try:
            found = read()
        except Problem:
            continue
        for raw in found.columns.values():
            numeric(raw)
            categorical(raw)


def _message(data: bytes) -> None:
    for side in (ASKED, ANSWERED):
        named([tensor.part() for tensor in tensors_of_message(data, answer=side.answer)], side)


def _events(data: bytes) -> None:
    """A line of headers `name:value` separated by tabs, then the body."""
    head, _, body = data.partition(b"\n")
    pairs = (part.partition(":") for part in head.decode("latin-1").split("\t"))
    headers = {name.lower(): value for name, _, value in pairs if name}
    assert all(isinstance(one, Event | Problem) for one in events_of(headers, body))
    events_of({"ce-id": "1", "ce-type": CE_TYPES[len(data) % len(CE_TYPES)]} | headers, body)


def _otlp(data: bytes) -> None:
    for read in (logs_of_protobuf, logs_of_json):
        try:
            found = read(data, most=MOST)
        except Problem:
            continue
        for logs in found:
            assert len(logs.rows) <= MOST


def _msgpack(data: bytes) -> None:
    _count(table_of_msgpack(data))


def _envelope(data: bytes) -> None:
    opening = Opening(("log", "message", "body"), "timestamp", None, frozenset(FEATURES), "score")
    for logged in (True, False):
        _count(opened(decode(data, None, limit=LIMIT, lone=True), opening, logged=logged))


TARGETS: Final = {
    "inflate": Target(_inflate),
    "batch": Target(_batch),
    "histograms": Target(_histograms),
    "journal": Target(_journal, (UnreadableError,)),
    "token": Target(_token, ()),
    "times": Target(_times),
    "call": Target(_call),
    "message": Target(_message),
    "events": Target(_events),
    "otlp": Target(_otlp),
    "msgpack": Target(_msgpack),
    "envelope": Target(_envelope),
}
