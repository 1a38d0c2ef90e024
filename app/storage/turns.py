"""Whose turn it is to evaluate a model."""

from sqlalchemy import Connection, text

from app.storage.locks import Lock


def take_validation(conn: Connection, model_id: int) -> bool:
    """Hold the validation of the model's windows until the end of the transaction; False when another replica does."""
    key = {"space": Lock.VALIDATE, "model": model_id}
    return bool(conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :model)"), key))


def take_turn(conn: Connection, model_id: int, *, wait: bool, patience_s: float = 5.0) -> bool:
    """Hold the model's evaluation until the end of the transaction; False when it is held and we do not wait.

    From then on the transaction waits for no lock longer than `patience_s`: whoever changes a table waits for the
    snapshot that an evaluation reads from, and would be waited for when it writes, for ever.
    """
    key = {"space": Lock.EVALUATE, "model": model_id}
    if wait:
        conn.execute(text("SELECT pg_advisory_xact_lock(:space, :model)"), key)
    elif not conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :model)"), key):
        return False
    conn.execute(text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": f"{patience_s * 1000:.0f}ms"})
    return True
