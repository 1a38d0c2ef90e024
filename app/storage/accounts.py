"""The accounts of the ledger: what it holds against what was counted, and what it may forget."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from app.storage import statements
from app.storage.locks import Lock
from app.storage.types import to_datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """Accepted rows by where they are; the imbalance is 0 unless something is lost, doubled or unreadable."""

    ledger_rows: int
    folded_rows: int
    journal_rows: int
    imbalance: int
    quarantined_rows: int


def balance(conn: Connection, model_id: int | None = None) -> Balance:
    """Double-entry bookkeeping of one model or all; wants the connection of a snapshot."""

    def total(table: str, column: str) -> int:
        where = "" if model_id is None else " WHERE model_id = :model"
        value = conn.scalar(text(f"SELECT coalesce(sum({column}), 0) FROM {table}{where}"), {"model": model_id})  # noqa: S608
        return int(value or 0)

    ledger = total("batch_ledger", "rows_accepted") + total("ledger_pruned", "rows")
    folded = total("window_total", "rows") + total("window_pruned", "rows")
    journal = total("delta_journal", "rows")
    return Balance(ledger, folded, journal, ledger - folded - journal, total("journal_quarantine", "rows"))


def prune(conn: Connection, model_id: int | None = None, *, received_before_us: int, limit: int = 5000) -> int:
    """Forget up to `limit` old batches that were no backfill, keeping their rows in the books."""
    if not conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, 0)"), {"space": Lock.PRUNE}):
        return 0
    pruned = conn.scalar(
        statements.PRUNE, {"before": to_datetime(received_before_us), "model": model_id, "limit": limit}
    )
    return int(pruned or 0)
