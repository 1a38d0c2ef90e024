"""The door of ingest: unpack, record, count what happened."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final

from app.errors import BadRequest, NotFound, Problem, UnsupportedType
from app.monitor import prebinned, record, samples
from app.monitor.burden import Free
from app.monitor.opening import known_of
from app.monitor.parcel import Parcel, Shipment
from app.monitor.road import Road
from app.monitor.service import Service
from app.storage import ledger
from app.wire.brisk import may_be_brisk
from app.wire.decode import Format, known_format
from app.wire.inflate import inflate, misnamed

LIGHT_BYTES: Final = 2**15
LIGHT_STARTS: Final = (b"{", b"[")
_FREE: Final = Free()


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the sender said about a body; without a batch id the body's SHA-256 is it, `shipped` by a log shipper."""

    batch_id: str | None
    content_type: str
    encoding: str
    version: str | None
    backfill: bool
    rows: int | None
    shipped: bool = False

    @classmethod
    def of(  # noqa: PLR0913 - a sender may say that much
        cls,
        batch_id: str | None,
        headers: Mapping[str, str],
        *,
        version: str | None,
        backfill: bool,
        rows: int | None,
        shipped: bool = False,
    ) -> "Envelope":
        """Read the headers that matter."""
        return cls(
            batch_id=batch_id,
            content_type=headers.get("content-type", ""),
            encoding=headers.get("content-encoding", ""),
            version=version,
            backfill=backfill,
            rows=rows,
            shipped=shipped,
        )

    def id_of(self, plain: bytes) -> str:
        """Give the id of the batch that a decompressed body is."""
        return hashlib.sha256(plain).hexdigest() if self.batch_id is None else self.batch_id


class Pace(Enum):
    """Where a road begins: LIGHT and BRISK ones on the event loop, the latter up to where they yield."""

    LIGHT = "light"
    BRISK = "brisk"
    HARD = "hard"


def pace_of(service: Service, model: str, *, envelope: Envelope, body: bytes) -> Pace:
    """Tell how long the road up to the commit may take: a short one is not worth a thread of its own."""
    if envelope.encoding or not may_be_brisk(body) or not service.catalog.at_hand(model):
        return Pace.HARD
    return Pace.LIGHT if len(body) <= LIGHT_BYTES and body[:1] in LIGHT_STARTS else Pace.BRISK


def batch(service: Service, model: str, *, envelope: Envelope, body: bytes, pace: Pace = Pace.HARD) -> Road:
    """Record a body of rows; gives the receipt."""
    kind: Format | None = None
    try:
        watched = service.catalog.watched(model)
        with unpacked(service, body, envelope.encoding, pace) as plain:
            believed = misnamed(envelope.encoding, inflated=plain is not body) is None
            kind = known_format(plain, envelope.content_type, known=partial(known_of, watched), believed=believed)
            parcel = Parcel(
                envelope.id_of(plain),
                plain,
                envelope.content_type,
                version=envelope.version,
                backfill=envelope.backfill,
                row_count=envelope.rows,
                shipped=envelope.shipped,
                most=service.policy.max_rows,
                kind=kind,
            )
            receipt = yield from record.road(
                service, model, parcel, turns=_FREE if pace is Pace.LIGHT else None, hasty=pace is Pace.BRISK
            )
    except Problem as problem:
        word = kind or "unknown"
        service.instruments.count_request(word, problem.status)
        if isinstance(problem, BadRequest):
            said = envelope.content_type
            yield None
            samples.note(service, watched, problem, kind=word, content_type=said, body=body)
        if envelope.shipped and problem.code == record.IN_PROGRESS:
            raise record.unknown_outcome(problem) from problem
        raise
    count(service, model, kind, receipt=receipt)
    return receipt


def delivery(service: Service, model: str, *, shipment: Shipment, kind: str, repeated: bool = True) -> dict[str, Any]:
    """Record rows that a foreign sender delivered; gives the receipt.

    `kind` is the sender's word in the metrics, `repeated` tells that a duplicate would be the sender's doing.
    """
    receipt = record.record_batch(service, model, shipment)
    if repeated or not receipt["duplicate"]:
        _count_rows(service, model, kind, receipt=receipt)
    return receipt


def histograms(service: Service, model: str, *, envelope: Envelope, body: bytes, pace: Pace = Pace.HARD) -> Road:
    """Record a body of window histograms; gives the receipt."""
    turns = _FREE if pace is Pace.LIGHT else None
    try:
        service.catalog.watched(model)
        with unpacked(service, body, envelope.encoding, pace) as plain:
            receipt = yield from prebinned.road(
                service, model, envelope.id_of(plain), body=plain, backfill=envelope.backfill, turns=turns
            )
    except Problem as problem:
        service.instruments.count_request("histogram", problem.status)
        raise
    count(service, model, "histogram", receipt=receipt)
    return receipt


@contextmanager
def unpacked(service: Service, body: bytes, encoding: str | None, pace: Pace) -> Iterator[bytes]:
    """Decompress a body, a few at a time, and carry what it became; an encoding that hides it is named."""
    with service.decodes if pace is Pace.HARD else _FREE:
        plain = inflate(body, encoding, limit=service.policy.max_decoded_bytes)
    with service.burden.carrying(0 if plain is body else len(plain)):
        try:
            yield plain
        except UnsupportedType as problem:
            said = misnamed(encoding, inflated=plain is not body)
            if said is None:
                raise
            raise UnsupportedType("unsupported-encoding", said) from problem


def receipt(service: Service, model: str, batch_id: str) -> str:
    """Give the stored receipt of a batch; NotFound when there is none."""
    watched = service.catalog.watched(model)
    with service.database.snapshot() as conn:
        found = ledger.receipt(conn, watched.id, batch_id)
    if found is None:
        raise NotFound("unknown-batch", f"no batch {batch_id!r} is stored; one in flight may still be committed")
    return found


def count(service: Service, model: str, kind: str, *, receipt: Mapping[str, Any]) -> None:
    """Count a delivery that was answered well, and its rows."""
    service.instruments.count_request(kind, 200)
    _count_rows(service, model, kind, receipt=receipt)


def _count_rows(service: Service, model: str, kind: str, *, receipt: Mapping[str, Any]) -> None:
    rows = receipt["rows"]
    outcomes = (
        {"duplicate": rows["received"]}
        if receipt["duplicate"]
        else {name: rows[name] for name in ("accepted", "late", "future", "rejected")}
    )
    for outcome, count in outcomes.items():
        service.instruments.count_rows(model, kind, outcome=outcome, rows=count)
