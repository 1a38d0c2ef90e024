"""What operators ask of a replica."""

from typing import Any

from app.errors import Problem
from app.monitor.evaluate import fold_all
from app.monitor.instants import instant_text
from app.monitor.service import Service
from app.storage import accounts, audit, migrate, models


def unready(service: Service) -> list[str]:
    """List why requests cannot be served now."""
    try:
        with service.database.snapshot(deadline_s=2.0) as conn:
            return ["schema-behind"] if migrate.is_behind(conn) else []
    except Problem as problem:
        return [problem.code]


def versions(service: Service) -> dict[str, Any]:
    """Name the schema's revision and the version of Postgres."""
    with service.database.snapshot() as conn:
        return {"schema": migrate.current_revision(conn), "postgres": conn.dialect.server_version_info}


def balance(service: Service, name: str | None) -> dict[str, int]:
    """Give the double-entry balance of a model, or of all."""
    model_id = None if name is None else service.catalog.watched(name).id
    with service.database.snapshot() as conn:
        found = accounts.balance(conn, model_id)
    return {
        "ledger_rows": found.ledger_rows,
        "folded_rows": found.folded_rows,
        "journal_rows": found.journal_rows,
        "imbalance": found.imbalance,
        "quarantined_rows": found.quarantined_rows,
    }


def fold(service: Service, name: str | None) -> int:
    """Fold the journal of a model, or of all; gives the number of journal rows folded."""
    if name is not None:
        return fold_all(service, service.catalog.watched(name).id)
    with service.database.snapshot() as conn:
        ids = [model.id for model in models.listed(conn)]
    return sum(fold_all(service, model_id) for model_id in ids)


def audited(service: Service, *, limit: int, before: int | None) -> list[dict[str, object]]:
    """List changes, newest first."""
    with service.database.snapshot() as conn:
        events = audit.listed(conn, limit=limit, before_id=before)
    return [
        {
            "id": event.id,
            "at": instant_text(event.at_us),
            "actor": event.actor,
            "action": event.action,
            "object": event.object,
            "before": event.before,
            "after": event.after,
            "request_id": event.request_id,
            "hash": event.hash,
        }
        for event in events
    ]
