"""Histograms as people with psql and Grafana read them."""

import numpy as np
import pytest
from sqlalchemy import text

from app.storage import fold
from app.storage.database import Database
from storage.books import NOW_US, baseline, commit, delivery, delta, stocked

pytestmark = pytest.mark.postgres

READ = text("""
    SELECT window_start, bin, label, count FROM feature_histogram
    WHERE model = :model AND feature = :feature AND version = :version
      AND window_start >= to_timestamp(:start) AND window_start < to_timestamp(:stop)
    ORDER BY window_start, bin
""")


def test_the_view_counts_what_python_counts(database: Database) -> None:
    """Every bin of every feature, whatever the size of its counts and wherever its bits lie."""
    reference = baseline(numeric=5, edges=9)
    with database.transaction() as conn:
        model, info = stocked(conn, reference=reference)
    deltas = [delta(info, rows=10 ** (1 + hour), hour=hour, seed=hour) for hour in range(8)]
    commit(database, delivery(model, "b", *deltas))
    with database.transaction() as conn:
        fold.fold_model(conn, model.id, now_us=NOW_US)
        for f, feature in enumerate(reference.features):
            span = {"model": "churn", "feature": feature.name, "version": "default", "start": 3600, "stop": 7 * 3600}
            rows = conn.execute(READ, span).all()
            seen = np.array([row.count for row in rows]).reshape(6, -1)
            expected = np.array([part.counts[reference.slice_of(f)] for part in deltas[1:7]])
            assert seen.tolist() == expected.tolist()
            assert [row.label for row in rows[: feature.bins.size]] == [own.label for own in reference.bins_of(f)]


def test_the_plan_reads_only_the_windows_asked_for(database: Database) -> None:
    """A look at one feature of one model over a range uses the key of the windows and unpacks nothing else."""
    with database.transaction() as conn:
        for name in ("a", "b", "c"):
            model, info = stocked(conn, name, reference=baseline(numeric=40, edges=3))
    for first in range(0, 600, 200):
        parts = [delta(info, hour=hour, seed=hour) for hour in range(first, first + 200)]
        commit(database, delivery(model, f"b{first}", *parts))
    with database.transaction() as conn:
        while fold.fold_model(conn, model.id, now_us=NOW_US).rows:
            pass
        conn.execute(text("ANALYZE"))
        span = {"model": "c", "feature": "x3", "version": "default", "start": 100 * 3600, "stop": 124 * 3600}
        explained = text("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, FORMAT JSON) " + str(READ))
        (plan,) = conn.execute(explained, span).scalar_one()
    nodes = [plan["Plan"]]
    for node in nodes:
        nodes.extend(node.get("Plans", []))
    (read,) = [node for node in nodes if node.get("Relation Name") == "window_histogram"]
    assert read["Node Type"] in {"Index Scan", "Bitmap Heap Scan"}
    assert read["Actual Rows"] * read["Actual Loops"] == 24
    unpacked = [node for node in nodes if node["Node Type"] == "Function Scan"]
    assert sum(node["Actual Loops"] for node in unpacked) == 24
