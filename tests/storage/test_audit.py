"""The audit trail can be added to, and nothing else."""

import pytest
from sqlalchemy import Connection, text

from app.storage import audit
from app.storage.database import Database
from storage.books import NOW_US

pytestmark = pytest.mark.postgres


def _record(conn: Connection, number: int) -> audit.AuditEvent:
    return audit.record(
        conn,
        actor="kéy",
        action="threshold.put",
        object_=f"model/{number}",
        before=None,
        after={"b": 1.0, "a": [number, 0.1, "ü", None]},
        request_id="r",
        now_us=NOW_US + number,
    )


def test_events_are_chained_and_read_newest_first(conn: Connection) -> None:
    """What was recorded is read back equal, in pages."""
    events = [_record(conn, number) for number in range(5)]
    assert [event.id for event in events] == [1, 2, 3, 4, 5]
    assert audit.listed(conn, limit=2) == [events[4], events[3]]
    assert audit.listed(conn, before_id=3) == [events[1], events[0]]
    assert audit.verify(conn) is None


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"],
)
def test_the_database_refuses_changes(conn: Connection, statement: str) -> None:
    """The service's own role cannot rewrite the past."""
    _record(conn, 1)
    with pytest.raises(Exception, match="append-only"), conn.begin_nested():
        conn.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit_event SET actor = 'x' WHERE id = 2", 2),
        ("DELETE FROM audit_event WHERE id = 2", 3),
        ("UPDATE audit_event SET after = '{\"b\": 2.0}' WHERE id = 3", 3),
    ],
)
def test_forgery_is_found(conn: Connection, statement: str, broken: int) -> None:
    """Somebody who switches the trigger off still breaks the chain."""
    for number in range(3):
        _record(conn, number)
    conn.execute(text("ALTER TABLE audit_event DISABLE TRIGGER USER"))
    conn.execute(text(statement))
    assert audit.verify(conn) == broken


def test_an_undone_change_leaves_no_event(database: Database) -> None:
    """The event shares the fate of the change it tells of, and its number is used again."""
    with database.transaction() as conn:
        _record(conn, 1)
        conn.rollback()
    with database.transaction() as conn:
        assert _record(conn, 2).id == 1
