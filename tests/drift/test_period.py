"""Local days and weeks made of shorter windows."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift.context import DAY_US, HOUR_US, MONDAY_US, WEEK_US
from app.drift.period import Period, lengths

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "America/Havana",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)
WINDOWS = (10_000_000, HOUR_US // 4, HOUR_US, 6 * HOUR_US, 7 * HOUR_US, DAY_US, WEEK_US // 2)


def instant(*parts: int) -> int:
    """Microseconds of a date in UTC."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[arg-type, misc]


def nominal(*parts: int) -> int:
    """The name of a day."""
    return instant(*parts)


@given(
    at=st.integers(instant(2005, 1, 1) // 1_000_000, instant(2030, 1, 1) // 1_000_000),
    zone=st.sampled_from(ZONES),
    window_us=st.sampled_from(WINDOWS),
    length_us=st.sampled_from((DAY_US, WEEK_US)),
)
def test_every_window_is_in_one_period(at: int, zone: str, window_us: int, length_us: int) -> None:
    """A window lies in the span of its own period and in no other, and periods follow each other without a gap."""
    period = Period(length_us, ZoneInfo(zone), window_us)
    start = at * 1_000_000 // window_us * window_us
    own = int(period.of(np.array([start], np.int64))[0])
    first, last = period.span(own)
    assert first <= start < last
    assert period.begins(own) <= start + window_us // 2 < period.ends(own)
    assert period.span(own + length_us)[0] == last
    assert (own - (MONDAY_US if length_us == WEEK_US else 0)) % length_us == 0


@given(
    at=st.integers(instant(2005, 1, 1), instant(2030, 1, 1)),
    zone=st.sampled_from(ZONES),
    window_us=st.sampled_from(WINDOWS),
    length_us=st.sampled_from((DAY_US, WEEK_US)),
)
def test_the_current_period_is_the_first_that_is_not_over(at: int, zone: str, window_us: int, length_us: int) -> None:
    """The one before is over, the current one is not."""
    period = Period(length_us, ZoneInfo(zone), window_us)
    current = period.current(at)
    assert not period.closed(current, now_us=at)
    before = current - length_us
    while period.span(before)[0] == period.span(before)[1]:
        before -= length_us
    assert period.closed(before, now_us=at)


@pytest.mark.parametrize(
    ("day", "hours", "rows"), [((2013, 3, 10), 23, 2400), ((2013, 11, 3), 25, 2208), ((2013, 6, 1), 24, 2300)]
)
def test_days_of_a_clock_change(day: tuple[int, int, int], hours: int, rows: int) -> None:
    """In New York they have 23 and 25 hours, and 2,300 rows in them are 2,400 and 2,208 in a day."""
    period = Period(DAY_US, ZoneInfo("America/New_York"), HOUR_US)
    first, last = period.span(nominal(*day))
    assert (last - first) // HOUR_US == hours
    whole = period.whole(np.array([nominal(*day)], np.int64), np.array([2300], np.int64))
    assert whole.tolist() == [rows]


def test_windows_across_midnight() -> None:
    """Six hours from 19:00 to 01:00 belong to the evening's day, and close half an hour after it in Kolkata."""
    york = Period(DAY_US, ZoneInfo("America/New_York"), 6 * HOUR_US)
    assert york.of(np.array([instant(2013, 1, 2)], np.int64)).tolist() == [nominal(2013, 1, 1)]
    assert not york.closed(nominal(2013, 1, 1), now_us=instant(2013, 1, 2, 5))
    assert york.closed(nominal(2013, 1, 1), now_us=instant(2013, 1, 2, 6))
    kolkata = Period(DAY_US, ZoneInfo("Asia/Kolkata"), HOUR_US)
    assert kolkata.of(np.array([instant(2013, 1, 1, 18)], np.int64)).tolist() == [nominal(2013, 1, 2)]
    assert kolkata.begins(nominal(2013, 1, 2)) == instant(2013, 1, 1, 18, 30)


def test_only_longer_ones() -> None:
    """Windows roll up to what is longer than they are."""
    assert [lengths(window_us) for window_us in (HOUR_US, DAY_US, WEEK_US // 2, WEEK_US)] == [
        (DAY_US, WEEK_US),
        (WEEK_US,),
        (WEEK_US,),
        (),
    ]
