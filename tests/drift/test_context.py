"""Contexts follow the local clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.drift.context import DAY_US, HOUR_US, MONDAY_US, WEEK_US, Grid, Level, monday_us
from drift.streams import NEW_YORK


def us(*moment: int) -> int:
    """Microseconds of a UTC moment."""
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


def test_hour_of_week_follows_new_york_through_spring() -> None:
    """Nine in the morning is one context before and after clocks go forward."""
    grid = Grid(HOUR_US, NEW_YORK)
    nine = np.array([us(2013, 3, 8, 14), us(2013, 3, 15, 13)])
    assert grid.slot(nine).tolist() == [4 * 24 + 9] * 2


def test_autumn_hour_is_one_context_twice() -> None:
    """Both passes of 01:00 on 3 November 2013 share a slot, and the spring gap has none."""
    grid = Grid(HOUR_US, NEW_YORK)
    assert grid.slot(np.array([us(2013, 11, 3, 5), us(2013, 11, 3, 6)])).tolist() == [6 * 24 + 1] * 2
    around = grid.slot(np.array([us(2013, 3, 10, 6), us(2013, 3, 10, 7)]))
    assert around.tolist() == [6 * 24 + 1, 6 * 24 + 3]


def test_longer_windows_go_by_their_middle() -> None:
    """Three hours from 00:00 UTC lie by their middle at 20:30 in winter; a day is its weekday."""
    assert Grid(3 * HOUR_US, NEW_YORK).slot(np.array([us(2013, 1, 8)])).tolist() == [(0 * 24 + 18) // 3]
    assert Grid(DAY_US, NEW_YORK).slot(np.array([us(2013, 1, 8)])).tolist() == [1]
    assert Grid(WEEK_US, NEW_YORK).slot(np.array([us(2013, 1, 7)])).tolist() == [0]


def test_quarter_hours_share_their_hour() -> None:
    """Windows below an hour use the hour of week."""
    grid = Grid(HOUR_US // 4, NEW_YORK)
    assert len(set(grid.slot(us(2013, 1, 8) + np.arange(4) * HOUR_US // 4).tolist())) == 1


def test_lean_moves_by_a_third_when_clocks_change() -> None:
    """A three-hour window begins an hour into its slot in winter and an hour before it in summer."""
    grid = Grid(3 * HOUR_US, NEW_YORK)
    both = np.array([us(2013, 1, 8), us(2013, 7, 9)])
    np.testing.assert_allclose(grid.lean(both, grid.slot(both)), [1 / 3, -1 / 3])


def test_cells_of_an_hourly_model() -> None:
    """168 hours of week, 24 hours of two kinds of day, 24 hours and one cell for all."""
    cells, first = Grid(HOUR_US, NEW_YORK).cells()
    assert first.tolist() == [0, 168, 216, 240, 241]
    saturday = 5 * 24 + 9
    assert cells[Level.HOUR_OF_DAY_TYPE, [9, saturday]].tolist() == [168 + 9, 168 + 24 + 9]
    assert cells[Level.HOUR_OF_DAY, [9, saturday]].tolist() == [216 + 9] * 2


@given(
    instant=st.integers(0, 4_000_000_000_000_000),
    length=st.sampled_from([HOUR_US // 4, HOUR_US, 3 * HOUR_US, 7 * HOUR_US, DAY_US, WEEK_US // 2, WEEK_US]),
    zone=st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_every_window_has_a_slot(instant: int, length: int, zone: str) -> None:
    """Whatever the length and the zone, slots and cells are in range and the lean is below a window."""
    grid = Grid(length, ZoneInfo(zone))
    at = np.array([instant // length * length])
    slot = grid.slot(at)
    cells, first = grid.cells()
    assert 0 <= slot[0] < grid.slots == cells.shape[1]
    assert cells.min() >= 0
    assert cells.max() < first[-1]
    assert abs(grid.lean(at, slot)[0]) <= 1


def test_mondays() -> None:
    """Weeks begin on Monday 00:00 UTC."""
    assert monday_us(us(2013, 1, 9, 5)) == us(2013, 1, 7)
    assert monday_us(MONDAY_US) == MONDAY_US
