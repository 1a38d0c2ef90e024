"""Seeded bugs: runs the program with one of its promises broken, to see whether the harness notices.

`python mutants.py NAME serve ...` is the program with the bug of that name.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, delete, select, text

from app.cli.main import main
from app.monitor import arrival, binned, brisk, evaluate, few, record, workers
from app.monitor.service import Service
from app.storage import committer, fold, ledger, statements, tables
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.ledger import Delivery, Outcome, Result


def put(where: object, name: str, what: object) -> None:
    """Put a broken part in the place of a sound one."""
    setattr(where, name, what)


def never(*_: Any, **__: Any) -> None:
    """The short way that is never taken."""


def no_dedupe() -> None:
    """A batch that is in the ledger is counted again."""
    enter = ledger._enter

    def entered(conn: Connection, deliveries: Sequence[Delivery], *, age_s: float | None) -> set[tuple[int, str]]:
        enter(conn, deliveries, age_s=age_s)
        return {(delivery.model_id, delivery.batch_id) for delivery in deliveries}

    put(ledger, "_enter", entered)
    broken = statements.ENTER_ALL.text.replace("count(*) =", "count(*) <=")
    put(statements, "ENTER_ALL", text(broken))


def ack_before_commit() -> None:
    """The sender is answered as soon as its batch is queued."""
    submit = GroupCommitter.submit

    def submitted(self: GroupCommitter, delivery: Delivery) -> "Future[Outcome]":
        submit(self, delivery)
        early: Future[Outcome] = Future()
        early.set_result(Outcome(Result.STORED, delivery.receipt))
        return early

    put(GroupCommitter, "submit", submitted)


def fold_in_two() -> None:
    """Deltas join their windows in one transaction and leave the journal in the next."""
    journal = tables.delta_journal
    left: list[Any] = []

    class Kept:
        """A delete that only selects, and remembers what it should have deleted."""

        def __init__(self, _: Any) -> None:
            self._conditions: tuple[Any, ...] = ()

        def where(self, *conditions: Any) -> "Kept":
            self._conditions = conditions
            return self

        def returning(self, *_: Any) -> Any:
            left.append(delete(journal).where(*self._conditions))
            return select(journal).where(*self._conditions)

    def fold_all(service: Service, model_id: int, **_: Any) -> int:
        with service.database.transaction() as conn:
            count = fold.fold_model(conn, model_id, now_us=service.now_us()).rows
        time.sleep(0.05)
        while left:
            with service.database.transaction() as conn:
                conn.execute(left.pop())
        return count

    put(fold, "delete", Kept)
    put(evaluate, "fold_all", fold_all)
    put(workers, "fold_all", fold_all)


def no_late_rule() -> None:
    """What comes after its batch id was forgotten is counted again."""
    arrive = arrival.arrive
    put(few, "delivery", never)
    put(binned, "arrive", lambda *given, **named: arrive(*given, **{**named, "backfill": True}))


def no_snapshot() -> None:
    """A read sees each of its statements at another instant."""

    @contextmanager
    def transaction(self: Database, *, deadline_s: float | None = None) -> Iterator[Connection]:
        with self.transaction(deadline_s=deadline_s) as conn:
            yield conn

    put(Database, "snapshot", transaction)


def lazy_commit() -> None:
    """COMMIT is answered before it is on the disk."""
    for name in ("CLAIM", "CLAIM_ALL"):
        broken = getattr(statements, name).text.replace("'synchronous_commit', 'on'", "'synchronous_commit', 'off'")
        put(statements, name, text(broken))


def dedupe_by_replica() -> None:
    """Each replica remembers only the batches that came to it."""
    prepare = record.prepare

    def prepared(*given: Any) -> Delivery:
        delivery = prepare(*given)
        return replace(delivery, batch_id=f"{os.getpid()}-{delivery.batch_id}")

    put(brisk, "brisk_table", never)
    put(record, "prepare", prepared)


def doubt_under_new_ids() -> None:
    """A group whose COMMIT was not answered is sent again as if it were another."""
    commit_group = ledger.commit_group
    seen: set[str] = set()

    def committed(conn: Connection, deliveries: Sequence[Delivery], **named: Any) -> list[Outcome]:
        renamed = [
            replace(one, batch_id=f"{one.batch_id}-{time.monotonic_ns()}") if one.receipt in seen else one
            for one in deliveries
        ]
        seen.update(one.receipt for one in deliveries)
        return commit_group(conn, renamed, **named)

    put(committer, "commit_new", never)
    put(committer, "commit_group", committed)


def late_costs_all() -> None:
    """One late row costs its whole batch."""
    arrive = arrival.arrive

    def arrived(*given: Any, **named: Any) -> Any:
        found = arrive(*given, **named)
        return (
            replace(found, rows=found.rows[:0], starts=found.starts[:0], arms=found.arms[:0]) if found.late else found
        )

    put(few, "delivery", never)
    put(binned, "arrive", arrived)


def wall_clock() -> None:
    """A replica trusts its own clock."""
    put(Service, "now_us", lambda _: time.time_ns() // 1000)


MUTANTS: Final[dict[str, Callable[[], None]]] = {
    "no-dedupe": no_dedupe,
    "ack-before-commit": ack_before_commit,
    "fold-in-two": fold_in_two,
    "no-late-rule": no_late_rule,
    "no-snapshot": no_snapshot,
    "lazy-commit": lazy_commit,
    "dedupe-by-replica": dedupe_by_replica,
    "doubt-under-new-ids": doubt_under_new_ids,
    "late-costs-all": late_costs_all,
    "wall-clock": wall_clock,
}

if __name__ == "__main__":
    MUTANTS[sys.argv.pop(1)]()
    main()
