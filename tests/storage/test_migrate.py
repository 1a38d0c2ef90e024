"""The schema's way from nothing to the newest revision and back."""

import threading

import pytest
from sqlalchemy import Connection, inspect, text

from app.errors import ConfigurationError
from app.storage import migrate, tables
from app.storage.database import Database, engine_for

pytestmark = pytest.mark.postgres


def test_up_check_down_up(empty_url: str) -> None:
    """The scripts make exactly the tables the program knows, and leave nothing behind when undone."""
    migrate.migrate(empty_url)
    engine = engine_for(empty_url)
    with engine.begin() as conn:
        assert migrate.is_current(conn)
        migrate.run(conn, "check")
        assert set(inspect(conn).get_table_names()) == set(tables.metadata.tables) | {"alembic_version"}
        migrate.run(conn, "downgrade", "base")
        assert inspect(conn).get_table_names() == ["alembic_version"]
        assert inspect(conn).get_view_names() == []
        functions = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        assert conn.scalar(text(functions)) == 0
        assert not migrate.is_current(conn)
        migrate.run(conn, "upgrade", "head")
        assert migrate.is_current(conn)
    engine.dispose()


def test_an_empty_database_is_not_current(empty_url: str) -> None:
    """A database without a schema is told from one at head."""
    database = Database(empty_url)
    with database.transaction() as conn:
        assert migrate.current_revision(conn) is None
    database.close()


def test_who_does_not_migrate_says_what_is_missing(empty_url: str) -> None:
    """A database without a schema is a readable refusal; one that is behind is not."""
    with pytest.raises(ConfigurationError, match="driftgauge migrate"):
        migrate.check_migrated(empty_url)
    migrate.migrate(empty_url)
    migrate.check_migrated(empty_url)


def test_replicas_take_turns(empty_url: str) -> None:
    """Several replicas may migrate at once."""
    failures: list[BaseException] = []

    def replica() -> None:
        try:
            migrate.migrate(empty_url)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=replica) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_newer_schema_is_refused_readably(database_url: str, database: Database) -> None:
    """A program older than the schema says so instead of touching it."""
    with database.transaction() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = 'from the future'"))
    with pytest.raises(ConfigurationError, match="newer than this program"):
        migrate.migrate(database_url)


def test_a_newer_release_has_migrated(conn: Connection) -> None:
    """While an upgrade rolls, a replica of the older release goes on serving; before it, a newer one waits."""
    assert not migrate.is_behind(conn)
    conn.execute(text("UPDATE alembic_version SET version_num = 'of a newer release'"))
    assert not migrate.is_behind(conn)
    assert not migrate.is_current(conn)
    conn.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert migrate.is_behind(conn)
    conn.execute(text("DROP TABLE alembic_version"))
    assert migrate.is_behind(conn)
