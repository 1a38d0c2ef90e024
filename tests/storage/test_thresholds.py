"""Thresholds as they are stored."""

import pytest
from sqlalchemy import Connection

from app.storage import models, thresholds
from app.storage.thresholds import StoredThreshold
from storage.books import NOW_US, stocked

pytestmark = pytest.mark.postgres

FIXED = {"mode": "fixed", "value": 0.25}


def test_a_threshold_is_set_replaced_and_dropped(conn: Connection) -> None:
    """Of one statistic, feature and version there is one threshold, also where feature and version are all."""
    model, _ = stocked(conn)
    general = StoredThreshold("psi", None, None, FIXED, None)
    special = StoredThreshold("psi", "x", "v1", None, FIXED)
    for threshold in (special, general, StoredThreshold("psi", None, None, None, None), general):
        thresholds.put(conn, model.id, threshold)
    assert thresholds.listed(conn, model.id) == [general, special]
    assert thresholds.drop(conn, model.id, statistic="psi", feature=None, version=None)
    assert not thresholds.drop(conn, model.id, statistic="psi", feature=None, version=None)
    assert thresholds.listed(conn, model.id) == [special]


def test_all_living_models(conn: Connection) -> None:
    """The exposition reads every model's thresholds at once."""
    first, _ = stocked(conn, "a")
    second, _ = stocked(conn, "b")
    threshold = StoredThreshold("ks", None, None, FIXED, FIXED)
    for model in (first, second):
        thresholds.put(conn, model.id, threshold)
    models.delete(conn, first.id, now_us=NOW_US)
    assert thresholds.all_models(conn) == {second.id: [threshold]}
    assert thresholds.listed(conn, 99) == []
