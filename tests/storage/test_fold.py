"""Folding is exact and leaves nothing half done."""

import numpy as np
import pytest
from sqlalchemy import text

from app.errors import Unavailable
from app.storage import accounts, fold, received, windows
from app.storage.database import Database
from storage.books import HOUR_US, NOW_US, commit, delivery, delta, kill_backend, stocked

pytestmark = pytest.mark.postgres


def _fold_all(database: Database, model_id: int) -> int:
    total = 0
    while True:
        with database.transaction() as conn:
            folded = fold.fold_model(conn, model_id, now_us=NOW_US)
        total += folded.rows
        if not folded.more:
            return total


def test_sums_are_exact_before_and_after(database: Database) -> None:
    """A reader sees the same counts whether deltas wait, are folded, or both."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    deltas = [delta(info, rows=1000 * (1 + n), hour=n % 3, seed=n) for n in range(12)]
    expected = np.zeros((3, info.bins), np.int64)
    for n, part in enumerate(deltas):
        expected[n % 3] += part.counts
        commit(database, delivery(model, f"b{n}", part))
        if n in {4, 8}:
            _fold_all(database, model.id)
        with database.snapshot() as conn:
            chunks = list(windows.counts(conn, model.id, baseline_id=info.id, version="default", chunk=2))
            assert accounts.balance(conn).imbalance == 0
        seen = np.concatenate([chunk.counts for chunk in chunks])
        assert seen.tolist() == expected[: len(seen)].tolist()
        rows = np.concatenate([chunk.rows for chunk in chunks])
        assert rows.tolist() == expected[: len(seen), : info.bins].sum(1).tolist()


def test_fold_is_bounded_and_finds_its_models(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step takes what fits in memory; the rest waits for the next."""
    monkeypatch.setattr(fold, "_WINDOW_BYTES", 1)
    with database.transaction() as conn:
        model, info = stocked(conn, "a")
        stocked(conn, "idle")
        other, _ = stocked(conn, "c")
    commit(database, delivery(model, "x", delta(info, hour=1), delta(info, hour=2)), delivery(other, "x", delta(info)))
    with database.transaction() as conn:
        assert fold.pending_models(conn) == [model.id, other.id]
        assert fold.backlog(conn) == fold.Backlog(3, NOW_US, 0)
        assert fold.fold_model(conn, model.id, now_us=NOW_US).rows == 1
        assert fold.fold_model(conn, model.id, now_us=NOW_US).rows == 1
        assert fold.fold_model(conn, model.id, now_us=NOW_US).rows == 0
        assert fold.pending_models(conn) == [other.id]


def test_two_replicas_fold_a_model_in_turns(database: Database) -> None:
    """A replica that finds another folding goes on."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "x", delta(info)))
    with database.transaction() as conn:
        assert fold.fold_model(conn, model.id, now_us=NOW_US).rows == 1
        with database.transaction() as rival:
            assert fold.fold_model(rival, model.id, now_us=NOW_US).rows == 0


def test_a_killed_fold_is_undone(database: Database) -> None:
    """A folder that dies before commit leaves every delta where it was."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "x", delta(info)))

    def die() -> None:
        with database.transaction() as conn:
            assert fold.fold_model(conn, model.id, now_us=NOW_US).rows == 1
            kill_backend(database, conn)

    with pytest.raises(Unavailable):
        die()
    with database.snapshot() as conn:
        assert accounts.balance(conn) == accounts.Balance(10, 0, 10, 0, 0)
    assert _fold_all(database, model.id) == 1


def test_unreadable_deltas_are_kept_apart(database: Database) -> None:
    """A spoilt delta stops nothing, is kept for a person to look at, and the balance tells of it."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "good", delta(info)))
    commit(database, delivery(model, "bad", delta(info, hour=1)))
    with database.transaction() as conn:
        conn.execute(
            text("UPDATE delta_journal SET payload = set_byte(payload, 40, 99) WHERE window_start > to_timestamp(0)")
        )
    assert _fold_all(database, model.id) == 2
    with database.snapshot() as conn:
        assert accounts.balance(conn) == accounts.Balance(20, 10, 0, 10, 10)
        assert fold.backlog(conn) == fold.Backlog(0, None, 1)
        kept = conn.execute(text("SELECT rows, reason, quarantined_at IS NOT NULL FROM journal_quarantine")).one()
    assert tuple(kept) == (10, "checksum differs", True)


def test_windows_are_listed_with_what_waits(database: Database) -> None:
    """The list names rows, folds, what is unfolded and the last arrival, by start and version."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "a", delta(info, hour=1, version="b"), delta(info, hour=1, version="a")))
    _fold_all(database, model.id)
    commit(
        database, delivery(model, "b", delta(info, hour=1, version="a"), delta(info, hour=0), received_us=NOW_US + 5)
    )
    with database.snapshot() as conn:
        listed = windows.listed(conn, model.id)
        assert windows.listed(conn, model.id, from_us=HOUR_US, to_us=2 * HOUR_US, version="a") == [listed[1]]
        assert windows.listed(conn, model.id, limit=1) == listed[:1]
        assert received.by_version(conn)[model.id] == {"a": NOW_US + 5, "b": NOW_US, "default": NOW_US + 5}
        assert received.versions(conn, model.id) == ["a", "b", "default"]
        ((found, counts),) = windows.histograms(conn, model.id, start_us=HOUR_US, version="a")
        assert windows.histograms(conn, model.id, start_us=HOUR_US, version="c") == []
    told = [(row.start_us // HOUR_US, row.version, row.rows, row.revision, row.unfolded_rows) for row in listed]
    assert told == [(0, "default", 10, 0, 10), (1, "a", 20, 1, 10), (1, "b", 10, 1, 0)]
    assert (found, counts.counts.sum()) == (info.id, 20)


def test_part_of_the_bins(database: Database) -> None:
    """Counts of some bins and sums of some features are what the whole holds there."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "a", delta(info, rows=500)))
    _fold_all(database, model.id)
    commit(database, delivery(model, "b", delta(info, rows=700, seed=1)))
    with database.snapshot() as conn:
        (whole,) = windows.counts(conn, model.id, baseline_id=info.id, version="default")
        (part,) = windows.counts(conn, model.id, baseline_id=info.id, version="default", bins=(7, 19), features=(1, 3))
        assert list(windows.counts(conn, model.id, baseline_id=info.id, version="none")) == []
    assert part.counts.tolist() == whole.counts[:, 7:19].tolist()
    assert part.sums.tolist() == whole.sums[:, 1:3].tolist()


def test_a_window_is_dirty_until_it_is_scored(database: Database) -> None:
    """Folding makes a window dirty again; only those before an instant are given."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "a", delta(info, hour=0), delta(info, hour=1)))
    _fold_all(database, model.id)
    with database.transaction() as conn:
        assert [row.start_us for row in windows.dirty(conn, model.id, start_before_us=HOUR_US)] == [0]
        conn.execute(text("UPDATE window_total SET scored_revision = revision"))
        assert windows.dirty(conn, model.id, start_before_us=9 * HOUR_US) == []
    commit(database, delivery(model, "b", delta(info, hour=1)))
    _fold_all(database, model.id)
    with database.transaction() as conn:
        (row,) = windows.dirty(conn, model.id, start_before_us=9 * HOUR_US)
    assert (row.start_us, row.revision, row.scored_revision, row.rows) == (HOUR_US, 2, 1, 20)
