"""A batch is counted once, whatever happens."""

import threading
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.errors import Unavailable
from app.storage import accounts, fold, ledger, models, windows
from app.storage.database import Database
from app.storage.ledger import Outcome, Result, commit_group
from storage.books import NOW_US, commit, delivery, delta, kill_backend, stocked

pytestmark = pytest.mark.postgres


def _results(outcomes: list[Outcome]) -> list[Result]:
    return [outcome.result for outcome in outcomes]


def test_a_new_batch_is_stored_with_its_receipt(database: Database) -> None:
    """What is stored can be looked up, and only under its own model."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = replace(delivery(model, "bätch/1", delta(info)), rows_late=1, rows_future=2, rows_rejected=3, backfill=True)
    assert commit(database, batch) == [Outcome(Result.STORED, batch.receipt)]
    with database.snapshot() as conn:
        assert ledger.receipt(conn, model.id, "bätch/1") == batch.receipt
        assert ledger.receipt(conn, model.id + 1, "bätch/1") is None
        row = ledger.lookup(conn, model.id, "bätch/1")
    assert row is not None
    assert (row.rows_accepted, row.rows_late, row.rows_future, row.rows_rejected) == (10, 1, 2, 3)
    assert (row.fingerprint, row.backfill, row.received_us) == (batch.fingerprint, True, NOW_US)


def test_a_repeated_batch_gets_the_stored_receipt(database: Database) -> None:
    """The same bytes are a duplicate, other bytes under the id are refused, and neither is counted."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))
    commit(database, batch)
    again = replace(batch, receipt="another")
    other = replace(batch, fingerprint=b"x" * 16)
    assert commit(database, again, other) == [Outcome(Result.DUPLICATE, batch.receipt), Outcome(Result.REUSED)]
    with database.snapshot() as conn:
        assert accounts.balance(conn).journal_rows == 10


def test_one_id_twice_in_a_group(database: Database) -> None:
    """Of equal ids in one group the first is stored and the others are answered from it."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))
    outcomes = commit(database, batch, replace(batch, receipt="2"), replace(batch, fingerprint=b"y" * 16))
    assert outcomes == [
        Outcome(Result.STORED, batch.receipt),
        Outcome(Result.DUPLICATE, batch.receipt),
        Outcome(Result.REUSED),
    ]
    with database.snapshot() as conn:
        assert accounts.balance(conn).ledger_rows == 10


def test_the_same_id_under_two_models(database: Database) -> None:
    """Ids are scoped by model."""
    with database.transaction() as conn:
        first, info = stocked(conn, "a")
        second, other = stocked(conn, "b")
    outcomes = commit(database, delivery(first, "b", delta(info)), delivery(second, "b", delta(other)))
    assert _results(outcomes) == [Result.STORED, Result.STORED]


def test_a_batch_binned_with_an_old_model_is_stale(database: Database) -> None:
    """Counts on bins that no longer hold are sent back, but a duplicate is still answered."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    done = delivery(model, "done", delta(info))
    commit(database, done)
    with database.transaction() as conn:
        models.touch(conn, model.id)
    late = delivery(model, "late", delta(info))
    assert commit(database, done, late) == [Outcome(Result.DUPLICATE, done.receipt), Outcome(Result.STALE)]
    with database.transaction() as conn:
        models.delete(conn, model.id, now_us=NOW_US)
    assert _results(commit(database, late)) == [Result.STALE]


def test_ingest_never_waits_for_another_replica(database: Database) -> None:
    """While another transaction holds the batch or changes the model, the delivery is sent back at once."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))
    with database.transaction() as other:
        assert _results(commit_group(other, [batch])) == [Result.STORED]
        assert _results(commit(database, batch)) == [Result.IN_PROGRESS]
    with database.transaction() as other:
        models.touch(other, model.id)
        assert _results(commit(database, delivery(model, "c", delta(info)))) == [Result.STALE]


def test_a_change_waits_for_the_group_being_committed(database: Database) -> None:
    """A new revision appears only after the groups binned with the old one are in."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    with database.transaction() as conn:
        commit_group(conn, [delivery(model, "b", delta(info))])
        with database.transaction() as other:
            impatient = text("SET LOCAL lock_timeout = '50ms'")
            other.execute(impatient)
            with pytest.raises(OperationalError, match="lock timeout"):
                models.touch(other, model.id)
            other.rollback()


