"""API keys, known by their hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, literal, or_, select, text, update

from app.storage import tables
from app.storage.locks import Lock
from app.storage.types import Instant


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key may do; models of None means all."""

    id: str
    name: str
    scopes: frozenset[str]
    models: frozenset[str] | None
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    last_used_us: int | None = None


Held = tuple[ApiKey, bytes]


def add(conn: Connection, key: ApiKey, *, hash_: bytes) -> None:
    """Store a new key."""
    values = {
        "id": key.id,
        "hash": hash_,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "models": None if key.models is None else sorted(key.models),
        "created_at": key.created_us,
        "expires_at": key.expires_us,
    }
    conn.execute(insert(tables.api_key).values(values))


def lock(conn: Connection) -> None:
    """Change keys one after another."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, 0)"), {"space": Lock.KEYS})


def held_by_id(conn: Connection, key_id: str) -> Held | None:
    """The key of this id and its hash, expired or revoked ones too."""
    row = conn.execute(select(tables.api_key).where(tables.api_key.c.id == key_id)).one_or_none()
    return None if row is None else (_key(row), bytes(row.hash))


def held(conn: Connection, *, ended_after_us: int) -> dict[str, Held]:
    """All keys by id with their hashes, but those that ended long ago."""
    columns = tables.api_key.c
    where = [or_(ended.is_(None), ended > ended_after_us) for ended in (columns.revoked_at, columns.expires_at)]
    return {row.id: (_key(row), bytes(row.hash)) for row in conn.execute(select(tables.api_key).where(*where))}


def any_made(conn: Connection) -> bool:
    """Whether a key was ever made, so that the open mode is over."""
    return conn.scalar(select(tables.api_key.c.id).limit(1)) is not None


def listed(conn: Connection) -> list[ApiKey]:
    """All keys by age."""
    columns = tables.api_key.c
    return [_key(row) for row in conn.execute(select(tables.api_key).order_by(columns.created_at, columns.id))]


def revoke(conn: Connection, key_id: str, *, now_us: int) -> bool:
    """End a key now; False when there is none of this id."""
    columns = tables.api_key.c
    revoked = func.coalesce(columns.revoked_at, literal(now_us, Instant))
    return conn.execute(update(tables.api_key).where(columns.id == key_id).values(revoked_at=revoked)).rowcount == 1


def expire(conn: Connection, key_id: str, *, at_us: int) -> bool:
    """Let a key end at an instant."""
    where = tables.api_key.c.id == key_id
    return conn.execute(update(tables.api_key).where(where).values(expires_at=at_us)).rowcount == 1


def touch(conn: Connection, uses: Mapping[str, int]) -> None:
    """Note when keys were last used."""
    for key_id, used_us in sorted(uses.items()):
        newest = func.greatest(tables.api_key.c.last_used_at, literal(used_us, Instant))
        conn.execute(update(tables.api_key).where(tables.api_key.c.id == key_id).values(last_used_at=newest))


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        scopes=frozenset(row.scopes),
        models=None if row.models is None else frozenset(row.models),
        created_us=row.created_at,
        expires_us=row.expires_at,
        revoked_us=row.revoked_at,
        last_used_us=row.last_used_at,
    )
