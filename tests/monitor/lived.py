"""Weeks of made-up traffic on the bins of a learnt baseline."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.context import HOUR_US, WEEK_US
from monitor.desk import MONDAY, ROWS_AN_HOUR, Desk

Traffic = dict[str, NDArray[np.int64]]
LIVE: Final = MONDAY + 2 * WEEK_US
WEEK: Final = WEEK_US // HOUR_US


def drawn(desk: Desk, hours: int, *, seed: int = 2) -> Traffic:
    """Counts of so many hours, drawn from the baseline."""
    baseline = desk.service.catalog.baseline(desk.watched.schedule[0].baseline_id)
    rng = np.random.default_rng(seed)
    found = {}
    for f, feature in enumerate(baseline.features):
        counts = baseline.counts[baseline.slice_of(f)]
        found[feature.name] = rng.multinomial(ROWS_AN_HOUR, counts / counts.sum(), size=hours).astype(np.int64)
    return found


def nulls(desk: Desk, traffic: Traffic, first: int, last: int) -> Traffic:
    """The same, with every x missing in hours first to last - 1."""
    baseline = desk.service.catalog.baseline(desk.watched.schedule[0].baseline_id)
    f = [one.name for one in baseline.features].index("x")
    null = [one.kind.value for one in baseline.bins_of(f)].index("null")
    x = traffic["x"].copy()
    x[first:last] = 0
    x[first:last, null] = ROWS_AN_HOUR
    return {**traffic, "x": x}


def part(traffic: Traffic, first: int, last: int) -> Traffic:
    """Hours first to last - 1."""
    return {name: counts[first:last] for name, counts in traffic.items()}


def deliver(desk: Desk, traffic: Traffic, first: int, last: int, *, batch: str, version: str = "default") -> None:
    """Deliver hours first to last - 1 after the baseline's end."""
    desk.hours(LIVE + first * HOUR_US, part(traffic, first, last), batch=batch, version=version)
