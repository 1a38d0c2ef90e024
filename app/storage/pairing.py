"""Halves of calls that wait for each other; whoever sees the last one arrive counts the call.

A pair is known by 32 bytes. Its batch in the ledger has a fingerprint that ends with a byte of bits, one for each
half that was counted, so that a half which comes again is told from one that comes late.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, text

from app.storage import tables
from app.storage.locks import Lock
from app.storage.types import to_datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """One half as it came: `half` is `request`, `response` or `feedback`, `version` may be empty."""

    pair: bytes
    half: str
    model_id: int
    sender: str
    version: str
    content_type: str
    header_length: int | None
    body: bytes
    event_us: int
    received_us: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """What became of a half: whether it was there before, and what the ledger knows of its pair.

    `counted` is the fingerprint of the pair's batch, None while there is none; `alone` says that this half was
    counted by itself; `parts` are all halves that wait now.
    """

    known: bool
    counted: bytes | None
    alone: bool
    parts: tuple[Stored, ...]


def batch_id(sender: str, pair: bytes, half: str | None = None) -> str:
    """Name the batch of a pair, or of a half that was counted by itself."""
    return f"{sender}-{pair.hex()}" if half is None else f"{sender}-{pair.hex()}-{half}"


def arrive(conn: Connection, halves: Sequence[Stored]) -> list[Arrival]:
    """Keep halves that were never seen before; arrivals of one pair take turns until their transaction ends."""
    keys = sorted({struct.unpack(">q", half.pair[:8])[0] for half in halves})
    conn.execute(_LOCK, {"keys": keys})
    ids = [batch_id(half.sender, half.pair) for half in halves]
    own = [batch_id(half.sender, half.pair, half.half) for half in halves]
    models = [half.model_id for half in halves]
    known = {
        (row.model_id, row.batch_id): bytes(row.fingerprint)
        for row in conn.execute(_COUNTED, {"models": [*models, *models], "batches": [*ids, *own]})
    }
    fresh = [
        half
        for half, pair, alone in zip(halves, ids, own, strict=True)
        if (half.model_id, pair) not in known and (half.model_id, alone) not in known
    ]
    entered = _enter(conn, fresh)
    waiting: dict[bytes, list[Stored]] = {}
    for part in _parts(conn, sorted({half.pair for half in fresh})):
        waiting.setdefault(part.pair, []).append(part)
    return [
        Arrival(
            known=(half.pair, half.half) not in entered,
            counted=known.get((half.model_id, pair)),
            alone=(half.model_id, alone) in known,
            parts=tuple(waiting.get(half.pair, ())),
        )
        for half, pair, alone in zip(halves, ids, own, strict=True)
    ]


def claim(conn: Connection) -> bool:
    """Take the turn to finish what is due, until the transaction ends; False when another replica has it."""
    return bool(conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, 0)"), {"space": Lock.PAIRING}))


def due(conn: Connection, *, received_before_us: int, now_us: int, limit: int = 500) -> list[tuple[Stored, ...]]:
    """The pairs of which a half waits since before an instant, oldest first, but for those put off."""
    columns = tables.pairing.c
    waits = (columns.received_at < received_before_us) & func.coalesce(columns.retry_at <= now_us, True)
    oldest = select(columns.pair).where(waits).order_by(columns.received_at)
    pairs = list(dict.fromkeys(conn.scalars(oldest.limit(limit))))
    found: dict[bytes, list[Stored]] = {bytes(pair): [] for pair in pairs}
    for part in _parts(conn, list(found)):
        found[part.pair].append(part)
    return [tuple(parts) for parts in found.values() if parts]


def forget(conn: Connection, parts: Sequence[Stored]) -> None:
    """Drop halves that were counted; if this is lost, they are found counted and dropped later."""
    conn.execute(_FORGET, {"pairs": [part.pair for part in parts], "halves": [part.half for part in parts]})


def put_off(conn: Connection, parts: Sequence[Stored], *, now_us: int) -> None:
    """Try halves again after a second, two, four and so on, up to an hour."""
    keys = {"pairs": [part.pair for part in parts], "halves": [part.half for part in parts]}
    conn.execute(_PUT_OFF, keys | {"now": to_datetime(now_us)})


def postponed(conn: Connection) -> int:
    """The calls of which a half was put off."""
    columns = tables.pairing.c
    return int(conn.scalar(select(func.count(columns.pair.distinct())).where(columns.failures > 0)) or 0)


def held(conn: Connection) -> int:
    """The bytes of all bodies that wait."""
    return int(conn.scalar(select(func.coalesce(func.sum(func.octet_length(tables.pairing.c.body)), 0))) or 0)


def _enter(conn: Connection, halves: Sequence[Stored]) -> set[tuple[bytes, str]]:
    if not halves:
        return set()
    rows = conn.execute(
        _ENTER,
        {
            "pairs": [half.pair for half in halves],
            "halves": [half.half for half in halves],
            "models": [half.model_id for half in halves],
            "senders": [half.sender for half in halves],
            "versions": [half.version for half in halves],
            "types": [half.content_type for half in halves],
            "lengths": [half.header_length for half in halves],
            "bodies": [half.body for half in halves],
            "events": [to_datetime(half.event_us) for half in halves],
            "received": [to_datetime(half.received_us) for half in halves],
        },
    )
    return {(bytes(row.pair), row.half) for row in rows}


def _parts(conn: Connection, pairs: Sequence[bytes]) -> list[Stored]:
    if not pairs:
        return []
    columns = tables.pairing.c
    rows = conn.execute(select(tables.pairing).where(columns.pair.in_(pairs)).order_by(columns.pair, columns.half))
    return [
        Stored(
            pair=bytes(row.pair),
            half=row.half,
            model_id=row.model_id,
            sender=row.sender,
            version=row.version,
            content_type=row.content_type,
            header_length=row.header_length,
            body=bytes(row.body),
            event_us=row.event_at,
            received_us=row.received_at,
        )
        for row in rows
    ]


_LOCK: Final = text("""
SELECT set_config('synchronous_commit', 'on', true), set_config('lock_timeout', '2s', true),
       pg_advisory_xact_lock(k.key)
