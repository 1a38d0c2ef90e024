"""The SQL of the dashboards against a real Postgres."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
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
    """Eight hours of two features in Postgres, and how to ask; with the groups and counts of x0."""
    reference = baseline(numeric=2, edges=24)
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

    groups = reference.groups[place]
    return ask, labels, groups, reference.counts[place], counts


def added(groups: NDArray[np.int64], counts: NDArray[np.int64]) -> list[float]:
    """Shares by group."""
    return [float(counts[groups == group].sum() / counts.sum()) for group in np.unique(groups)]


def named(labels: list[str], groups: NDArray[np.int64]) -> list[str]:
    """One bin's own label, or the first one's lower and the last one's upper edge."""
    found = []
    for group in np.unique(groups):
        own = [label for label, its in zip(labels, groups, strict=True) if its == group]
        joined = f"{own[0].split(',')[0]},{own[-1].split(',')[-1]}"
        found.append(own[0] if len(own) == 1 else joined)
    return found


def test_the_newest_window_stands_beside_the_baseline(asked: Any) -> None:
    """Both sides in the order of the bins, each adding up to one."""
    ask, labels, _, before, counts = asked
    rows = ask(sql.SHARES)
    assert [row["label"] for row in rows] == labels
    assert [float(row["baseline"]) for row in rows] == pytest.approx((before / before.sum()).tolist(), abs=1e-12)
    newest = counts[5] / counts[5].sum()
    assert [float(row["newest window"]) for row in rows] == pytest.approx(newest.tolist(), abs=1e-12)


def test_what_moved_most_comes_first(asked: Any) -> None:
    """Twelve groups of bins at most, by the size of the change of their share."""
    ask, labels, groups, before, counts = asked
    change = np.array(added(groups, counts[5])) - np.array(added(groups, before))
    wanted = dict(zip(named(labels, groups), change.tolist(), strict=True))
    assert len(wanted) == 12 + 3
    rows = ask(sql.MOVED)
    sizes = [abs(float(row["change"])) for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert len(rows) == 12
    assert {row["bins"]: float(row["change"]) for row in rows} == pytest.approx(
        {row["bins"]: wanted[row["bins"]] for row in rows}, abs=1e-12
    )


def test_bins_over_time_are_multiples_of_the_baseline(asked: Any) -> None:
    """Windows of one interval are added up; bins that the baseline never filled are left out."""
    ask, labels, groups, before, counts = asked
    rows = ask(sql.BINS)
    expected, observed = added(groups, before), added(groups, counts[2:4].sum(axis=0))
    firsts = [int(np.flatnonzero(groups == group)[0]) for group in np.unique(groups)]
    wanted = {
        f"{place:03} {label}": now / share
        for place, label, now, share in zip(firsts, named(labels, groups), observed, expected, strict=True)
        if share > 0
    }
    found = {row["metric"]: row["value"] for row in rows if row["time"] == 7200}
    assert found == pytest.approx(wanted, rel=1e-12)
    assert {float(row["time"]) for row in rows} == {7200.0, 14400.0}
