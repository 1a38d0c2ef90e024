"""Several statements in one round trip, on a connection of the driver."""

import select
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.pq import ConnStatus, ExecStatus, Format
from psycopg.pq.abc import PGresult

from app.storage.arrays import Parameter

_BINARY: Final = int(Format.BINARY)
_DONE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


@dataclass(frozen=True, slots=True)
class Step:
    """A statement with its parameters."""

    statement: bytes
    parameters: Sequence[Parameter] = ()


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
    wire.enter_pipeline_mode()
    for step in steps:
        kinds = [parameter.oid for parameter in step.parameters]
        values = [parameter.data for parameter in step.parameters]
        wire.send_query_params(step.statement, values, kinds, [_BINARY] * len(kinds))
    wire.pipeline_sync()
    unsent = wire.flush()
    sent()
    failed = _finished(connection, unsent=bool(unsent))
    wire.exit_pipeline_mode()
    if failed is not None:
        encoding = connection.info.encoding
        error = psycopg.errors.error_from_result(failed, encoding=encoding)
        raise StepError(error) from error


def _finished(connection: psycopg.Connection, *, unsent: bool) -> PGresult | None:
    """Read all answers; gives the first that is an error."""
    wire = connection.pgconn
    poll = select.poll()
    failed = None
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
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                return failed
            if failed is None and result.status not in _DONE:
                failed = result
