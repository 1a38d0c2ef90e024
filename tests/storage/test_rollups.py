"""Days and weeks as they are stored."""

import numpy as np
import pytest
from sqlalchemy import Connection

from app.storage import fold, rollups, windows
from app.storage.database import Database
from app.storage.rollups import Strand
from app.storage.scores import ScoredWindow, StatisticRow
from app.storage.windows import WindowCounts
from storage.books import HOUR_US, NOW_US, commit, delivery, delta, stocked

pytestmark = pytest.mark.postgres

DAY_US = 24 * HOUR_US


def _strand(baseline_id: int, *, version: str = "default", length_us: int = DAY_US, model_id: int = 7) -> Strand:
    return Strand(model_id, version, baseline_id, length_us)


def _found(baseline: tuple[int, int], days: list[int], rows: list[int]) -> WindowCounts:
    bins, features = baseline
    counts = np.zeros((len(days), bins), np.int64)
    counts[:, 0] = rows
    return WindowCounts(
        np.array(days, np.int64) * DAY_US,
        np.array(rows, np.int64),
        counts,
        np.full((len(days), features), 0.5),
        np.zeros(len(days), np.int64),
    )


def test_windows_are_unrolled_until_they_are_noted(database: Database) -> None:
    """A folded window waits to be rolled up, again after each change, and one still in the journal does not."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "a", delta(info, hour=1), delta(info, hour=3)))
    with database.transaction() as conn:
        assert rollups.oldest_unrolled(conn) == {}
        fold.fold_model(conn, model.id, now_us=NOW_US)
        assert rollups.oldest_unrolled(conn) == {model.id: HOUR_US}
        strand = _strand(info.id, model_id=model.id)
        (found,) = windows.counts(conn, model.id, baseline_id=info.id, version="default", to_us=2 * HOUR_US)
        rollups.note_rolled(conn, strand, found)
        assert rollups.unrolled(conn, model.id, start_before_us=3 * HOUR_US, limit=9) == []
        assert rollups.unrolled(conn, model.id, start_before_us=4 * HOUR_US, limit=9) == [
            (3 * HOUR_US, "default", info.id)
        ]
    commit(database, delivery(model, "b", delta(info, hour=1)))
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
        assert rollups.oldest_unrolled(conn) == {model.id: HOUR_US}


def test_periods_come_back_as_they_were_kept(conn: Connection) -> None:
    """Counts, sums and first windows of one strand; the baseline's own are listed only by their empty name."""
    _, info = stocked(conn)
    shape = (info.bins, info.feature_count)
    for version in ("default", rollups.BASELINE):
        rollups.save(
            conn,
            _strand(info.id, version=version),
            _found(shape, [1, 2, 4], [5, 300, 7]),
            firsts=[1, 2, 3],
            zone="UTC",
        )
    chunks = list(rollups.counts(conn, _strand(info.id), from_us=2 * DAY_US, to_us=5 * DAY_US, chunk=1))
    assert [(one.starts.tolist(), one.rows.tolist(), firsts) for one, firsts in chunks] == [
        ([2 * DAY_US], [300], [2]),
        ([4 * DAY_US], [7], [3]),
    ]
    assert chunks[0][0].counts[0].tolist() == [300] + [0] * (info.bins - 1)
    assert chunks[0][0].sums.tolist() == [[0.5] * info.feature_count]
    assert rollups.starts(conn, _strand(info.id, length_us=7 * DAY_US)) == []
    listed = rollups.listed(conn, 7, length_us=DAY_US, from_us=2 * DAY_US)
    assert [(one.start_us, one.version, one.first_us) for one in listed] == [
        (2 * DAY_US, "default", 2),
        (4 * DAY_US, "default", 3),
    ]


def test_a_period_never_shrinks(conn: Connection) -> None:
    """More rows replace what was known and raise the revision; fewer change nothing."""
    _, info = stocked(conn)
    shape = (info.bins, info.feature_count)
    for rows, kept, revision in ((5, 5, 1), (8, 8, 2), (7, 8, 2), (9, 9, 3)):
        rollups.save(conn, _strand(info.id), _found(shape, [1], [rows]), firsts=[0], zone="UTC")
        (one,) = rollups.listed(conn, 7, length_us=DAY_US)
        assert (one.rows, one.revision) == (kept, revision)


def test_scores_of_periods(conn: Connection) -> None:
    """They are replaced by later ones, note the revision they belong to, and the newest of each version is known."""
    _, info = stocked(conn)
    shape = (info.bins, info.feature_count)
    for version in ("default", "b"):
        rollups.save(conn, _strand(info.id, version=version), _found(shape, [1, 2], [5, 6]), firsts=[0, 0], zone="UTC")

    def scored(day: int, version: str, value: float) -> ScoredWindow:
        row = StatisticRow(np.array([value, np.nan]))
        return ScoredWindow(day * DAY_US, version, info.id, 5, 1, NOW_US, {"psi": row, "ks": row})

    rollups.save_scores(conn, 7, DAY_US, [scored(2, "default", 1.0), scored(1, "default", 2.0), scored(1, "b", 3.0)])
    rollups.save_scores(conn, 7, DAY_US, [scored(1, "default", 4.0)])
    told = [
        (one.start_us // DAY_US, one.version, float(one.statistics["psi"].values[0]))
        for one in rollups.scores(conn, 7, DAY_US, statistics=["psi"])
    ]
    assert told == [(1, "b", 3.0), (1, "default", 4.0), (2, "default", 1.0)]
    assert rollups.scores(conn, 7, 7 * DAY_US) == []
    newest = rollups.newest_scores(conn, 7, DAY_US)
    assert [(one.start_us // DAY_US, one.version) for one in newest] == [(1, "b"), (2, "default")]
    listed = rollups.listed(conn, 7, length_us=DAY_US)
    assert [(one.start_us // DAY_US, one.version, one.scored_revision) for one in listed] == [
        (1, "b", 1),
        (1, "default", 1),
        (2, "b", 0),
        (2, "default", 1),
    ]


def test_another_zone(conn: Connection) -> None:
    """Periods of another zone's calendar are noticed, and forgetting leaves nothing."""
    _, info = stocked(conn)
    found = _found((info.bins, info.feature_count), [1], [5])
    rollups.save(conn, _strand(info.id), found, firsts=[0], zone="Asia/Tokyo")
    assert rollups.elsewhere(conn, 7, zone="UTC")
    assert not rollups.elsewhere(conn, 7, zone="Asia/Tokyo")
    rollups.forget(conn, 7)
    assert rollups.listed(conn, 7, length_us=DAY_US) == []
