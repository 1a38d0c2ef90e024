"""The batch ledger and the delta journal: a batch is counted once, whatever dies.

Nothing here waits for another replica: a batch that is being committed elsewhere, or whose model is being changed, is
sent back. Duplicates are told by the ledger's primary key alone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, TextClause, select, text

from app import failpoints
from app.storage import codec, reservoirs, statements, tables
from app.storage.deltas import Delta, Marks, summed
from app.storage.locks import Lock
from app.storage.reservoirs import Offer, Part
from app.storage.types import to_datetime


class Result(StrEnum):
    """What became of a delivery."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    REUSED = "reused"
    IN_PROGRESS = "in_progress"
    STALE = "stale"


@dataclass(frozen=True)
class Delivery:
    """A batch, binned with a revision of its model, and the receipt its sender will get."""

    model_id: int
    model_revision: int
    batch_id: str
    fingerprint: bytes
    receipt: str
    received_us: int
    rows_accepted: int
    rows_late: int = 0
    rows_future: int = 0
    rows_rejected: int = 0
    deltas: tuple[Delta | Marks, ...] = ()
    backfill: bool = False
    sampled: tuple[Part, ...] = ()

    @cached_property
    def nbytes(self) -> int:
        """Memory it holds."""
        counts = sum(delta.nbytes for delta in self.deltas)
        return len(self.receipt) + counts + sum(len(part.payload) for part in self.sampled)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a delivery, and the receipt kept for it."""

    result: Result
    receipt: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A batch that was counted."""

    batch_id: str
    fingerprint: bytes
    receipt: str
    rows_accepted: int
    rows_late: int
    rows_future: int
    rows_rejected: int
    backfill: bool
    received_us: int


_Key = tuple[int, str]


def commit_group(
    conn: Connection, deliveries: Sequence[Delivery], *, stale_after_s: float | None = None
) -> list[Outcome]:
    """Enter deliveries into the ledger and their sums into the journal; the caller commits.

    A delivery that was binned longer ago, by the database's clock, is stale: its rows may be late by now.
    """
    firsts: dict[_Key, Delivery] = {}
    for delivery in deliveries:
        firsts.setdefault((delivery.model_id, delivery.batch_id), delivery)
    keys = list(firsts)
    got = conn.execute(statements.CLAIM, claim(keys)).one()
    claimed = [key for key, mine in zip(keys, got.claimed, strict=True) if mine]
    steady = set(got.models)
    failpoints.hit("ingest.after_claim")
    entered = _enter(conn, [firsts[key] for key in claimed if key[0] in steady], age_s=stale_after_s)
    failpoints.hit("ingest.after_ledger")
    known = _known(conn, [key for key in claimed if key not in entered])
    added = addition([firsts[key] for key in claimed if key in entered])
    if added is not None:
        conn.execute(*added)
    failpoints.hit("ingest.after_journal")
    mine = set(claimed)
    outcomes = []
    for delivery in deliveries:
        key = (delivery.model_id, delivery.batch_id)
        fate = _outcome(delivery, firsts[key], claimed=key in mine, entered=key in entered, known=known.get(key))
        outcomes.append(fate)
    return outcomes


def claim(keys: Collection[_Key]) -> dict[str, Any]:
    """Fill in the statement that claims batches and their models."""
    return {
        "seed": statements.BATCH_SEED,
        "space": Lock.MODEL,
        "models": [model_id for model_id, _ in keys],
        "batches": [batch_id for _, batch_id in keys],
        "distinct": sorted({model_id for model_id, _ in keys}),
    }


def entry(deliveries: Sequence[Delivery], age_s: float | None) -> dict[str, Any]:
    """Fill in the statement that enters batches into the ledger."""
    return {
        "models": [delivery.model_id for delivery in deliveries],
        "batches": [delivery.batch_id for delivery in deliveries],
        "fingerprints": [delivery.fingerprint for delivery in deliveries],
        "accepted": [delivery.rows_accepted for delivery in deliveries],
        "late": [delivery.rows_late for delivery in deliveries],
        "future": [delivery.rows_future for delivery in deliveries],
        "rejected": [delivery.rows_rejected for delivery in deliveries],
        "receipts": [delivery.receipt for delivery in deliveries],
        "backfills": [delivery.backfill for delivery in deliveries],
        "received": [to_datetime(delivery.received_us) for delivery in deliveries],
        "revisions": [delivery.model_revision for delivery in deliveries],
        "age": age_s,
    }


