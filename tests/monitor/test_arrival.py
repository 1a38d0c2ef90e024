"""Which rows count, where and when."""

import json
from dataclasses import fields, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.drift.context import HOUR_US, MONDAY_US, WEEK_US
from app.monitor.arrival import Arrival, Clockwork, arrive
from app.wire.decode import decode

NOW: Final = MONDAY_US + 2900 * WEEK_US + HOUR_US
CLOCKWORK: Final = Clockwork(
    window_us=HOUR_US,
    late_horizon_us=2 * HOUR_US,
    future_tolerance_us=600_000_000,
    zone=ZoneInfo("UTC"),
    naive="utc",
    time_column="timestamp",
    version_column=None,
)


def arrived(
    rows: list[Any], clockwork: Clockwork = CLOCKWORK, *, version: str | None = None, backfill: bool = False
) -> Arrival:
    """Let rows arrive now."""
    table = decode(json.dumps({"rows": rows}).encode(), "application/json")
    return arrive(table, clockwork, now_us=NOW, version=version, backfill=backfill)


def test_horizon_and_tolerance_are_inclusive() -> None:
    """A row exactly as old as the horizon, or as far ahead as the tolerance, counts; a microsecond beyond does not."""
    oldest, newest = NOW - 2 * HOUR_US, NOW + 600_000_000
    found = arrived([{"timestamp": us} for us in (oldest - 1, oldest, NOW, newest, newest + 1)])
    assert found.rows.tolist() == [1, 2, 3]
    assert (found.late, found.future, found.rejected, found.untimed) == (1, 1, 0, 0)
    assert found.starts.tolist() == [NOW - 2 * HOUR_US, NOW, NOW]


def test_rows_without_a_time_take_the_receipt_time() -> None:
    """Null and a missing key are counted as untimed, in the window of now."""
    found = arrived([{"timestamp": None}, {}, {"timestamp": NOW - HOUR_US}])
    assert found.starts.tolist() == [NOW, NOW, NOW - HOUR_US]
    assert found.timed.tolist() == [False, False, True]
    assert found.untimed == 2


@pytest.mark.parametrize("at_us", [None, NOW - HOUR_US, NOW - 3 * HOUR_US, NOW + HOUR_US])
@pytest.mark.parametrize("versioned", [False, True])
def test_rows_of_one_time_arrive_like_others(at_us: int | None, *, versioned: bool) -> None:
    """A table without times arrives as one whose times are all missing does, late and future rows included."""
    clockwork = replace(CLOCKWORK, version_column="v" if versioned else None)
    found = []
    for empty in ({}, {"timestamp": None}):
        rows = [{"x": n, "v": f"v{n % 2}", **empty} for n in range(5)] + [7]
        table = decode(json.dumps({"rows": rows}).encode(), "application/json")
        found.append(arrive(table, clockwork, now_us=NOW, version="w", backfill=False, at_us=at_us))
    plain, empty_times = ([getattr(one, field.name) for field in fields(one)] for one in found)
    assert all(np.array_equal(a, b) and type(a) is type(b) for a, b in zip(plain, empty_times, strict=True))
    assert [one.dtype for one in plain[:4]] == [one.dtype for one in empty_times[:4]]


def test_unreadable_times_and_rows_are_rejected_in_order() -> None:
    """Rows that are no object and times that are no time stand in one list by row number."""
    found = arrived([{"timestamp": "soon"}, 5, {"timestamp": NOW}, {"timestamp": ""}, None])
    assert found.rejected == 4
    assert [(one.row, one.reason) for one in found.rejections] == [
        (0, "unreadable time"),
        (1, "not an object"),
        (3, "unreadable time"),
        (4, "not an object"),
    ]
    assert len(found.rows) == 1


def test_only_the_first_hundred_rejections_are_listed() -> None:
    """All are counted."""
    found = arrived([{"timestamp": "x"}] * 150 + [1] * 100)
    assert found.rejected == 250
    assert [one.row for one in found.rejections] == list(range(100))


def test_no_history_begins_before_1900() -> None:
    """An empty time written as the year 1 is late, and no window begins before the calendar does."""
    week = replace(CLOCKWORK, window_us=168 * HOUR_US)
    times = ["0001-01-01T00:00:00Z", "1899-12-31T23:59:59.999999Z", "1900-01-01T00:00:00Z", -62_135_596_800]
    found = arrived([{"timestamp": time} for time in times], week, backfill=True)
    assert (found.rows.tolist(), found.late, found.future, found.rejected) == ([2], 3, 0, 0)


def test_backfill_has_no_horizon_but_a_future() -> None:
    """History of any age counts; what has not happened does not."""
    found = arrived([{"timestamp": 0}, {"timestamp": NOW + HOUR_US}], backfill=True)
    assert found.starts.tolist() == [0]
    assert (found.late, found.future) == (0, 1)


def test_weekly_windows_begin_on_monday() -> None:
    """A week's window starts at its Monday in UTC, also before 1970."""
    weekly = replace(CLOCKWORK, window_us=WEEK_US)
    found = arrived([{"timestamp": NOW}, {"timestamp": -1}], weekly, backfill=True)
    assert found.starts.tolist() == [NOW - HOUR_US, MONDAY_US - WEEK_US]


def test_local_times() -> None:
    """A time without a zone is read by the model's clock when told so, and the hour that comes twice is counted."""
    berlin = replace(CLOCKWORK, zone=ZoneInfo("Europe/Berlin"), naive="local")
    found = arrived([{"timestamp": "1999-10-31T02:30:00"}, {"timestamp": "1999-07-01T12:00:00"}], berlin, backfill=True)
    assert found.ambiguous == 1
    assert [start % (24 * HOUR_US) // HOUR_US for start in found.starts.tolist()] == [0, 10]


@pytest.mark.parametrize(("version", "fallback"), [(None, "default"), ("canary", "canary")])
def test_versions(version: str | None, fallback: str) -> None:
    """A row's version is its column if that holds a lawful name, else the delivery's, else `default`."""
    column = replace(CLOCKWORK, version_column="arm")
    values: list[object] = ["v7", None, "", "a\nb", "x" * 257, ".", 7, True, {}, "v7", fallback]
    found = arrived([{"arm": value} for value in values], column, version=version)
    named = [found.versions[arm] for arm in found.arms.tolist()]
    assert named == ["v7", *[fallback] * 5, "7", "true", fallback, "v7", fallback]


def test_version_of_accepted_rows_alone() -> None:
    """Each accepted row keeps its own version when others are late."""
    column = replace(CLOCKWORK, version_column="arm")
    found = arrived([{"arm": "a", "timestamp": 0}, {"arm": "b"}, {"arm": "a"}], column)
    assert [found.versions[arm] for arm in found.arms.tolist()] == ["b", "a"]


def test_missing_version_column() -> None:
    """Rows without the column have the version of the delivery."""
    found = arrived([{"x": 1}], replace(CLOCKWORK, version_column="arm"), version="v2")
    assert (found.versions, found.arms.tolist()) == (("v2",), [0])
