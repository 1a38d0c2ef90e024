"""What the replay breaks on purpose."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

KILOMETRES: Final = 1.609344


@dataclass(frozen=True, slots=True)
class Fault:
    """A feature that arrives broken from `first` to `last`, both included, in local days."""

    feature: str
    first: dt.date
    last: dt.date
    what: str
    spoil: Callable[[Any], Any]

    def on(self, date: dt.date) -> bool:
        """Whether the feature is broken on a day."""
        return self.first <= date <= self.last

    def during(self, first: dt.date, last: dt.date) -> bool:
        """Whether the feature is broken on any day of a stretch."""
        return self.first <= last and first <= self.last


def in_kilometres(miles: pa.ChunkedArray) -> Any:
    """Give the same distances in another unit."""
    return pc.multiply(miles, KILOMETRES)


def half_null(values: pa.ChunkedArray) -> Any:
    """Lose the value of every second row, beginning with the first."""
    return pc.if_else(pa.array(np.arange(len(values)) % 2 == 0), None, values)


FAULTS: Final = (
    Fault("distance", dt.date(2013, 5, 6), dt.date(2013, 5, 19), "km, not miles", in_kilometres),
    Fault("dep_delay", dt.date(2013, 9, 9), dt.date(2013, 9, 15), "half null", half_null),
)


def broken(day: pa.Table, date: dt.date, faults: Sequence[Fault] = FAULTS) -> pa.Table:
    """Give one day's rows with the faults of that day."""
    for fault in faults:
        if fault.on(date):
            place = day.schema.get_field_index(fault.feature)
            day = day.set_column(place, fault.feature, fault.spoil(day.column(fault.feature)))
    return day
