"""Samples of rows: what each batch adds to the sample of a window, and the joined samples. Raw data, kept briefly."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from sqlalchemy import Connection, delete, exists, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from app.storage import tables
from app.storage.types import to_datetime, to_us


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that one batch offers to a window's sample: 8 bytes of hash a row, and the packed rows in the same order."""

    version: str
    window_start_us: int
    hashes: bytes
    payload: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of a window's sample: the joined part, if any, and all parts since, by id."""

    parts: tuple[Part, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """The parts of a batch that was entered in the ledger."""

    model_id: int
    received_us: int
    parts: tuple[Part, ...]


def columns(offers: Sequence[Offer]) -> dict[str, Any]:
    """Write the parts of batches as the columns that the journal's statement takes; octets go as one, unescaped."""
    rows = [(offer, part) for offer in offers for part in offer.parts]
    payloads = [part.payload for _, part in rows]
    hashes = [part.hashes for _, part in rows]
    return {
        "part_models": [offer.model_id for offer, _ in rows],
        "part_versions": [part.version for _, part in rows],
        "part_starts": [to_datetime(part.window_start_us) for _, part in rows],
        "part_hashes": hashes,
        "part_places": [1 + before for before in accumulate(map(len, payloads[:-1]), initial=0)],
        "part_payloads": [len(payload) for payload in payloads],
        "part_octets": payloads[0] if len(payloads) == 1 else b"".join(payloads),
        "part_received": [to_datetime(offer.received_us) for offer, _ in rows],
    }


def read(conn: Connection, model_id: int, *, start_us: int, version: str) -> Kept:
    """Read all that is stored of a window's sample."""
    joined, part = tables.reservoir, tables.reservoir_part
    found = [
        Part(version, start_us, bytes(row.hashes), bytes(row.payload))
        for row in conn.execute(
            select(joined.c.hashes, joined.c.payload).where(
                joined.c.model_id == model_id, joined.c.window_start == start_us, joined.c.version == version
            )
        )
    ]
    ids = []
    for row in conn.execute(
        select(part.c.id, part.c.hashes, part.c.payload)
        .where(part.c.model_id == model_id, part.c.window_start == start_us, part.c.version == version)
        .order_by(part.c.id)
    ):
        found.append(Part(version, start_us, bytes(row.hashes), bytes(row.payload)))
        ids.append(row.id)
    return Kept(tuple(found), tuple(ids))


def kept(conn: Connection, model_id: int, *, start_before_us: int, limit: int) -> list[tuple[int, str]]:
    """Start and version of the last windows with a sample, newest first."""
    rows = conn.execute(
        text("""
            SELECT window_start, version FROM (
                SELECT window_start, version FROM reservoir_part WHERE model_id = :model
                UNION SELECT window_start, version FROM reservoir WHERE model_id = :model
            ) AS kept WHERE window_start < :before ORDER BY window_start DESC, version LIMIT :limit
        """),
        {"model": model_id, "before": to_datetime(start_before_us), "limit": limit},
    )
    return [(to_us(row.window_start), row.version) for row in rows]


def join(conn: Connection, model_id: int, *, whole: Part, ids: Sequence[int], now_us: int) -> None:
    """Put one joined sample in the place of the parts it was made of."""
    table = tables.reservoir
    statement = upsert(table).values(
        model_id=model_id,
        window_start=whole.window_start_us,
        version=whole.version,
        hashes=whole.hashes,
        payload=whole.payload,
        received_at=now_us,
    )
    given = {name: statement.excluded[name] for name in ("hashes", "payload", "received_at")}
    conn.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=given))
    part = tables.reservoir_part.c
    conn.execute(delete(tables.reservoir_part).where(part.model_id == model_id, part.id.in_(ids)))


def prune(conn: Connection, *, received_before_us: int, without_suite: bool) -> int:
    """Forget old samples, and unless told otherwise those of models without an active suite."""
    gone = 0
    suite = tables.expectation_suite.c
    for table in (tables.reservoir_part, tables.reservoir):
        wanted = exists().where(suite.model_id == table.c.model_id, suite.active)
        old = table.c.received_at < received_before_us
        gone += conn.execute(delete(table).where(old if without_suite else old | ~wanted)).rowcount
    return gone


@dataclass(frozen=True, slots=True)
class Due:
    """A closed window on which active suites have not run since it changed."""

    window_start_us: int
    version: str
    rows: int
    revision: int
    suite_ids: tuple[int, ...]


def due(conn: Connection, model_id: int, *, start_before_us: int, limit: int) -> list[Due]:
    """List the windows to validate, newest first: those with a sample, and those with rows since a suite was active."""
    rows = conn.execute(
        text("""
            WITH kept AS (
                SELECT DISTINCT window_start, version FROM reservoir_part WHERE model_id = :model
                UNION SELECT window_start, version FROM reservoir WHERE model_id = :model
            ), total AS (
                SELECT window_start, version, sum(rows) AS rows, sum(revision) AS revision,
                       max(last_received_at) AS received_at
                FROM window_total WHERE model_id = :model AND window_start < :before AND rows > 0
                GROUP BY window_start, version
            )
            SELECT t.window_start, t.version, t.rows, t.revision, array_agg(s.id ORDER BY s.id) AS suites
            FROM total t
            JOIN expectation_suite s ON s.model_id = :model AND s.active
            LEFT JOIN kept k USING (window_start, version)
            LEFT JOIN expectation_result r
                ON r.model_id = :model AND r.window_start = t.window_start AND r.version = t.version
                AND r.suite_id = s.id
            WHERE (r.revision IS NULL OR r.revision < t.revision)
              AND (k.version IS NOT NULL OR t.received_at >= s.activated_at)
            GROUP BY t.window_start, t.version, t.rows, t.revision
            ORDER BY t.window_start DESC, t.version LIMIT :limit
        """),
        {"model": model_id, "before": to_datetime(start_before_us), "limit": limit},
    )
    return [
        Due(to_us(row.window_start), row.version, int(row.rows), int(row.revision), tuple(row.suites)) for row in rows
    ]
