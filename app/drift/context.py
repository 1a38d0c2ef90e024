"""The context of a window: which part of the local week its rows are compared with."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

SECOND_US: Final = 1_000_000
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 24 * HOUR_US
WEEK_US: Final = 7 * DAY_US
MONDAY_US: Final = 4 * DAY_US
"""The first Monday of Unix time."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SATURDAY = 5


class Level(IntEnum):
    """How finely the local week is cut, the finest first."""

    HOUR_OF_WEEK = 0
    HOUR_OF_DAY_TYPE = 1
    HOUR_OF_DAY = 2
    NONE = 3


LEVELS: Final = len(Level)


@lru_cache(maxsize=65_536)
def _offset_us(instant_us: int, zone: ZoneInfo) -> int:
    moment = _EPOCH + timedelta(microseconds=instant_us)
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


def monday_us(instant_us: int) -> int:
    """The last Monday 00:00 UTC at or before an instant."""
    return (instant_us - MONDAY_US) // WEEK_US * WEEK_US + MONDAY_US


@dataclass(frozen=True, slots=True)
class Grid:
    """The windows of a model: their length and the zone whose clock its traffic follows."""

    length_us: int
    zone: ZoneInfo

    @property
    def slot_us(self) -> int:
        """Length of a slot: the window's, at least an hour."""
        return max(self.length_us, HOUR_US)

    @property
    def slots(self) -> int:
        """Slots in a local week."""
        return -(-WEEK_US // self.slot_us)

    def local_us(self, instants_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Wall-clock microseconds of instants, by the zone's real rules."""
        offsets = [_offset_us(int(instant), self.zone) for instant in instants_us]
        return instants_us + np.array(offsets, dtype=np.int64)

    def slot(self, starts_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Slot of the local week of each window: by its start up to an hour, by its middle beyond."""
        instants = starts_us if self.length_us <= HOUR_US else starts_us + self.length_us // 2
        return (self.local_us(instants) - MONDAY_US) % WEEK_US // self.slot_us

    def lean(self, starts_us: NDArray[np.int64], slot: NDArray[np.int64]) -> NDArray[np.float64]:
        """How far after its slot's beginning each window begins by the local clock, in window lengths; 0 below an hour.

        A clock change moves the lean of windows longer than an hour: they then straddle what used to be two slots.
        """
        if self.length_us < HOUR_US:
            return np.zeros(len(starts_us))
        late = (self.local_us(starts_us) - MONDAY_US - slot * self.slot_us) % WEEK_US
        return np.where(late > WEEK_US // 2, late - WEEK_US, late) / self.length_us

    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Cell of every slot at every level, (levels, slots), and each level's first cell number, (levels + 1,)."""
        start = np.arange(self.slots, dtype=np.int64) * self.slot_us
        of_day = start % DAY_US // self.slot_us
        weekend = (start // DAY_US >= _SATURDAY).astype(np.int64)
        whole = np.zeros(self.slots, dtype=np.int64)
        if self.slot_us > DAY_US:
            of_day, weekend = whole, whole
        daily = int(of_day.max()) + 1
        size = np.array([self.slots, 2 * daily, daily, 1], dtype=np.int64)
        first = np.concatenate(([0], np.cumsum(size)))
        cells = np.stack([start // self.slot_us, of_day + daily * weekend, of_day, whole])
        return cells + first[:-1, None], first