def test_a_race_of_many_replicas_counts_once(database: Database) -> None:
    """Threads that deliver the same batches at the same time store each exactly once."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batches = [delivery(model, f"b{number}", delta(info, seed=number)) for number in range(20)]
    stored: list[str] = []

    def replica() -> None:
        for batch in batches:
            outcome = Outcome(Result.IN_PROGRESS)
            while outcome.result is Result.IN_PROGRESS:
                (outcome,) = commit(database, batch)
            if outcome.result is Result.STORED:
                stored.append(batch.batch_id)

    threads = [threading.Thread(target=replica) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == sorted(batch.batch_id for batch in batches)
    with database.snapshot() as conn:
        balance = accounts.balance(conn)
    assert (balance.ledger_rows, balance.journal_rows, balance.imbalance) == (200, 200, 0)


def test_a_connection_lost_before_commit_stores_nothing(database: Database) -> None:
    """A replica killed between ledger and commit leaves no trace, and its batch can be sent again."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info))

    def lose() -> None:
        with database.transaction() as conn:
            commit_group(conn, [batch])
            kill_backend(database, conn)

    with pytest.raises(Unavailable) as lost:
        lose()
    assert lost.value.stored == "unknown"
    assert lost.value.code == "outcome-unknown"
    with database.snapshot() as conn:
        assert accounts.balance(conn).ledger_rows == 0
    assert _results(commit(database, batch)) == [Result.STORED]


def test_pruning_keeps_the_books_balanced(database: Database) -> None:
    """Old batches are forgotten in steps; backfills and young ones stay, and the sum with them."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    old = [delivery(model, f"o{n}", delta(info), received_us=NOW_US - 10) for n in range(7)]
    kept = [replace(delivery(model, "backfill", delta(info), received_us=NOW_US - 10), backfill=True)]
    commit(database, *old, *kept, delivery(model, "young", delta(info)))
    steps: list[int] = []
    while not steps or steps[-1]:
        with database.transaction() as conn:
            steps.append(accounts.prune(conn, received_before_us=NOW_US - 5, limit=3))
    assert steps == [3, 3, 1, 0]
    with database.snapshot() as conn:
        assert ledger.receipt(conn, model.id, "o1") is None
        assert ledger.receipt(conn, model.id, "backfill") is not None
        assert ledger.receipt(conn, model.id, "young") is not None
        assert accounts.balance(conn, model.id) == accounts.Balance(90, 0, 90, 0, 0)


def test_pruning_one_model_only(database: Database) -> None:
    """A model may have a horizon of its own, and only one replica prunes at a time."""
    with database.transaction() as conn:
        first, info = stocked(conn, "a")
        second, other = stocked(conn, "b")
    commit(database, delivery(first, "x", delta(info)), delivery(second, "x", delta(other)))
    with database.transaction() as conn:
        assert accounts.prune(conn, second.id, received_before_us=NOW_US + 1) == 1
        with database.transaction() as rival:
            assert accounts.prune(rival, received_before_us=NOW_US + 1) == 0
    with database.snapshot() as conn:
        assert ledger.receipt(conn, first.id, "x") is not None
        assert accounts.balance(conn).imbalance == 0


def test_a_lost_row_shows_in_the_balance(database: Database) -> None:
    """The imbalance is what is missing."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "b", delta(info)))
    with database.transaction() as conn:
        conn.execute(text("DELETE FROM delta_journal"))
    with database.snapshot() as conn:
        assert accounts.balance(conn).imbalance == 10


def test_the_books_of_several_models_and_windows(database: Database) -> None:
    """Deltas of one group are summed for each model, version and window."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    parts = [delta(info, hour=hour, version=version) for hour in (0, 1) for version in ("default", "canary")]
    commit(database, delivery(model, "a", *parts), delivery(model, "b", *parts))
    with database.snapshot() as conn:
        assert fold.backlog(conn).rows == 4
        assert [row.rows for row in windows.listed(conn, model.id)] == [20, 20, 20, 20]


def test_raw_driver_errors_are_translated(database: Database) -> None:
    """An error of the driver under a COPY is told like any other."""
    with pytest.raises(Unavailable), database.transaction():
        raise psycopg.OperationalError("gone")
