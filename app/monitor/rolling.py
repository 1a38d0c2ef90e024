"""The road from windows to days and weeks: what closed is added up, once and again when late rows change it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.drift.context import DAY_US, WEEK_US
from app.drift.period import Period
from app.monitor.catalog import Watched
from app.monitor.history import periods_of
from app.monitor.service import Service
from app.monitor.turn import TURN_S, TakenError
from app.storage import baselines, received, rollups, windows
from app.storage.database import Connection
from app.storage.rollups import Strand
from app.storage.turns import take_turn
from app.storage.windows import WindowCounts

STEP = 512
"""Changed windows looked at in one transaction."""
QUIET_US = 10 * 60 * 1_000_000
"""After so long without rows the newest day of a version is added up, too, if it is over."""


@dataclass(slots=True)
class Sum:
    """Windows of one period added up; `first_us` is where the first of them starts."""

    start_us: int
    first_us: int
    rows: int
    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    seen: list[tuple[int, int]] = field(default_factory=list)

    def found(self) -> WindowCounts:
        """Give the period as it is stored."""
        rows = np.array([self.rows], np.int64)
        return WindowCounts(np.array([self.start_us], np.int64), rows, self.counts[None], self.sums[None], rows)

    def parts(self) -> WindowCounts:
        """Give the windows by start and revision alone."""
        starts, revisions = (np.array(column, np.int64) for column in zip(*self.seen, strict=True))
        return WindowCounts(starts, starts, np.zeros((0, 0), np.int64), np.zeros((0, 0)), revisions)


def day_of(watched: Watched) -> Period:
    """Give the days of which longer periods are made, too."""
    (zone,) = {period.zone for period in periods_of(watched)}
    return Period(DAY_US, zone, watched.configuration.window)


def unrolled_before(service: Service, watched: Watched) -> int:
    """Give the start before which a window lies in a day that is over."""
    day = day_of(watched)
    return day.span(day.current(service.now_us() - service.policy.close_delay_us))[0]


def roll(service: Service, watched: Watched, *, wait: bool) -> int:
    """Add up the days that are over and hold changed windows, and their weeks; gives how many."""
    total = 0
    while periods_of(watched):
        with service.database.transaction(deadline_s=TURN_S) as conn:
            if not take_turn(conn, watched.id, wait=wait):
                raise TakenError
            if rollups.elsewhere(conn, watched.id, zone=watched.configuration.timezone):
                rollups.forget(conn, watched.id)
            before = unrolled_before(service, watched)
            changed = _changed(service, conn, watched, start_before_us=before)
            if not changed:
                return total
            with service.database.snapshot(deadline_s=TURN_S) as read:
                total += _roll(read, conn, watched, changed)
    return total


def _changed(
    service: Service, conn: Connection, watched: Watched, *, start_before_us: int
) -> set[tuple[str, int, int]]:
    """Find days to add up, as version, baseline and day.

    The newest day of a version waits until rows of a later one have come, or none at all for a while: history that
    is delivered hour by hour is not added up anew with every hour.
    """
    day, limit = day_of(watched), STEP
    arrived = received.by_version(conn, watched.id).get(watched.id, {})
    quiet_us = service.now_us() - QUIET_US
    while True:
        changed = rollups.unrolled(conn, watched.id, start_before_us=start_before_us, limit=limit)
        waiting = {
            version: windows.newest_start(conn, watched.id, version=version)
            for version in {version for _, version, _ in changed}
            if arrived.get(version, 0) > quiet_us
        }
        last = {
            version: int(day.of(np.array([start], np.int64))[0])
            for version, start in waiting.items()
            if start is not None
        }
        found = {
            (version, baseline_id, int(day.of(np.array([start], np.int64))[0]))
            for start, version, baseline_id in changed
        }
        found = {one for one in found if one[2] != last.get(one[0])}
        if found or len(changed) < limit:
            return found
        limit *= 4


def _roll(read: Connection, conn: Connection, watched: Watched, found: Collection[tuple[str, int, int]]) -> int:
    day, zone = day_of(watched), watched.configuration.timezone
    for baseline_id in sorted({baseline_id for _, baseline_id, _ in found}):
        _roll_baseline(read, conn, watched, baseline_id)
    for version, baseline_id, start in sorted(found):
        first, stop = day.span(start)
        strand = Strand(watched.id, version, baseline_id, DAY_US)
        chunks = windows.counts(read, watched.id, baseline_id=baseline_id, version=version, from_us=first, to_us=stop)
        for one in added(chunks, day):
            rollups.save(conn, strand, one.found(), firsts=[one.first_us], zone=zone)
            rollups.note_rolled(conn, strand, one.parts())
    week = Period(WEEK_US, day.zone, day.window_us)
    for version, baseline_id, start in sorted({(*key[:2], _week(key[2])) for key in found}):
        days = Strand(watched.id, version, baseline_id, DAY_US)
        whole = Strand(watched.id, version, baseline_id, week.length_us)
        parts = list(rollups.counts(conn, days, from_us=start, to_us=start + WEEK_US))
        for one in _together(start, parts):
            rollups.save(conn, whole, one.found(), firsts=[one.first_us], zone=zone)
    return len(found)


def _week(day: int) -> int:
    return (day - 4 * DAY_US) // WEEK_US * WEEK_US + 4 * DAY_US


def _together(start: int, parts: Iterable[tuple[WindowCounts, list[int]]]) -> Iterator[Sum]:
    """Add days up to their week."""
    for chunk, firsts in parts:
        with np.errstate(over="ignore", invalid="ignore"):
            sums = chunk.sums.sum(axis=0)
        yield Sum(start, firsts[0], int(chunk.rows.sum()), chunk.counts.sum(axis=0), sums)


def _roll_baseline(read: Connection, conn: Connection, watched: Watched, baseline_id: int) -> None:
    """Add up a baseline's own windows, once, and keep the periods that they fill."""
    day = day_of(watched)
    for period in {day, *periods_of(watched)}:
        strand = Strand(watched.id, rollups.BASELINE, baseline_id, period.length_us)
        starts = np.array(baselines.window_starts(read, baseline_id), np.int64)
        if not len(starts) or rollups.starts(conn, strand):
            continue
        edges = period.of(np.array([starts[0] - day.window_us, starts[0], starts[-1], starts[-1] + day.window_us]))
        first = int(edges[1]) + (period.length_us if edges[0] == edges[1] else 0)
        stop = int(edges[2]) + (0 if edges[2] == edges[3] else period.length_us)
        if first >= stop:
            continue
        chunks = baselines.windows(
            read, baseline_id, from_us=period.span(first)[0], to_us=period.span(stop - period.length_us)[1]
        )
        for one in added(chunks, period):
            rollups.save(conn, strand, one.found(), firsts=[one.first_us], zone=watched.configuration.timezone)


def added(chunks: Iterable[WindowCounts], period: Period) -> Iterator[Sum]:
    """Add windows in ascending order up to the periods they lie in."""
    held: Sum | None = None
    for chunk in chunks:
        for at, start in enumerate(period.of(chunk.starts).tolist()):
            if held is None or held.start_us != start:
                if held is not None:
                    yield held
                none = np.zeros_like(chunk.counts[at]), np.zeros_like(chunk.sums[at])
                held = Sum(start, int(chunk.starts[at]), 0, *none)
            held.rows += int(chunk.rows[at])
            held.counts += chunk.counts[at]
            with np.errstate(over="ignore", invalid="ignore"):
                held.sums += chunk.sums[at]
            held.seen.append((int(chunk.starts[at]), int(chunk.revisions[at])))
    if held is not None:
        yield held
