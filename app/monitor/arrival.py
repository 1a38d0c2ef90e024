"""Which rows of a table count, where and when: times, lateness and versions."""

from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from app.drift.columns import CategoricalColumn
from app.drift.windows import window_start, window_starts
from app.wire.names import lawful
from app.wire.table import LISTED_REJECTIONS, Rejection, Table
from app.wire.times import MISSING, UNREADABLE, instants
from app.wire.values import categorical

DEFAULT_VERSION = "default"
DAWN_US: Final = -2_208_988_800_000_000  # 1900: no inference is older, but an empty time is often written as year 1


def oldest(now_us: int, horizon_us: int, *, backfill: bool) -> int:
    """Say when the first row may have happened that is not late."""
    return DAWN_US if backfill else now_us - horizon_us


@dataclass(frozen=True, slots=True)
class Clockwork:
    """How a model reads times and what it calls late."""

    window_us: int
    late_horizon_us: int
    future_tolerance_us: int
    zone: ZoneInfo
    naive: str
    time_column: str
    version_column: str | None


@dataclass(frozen=True, slots=True)
class Arrival:
    """The accepted rows of a table, and a count of the others.

    `rows` holds the positions of the accepted rows within the table, `starts` the window of each, `timed` whether it
    brought a time of its own, and `arms` its version as an index into `versions`.
    """

    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    timed: NDArray[np.bool_]
    arms: NDArray[np.int32]
    versions: tuple[str, ...]
    late: int
    future: int
    rejected: int
    rejections: tuple[Rejection, ...]
    ambiguous: int

    @property
    def untimed(self) -> int:
        """Give the number of accepted rows that took the receipt time."""
        return int((~self.timed).sum())


def arrive(  # noqa: PLR0913 - a row is placed by all of them
    table: Table,
    clockwork: Clockwork,
    *,
    now_us: int,
    version: str | None,
    backfill: bool,
    at_us: int | None = None,
) -> Arrival:
    """Sort the rows of a table into accepted, late, future and rejected; rows without a time happened `at_us`."""
    raw, receipt_us = table.columns.get(clockwork.time_column), now_us if at_us is None else at_us
    first, last = oldest(now_us, clockwork.late_horizon_us, backfill=backfill), now_us + clockwork.future_tolerance_us
    if raw is None and first <= receipt_us <= last:
        return _together(table, clockwork, receipt_us=receipt_us, version=version, timed=at_us is not None)
    times = instants(
        raw,
        table.rows,
        receipt_us=receipt_us,
        naive=clockwork.naive,
        zone=clockwork.zone,
        text=table.text,
    )
    readable = times.state != UNREADABLE
    late, future = readable & (times.us < first), readable & (times.us > last)
    rows = np.flatnonzero(readable & ~late & ~future)
    arms, versions = _arms(table, rows, column=clockwork.version_column, fallback=version or DEFAULT_VERSION)
    unreadable = np.flatnonzero(~readable)
    return Arrival(
        rows=rows,
        starts=window_starts(times.us[rows], clockwork.window_us),
        timed=(times.state[rows] != MISSING) | (at_us is not None),
        arms=arms,
        versions=versions,
        late=int(late.sum()),
        future=int(future.sum()),
        rejected=table.received - table.rows + len(unreadable),
        rejections=_rejections(table, unreadable),
        ambiguous=times.ambiguous,
    )


def _together(table: Table, clockwork: Clockwork, *, receipt_us: int, version: str | None, timed: bool) -> Arrival:
    """Place rows that all happened at one time, neither late nor in the future."""
    rows = np.arange(table.rows)
    arms, versions = _arms(table, rows, column=clockwork.version_column, fallback=version or DEFAULT_VERSION)
    return Arrival(
        rows=rows,
        starts=np.full(table.rows, window_start(receipt_us, clockwork.window_us), np.int64),
        timed=np.full(table.rows, timed),
        arms=arms,
        versions=versions,
        late=0,
        future=0,
        rejected=table.received - table.rows,
        rejections=_rejections(table, rows[:0]),
        ambiguous=0,
    )


def _rejections(table: Table, unreadable: NDArray[np.int64]) -> tuple[Rejection, ...]:
    first = unreadable[:LISTED_REJECTIONS]
    numbers = first if table.numbers is None else table.numbers[first]
    unread = [Rejection(int(number), "unreadable time") for number in numbers]
    return tuple(sorted([*table.rejections, *unread], key=lambda one: one.row)[:LISTED_REJECTIONS])


def _arms(
    table: Table, rows: NDArray[np.int64], *, column: str | None, fallback: str
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    raw = None if column is None else table.columns.get(column)
    if raw is None:
        return np.zeros(len(rows), np.int32), (fallback,)
    named: CategoricalColumn = categorical(raw, text=table.text)
    positions: dict[str, int] = {fallback: 0}
    lookup = np.array(
        [positions.setdefault(name, len(positions)) if lawful(name) else 0 for name in named.categories] or [0],
        np.int32,
    )
    codes = named.codes[rows]
    return np.where(codes < 0, 0, lookup[np.maximum(codes, 0)]).astype(np.int32), tuple(positions)
