"""Several statements in one round trip, on a connection of the driver."""

import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
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


@dataclass(frozen=True, slots=True)
class Step:
    """A statement with its parameters; a name lets a connection of its own prepare it once."""

    statement: bytes
    parameters: Sequence[Parameter] = ()
    name: bytes = b""


class StepError(Exception):
    """A statement failed, and those after it were skipped."""

    def __init__(self, cause: psycopg.Error) -> None:
        super().__init__(str(cause))
        self.cause = cause


def run(connection: psycopg.Connection, steps: Sequence[Step], *, sent: Callable[[], None]) -> None:
    """Send statements together, say that they are `sent`, and wait for all of them.

    StepError when one fails; any other psycopg.Error means that the connection is lost, and what it did is not known.
    """
    wire = connection.pgconn
    known = _prepared(connection)
    fresh = [] if known is None else [step for step in steps if step.name and step.name not in known]
    wire.enter_pipeline_mode()
    for step in fresh:
        wire.send_prepare(step.name, step.statement, [parameter.oid for parameter in step.parameters])
    for step in steps:
        kinds = [parameter.oid for parameter in step.parameters]
        values = [parameter.data for parameter in step.parameters]
        if known is None or not step.name:
            wire.send_query_params(step.statement, values, kinds, [_BINARY] * len(kinds))
        else:
            wire.send_query_prepared(step.name, values, [_BINARY] * len(kinds))
    wire.pipeline_sync()
    unsent = wire.flush()
    sent()
    done, failed = _finished(connection, unsent=bool(unsent))
    wire.exit_pipeline_mode()
    error = None if failed is None else psycopg.errors.error_from_result(failed, encoding=connection.info.encoding)
    if known is not None:
        if done < len(fresh) or (error is not None and error.sqlstate in NOT_PREPARED):
            _PREPARED[connection] = None  # it is no connection of our own after all
        else:
            known.update(step.name for step in fresh)
    if error is not None:
        raise StepError(error) from error


def check(connection: psycopg.Connection) -> None:
    """Raise psycopg.OperationalError when the server has closed an idle connection: better known before than after."""
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    while poll.poll(0):
        connection.pgconn.consume_input()


def _prepared(connection: psycopg.Connection) -> set[bytes] | None:
    """Give the names of what is prepared on a connection; None when a pooler may stand between it and the server."""
    if connection not in _PREPARED:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        connection.rollback()
        # A pooler gives each of its clients a number of its own.
        own = row is not None and row[0] == connection.info.backend_pid
        _PREPARED[connection] = set() if own else None
    return _PREPARED[connection]


def _finished(connection: psycopg.Connection, *, unsent: bool) -> tuple[int, PGresult | None]:
    """Read all answers; gives how many came before the first error, and that error."""
    wire = connection.pgconn
    poll = select.poll()
    failed = None
    done = 0
    while True:
        poll.register(wire.socket, select.POLLIN | (select.POLLOUT if unsent else 0))
        poll.poll()
        wire.consume_input()
        unsent = unsent and bool(wire.flush())
        while not wire.is_busy():
            result = wire.get_result()
            if result is None:
                if wire.status == ConnStatus.BAD:
                    raise psycopg.OperationalError("the connection is lost")
            elif result.status == ExecStatus.PIPELINE_SYNC:
                return done, failed
            elif result.status in _DONE:
                done += 1
            elif failed is None:
                failed = result
