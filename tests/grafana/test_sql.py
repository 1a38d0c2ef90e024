"""The SQL of the dashboards against a real Postgres."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app.storage import fold
from app.storage.database import Database
from grafana import sql
from storage.books import NOW_US, baseline, commit, delivery, delta, stocked

pytestmark = pytest.mark.postgres

WORDS = {
    "${model:sqlstring}": "'churn'",
    "${version:sqlstring}": "'default'",
    "${feature:sqlstring}": "'x0'",
    "${baseline:sqlstring}": "'1'",
    "$__timeFilter(window_start)": "window_start BETWEEN '1970-01-01T02:00:00Z' AND '1970-01-01T05:59:59Z'",
    "$__timeGroup(window_start, $__interval)": "floor(extract(epoch FROM window_start) / 7200) * 7200",
}


@pytest.fixture
def asked(database: Database) -> Any:
    """Eight hours of two features in Postgres, and how to ask; with the counts of x0 and of its baseline."""
    reference = baseline(numeric=2, edges=5)
    with database.transaction() as conn:
        model, info = stocked(conn, reference=reference)
    deltas = [delta(info, rows=1000 * (1 + hour), hour=hour, seed=hour) for hour in range(8)]
    commit(database, delivery(model, "b", *deltas))
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
    place = reference.slice_of([feature.name for feature in reference.features].index("x0"))
    counts = np.array([part.counts[place] for part in deltas])
    labels = [own.label for own in reference.bins_of(0)]

    def ask(query: str) -> list[dict[str, Any]]:
        for word, value in WORDS.items():
            query = query.replace(word, value)
        assert "$" not in query
        with database.transaction() as conn:
            return [dict(row) for row in conn.execute(text(query.replace(":", "\\:"))).mappings()]

    return ask, labels, reference.counts[place], counts


def test_the_newest_window_stands_beside_the_baseline(asked: Any) -> None:
    """Both sides in the order of the bins, each adding up to one."""
    ask, labels, before, counts = asked
    rows = ask(sql.SHARES)
    assert [row["label"] for row in rows] == labels
    assert [float(row["baseline"]) for row in rows] == pytest.approx((before / before.sum()).tolist(), abs=1e-12)
    newest = counts[5] / counts[5].sum()
    assert [float(row["newest window"]) for row in rows] == pytest.approx(newest.tolist(), abs=1e-12)


def test_what_moved_most_comes_first(asked: Any) -> None:
    """Twelve bins at most, by the size of the change of their share."""
    ask, labels, before, counts = asked
    change = counts[5] / counts[5].sum() - before / before.sum()
    rows = ask(sql.MOVED)
    sizes = [abs(float(row["change"])) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert len(rows) == min(12, len(labels))
    found = {row["bin"]: float(row["change"]) for row in rows}
    assert found == pytest.approx({label: change[labels.index(label)] for label in found}, abs=1e-12)


def test_bins_over_time_are_multiples_of_the_baseline(asked: Any) -> None:
    """Windows of one interval are added up; bins that the baseline never filled are left out."""
    ask, labels, before, counts = asked
    rows = ask(sql.BINS)
    shares = before / before.sum()
    filled = [n for n, share in enumerate(shares) if share > 0]
    first = counts[2:4].sum(axis=0) / counts[2:4].sum()
    found = {row["metric"]: row["value"] for row in rows if row["time"] == 7200}
    wanted = {f"{n:03} {labels[n]}": first[n] / shares[n] for n in filled}
    assert found == pytest.approx(wanted, rel=1e-12)
    assert {float(row["time"]) for row in rows} == {7200.0, 14400.0}
