"""Local days and weeks, into which shorter windows roll up.

A period is known by its first local day, written as the microseconds of that date's midnight as if it were UTC. So
every day is 24 hours long and every week begins on a Monday, for whoever compares periods; `begins` and `ends` tell
the instants. A window belongs to the period in which its middle lies.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from app.drift.context import DAY_US, WEEK_US, Grid, monday_us
from app.drift.layout import Ints
from app.drift.windows import window_start

LENGTHS_US: Final = (DAY_US, WEEK_US)
REFERENCE_DAYS: Final = 56
REFERENCE_PERIODS: Final = 52
"""Weeks need a year of reference: of eight of them nothing can be learnt."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Days or weeks of a zone, made of windows of `window_us`."""

    length_us: int
    zone: ZoneInfo
    window_us: int

    @property
    def grid(self) -> Grid:
        """The periods as windows of a calendar that knows no zone."""
        return Grid(self.length_us, ZoneInfo("UTC"))

    @property
    def worth(self) -> int:
        """The number of periods that vouch for what is normal."""
        return max(REFERENCE_DAYS * DAY_US // self.length_us, REFERENCE_PERIODS)

    def of(self, starts: Ints) -> Ints:
        """Give the period of each window; same shape."""
        local = Grid(self.window_us, self.zone).local_us(starts + self.window_us // 2)
        return _floor(local, self.length_us)

    def begins(self, period: int) -> int:
        """Give the first instant of a period."""
        date = _EPOCH + period * _MICROSECOND
        return (date.replace(tzinfo=self.zone).astimezone(UTC) - _EPOCH) // _MICROSECOND

    def ends(self, period: int) -> int:
        """Give the first instant after a period."""
        return self.begins(period + self.length_us)

    def span(self, period: int) -> tuple[int, int]:
        """Give the first start that a window of the period can have, and the first that is none any more."""
        return self._first(self.begins(period)), self._first(self.ends(period))

    def _first(self, instant: int) -> int:
        """Give the start of the first window whose middle is not before an instant."""
        earliest = instant - self.window_us // 2
        return window_start(earliest - 1, self.window_us) + self.window_us

    def closed(self, period: int, *, now_us: int) -> bool:
        """Tell whether the last window of a period is over."""
        return self.span(period)[1] <= now_us

    def current(self, now_us: int) -> int:
        """Give the first period that is not closed yet."""
        local = Grid(self.window_us, self.zone).local_us(np.array([now_us], np.int64))
        period = int(_floor(local, self.length_us)[0])
        while not self.closed(period - self.length_us, now_us=now_us):
            period -= self.length_us
        while self.closed(period, now_us=now_us):
            period += self.length_us
        return period

    def whole(self, periods: Ints, rows: Ints) -> Ints:
        """Give the rows that periods of 23 or 25 hours would have had in 24; shapes (W,)."""
        scaled = rows.copy()
        for at, period in enumerate(periods.tolist()):
            first, last = self.span(period)
            if last > first and last - first != self.length_us:
                scaled[at] = round(int(rows[at]) * self.length_us / (last - first))
        return scaled


def _floor(local: Ints, length_us: int) -> Ints:
    offset = monday_us(0) if length_us == WEEK_US else 0
    return (local - offset) // length_us * length_us + offset


def lengths(window_us: int) -> tuple[int, ...]:
    """Give the lengths that windows roll up to: those that are longer."""
    return tuple(length for length in LENGTHS_US if length > window_us)
