"""What a failure of the database means to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.errors import Unavailable

DatabaseError = DBAPIError | psycopg.Error
_DISK_FULL: Final = "53100"
_DOWN: Final = ("08", "53", "57P", "58", "XX")
_CONTENTION: Final = frozenset({"40001", "40P01", "55P03", "57014", "25P03", "25P04"})


def sqlstate(error: BaseException) -> str:
    """The five-letter code of a database error, or nothing when the server did not answer."""
    return str(getattr(_origin(error), "sqlstate", None) or "")


def is_lost(error: DatabaseError) -> bool:
    """Whether the connection is gone, so that nobody knows what became of an unanswered COMMIT."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    silent = not sqlstate(error) and isinstance(_origin(error), psycopg.OperationalError | psycopg.InterfaceError)
    return silent or sqlstate(error).startswith(("57P", "08"))


def is_data_error(error: BaseException) -> bool:
    """Whether the values themselves cannot be stored."""
    return isinstance(_origin(error), ValueError | psycopg.DataError | psycopg.IntegrityError)


def _origin(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def outcome_unknown() -> Unavailable:
    """The answer to COMMIT was lost."""
    return Unavailable(
        "outcome-unknown", "The database was lost while it committed; send it again.", stored="unknown", retry_after=1
    )


def silent() -> Unavailable:
    """The server is there, or should be, and does not say a word."""
    return Unavailable("storage-unavailable", "The database does not answer.", retry_after=3)


def unavailable(error: DatabaseError | PoolTimeoutError) -> Unavailable | None:
    """The problem a caller is shown, or None for a mistake of ours."""
    if isinstance(error, PoolTimeoutError):
        return Unavailable("storage-unavailable", "All connections to the database are busy.", retry_after=2)
    state = sqlstate(error)
    if state == _DISK_FULL:
        return Unavailable("storage-full", f"PostgreSQL reported {state} (disk full).", retry_after=10)
    if state in _CONTENTION:
        return Unavailable("storage-unavailable", f"PostgreSQL reported {state}; try again.", retry_after=1)
    if is_lost(error) or state.startswith(_DOWN):
        return silent()
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Turn failures of the database into the problem a caller is shown."""
    try:
        yield
    except (DBAPIError, psycopg.Error, PoolTimeoutError) as error:
        problem = unavailable(error)
        if problem is None:
            raise
        raise problem from error
