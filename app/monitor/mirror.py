"""Copies of requests to a model server, as a proxy mirrors them: rows without answers, counted at once."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import xxhash

from app.drift.columns import Role
from app.errors import BadRequest, Problem, Refused
from app.monitor import ingest, record, samples
from app.monitor.catalog import Watched
from app.monitor.halves import Asked
from app.monitor.ingest import Pace
from app.monitor.road import Road
from app.monitor.senders import Finder, side_of
from app.monitor.service import Service
from app.wire.brisk import BOUNDS, LARGEST, MOST_CELLS
from app.wire.faults import check_row_count
from app.wire.names import BATCH_ID_BYTES, lawful
from app.wire.senders.calls import read_request
from app.wire.senders.v2 import is_plain
from app.wire.table import Table

_LENGTH: Final = "inference-header-content-length"
_LONGEST_HEAD: Final = 1 << 16
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Copy:
    """One mirrored request."""

    batch_id: str
    body: bytes
    content_type: str
    header_length: int | None
    version: str | None
    row_count: int | None = None
    backfill: bool = False
    at_us: int | None = None
    received_us: int | None = None
    roles: frozenset[Role] | None = None

    def fingerprint(self) -> bytes:
        """Tell two requests of one id apart: 16 bytes over body and version, a checksum as for other batches."""
        digest = xxhash.xxh3_128(self.body)
        digest.update(b"\0" + (self.version or "").encode("utf-8", "surrogateescape"))
        return digest.digest()

    def table(self, watched: Watched) -> Table:
        """Read the rows."""
        side = side_of(watched, Role.FEATURE)
        table = read_request(self.body, self.content_type, header_length=self.header_length, side=side)
        check_row_count(table.received, self.row_count)
        return table


def batch_id_of(headers: Mapping[str, str]) -> str | None:
    """Give the id that the sender or a proxy put on a request; one that is no lawful id is hashed."""
    sent = headers.get("idempotency-key") or headers.get("x-request-id")
    if not sent:
        return None
    return sent if lawful(sent, limit=BATCH_ID_BYTES) else hashlib.sha256(sent.encode("latin-1", "replace")).hexdigest()


def _number(headers: Mapping[str, str], name: str) -> int | None:
    """Read a header that should be a whole number; None when it is not."""
    told = headers.get(name, "")
    return int(told) if told.isascii() and told.isdigit() and len(told) < _DIGITS else None


def pace_of(service: Service, model: str, *, asked: Asked, headers: Mapping[str, str], body: bytes) -> Pace:
    """Tell whether a request holds numbers in binary that are read in no time, for a model at hand."""
    length = _number(headers, _LENGTH) or 0
    if asked.model is not None or not (0 < length <= _LONGEST_HEAD and length < len(body) <= LARGEST):
        return Pace.HARD
    plain = is_plain(body[:length], len(body) - length, rows=BOUNDS.rows, cells=MOST_CELLS)
    return Pace.BRISK if plain and service.catalog.at_hand(model) else Pace.HARD


def road(  # noqa: PLR0913 - a request is all of it
    service: Service,
    model: str,
    *,
    kind: str,
    batch_id: str,
    asked: Asked,
    headers: Mapping[str, str],
    body: bytes,
    pace: Pace,
) -> Road:
    """Record the rows of a mirrored request to a model, unless the query names another; gives the receipt."""
    content_type = headers.get("content-type", "")
    try:
        watched = Finder(service, asked.holder).find([asked.model]) or service.catalog.watched(model)
        try:
            with ingest.unpacked(service, body, None, pace) as plain:
                length, rows = (_number(headers, name) for name in (_LENGTH, "x-row-count"))
                copy = Copy(batch_id, plain, content_type, length, asked.version, rows)
                receipt = yield from record.road(service, watched.model.name, copy, hasty=pace is Pace.BRISK)
        except (BadRequest, Refused) as problem:
            yield None
            samples.note(service, watched, problem, kind=kind, content_type=content_type, body=body)
            raise
    except Problem as problem:
        service.instruments.count_request(kind, problem.status)
        if problem.code == record.IN_PROGRESS:
            raise record.unknown_outcome(problem) from problem
        raise
    ingest.count(service, watched.model.name, kind, receipt=receipt)
    return receipt