def receipt(conn: Connection, model_id: int, batch_id: str) -> str | None:
    """The receipt kept for a batch."""
    row = lookup(conn, model_id, batch_id)
    return None if row is None else row.receipt


def lookup(conn: Connection, model_id: int, batch_id: str) -> LedgerRow | None:
    """The ledger's row of a batch."""
    return _known(conn, [(model_id, batch_id)]).get((model_id, batch_id))


def _outcome(delivery: Delivery, first: Delivery, *, claimed: bool, entered: bool, known: LedgerRow | None) -> Outcome:
    if not claimed:
        return Outcome(Result.IN_PROGRESS)
    if entered and delivery is first:
        return Outcome(Result.STORED, delivery.receipt)
    if entered:
        same, kept = delivery.fingerprint == first.fingerprint, first.receipt
    elif known is not None:
        same, kept = delivery.fingerprint == known.fingerprint, known.receipt
    else:
        return Outcome(Result.STALE)
    return Outcome(Result.DUPLICATE, kept) if same else Outcome(Result.REUSED)


def _enter(conn: Connection, deliveries: Sequence[Delivery], *, age_s: float | None) -> set[_Key]:
    if not deliveries:
        return set()
    rows = conn.execute(statements.ENTER, entry(deliveries, age_s))
    return {(row.model_id, row.batch_id) for row in rows}


def _known(conn: Connection, keys: Sequence[_Key]) -> dict[_Key, LedgerRow]:
    if not keys:
        return {}
    ledger = tables.batch_ledger
    given = text("SELECT m, b FROM unnest(CAST(:models AS integer[]), CAST(:batches AS text[])) AS d (m, b)")
    wanted = given.columns(ledger.c.model_id.label("m"), ledger.c.batch_id.label("b")).subquery("given")
    statement = select(ledger).join(wanted, (ledger.c.model_id == wanted.c.m) & (ledger.c.batch_id == wanted.c.b))
    rows = conn.execute(statement, {"models": [key[0] for key in keys], "batches": [key[1] for key in keys]})
    return {(row.model_id, row.batch_id): _row(row) for row in rows}


def _row(row: Any) -> LedgerRow:
    return LedgerRow(
        batch_id=row.batch_id,
        fingerprint=bytes(row.fingerprint),
        receipt=row.receipt,
        rows_accepted=row.rows_accepted,
        rows_late=row.rows_late,
        rows_future=row.rows_future,
        rows_rejected=row.rows_rejected,
        backfill=row.backfill,
        received_us=row.received_at,
    )


def addition(deliveries: Sequence[Delivery]) -> tuple[TextClause, dict[str, Any]] | None:
    """Give the statement that stores what deliveries add to each window, and what they sample; None for nothing."""
    touched: dict[tuple[int, int, str, int], list[Delta | Marks]] = {}
    newest: dict[tuple[int, int, str, int], int] = {}
    for delivery in deliveries:
        for delta in delivery.deltas:
            key = (delivery.model_id, delta.baseline_id, delta.version, delta.window_start_us)
            touched.setdefault(key, []).append(delta)
            newest[key] = max(newest.get(key, 0), delivery.received_us)
    if not touched:
        return None
    payloads = [summed(deltas) for deltas in touched.values()]
    novelties = [b"".join([delta.novelties for delta in deltas]) for deltas in touched.values()]
    offers = [Offer(one.model_id, one.received_us, one.sampled) for one in deliveries if one.sampled]
    return statements.JOURNAL_AND_SAMPLE if offers else statements.JOURNAL, {
        "models": [key[0] for key in touched],
        "baselines": [key[1] for key in touched],
        "versions": [key[2] for key in touched],
        "starts": [to_datetime(key[3]) for key in touched],
        "rows": [payload.rows for payload in payloads],
        "payloads": [codec.encode(payload) for payload in payloads],
        "received": [to_datetime(newest[key]) for key in touched],
        "novelties": [noted or None for noted in novelties],
        **(reservoirs.columns(offers) if offers else {}),
    }
