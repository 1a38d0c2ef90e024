"""Group commit answers each sender with the fate of its own batch."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, text

from app.errors import Refused, Unavailable
from app.storage import accounts, committer, ledger
from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.ledger import Outcome, Result
from storage.books import NOW_US, delivery, delta, kill_backend, stocked

pytestmark = pytest.mark.postgres


@pytest.fixture(params=["swift", "careful"])
def flusher(database: Database, request: pytest.FixtureRequest) -> Iterator[GroupCommitter]:
    """A started group committer, with and without the short way."""
    group = GroupCommitter(database)
    if request.param == "careful":
        group._repeated = 2**31
    group.start()
    yield group
    group.close()


def test_every_batch_of_many_senders_is_answered(database: Database) -> None:
    """Batches of many threads are committed in groups and each gets its own receipt."""
    groups: list[int] = []
    group = GroupCommitter(database, observe=lambda _, batches: groups.append(batches))
    with database.transaction() as conn:
        model, info = stocked(conn)
    waiting = [group.submit(delivery(model, f"b{n}", delta(info, seed=n))) for n in range(300)]
    group.start()
    assert [future.result(30) for future in waiting] == [
        Outcome(Result.STORED, f'{{"batch_id":"b{n}"}}') for n in range(300)
    ]
    group.close()
    assert sum(groups) == 300
    assert groups[0] == 256
    with database.snapshot() as conn:
        assert accounts.balance(conn) == accounts.Balance(3000, 0, 3000, 0, 0)


def test_only_the_guilty_batch_fails(database: Database, flusher: GroupCommitter) -> None:
    """A value Postgres refuses, and counts that cannot be packed, cost their own batch only."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    part = delta(info)
    negative = replace(part, counts=part.counts - 100)
    paused = threading.Event()
    with database.transaction() as conn:
        conn.execute(text("LOCK TABLE batch_ledger IN EXCLUSIVE MODE"))
        first = flusher.submit(delivery(model, "first", part))
        waiting = [
            flusher.submit(delivery(model, "good", part)),
            flusher.submit(delivery(model, "nul\0", part)),
            flusher.submit(delivery(model, "negative", negative)),
            flusher.submit(delivery(model, "fine", part)),
        ]
        paused.wait(0.1)
    assert first.result(30).result is Result.STORED
    assert waiting[0].result(30).result is Result.STORED
    assert isinstance(waiting[1].exception(30), Refused)
    assert isinstance(waiting[2].exception(30), Refused)
    assert waiting[3].result(30).result is Result.STORED
    with database.snapshot() as conn:
        assert accounts.balance(conn) == accounts.Balance(30, 0, 30, 0, 0)


def test_a_lost_connection_is_tried_again(
    database: Database, flusher: GroupCommitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backend killed inside the transaction costs the sender nothing."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    kills = iter([True, False])

    def killed(conn: Connection, deliveries: list[ledger.Delivery], *, stale_after_s: float | None) -> list[Outcome]:
        outcomes = ledger.commit_group(conn, deliveries, stale_after_s=stale_after_s)
        if next(kills):
            kill_backend(database, conn)
        return outcomes

    flusher._repeated = 2**31
    monkeypatch.setattr(committer, "commit_group", killed)
    assert flusher.submit(delivery(model, "b", delta(info))).result(30).result is Result.STORED
    with database.snapshot() as conn:
        assert accounts.balance(conn) == accounts.Balance(10, 0, 10, 0, 0)


def test_an_unanswered_commit_is_settled(
    database: Database, flusher: GroupCommitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the answer to COMMIT is lost but it took place, the sender hears that it was stored, once."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    original = flusher._once
    losses = iter([True, False])

    def unanswered(deliveries: list[ledger.Delivery]) -> list[Outcome]:
        outcomes = original(deliveries)
        if next(losses):
            raise Unavailable("outcome-unknown", "lost", stored="unknown")
        return outcomes

    monkeypatch.setattr(flusher, "_once", unanswered)
    batch = delivery(model, "b", delta(info))
    assert flusher.submit(batch).result(30) == Outcome(Result.STORED, batch.receipt)
    with database.snapshot() as conn:
        assert accounts.balance(conn).ledger_rows == 10


def test_an_outcome_that_stays_unknown_is_told(
    database: Database, flusher: GroupCommitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the retry finds the first attempt still running, or fails, nobody claims to know."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    answers: Iterator[Outcome | None] = iter([None, Outcome(Result.IN_PROGRESS), None, None])

    def unanswered(deliveries: list[ledger.Delivery]) -> list[Outcome]:
        answer = next(answers)
        if answer is None:
            raise Unavailable("outcome-unknown", "lost", stored="unknown")
        return [answer for _ in deliveries]

    monkeypatch.setattr(flusher, "_once", unanswered)
    for name in ("a", "b"):
        error = flusher.submit(delivery(model, name, delta(info))).exception(30)
        assert isinstance(error, Unavailable)
        assert (error.code, error.stored) == ("outcome-unknown", "unknown")


def test_the_queue_is_bounded(database: Database) -> None:
    """A full queue turns batches away, by number and by bytes, but never the first."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    for group in (GroupCommitter(database, queue_batches=1), GroupCommitter(database, queue_bytes=1)):
        group.submit(delivery(model, "a", delta(info)))
        with pytest.raises(Unavailable, match="Too many") as full:
            group.submit(delivery(model, "b", delta(info)))
        assert full.value.code == "overloaded"
        group.close()


def test_closing_drains(database: Database) -> None:
    """What was taken before closing is committed; what comes after is turned away."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    group = GroupCommitter(database)
    waiting = [group.submit(delivery(model, f"b{n}", delta(info), received_us=NOW_US)) for n in range(5)]
    group.start()
    group.close()
    assert {future.result(0).result for future in waiting} == {Result.STORED}
    with pytest.raises(Unavailable, match="stopping"):
        group.submit(delivery(model, "late", delta(info)))


def test_closing_without_starting_turns_away(database: Database) -> None:
    """A sender is never left waiting, and a sender that gave up is skipped."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    group = GroupCommitter(database)
    waiting = [group.submit(delivery(model, f"b{n}", delta(info))) for n in range(2)]
    assert waiting[0].cancel()
    group.close()
    assert isinstance(waiting[1].exception(0), Unavailable)
