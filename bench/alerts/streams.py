"""The streams that are watched: a year of flights in shuffled weeks, one made by dice, and one that wanders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.signal import lfilter

from app.cli.demo.data import FEATURES, OUTCOMES, TIME, ZONE, flights, locate

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
WEEK_US: Final = 7 * DAY_US
FIRST_MONDAY: Final = np.datetime64("2013-01-07", "us")
YEAR_WEEKS: Final = 51
REFERENCE_WEEKS: Final = 8
STEADY_ROWS: Final = 120.0
STEADY_NULLS: Final = 0.03
IDLE: Final = 0.3

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows without drift in time order, `timestamp` in UTC: eight weeks of reference, then what is watched."""

    name: str
    window: str
    length_us: int
    configuration: Mapping[str, Any]
    kinds: Mapping[str, str]
    rows: pa.Table
    watched_from_us: int
    weeks: int

    @property
    def reference(self) -> pa.Table:
        """The weeks that the baseline is made of."""
        return between(self.rows, None, self.watched_from_us)

    def watched(self, weeks: int | None = None) -> pa.Table:
        """The first weeks after them."""
        return between(self.rows, self.watched_from_us, self.watched_from_us + (weeks or self.weeks) * WEEK_US)


def times_of(rows: pa.Table) -> Times:
    """Microseconds of every row."""
    return np.asarray(rows.column(TIME).cast(pa.int64()).to_numpy())


def between(rows: pa.Table, first: int | None, last: int) -> pa.Table:
    """The rows of a stretch of time."""
    low, high = np.searchsorted(times_of(rows), [0 if first is None else first, last])
    return rows.slice(low, high - low)


def shuffled_flights(seed: int, weeks: int) -> Stream:
    """Whole weeks of 2013 in random order: weather and holidays stay, every trend and season is destroyed."""
    table = flights(locate())
    local = table.column(TIME).to_numpy().astype("datetime64[us]").astype(np.int64)
    week = (local - FIRST_MONDAY.astype(np.int64)) // WEEK_US
    order = np.random.default_rng(seed).permutation(YEAR_WEEKS)[: REFERENCE_WEEKS + weeks]
    parts = []
    for position, taken in enumerate(order.tolist()):
        part = table.filter(pa.array(week == taken))
        moved = pc.add(part.column(TIME), pa.scalar((position - taken) * WEEK_US, pa.duration("us")))
        parts.append(part.set_column(0, TIME, moved))
    whole = pa.concat_tables(parts)
    zoned = pc.assume_timezone(whole.column(TIME), ZONE, ambiguous="earliest", nonexistent="latest")
    whole = whole.set_column(0, TIME, zoned.cast(pa.timestamp("us", "UTC")))
    start = (FIRST_MONDAY + np.timedelta64(REFERENCE_WEEKS * 7, "D")).astype(np.int64) + 5 * HOUR_US
    return Stream(
        name="flights",
        window="3h",
        length_us=3 * HOUR_US,
        configuration={
            "window": "3h",
            "timezone": ZONE,
            "features": {name: {"kind": "numeric", "role": "outcome"} for name in OUTCOMES},
        },
        kinds={name: "categorical" if name in {"carrier", "origin", "dest"} else "numeric" for name in FEATURES},
        rows=whole.take(pc.sort_indices(whole, sort_keys=[(TIME, "ascending")])).combine_chunks(),
        watched_from_us=int(start),
        weeks=weeks,
    )


