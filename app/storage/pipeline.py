"""Several statements in one round trip, on a connection of the driver."""

import select
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from app.storage.arrays import Parameter

NOT_PREPARED: Final = frozenset({"26000", "42P05"})
"""What a statement says that is not prepared, or was prepared by somebody else: nothing was done."""
_BINARY: Final = int(Format.BINARY)
_PREPARED: Final[WeakKeyDictionary[psycopg.Connection, set[bytes] | None]] = WeakKeyDictionary()
_DONE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Step(NamedTuple):
    """A statement with its parameters; a name lets a connection of its own prepare it once."""

    statement: bytes
    parameters: Sequence[Parameter] = ()
    name: bytes = b""


class StepError(Exception):
    """A statement failed, and those after it were skipped."""

    def __init__(self, cause: psycopg.Error) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Exchange:
    """Statements that were sent together, and as much of their answers as has come."""

    def __init__(self, connection: psycopg.Connection, steps: Sequence[Step]) -> None:
        """Send them, or as much as goes out at once; psycopg.Error when the connection is lost."""
        self._connection = connection
        self._wire = wire = connection.pgconn
        self._known = known = prepared(connection)
        self._fresh = [] if known is None else [step for step in steps if step.name and step.name not in known]
        self._done = 0
        self._failed: PGresult | None = None
        wire.enter_pipeline_mode()
        for step in self._fresh:
            wire.send_prepare(step.name, step.statement, [parameter.oid for parameter in step.parameters])
        for step in steps:
            kinds = [parameter.oid for parameter in step.parameters]
            values = [parameter.data for parameter in step.parameters]
            if known is None or not step.name:
                wire.send_query_params(step.statement, values, kinds, [_BINARY] * len(kinds))
            else:
                wire.send_query_prepared(step.name, values, [_BINARY] * len(kinds))
        wire.pipeline_sync()
        self.unsent = bool(wire.flush())

    def go_on(self) -> bool:
        """Send and read what can be without waiting, and tell whether that was all; psycopg.Error as above."""
        wire = self._wire
        wire.consume_input()
        self.unsent = self.unsent and bool(wire.flush())
        while not wire.is_busy():
            result = wire.get_result()
            if result is None:
                if wire.status == ConnStatus.BAD:
                    raise psycopg.OperationalError("the connection is lost")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return True
            elif result.status in _DONE:
                self._done += 1
            elif self._failed is None:
                self._failed = result
        return False

    def has_more(self) -> bool:
        """Tell whether more can be read without waiting: data and a reset together are told of once by uvloop."""
        poll = select.poll()
        poll.register(self._wire.socket, select.POLLIN)
        return bool(poll.poll(0))

    def end(self) -> None:
        """Make an end when all has come; StepError when a statement failed."""
        self._wire.exit_pipeline_mode()
        error = None
        if self._failed is not None:
            error = psycopg.errors.error_from_result(self._failed, encoding=self._connection.info.encoding)
        if self._known is not None:
            if self._done < len(self._fresh) or (error is not None and error.sqlstate in NOT_PREPARED):
                _PREPARED[self._connection] = None  # it is no connection of our own after all
            else:
                self._known.update(step.name for step in self._fresh)
        if error is not None:
            raise StepError(error) from error


def run(connection: psycopg.Connection, steps: Sequence[Step], *, sent: Callable[[], None]) -> None:
    """Send statements together, say that they are `sent`, and wait for all of them.

    StepError when one fails; any other psycopg.Error means that the connection is lost, and what it did is not known.
    """
    exchange = Exchange(connection, steps)
    sent()
    poll = select.poll()
    while True:
        poll.register(connection.pgconn.socket, select.POLLIN | (select.POLLOUT if exchange.unsent else 0))
        poll.poll()
        if exchange.go_on():
            break
    exchange.end()


def check(connection: psycopg.Connection) -> None:
    """Raise psycopg.OperationalError when the server has closed an idle connection: better known before than after."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    while poll.poll(0):
        connection.pgconn.consume_input()


def prepared(connection: psycopg.Connection) -> set[bytes] | None:
    """Give the names of what is prepared on a connection; None when a pooler may stand between it and the server."""
    if connection not in _PREPARED:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        connection.rollback()
        # A pooler gives each of its clients a number of its own.
        own = row is not None and row[0] == connection.info.backend_pid
        _PREPARED[connection] = set() if own else None
    return _PREPARED[connection]
