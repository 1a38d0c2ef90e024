"""The door to Postgres: connections, transactions and its clock."""

import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from app.errors import ConfigurationError, DatabaseAbsentError, Unavailable
from app.storage.failures import is_lost, outcome_unknown, silent, translated
from app.storage.watchdog import Watchdog

__all__ = ["Connection", "Database"]

_CLOCK_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.1
_NANOSECONDS: Final = 1000
_CONNECT_SECONDS: Final = 3
_PING_SECONDS: Final = 2.0
_LEAST_SECONDS: Final = 1.0
_FRESH: Final = "fresh"
_SAFETY: Final = ("fsync", "full_page_writes")


class Database:
    """A pool of connections to one Postgres."""

    def __init__(  # noqa: PLR0913 - settings
        self,
        url: str,
        *,
        pool_size: int = 12,
        prepared_statements: bool = False,
        deadline_s: float = 30.0,
        application_name: str = "driftgauge",
        ping: bool = True,
    ) -> None:
        """Prepare a pool; without `ping` a connection that died since its last use is noticed when it is used."""
        self.engine = engine_for(
            url,
            pool_size=pool_size,
            prepared_statements=prepared_statements,
            application_name=application_name,
        )
        if ping:
            event.listen(self.engine, "connect", _mark)
            event.listen(self.engine, "checkout", self._ping)
        self._deadline_s = deadline_s
        self._snapshots = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self.watchdog = Watchdog(self._answers)
        self._offset_us: int | None = None
        self._closed = threading.Event()
        self._clock = threading.Thread(target=self._follow_clock, name="database-clock", daemon=True)

    def open(self, *, wait_s: float = 0.0, allow_unsafe: bool = False) -> None:
        """Wait for the database, refuse one that may lose what it acknowledged, and set the clock by it."""
        deadline = time.monotonic() + wait_s
        while True:
            try:
                self._set_clock()
                unsafe = self._unsafe_settings()
                break
            except Unavailable as error:
                if time.monotonic() >= deadline:
                    raise DatabaseAbsentError(f"no database within {wait_s:g} s: {error.__cause__}") from error
                time.sleep(_RETRY_SECONDS)
        if unsafe and not allow_unsafe:
            raise ConfigurationError(f"Postgres runs with {', '.join(unsafe)} off and may lose what was acknowledged")
        self._clock.start()

    def close(self) -> None:
        """Let every connection go."""
        self._closed.set()
        if self._clock.is_alive():
            self._clock.join()
        self.watchdog.close()
        self.engine.dispose()

    @contextmanager
    def transaction(self, *, deadline_s: float | None = None) -> Iterator[Connection]:
        """One transaction at READ COMMITTED, committed at the end of the block."""
        with translated(), self._watched(self.engine, deadline_s) as conn:
            conn.begin()
            yield conn
            try:
                conn.commit()
            except DBAPIError as error:
                if is_lost(error):
                    conn.invalidate()
                    raise outcome_unknown() from error
                raise

    @contextmanager
    def snapshot(self, *, deadline_s: float | None = None) -> Iterator[Connection]:
        """Reads that all see the same instant."""
        with translated(), self._watched(self._snapshots, deadline_s) as conn:
            yield conn

    def lease(self) -> Connection:
        """A connection that whoever asked for it closes, and whose waits are for them to watch."""
        if not self.watchdog.responsive:
            raise silent()
        with translated(), self.watchdog.watching(None, seconds=self._deadline_s):
            return self.engine.connect()

    def clock_us(self) -> int:
        """Microseconds UTC by the database's clock."""
        if self._offset_us is None:
            self._set_clock()
        return time.monotonic_ns() // _NANOSECONDS + (self._offset_us or 0)

    def reachable(self) -> bool:
        """Whether the database answers now."""
        try:
            with self.transaction(deadline_s=3.0) as conn:
                conn.execute(text("SELECT 1"))
        except Unavailable:
            return False
        return True

    @contextmanager
    def _watched(self, engine: Engine, deadline_s: float | None) -> Iterator[Connection]:
        """A connection whose every wait ends in time: for the pool, for the server, and for its last rollback."""
        if not self.watchdog.responsive:
            raise silent()
        seconds = self._deadline_s if deadline_s is None else deadline_s
        began = time.monotonic()
        with self.watchdog.watching(None, seconds=seconds):
            conn = engine.connect()
        left = max(min(seconds, _LEAST_SECONDS), seconds - (time.monotonic() - began))
        with conn:
            driver = conn.connection.driver_connection
            try:
                with self.watchdog.watching(driver.fileno() if driver else None, seconds=left), _rolled_back(conn):
                    yield conn
            except (DBAPIError, psycopg.Error) as error:
                if is_lost(error):
                    conn.invalidate()
                raise

    def _ping(self, driver: psycopg.Connection, entry: ConnectionPoolEntry, _: object) -> None:
        """Ask a connection that has lain in the pool whether it lives."""
        if entry.info.pop(_FRESH, False):
            return
        try:
            with self.watchdog.watching(driver.fileno(), seconds=_PING_SECONDS):
                driver.autocommit = True
                driver.execute("SELECT 1")
                driver.autocommit = False
        except psycopg.Error as error:
            raise InvalidatePoolError from error

    def _answers(self) -> bool:
        """Whether the server gives a sign of life over a connection made for that: a login, or a refusal.

        A query would tell less: behind a pooler it waits for those that work long.
        """
        began = time.monotonic()
        arguments, options = self.engine.dialect.create_connect_args(self.engine.url)
        told = {**options, "connect_timeout": _CONNECT_SECONDS, "prepare_threshold": None, "autocommit": True}
        with contextlib.suppress(psycopg.Error, OSError), psycopg.connect(*arguments, **told):
            return True
        return time.monotonic() - began < _CONNECT_SECONDS

    def _set_clock(self) -> None:
        with self.transaction(deadline_s=5.0) as conn:
            conn.execute(text("SELECT 1"))
            before = time.monotonic_ns()
            clock = conn.scalar(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))
            after = time.monotonic_ns()
        self._offset_us = int(clock) - (before + after) // 2 // _NANOSECONDS

    def _follow_clock(self) -> None:
        while not self._closed.wait(_CLOCK_SECONDS):
            with contextlib.suppress(Unavailable):
                self._set_clock()

    def _unsafe_settings(self) -> list[str]:
        with self.transaction() as conn:
            return [name for name in _SAFETY if conn.scalar(text(f"SHOW {name}")) != "on"]


@contextmanager
def _rolled_back(conn: Connection) -> Iterator[None]:
    """End the transaction with the block, should it still be open; a connection that cannot even do that is let go."""
    try:
        yield
    finally:
        try:
            conn.rollback()
        except (DBAPIError, psycopg.Error):
            conn.invalidate()


def _mark(_: object, entry: ConnectionPoolEntry) -> None:
    entry.info[_FRESH] = True


def parse_url(url: str) -> URL:
    """A Postgres URL in any of its usual spellings, for our driver."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigurationError("the database URL cannot be read") from error
    if parsed.drivername not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ConfigurationError(f"the database URL must start with postgresql://, not {parsed.drivername}://")
    return parsed.set(drivername="postgresql+psycopg")


def engine_for(
    url: str,
    *,
    pool_size: int = 1,
    prepared_statements: bool = False,
    application_name: str = "driftgauge",
) -> Engine:
    """An engine whose connections fail soon rather than late."""
    options = {
        "connect_timeout": _CONNECT_SECONDS,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "application_name": application_name,
        "prepare_threshold": 5 if prepared_statements else None,
    }
    return create_engine(
        parse_url(url),
        connect_args=options,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=3,
        pool_use_lifo=True,
        hide_parameters=True,
    )