def steady(seed: int, weeks: int) -> Stream:
    """Independent rows whose distribution depends on the hour of the day alone."""
    random = np.random.default_rng(seed)
    start = int(FIRST_MONDAY.astype(np.int64))
    starts = start + np.arange((REFERENCE_WEEKS + weeks) * WEEK_US // HOUR_US) * HOUR_US
    turn = 2 * np.pi * (starts % DAY_US) / DAY_US
    held = random.poisson(STEADY_ROWS * (1 + 0.4 * np.sin(turn)))
    times = np.sort(np.repeat(starts, held) + random.integers(0, HOUR_US, held.sum()))
    wave, n = np.sin(2 * np.pi * (times % DAY_US) / DAY_US), len(times)
    rank = 1 / np.arange(1, 31)
    shop = random.choice(30, size=n, p=rank / rank.sum())
    shop = np.where(random.random(n) < 0.15 * (1 + wave), 3, shop)
    columns = {
        TIME: pa.array(times, pa.timestamp("us", "UTC")),
        "amount": pa.array(np.round(np.exp(3 + 0.4 * wave + 0.8 * random.normal(size=n)), 2)),
        "age": pa.array(np.rint(np.clip(40 + 5 * wave + 12 * random.normal(size=n), 18, 90))),
        "score": pa.array(random.beta(2 + 0.5 * wave, 5)),
        "gap": pa.array(random.normal(size=n), mask=random.random(n) < STEADY_NULLS),
        "shop": pa.array(np.array([f"shop {number}" for number in range(30)])[shop]),
        "tier": pa.array(np.array(["gold", "silver", "bronze"])[random.choice(3, size=n, p=[0.1, 0.3, 0.6])]),
    }
    return Stream(
        name="steady",
        window="1h",
        length_us=HOUR_US,
        configuration={"window": "1h"},
        kinds={name: "categorical" if name in {"shop", "tier"} else "numeric" for name in list(columns)[1:]},
        rows=pa.table(columns),
        watched_from_us=start + REFERENCE_WEEKS * WEEK_US,
        weeks=weeks,
    )


def wandering(seed: int, weeks: int) -> Stream:
    """Sensors without drift whose level, spread or shares wander for hours to days about a daily rhythm."""
    random = np.random.default_rng(seed)
    start = int(FIRST_MONDAY.astype(np.int64))
    starts = start + np.arange((REFERENCE_WEEKS + weeks) * WEEK_US // HOUR_US) * HOUR_US
    held = random.poisson(STEADY_ROWS, len(starts))
    hour = np.repeat(np.arange(len(starts)), held)
    times = np.sort(starts[hour] + random.integers(0, HOUR_US, len(hour)))
    wave, n = np.sin(2 * np.pi * (times % DAY_US) / DAY_US), len(times)

    def walk(memory: float, spread: float) -> Any:
        steps = random.normal(size=len(starts)) * spread
        steps[1:] *= np.sqrt(1 - memory**2)
        return lfilter([1.0], [1.0, -memory], steps)[hour]

    faulty = random.random(n) < 0.08 * np.exp(0.2 * np.clip(walk(0.9, 1.0), -3, 3))
    columns = {
        TIME: pa.array(times, pa.timestamp("us", "UTC")),
        "temperature": pa.array(np.round(20 + 3 * wave + walk(0.98, 1.5) + 0.5 * random.normal(size=n), 1)),
        "load": pa.array(np.round(np.exp(2 + 0.3 * wave + walk(0.95, 0.15) + 0.7 * random.normal(size=n)), 2)),
        "noise": pa.array(np.round((1 + 0.3 * np.tanh(walk(0.8, 1.0))) * random.normal(size=n), 2)),
        "voltage": pa.array(np.round(12 + 0.02 * wave + 0.05 * random.normal(size=n), 3)),
        "state": pa.array(np.where(faulty, "fault", np.where(random.random(n) < IDLE, "idle", "busy"))),
        "site": pa.array(np.array([f"site {number}" for number in range(12)])[random.integers(0, 12, n)]),
    }
    return Stream(
        name="wandering",
        window="1h",
        length_us=HOUR_US,
        configuration={"window": "1h"},
        kinds={name: "categorical" if name in {"state", "site"} else "numeric" for name in list(columns)[1:]},
        rows=pa.table(columns),
        watched_from_us=start + REFERENCE_WEEKS * WEEK_US,
        weeks=weeks,
    )
