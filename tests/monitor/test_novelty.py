"""New categories by name, and how many different ones there were, from a batch to its readers."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app.drift.context import HOUR_US, WEEK_US
from app.monitor import reading
from app.monitor.explanations import document
from app.monitor.gauges import publish
from app.monitor.novelty import prune_novelties
from monitor.desk import MONDAY, Desk

NEW = ["teal"] * 5 + ["pink"] * 3 + ["red"] * 12


def colour(desk: Desk) -> dict[str, Any]:
    """What the first window's histograms say of the colours."""
    found: Any = reading.histograms(desk.service, desk.watched, MONDAY, version=None, feature=None, baseline=None)
    shown: dict[str, Any] = found["features"]["colour"]
    assert "distinct" not in found["features"]["x"]
    return shown


def send(desk: Desk, colours: list[str], batch: str) -> None:
    """Deliver rows of these colours in the first hour."""
    desk.at(MONDAY + 1).rows([{"x": 1, "colour": one} for one in colours], batch)


def test_new_values_are_told_by_name(small: Desk) -> None:
    """The same in the journal, folded, and half of each; a batch that comes again adds nothing."""
    expected = [{"value": "teal", "count": 5, "error": 0}, {"value": "pink", "count": 3, "error": 0}]
    send(small, NEW, "b1")
    assert (colour(small)["distinct"], colour(small)["new_values"]) == (3, expected)
    small.fold()
    assert (colour(small)["distinct"], colour(small)["new_values"]) == (3, expected)
    send(small, NEW, "b1")
    send(small, ["teal", "blue"], "b2")
    expected[0]["count"] = 6
    assert (colour(small)["distinct"], colour(small)["new_values"]) == (4, expected)
    small.fold()
    assert (colour(small)["distinct"], colour(small)["new_values"]) == (4, expected)


def test_the_explanation_and_the_gauge_tell_too(small: Desk) -> None:
    """Both read the window that was judged last."""
    send(small, NEW * 2, "b1")
    small.at(MONDAY + HOUR_US).evaluate()
    publish(small.service)
    shown = small.service.page.render("", "")[0].decode()
    assert 'drift_distinct_values{model="m",version="default",feature="colour"} 3.0\n' in shown
    assert 'drift_distinct_values{model="m",version="default",feature="x"}' not in shown
    told: Any = document(small.service, small.watched, "colour", start_us=None, version=None)
    assert [one["value"] for one in told["new_values"]] == ["teal", "pink"]
    assert told["distinct"] == 3


def test_sensitive_values_are_never_written_down(small: Desk) -> None:
    """Neither a reader nor the database sees a name; the number of values is no secret."""
    small.configure(features={"colour": {"kind": "categorical", "sensitive": True}})
    send(small, NEW, "b1")
    small.fold()
    send(small, ["gold"], "b2")
    assert (colour(small)["distinct"], colour(small)["new_values"]) == (4, [])
    with small.service.database.snapshot() as conn:
        stored = conn.scalars(
            text("SELECT novelties FROM window_novelty UNION ALL SELECT novelties FROM delta_journal")
        )
        octets = b"".join(bytes(one) for one in stored)
    assert octets
    assert not any(word in octets for word in (b"teal", b"pink", b"gold"))


def test_what_came_as_histograms_has_no_names(small: Desk) -> None:
    """Counts of `unseen` without values: nobody can tell how many different ones."""
    bins = small.service.catalog.baseline(1).features[1].bins
    counts = np.zeros(bins.size, np.int64)
    counts[[0, bins.size - 2]] = 1, 4
    small.at(MONDAY + 1).hours(MONDAY, {"colour": counts[None, :]}, batch="h1")
    assert (colour(small)["distinct"], colour(small)["new_values"]) == (None, [])


@pytest.mark.parametrize(("age_us", "kept"), [(0, True), (8 * WEEK_US, False)])
def test_notes_are_forgotten_in_time(small: Desk, age_us: int, *, kept: bool) -> None:
    """Old windows keep their counts and lose their notes."""
    send(small, NEW, "b1")
    small.fold()
    small.at(MONDAY + 1 + age_us)
    assert prune_novelties(small.service) == (0 if kept else 1)
    assert (colour(small)["new_values"] != []) == kept
    assert sum(one["count"] for one in colour(small)["bins"]) == len(NEW)
