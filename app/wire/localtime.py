"""Times without a zone, read in the zone of the model."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.wire.epochs import BEYOND_US, FIRST_US

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

EPOCH: Final = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - local times have no zone yet
QUARTER_US: Final = 900_000_000
MICROSECOND: Final = dt.timedelta(microseconds=1)


def to_utc(local_us: Integers, zone: ZoneInfo) -> tuple[Integers, Mask]:
    """Give the instants of local times and which were ambiguous.

    A repeated hour is its first occurrence; a skipped one moves forward by what was skipped.
    """
    quarters, where = np.unique(local_us // QUARTER_US, return_inverse=True)
    first = [_offsets(quarter * QUARTER_US, zone) for quarter in quarters.tolist()]
    last = [_offsets((quarter + 1) * QUARTER_US - 1, zone) for quarter in quarters.tolist()]
    changes = np.array([one != other for one, other in zip(first, last, strict=True)], np.bool_)
    before, after = np.array(first, np.int64).reshape(-1, 2)[where].T.copy()
    for row in np.flatnonzero(changes[where]).tolist():
        before[row], after[row] = _offsets(int(local_us[row]), zone)
    return local_us - before, before > after


def _offsets(local_us: int, zone: ZoneInfo) -> tuple[int, int]:
    """Give the offset from UTC before and after a change of the clock, in microseconds."""
    local = EPOCH + min(max(local_us, FIRST_US), BEYOND_US - 1) * MICROSECOND
    before, after = (local.replace(tzinfo=zone, fold=fold).utcoffset() or dt.timedelta() for fold in (0, 1))
    return before // MICROSECOND, after // MICROSECOND
