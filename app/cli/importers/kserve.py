"""What KServe's logger writes to a blob store: requests and responses in files of their own, paired by id.

The columns are those of KServe's own encoders for JSON, CSV and Parquet: bytes in base64, contentType, reqType, id.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from app.cli.importers.bodies import decoded
from app.cli.importers.calls import Call, rows_of
from app.cli.importers.records import Failed, readable, records
from app.cli.importers.schema import Schema
from app.cli.parcels import Parcel, Read
from app.errors import BadRequest

KEYS: Final = frozenset({"bytes", "reqType", "id"})
_REQUEST, _RESPONSE = HALVES = ("request", "response")
WAITING_BYTES: Final = 128 << 20


@dataclass(frozen=True, slots=True)
class _Half:
    path: Path
    number: int
    content: bytes
    content_type: str
    version: str | None
    at: Any


@dataclass(slots=True)
class Waiting:
    """Halves of calls whose other half was not met yet, the oldest first."""

    halves: dict[tuple[str, str], _Half] = field(default_factory=dict)
    bytes: int = 0

    def put(self, key: tuple[str, str], half: _Half) -> None:
        """Keep a half."""
        if key not in self.halves:
            self.halves[key] = half
            self.bytes += len(half.content)

    def take(self, key: tuple[str, str]) -> _Half | None:
        """Give a half away."""
        half = self.halves.pop(key, None)
        self.bytes -= 0 if half is None else len(half.content)
        return half


def parcels(paths: Sequence[Path], schema: Schema, *, read: Read, failed: Failed | None = None) -> Iterator[Parcel]:
    """Make a batch of every call, named by the file, place and bytes of its request."""
    waiting, done = Waiting(), 0
    for path in sorted(paths):
        found = readable(records(path, read=partial(onwards, read, done)), path, failed=failed)
        for number, record in enumerate(found):
            half, key = _half(path, number, record), _key(path, record)
            if half is None or key is None:
                yield Parcel(path, "", None, 1)
            else:
                yield from _met(waiting, half, key, schema)
        done += path.stat().st_size
        while waiting.bytes > WAITING_BYTES:
            yield from _alone(waiting, next(iter(waiting.halves)), schema)
    for key in list(waiting.halves):
        yield from _alone(waiting, key, schema)


def onwards(read: Read, done: int, part: int) -> None:
    """Tell of a part of a file that comes after others."""
    read(done + part)


def _key(path: Path, record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Tell which half of which call a record is, by itself or by the name of its file."""
    stem, _, last = path.stem.rpartition("-")
    kind, name = str(record.get("reqType") or last).lower(), str(record.get("id") or stem)
    half = next((half for half in HALVES if kind.endswith(half)), None)
    return (name, half) if name and half else None


def _met(waiting: Waiting, half: _Half, key: tuple[str, str], schema: Schema) -> Iterator[Parcel]:
    """Pair a half with the one that waits for it, or let it wait."""
    name, mine = key
    found = waiting.take((name, _RESPONSE if mine == _REQUEST else _REQUEST))
    if found is None:
        waiting.put(key, half)
    else:
        request, response = (half, found) if mine == _REQUEST else (found, half)
        yield _parcel(request, response, schema)


def _alone(waiting: Waiting, key: tuple[str, str], schema: Schema) -> Iterator[Parcel]:
    """Let a half go by itself: a request has no predictions, a response no rows."""
    half = waiting.take(key)
    if half is not None and key[1] == _REQUEST:
        yield _parcel(half, None, schema)


def _parcel(request: _Half, response: _Half | None, schema: Schema) -> Parcel:
    content, content_type = (None, "") if response is None else (response.content, response.content_type)
    rows, refused = rows_of(Call(request.content, request.content_type, content, content_type, request.at), schema)
    named = Parcel.of_rows(request.path, request.number, rows, refused=refused, version=request.version)
    return named.called(Parcel.of(request.path, request.number, request.content, "").id)


def _half(path: Path, number: int, record: Mapping[str, Any]) -> _Half | None:
    written = record.get("bytes")
    try:
        content = decoded(written) if isinstance(written, str) else written
    except BadRequest:
        return None
    if not isinstance(content, bytes):
        return None
    content_type, endpoint = record.get("contentType"), record.get("endpoint")
    kind = content_type.lower() if isinstance(content_type, str) else ""
    version = endpoint if isinstance(endpoint, str) and endpoint else None
    return _Half(path, number, content, kind, version, record.get("occurrenceTime") or None)
