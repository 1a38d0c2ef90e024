"""What there is to walk of a version: all of it, or as much as a step needs; its windows, or its days and weeks."""

from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np

from app.drift.period import Period, lengths
from app.monitor.arms import Arm, arms_of, closed_before, heads, relieved, since
from app.monitor.catalog import Watched
from app.monitor.service import Service
from app.storage import baselines, rollups, windows
from app.storage.database import Connection


def periods_of(watched: Watched) -> tuple[Period, ...]:
    """Give the days and weeks that a model's windows roll up to, of the zone whose clock its traffic follows."""
    configuration = watched.configuration
    zone = ZoneInfo(configuration.timezone)
    return tuple(Period(length_us, zone, configuration.window) for length_us in lengths(configuration.window))


def walked_arms(
    service: Service, read: Connection, watched: Watched, version: str, *, period: Period | None
) -> list[Arm]:
    """List all that is walked of a version: its closed windows, or the closed days or weeks that they roll up to."""
    if period is None:
        return arms_of(service, read, watched, version)
    return rolled_arms(service, read, watched, version, period=period)


def begun(service: Service, read: Connection, watched: Watched, version: str, *, period: Period | None) -> list[Arm]:
    """List what has begun of a version by baseline: its days or weeks; of its windows the first alone, or the ends."""
    if period is not None:
        return rolled_arms(service, read, watched, version, period=period)
    holds: dict[int, int | None] = {}
    for one in baselines.schedule(read, watched.id):
        known = holds.get(one.baseline_id, one.effective_from_us)
        both = (known, one.effective_from_us)
        holds[one.baseline_id] = None if None in both else min(start for start in both if start is not None)
    found: list[Arm] = []
    for head in heads(service, read, watched, version):
        first_us = holds[head.baseline_id]
        first = windows.first_start(
            read,
            watched.id,
            version=version,
            baseline_id=head.baseline_id,
            from_us=since(head.kept_us if first_us is None else max(head.kept_us, first_us)),
            to_us=closed_before(service, watched),
        )
        if first is not None:
            found.append(replace(head, starts=np.array([first], np.int64), dirty=np.zeros(1, np.bool_)))
    return found if len(found) < 2 else _ended(service, read, watched, found)  # noqa: PLR2004 - one of one never ends


def _ended(service: Service, read: Connection, watched: Watched, arms: list[Arm]) -> list[Arm]:
    """Give arms with their first and their last window."""
    before = closed_before(service, watched)
    found: list[Arm] = []
    for arm in arms:
        last = windows.newest_start(read, arm.model_id, version=arm.version, baseline_id=arm.baseline_id, to_us=before)
        ends = sorted({int(arm.starts[0]), int(arm.starts[0]) if last is None else last})
        found.append(replace(arm, starts=np.array(ends, np.int64), dirty=np.zeros(len(ends), np.bool_)))
    return relieved(found, length_us=watched.configuration.window)


def rolled_arms(service: Service, read: Connection, watched: Watched, version: str, *, period: Period) -> list[Arm]:
    """List the same baselines with the closed days or weeks that the version's windows roll up to.

    What a version brought before its first whole period is not judged.
    """
    before = period.current(service.now_us() - service.policy.close_delay_us)
    rows = rollups.listed(read, watched.id, length_us=period.length_us, version=version, to_us=before)
    found: list[Arm] = []
    for baseline_id in sorted({row.baseline_id for row in rows}):
        own = [row for row in rows if row.baseline_id == baseline_id]
        first = np.array([own[0].first_us - period.window_us], np.int64)
        own = own[1:] if int(period.of(first)[0]) == own[0].start_us else own
        found.append(
            Arm(
                model_id=watched.id,
                version=version,
                baseline_id=baseline_id,
                baseline=service.catalog.baseline(baseline_id),
                starts=np.array([row.start_us for row in own], np.int64),
                dirty=np.array([row.revision > row.scored_revision for row in own], np.bool_),
                period=period,
            )
        )
    return relieved([arm for arm in found if len(arm.starts)], length_us=period.length_us)
