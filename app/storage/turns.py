"""Whose turn it is to evaluate a model."""

from sqlalchemy import Connection, text

from app.storage.locks import Lock


def take_validation(conn: Connection, model_id: int) -> bool:
    """Hold the validation of the model's windows until the end of the transaction; False when another replica does."""
    key = {"space": Lock.VALIDATE, "model": model_id}
    return bool(conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :model)"), key))


def take_turn(conn: Connection, model_id: int, *, wait: bool) -> bool:
    """Hold the model's evaluation until the end of the transaction; False when it is held and we do not wait."""
    key = {"space": Lock.EVALUATE, "model": model_id}
    if not wait:
        return bool(conn.scalar(text("SELECT pg_try_advisory_xact_lock(:space, :model)"), key))
    conn.execute(text("SELECT pg_advisory_xact_lock(:space, :model)"), key)
    return True
