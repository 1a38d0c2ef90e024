"""Connections, transactions and the clock."""

import os
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import ProgrammingError

from app.errors import ConfigurationError, DatabaseAbsentError, Unavailable
from app.storage.database import Database, parse_url
from faults.proxy import HEALTHY, Proxy, Toxic
from service import until

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_the_usual_spellings_of_a_url(scheme: str) -> None:
    """URLs work as platforms hand them out."""
    url = parse_url(f"{scheme}://u:p%40@h:5/d?sslmode=require")
    assert (url.drivername, url.password, url.query["sslmode"]) == ("postgresql+psycopg", "p@", "require")


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "mysql://h/d"])
def test_other_urls_are_refused(url: str) -> None:
    """A database that is no Postgres is a configuration error that shows no password."""
    with pytest.raises(ConfigurationError, match="database URL"):
        parse_url(url)


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    """An error inside the block leaves nothing, and is not dressed up."""

    def fail() -> None:
        with database.transaction() as conn:
            conn.execute(text("CREATE TABLE t ()"))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with pytest.raises(ProgrammingError), database.transaction() as conn:
        conn.execute(text("SELECT * FROM t"))


def test_a_snapshot_sees_one_instant_and_writes_nothing(database: Database) -> None:
    """What others commit during a snapshot is not seen in it."""
    count = text("SELECT revision FROM exposition")
    with database.snapshot() as conn:
        before = conn.scalar(count)
        with database.transaction() as other:
            other.execute(text("UPDATE exposition SET revision = revision + 1"))
        assert conn.scalar(count) == before
        with pytest.raises(Exception, match="read-only"):
            conn.execute(text("CREATE TABLE t ()"))
    with database.transaction() as conn:
        assert conn.scalar(count) == before + 1
        conn.execute(text("CREATE TABLE t ()"))


def test_the_clock_is_the_databases(database: Database) -> None:
    """The clock is that of Postgres, and goes on without asking it."""
    with database.transaction() as conn:
        theirs = conn.scalar(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))
    assert abs(database.clock_us() - int(theirs or 0)) < 1_000_000
    first = database.clock_us()
    assert first <= database.clock_us()


def test_a_lost_backend_is_unavailable_and_replaced(database: Database) -> None:
    """A killed backend is told as unavailable, and the next transaction gets a new one."""
    with pytest.raises(Unavailable) as lost, database.transaction() as conn:
        conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert (lost.value.code, lost.value.stored) == ("storage-unavailable", "none")
    assert lost.value.retry_after
    assert database.reachable()


def test_a_deadline_ends_a_call_the_server_would_not(database: Database) -> None:
    """A frozen server costs a caller its deadline, not its life."""

    def ask_a_frozen_backend() -> None:
        with database.transaction(deadline_s=0.2) as conn:
            pid = conn.scalar(text("SELECT pg_backend_pid()"))
            os.kill(int(pid or 0), signal.SIGSTOP)
            try:
                conn.execute(text("SELECT 1"))
            finally:
                os.kill(int(pid or 0), signal.SIGCONT)

    with pytest.raises(Unavailable):
        ask_a_frozen_backend()
    assert database.reachable()


def test_a_server_that_stands_still_is_told_soon(database_url: str) -> None:
    """While nothing comes back, calls end early whatever their deadline, new ones at once, and all is well after."""
    direct = make_url(database_url)
    with Proxy(f"{direct.query['host']}/.s.PGSQL.{direct.port or 5432}") as proxy:
        away = direct.set(host="127.0.0.1", port=proxy.port).difference_update_query(["host"])
        database = Database(away.render_as_string(hide_password=False), pool_size=4)
        assert database.reachable()

        def ask(number: int) -> float:
            began = time.monotonic()
            with pytest.raises(Unavailable), database.snapshot(deadline_s=300.0 + number) as conn:
                conn.execute(text("SELECT 1"))
            return time.monotonic() - began

        proxy.misbehave(Toxic(blackhole=True))
        with ThreadPoolExecutor(8) as pool:
            assert max(pool.map(ask, range(8))) < 20
        assert ask(0) < 1
        proxy.misbehave(HEALTHY)
        until(database.reachable, what="an answer")
        database.close()


def test_a_process_out_of_files_accuses_nobody(database: Database) -> None:
    """Without a file left to ask for a sign of life nothing is known, and asking goes on."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open("rb") as lowest:
        for left in range(4):
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + left, limits[1]))
            try:
                answered = database._answers()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            assert answered


def test_the_last_rollback_ends_too(database: Database) -> None:
    """A server that freezes when all is said keeps nobody either."""
    with database.snapshot(deadline_s=0.5) as conn:
        pid = int(conn.scalar(text("SELECT pg_backend_pid()")) or 0)
        os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGCONT)
    assert database.reachable()


def test_a_full_pool_is_unavailable(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller does not wait for ever for a connection."""
    database = Database(database_url, pool_size=1)
    monkeypatch.setattr(database.engine.pool, "_timeout", 0.05)
    with database.transaction(), pytest.raises(Unavailable, match="busy"), database.transaction():
        pass
    database.close()


@pytest.mark.parametrize(
    ("state", "code"),
    [("53100", "storage-full"), ("57P03", "storage-unavailable"), ("40001", "storage-unavailable")],
)
def test_what_postgres_reports_is_told(database: Database, state: str, code: str) -> None:
    """Disk full, starting and contention are things a sender should retry."""
    raised = f"DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(Unavailable) as failure, database.transaction() as conn:
        conn.execute(text(raised))
    assert failure.value.code == code


def test_no_database_is_told_after_the_wait() -> None:
    """Without a server the service gives up when told."""
    database = Database("postgresql://nobody@/none?host=/nonexistent")
    begun = time.monotonic()
    with pytest.raises(DatabaseAbsentError, match="no database"):
        database.open(wait_s=0.3)
    assert time.monotonic() - begun > 0.2
    assert not database.reachable()
    database.close()


def test_unsafe_settings_are_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Postgres that may lose what it acknowledged is served only on demand."""
    database = Database(database_url)
    monkeypatch.setattr(database, "_unsafe_settings", lambda: ["fsync"])
    with pytest.raises(ConfigurationError, match="fsync"):
        database.open()
    database.open(allow_unsafe=True)
    database.close()
