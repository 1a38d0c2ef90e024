"""A group of new batches, committed in one round trip; any other group is left as it was for the careful way."""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

import psycopg
from sqlalchemy import TextClause

from app.storage import arrays, ledger, statements, unanswered
from app.storage.arrays import Parameter
from app.storage.database import Connection
from app.storage.failures import is_lost, outcome_unknown
from app.storage.ledger import Delivery
from app.storage.pipeline import NOT_PREPARED, Step, StepError, check, run
from app.storage.types import to_us

_NAME: Final = re.compile(r"(?<!:):(\w+)")
SENT: Final = "ingest.commit_sent"
_FALSE: Final = "22012"
"""The SQLSTATE by which a statement says that a group is not all new."""


def _moments(values: Sequence[datetime]) -> Parameter:
    return arrays.instants([to_us(value) for value in values])


_TYPES: Final[Mapping[str, Callable[[Any], Parameter]]] = {
    "seed": arrays.bigint,
    "space": arrays.integer,
    "models": arrays.integers,
    "batches": arrays.texts,
    "distinct": arrays.integers,
    "fingerprints": arrays.octets,
    "accepted": arrays.bigints,
    "late": arrays.bigints,
    "future": arrays.bigints,
    "rejected": arrays.bigints,
    "receipts": arrays.texts,
    "backfills": arrays.booleans,
    "received": _moments,
    "revisions": arrays.bigints,
    "age": arrays.double,
    "baselines": arrays.integers,
    "versions": arrays.texts,
    "starts": _moments,
    "rows": arrays.bigints,
    "payloads": arrays.octets,
    "novelties": arrays.octets,
    "part_models": arrays.integers,
    "part_versions": arrays.texts,
    "part_starts": _moments,
    "part_hashes": arrays.octets,
    "part_places": arrays.integers,
    "part_payloads": arrays.integers,
    "part_octets": arrays.blob,
    "part_received": _moments,
}
_BEGIN: Final = Step(b"BEGIN")
_COMMIT: Final = Step(b"COMMIT")


@cache
def _form(statement: TextClause) -> tuple[bytes, tuple[str, ...], bytes]:
    """Write a statement with numbered parameters; gives their names in that order, and one for the statement."""
    names = tuple(dict.fromkeys(_NAME.findall(statement.text)))
    numbered = _NAME.sub(lambda found: f"${names.index(found[1]) + 1}", statement.text)
    return numbered.encode(), names, f"driftgauge_{zlib.crc32(numbered.encode()):08x}".encode()


def _step(statement: TextClause, values: Mapping[str, Any]) -> Step:
    written, names, title = _form(statement)
    return Step(written, [_TYPES[name](values[name]) for name in names], title)


def steps_of(deliveries: Sequence[Delivery], *, stale_after_s: float | None) -> list[Step] | None:
    """Write the transaction that commits a group if all of it is new; None when a batch stands in it twice."""
    keys = {(one.model_id, one.batch_id) for one in deliveries}
    if len(keys) < len(deliveries):
        return None
    added = ledger.addition(deliveries)
    return [
        _BEGIN,
        _step(statements.CLAIM_ALL, ledger.claim(keys)),
        _step(statements.ENTER_ALL, ledger.entry(deliveries, stale_after_s)),
        *([] if added is None else [_step(*added)]),
        _COMMIT,
    ]


def is_known(error: StepError) -> bool:
    """Tell whether a group failed for being not all new, or because the connection knows no prepared statements."""
    return error.cause.sqlstate in NOT_PREPARED | {_FALSE}


def commit_new(conn: Connection, deliveries: Sequence[Delivery], *, stale_after_s: float | None) -> bool:
    """Commit a group if every batch of it is new, nobody else's, and binned as its model says; False changes nothing.

    Unavailable when the answer is lost, and with it the knowledge of what happened.
    """
    driver = conn.connection.driver_connection
    steps = steps_of(deliveries, stale_after_s=stale_after_s)
    if not isinstance(driver, psycopg.Connection) or steps is None:
        return False
    check(driver)
    try:
        run(driver, steps, sent=partial(unanswered.cut, SENT, driver))
    except StepError as error:
        if is_lost(error.cause):
            conn.invalidate()
            raise outcome_unknown() from error
        driver.rollback()
        if is_known(error):
            return False
        raise error.cause from error
    except psycopg.Error as error:
        conn.invalidate()
        raise outcome_unknown() from error
    except BaseException:
        conn.invalidate()
        raise
    return True
