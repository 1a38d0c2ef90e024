"""A delivery that was binned long ago, by the database's clock, is binned again before it may be counted."""

import pytest

from app.storage.committer import GroupCommitter
from app.storage.database import Database
from app.storage.ledger import Result, commit_group
from storage.books import delivery, delta, stocked

pytestmark = pytest.mark.postgres

MINUTE_US = 60_000_000


@pytest.mark.parametrize(("age_us", "result"), [(0, Result.STORED), (2 * MINUTE_US, Result.STALE)])
def test_an_old_delivery_is_stale(database: Database, age_us: int, result: Result) -> None:
    """Its lateness was judged by a clock that stood still, and its batch id may have been forgotten since."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info), received_us=database.clock_us() - age_us)
    with database.transaction() as conn:
        assert [outcome.result for outcome in commit_group(conn, [batch], stale_after_s=60.0)] == [result]


def test_an_old_duplicate_keeps_its_receipt(database: Database) -> None:
    """What is in the ledger is a duplicate at any age."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    batch = delivery(model, "b", delta(info), received_us=database.clock_us() - 2 * MINUTE_US)
    with database.transaction() as conn:
        assert commit_group(conn, [batch])[0].result is Result.STORED
        assert commit_group(conn, [batch], stale_after_s=60.0)[0].result is Result.DUPLICATE


def test_the_committer_asks_for_fresh_deliveries(database: Database) -> None:
    """A process that slept with a batch in its queue does not count it when it wakes."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    committer = GroupCommitter(database, stale_after_s=60.0)
    committer.start()
    waiting = committer.submit(delivery(model, "b", delta(info), received_us=database.clock_us() - 2 * MINUTE_US))
    assert waiting.result(timeout=30).result is Result.STALE
    committer.close()
