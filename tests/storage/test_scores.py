"""Scores as they are stored."""

import numpy as np
import pytest
from sqlalchemy import Connection, text

from app.storage import fold, models, scores, windows
from app.storage.database import Database
from app.storage.scores import ScoredWindow, StatisticRow
from storage.books import HOUR_US, NOW_US, commit, delivery, delta, stocked

pytestmark = pytest.mark.postgres

VALUES = np.array([0.1, np.nan, 1 / 3])


def _scored(hour: int, *, version: str = "default", revision: int = 1, value: float = 0.5) -> ScoredWindow:
    statistics = {
        "psi": StatisticRow(np.array([value, np.nan, 2.0])),
        "volume": StatisticRow(np.array([10.0])),
    }
    return ScoredWindow(hour * HOUR_US, version, 1, 10, revision, NOW_US, statistics)


def _told(scored: ScoredWindow) -> dict[str, list[float]]:
    return {name: row.values.tolist() for name, row in scored.statistics.items()}


def test_what_goes_in_comes_out_equal(conn: Connection) -> None:
    """Every array of a statistic survives, NaN as what does not apply and infinities as they are."""
    full = StatisticRow(
        values=VALUES,
        high=np.array([0.2, np.nan, np.inf]),
        p_values=np.array([1e-300, 1.0, np.nan]),
        status=np.array([0, 1, -2], np.int16),
        warning=np.array([-np.inf, 0.0, np.nan]),
        critical=VALUES * 2,
    )
    scores.save(conn, 7, ScoredWindow(HOUR_US, "v", 3, 42, 5, NOW_US, {"ks": full, "psi": StatisticRow(VALUES)}))
    (found,) = scores.listed(conn, 7)
    key = (found.start_us, found.version, found.baseline_id, found.rows, found.revision, found.computed_us)
    assert key == (HOUR_US, "v", 3, 42, 5, NOW_US)
    assert list(found.statistics) == ["ks", "psi"]
    for name in ("values", "high", "p_values", "status", "warning", "critical"):
        np.testing.assert_array_equal(getattr(found.statistics["ks"], name), getattr(full, name))
    assert found.statistics["psi"].high is None
    assert found.statistics["psi"].status is None


def test_sql_reads_null_where_nothing_applies(conn: Connection) -> None:
    """People with psql see NULL, not NaN."""
    scores.save(conn, 7, _scored(1))
    assert conn.scalar(text("SELECT values[2] IS NULL AND values[3] = 2 FROM score WHERE statistic = 'psi'"))


def test_an_older_evaluation_never_overwrites(conn: Connection) -> None:
    """The newest revision of a window stands, whoever comes last; the same revision may be written again."""
    scores.save(conn, 7, _scored(1, revision=2, value=2.0))
    scores.save(conn, 7, _scored(1, revision=1, value=1.0))
    assert scores.listed(conn, 7)[0].statistics["psi"].values[0] == 2.0
    scores.save(conn, 7, _scored(1, revision=2, value=3.0))
    assert scores.listed(conn, 7)[0].statistics["psi"].values[0] == 3.0


def test_the_list_is_filtered_and_ordered(conn: Connection) -> None:
    """Windows come by start and version; limits count windows."""
    scores.save_many(conn, 7, [_scored(2), _scored(1, version="b"), _scored(1, version="a"), _scored(3)])
    scores.save(conn, 8, _scored(0))

    def keys(found: list[ScoredWindow]) -> list[tuple[int, str]]:
        return [(scored.start_us // HOUR_US, scored.version) for scored in found]

    everything = [(1, "a"), (1, "b"), (2, "default"), (3, "default")]
    assert keys(scores.listed(conn, 7)) == everything
    assert keys(scores.listed(conn, 7, from_us=2 * HOUR_US, to_us=3 * HOUR_US)) == [(2, "default")]
    assert keys(scores.listed(conn, 7, version="b")) == [(1, "b")]
    for limit in range(1, 6):
        assert keys(scores.listed(conn, 7, limit=limit)) == everything[:limit]
    assert all(list(found.statistics) == ["volume"] for found in scores.listed(conn, 7, statistics=["volume"]))


def test_scoring_cleans_the_window_and_is_the_newest(database: Database) -> None:
    """A scored window is dirty no more, unless rows came meanwhile; the newest window of each version is shown."""
    with database.transaction() as conn:
        model, info = stocked(conn)
    commit(database, delivery(model, "b", delta(info, hour=1), delta(info, hour=2), delta(info, hour=1, version="v")))
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
        for hour, version in ((2, "default"), (1, "default"), (1, "v")):
            scored = _scored(hour, version=version)
            moved = ScoredWindow(scored.start_us, version, info.id, 10, 1, NOW_US, scored.statistics)
            scores.save(conn, model.id, moved)
        assert windows.dirty(conn, model.id, start_before_us=9 * HOUR_US) == []
        shown = scores.newest(conn)
        assert [(window.start_us, window.version) for window in shown[model.id]] == [
            (2 * HOUR_US, "default"),
            (HOUR_US, "v"),
        ]
        assert _told(shown[model.id][0])["volume"] == [10.0]
        models.delete(conn, model.id, now_us=NOW_US)
        assert scores.newest(conn) == {}
