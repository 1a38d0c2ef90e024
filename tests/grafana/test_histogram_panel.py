"""The histogram panel's SQL against a real Postgres."""

import numpy as np
import pytest
from sqlalchemy import text

from app.storage import fold
from app.storage.database import Database
from grafana import queries
from storage.books import NOW_US, baseline, commit, delivery, delta, stocked

pytestmark = pytest.mark.postgres

WORDS = {
    "${model:sqlstring}": "'churn'",
    "${version:sqlstring}": "'canary','default'",
    "${shape:sqlstring}": "'x0'",
    "$__timeFilter(window_start)": "window_start BETWEEN '1970-01-01T02:00:00Z' AND '1970-01-01T05:59:59Z'",
}


def test_the_panel_shows_shares_by_bin_in_order(database: Database) -> None:
    """The newest window beside the whole range, each adding up to one, with the labels of the baseline."""
    reference = baseline(numeric=2, edges=5)
    with database.transaction() as conn:
        model, info = stocked(conn, reference=reference)
    deltas = [delta(info, rows=1000 * (1 + hour), hour=hour, seed=hour) for hour in range(8)]
    commit(database, delivery(model, "b", *deltas))
    sql = queries.HISTOGRAM
    for word, value in WORDS.items():
        assert word in sql
        sql = sql.replace(word, value)
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
        rows = conn.execute(text(sql.replace(":", "\\:"))).mappings().all()
    place = reference.slice_of([feature.name for feature in reference.features].index("x0"))
    counts = np.array([part.counts[place] for part in deltas[2:6]])
    assert [row["label"] for row in rows] == [own.label for own in reference.bins_of(0)]
    whole = counts.sum(axis=0) / counts.sum()
    assert [float(row["whole range"]) for row in rows] == pytest.approx(whole.tolist(), abs=1e-12)
    newest = counts[-1] / counts[-1].sum()
    assert [float(row["newest window"]) for row in rows] == pytest.approx(newest.tolist(), abs=1e-12)
