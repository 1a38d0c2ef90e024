"""One counter that rises whenever something visible on /metrics changes, so that replicas render only then."""

from sqlalchemy import Connection, select, update

from app.storage import tables


def bump(conn: Connection) -> int:
    """Raise the counter; last in a transaction, for it locks one row for all."""
    columns = tables.exposition.c
    raised = update(tables.exposition).values(revision=columns.revision + 1).returning(columns.revision)
    return int(conn.scalar(raised) or 0)


def revision(conn: Connection) -> int:
    """The counter now."""
    return int(conn.scalar(select(tables.exposition.c.revision)) or 0)