FROM unnest(CAST(:keys AS bigint[])) AS k (key)
""")

_COUNTED: Final = text("""
SELECT l.model_id, l.batch_id, l.fingerprint
FROM unnest(CAST(:models AS integer[]), CAST(:batches AS text[])) AS g (model_id, batch_id)
JOIN batch_ledger l ON l.model_id = g.model_id AND l.batch_id = g.batch_id
""")

_ENTER: Final = text("""
INSERT INTO pairing (pair, half, model_id, sender, version, content_type, header_length, body, event_at, received_at)
SELECT * FROM unnest(
    CAST(:pairs AS bytea[]), CAST(:halves AS text[]), CAST(:models AS integer[]), CAST(:senders AS text[]),
    CAST(:versions AS text[]), CAST(:types AS text[]), CAST(:lengths AS bigint[]), CAST(:bodies AS bytea[]),
    CAST(:events AS timestamptz[]), CAST(:received AS timestamptz[])
)
ON CONFLICT DO NOTHING
RETURNING pair, half
""")

_PUT_OFF: Final = text("""
UPDATE pairing p SET failures = least(p.failures, 30) + 1,
    retry_at = CAST(:now AS timestamptz) + least(2 ^ least(p.failures, 30), 3600) * interval '1 second'
FROM unnest(CAST(:pairs AS bytea[]), CAST(:halves AS text[])) AS g (pair, half)
WHERE p.pair = g.pair AND p.half = g.half
""")

_FORGET: Final = text("""
DELETE FROM pairing p USING unnest(CAST(:pairs AS bytea[]), CAST(:halves AS text[])) AS g (pair, half)
WHERE p.pair = g.pair AND p.half = g.half
""")
