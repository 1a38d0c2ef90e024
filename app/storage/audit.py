"""Who changed what, when: a chain in which each event carries the hash of the one before."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, text

from app.storage import tables
from app.storage.locks import Lock

_GENESIS: Final = bytes(32)
_PAGE: Final = 1000
_HASHED: Final = ("id", "at", "actor", "action", "object", "before", "after", "request_id")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One change; `before` and `after` are JSON values."""

    id: int
    at_us: int
    actor: str
    action: str
    object: str
    before: Any
    after: Any
    request_id: str
    hash: str


def record(  # noqa: PLR0913 - the columns of the trail
    conn: Connection,
    *,
    actor: str,
    action: str,
    object_: str,
    before: Any = None,
    after: Any = None,
    request_id: str,
    now_us: int,
) -> AuditEvent:
    """Append an event, in the transaction of the change it tells of."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": Lock.AUDIT})
    columns = tables.audit_event.c
    last = conn.execute(select(columns.id, columns.hash).order_by(columns.id.desc()).limit(1)).one_or_none()
    event_id, previous = (1, _GENESIS) if last is None else (last.id + 1, bytes(last.hash))
    values = {
        "id": event_id,
        "at": now_us,
        "actor": actor,
        "action": action,
        "object": object_,
        "before": before,
        "after": after,
        "request_id": request_id,
    }
    digest = _digest(previous, values)
    conn.execute(insert(tables.audit_event).values(**values, prev_hash=previous, hash=digest))
    return AuditEvent(event_id, now_us, actor, action, object_, before, after, request_id, digest.hex())


def listed(conn: Connection, *, limit: int = 100, before_id: int | None = None) -> list[AuditEvent]:
    """The newest events first, older than `before_id` if given."""
    columns = tables.audit_event.c
    where = [] if before_id is None else [columns.id < before_id]
    rows = conn.execute(select(tables.audit_event).where(*where).order_by(columns.id.desc()).limit(limit))
    return [_event(row) for row in rows]


def verify(conn: Connection) -> int | None:
    """The id of the first event that is not what was recorded, or None when the chain holds."""
    previous, expected = _GENESIS, 1
    statement = select(tables.audit_event).order_by(tables.audit_event.c.id)
    with conn.execute(statement, execution_options={"yield_per": _PAGE}) as rows:
        for row in rows:
            values = {name: getattr(row, name) for name in _HASHED}
            digest = _digest(previous, values)
            if row.id != expected or bytes(row.prev_hash) != previous or digest != bytes(row.hash):
                return int(row.id)
            previous, expected = digest, expected + 1
    return None


def _digest(previous: bytes, values: dict[str, Any]) -> bytes:
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(previous + canonical.encode()).digest()


def _event(row: Row[Any]) -> AuditEvent:
    return AuditEvent(
        row.id, row.at, row.actor, row.action, row.object, row.before, row.after, row.request_id, bytes(row.hash).hex()
    )
