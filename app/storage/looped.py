"""A connection whose answers an event loop hears, so that nobody stands and waits for them.

Connecting, and ending a transaction that failed, wait for the server: both are done in another thread meanwhile.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Final

import psycopg

from app.errors import Problem
from app.storage import unanswered
from app.storage.database import Connection, Database
from app.storage.failures import is_lost
from app.storage.pipeline import Exchange, Step, StepError, check, prepared

_GRACE_S: Final = 0.5
_RETRY_S: Final = 1.0
_ROLLBACK_S: Final = 2.0

Ended = Callable[[StepError | psycopg.Error | None], None]


class LoopedConnection:
    """A connection for the thread of one event loop; begins to connect at once."""

    def __init__(self, database: Database, loop: asyncio.AbstractEventLoop) -> None:
        self._database = database
        self._loop = loop
        self._held: Connection | None = None
        self._driver: psycopg.Connection | None = None
        self._file = -1
        self._exchange: Exchange | None = None
        self._ended: Ended | None = None
        self._watch: AbstractContextManager[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._errand: asyncio.Future[Connection] | None = None
        self._tried = -_RETRY_S
        self._closed = False
        self._mend()

    def ready(self) -> bool:
        """Whether the connection can be used now."""
        if self._driver is None:
            self._mend()
            return False
        try:
            check(self._driver)
        except psycopg.Error:
            self._drop()
            return False
        return self._exchange is None and self._database.watchdog.responsive

    def run(self, steps: Sequence[Step], *, seconds: float, point: str, ended: Ended) -> None:
        """Run a transaction on a connection that is ready.

        `ended` hears None, or StepError when it failed; any other psycopg.Error means that what it did is not known.
        After `seconds` it is given up. `point` is the failpoint at which all is sent.
        """
        driver = self._driver
        if driver is None:
            raise RuntimeError("the connection is not ready")
        self._ended = ended
        self._timer = self._loop.call_later(seconds + _GRACE_S, self._give_up)
        self._watch = self._database.watchdog.watching(self._file, seconds=seconds)
        self._watch.__enter__()
        try:
            self._exchange = Exchange(driver, steps)
            unanswered.cut(point, driver)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._end(_lost(error))
            return
        if self._exchange.unsent:
            self._loop.add_writer(self._file, self._hear)

    async def close(self) -> None:
        """Let the connection go, whatever is on its way."""
        self._closed = True
        if self._errand is not None:
            await asyncio.wait([self._errand])
        if self._exchange is not None:
            self._end(psycopg.OperationalError("the event loop ends"))
        self._drop()

    def _hear(self) -> None:
        """Go on with what the connection brings."""
        exchange = self._exchange
        if exchange is None:
            self.ready()
            return
        was_unsent = exchange.unsent
        try:
            over = exchange.go_on()
            while not over and exchange.has_more():
                over = exchange.go_on()
            if was_unsent and not exchange.unsent:
                self._loop.remove_writer(self._file)
            if over:
                exchange.end()
        except StepError as error:
            self._end(error)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._end(_lost(error))
        else:
            if over:
                self._end(None)

    def _give_up(self) -> None:
        """Make an end of what nobody hears of any more, not even that its socket was shut in time."""
        if self._exchange is not None:
            self._end(psycopg.OperationalError("no answer came in time"))

    def _end(self, error: StepError | psycopg.Error | None) -> None:
        """Tell how a transaction ended, with the connection in order or on its way to be."""
        ended, self._ended, self._exchange = self._ended, None, None
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.__exit__(None, None, None)
        if isinstance(error, StepError) and not is_lost(error.cause):
            self._forget()
            self._mend()
        elif error is not None:
            self._drop()
        if ended is not None:
            ended(error)

    def _mend(self) -> None:
        """Have the connection made, or its transaction ended, but not all the time."""
        now = time.monotonic()
        if self._closed or self._errand is not None or (self._held is None and now - self._tried < _RETRY_S):
            return
        self._tried = now
        self._errand = self._loop.run_in_executor(None, self._restored, self._held)
        self._errand.add_done_callback(self._mended)

    def _restored(self, held: Connection | None) -> Connection:
        """Give a connection without a transaction, in any thread."""
        conn = self._database.lease() if held is None else held
        try:
            driver = _driver_of(conn)
            with self._database.watchdog.watching(driver.fileno(), seconds=_ROLLBACK_S):
                driver.rollback()
                prepared(driver)
        except psycopg.Error:
            _let_go(conn)
            raise
        return conn

    def _mended(self, errand: asyncio.Future[Connection]) -> None:
        self._errand = None
        if errand.cancelled() or errand.exception() is not None:
            self._held = None
            return
        self._held = errand.result()
        if self._closed:
            self._drop()
            return
        self._driver = _driver_of(self._held)
        self._file = self._driver.fileno()
        self._loop.add_reader(self._file, self._hear)

    def _forget(self) -> None:
        """Hear no more of the connection."""
        if self._driver is not None:
            self._loop.remove_reader(self._file)
            self._loop.remove_writer(self._file)
        self._driver = None

    def _drop(self) -> None:
        self._forget()
        held, self._held = self._held, None
        if held is not None:
            _let_go(held)


def _lost(error: Exception) -> psycopg.Error:
    """Tell of anything unforeseen as of a connection that is lost: nobody knows what was done."""
    return error if isinstance(error, psycopg.Error) else psycopg.OperationalError(repr(error))


def _driver_of(conn: Connection) -> psycopg.Connection:
    driver = conn.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("the connection is none of psycopg's")
    return driver


def _let_go(conn: Connection) -> None:
    with suppress(psycopg.Error, Problem):
        conn.invalidate()
    conn.close()
