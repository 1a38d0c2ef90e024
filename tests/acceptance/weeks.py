"""Seeded weeks of rows with a daily rhythm, in whole columns, and the faults that break them."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from acceptance.bodies import ARROW
from acceptance.world import HOUR, Model, good, micros
from acceptance.world import iso as text

DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
MONDAY: Final = 1_704_067_200_000_000  # 2024-01-01
FEATURES: Final = ("amount", "city", "delay", "tier")
CITIES: Final = tuple(f"city {number}" for number in range(12))

Doubles = NDArray[np.float64]
Fault = Callable[[pa.Table], pa.Table]


def weeks(seed: int, first: int, count: int, *, window: int = HOUR, rows: float = 90.0, ahead: int = 0) -> pa.Table:
    """Weeks `first` to `first + count - 1` after the first Monday; `ahead` is how wrong the sender's clock is.

    About `rows` rows a window, a little more by day; amount, delay and city follow the hour, tier does not.
    """
    made = []
    for week in range(first, first + count):
        random = np.random.default_rng((seed, week))
        starts = MONDAY + week * WEEK + np.arange(WEEK // window) * window
        held = random.poisson(rows * (1 + 0.15 * np.sin(_turn(starts + window // 2))))
        times = np.repeat(starts, held) + random.integers(0, window, held.sum())
        made.append(_rows(random, np.sort(times), ahead=ahead))
    return pa.concat_tables(made)


def _turn(times: NDArray[np.int64]) -> Doubles:
    return np.asarray(2 * np.pi * (times % DAY) / DAY)


def _rows(random: np.random.Generator, times: NDArray[np.int64], *, ahead: int) -> pa.Table:
    turn, n = _turn(times), len(times)
    amount = np.round(np.exp(3 + 0.3 * np.sin(turn) + 0.6 * random.normal(size=n)), 2)
    delay = np.rint(40 * np.sin(turn) + 12 * random.normal(size=n))
    rank = 1 / np.arange(1, len(CITIES) + 1)
    city = random.choice(len(CITIES), size=n, p=rank / rank.sum())
    city = np.where(random.random(n) < 0.2 * (1 + np.cos(turn)), len(CITIES) - 1, city)
    tier = random.choice(3, size=n, p=[0.1, 0.3, 0.6])
    amounts = pa.array(amount, mask=random.random(n) < 0.01)
    return pa.table(
        {
            "timestamp": pa.array(times + ahead, pa.timestamp("us", "UTC")),
            "amount": amounts,
            "delay": pa.array(delay),
            "city": pa.array(np.array(CITIES)[city]),
            "tier": pa.array(np.array(["gold", "silver", "bronze"])[tier]),
        }
    )


def during(table: pa.Table, first: int, last: int, fault: Fault) -> pa.Table:
    """Break the rows whose time lies in [first, last)."""
    times = table.column("timestamp").cast(pa.int64()).to_numpy()
    low, high = np.searchsorted(times, [first, last])
    return pa.concat_tables([table.slice(0, low), fault(table.slice(low, high - low)), table.slice(high)])


def changed(name: str, change: Callable[[Doubles], Any]) -> Fault:
    """Change the values of a numeric column; the change gets floats with NaN for null."""

    def fault(table: pa.Table) -> pa.Table:
        values = table.column(name).to_numpy()
        place = table.schema.get_field_index(name)
        return table.set_column(place, name, pa.array(change(values.astype(float)), pa.float64(), from_pandas=True))

    return fault


def every(step: int, value: float) -> Callable[[Doubles], Doubles]:
    """Put a value, NaN for null, in every so many rows."""
    return lambda values: np.where(np.arange(len(values)) % step == 0, value, values)


def thinned(keep: int) -> Fault:
    """Lose all but every so many rows."""
    return lambda table: table.filter(pa.array(np.arange(len(table)) % keep == 0))


def arrow(table: pa.Table) -> bytes:
    """The table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue().to_pybytes())


def based(model: Model, table: pa.Table) -> Model:
    """Give the model its baseline."""
    model.baseline(arrow(table), ARROW)
    return model


def sent(model: Model, tables: Sequence[pa.Table], **query: str) -> None:
    """Backfill tables as one batch each."""
    for table in tables:
        receipt = good(model.batch(arrow(table), ARROW, backfill="true", **query))
        assert receipt["rows"]["accepted"] == table.num_rows


def daily(table: pa.Table) -> Iterator[pa.Table]:
    """Part the rows by the day they belong to."""
    day = table.column("timestamp").cast(pa.int64()).to_numpy() // DAY
    for one in np.unique(day):
        yield table.filter(pa.array(day == one))


def shuffled(table: pa.Table, seed: int, parts: int) -> list[pa.Table]:
    """The same rows in another order, in so many batches of unequal size."""
    random = np.random.default_rng(seed)
    mixed = pc.take(table, pa.array(random.permutation(len(table))))
    cuts = np.sort(random.choice(np.arange(1, len(table)), parts - 1, replace=False))
    ends = [0, *cuts.tolist(), len(table)]
    return [mixed.slice(low, high - low) for low, high in pairwise(ends)]


def at(week: int, day: int = 0, hour: int = 0) -> int:
    """An instant of a week after the first Monday."""
    return MONDAY + week * WEEK + day * DAY + hour * HOUR


def day_of(moment: str) -> dt.date:
    """The UTC day of an instant as it is read."""
    return dt.datetime.fromisoformat(moment).date()


def episodes(model: Model, **query: str) -> list[dict[str, Any]]:
    """The stored episodes."""
    found: list[dict[str, Any]] = good(model.client.get(f"{model.path}/episodes", params=query))
    return found


def evidence(model: Model, feature: str, **query: str) -> dict[int, float]:
    """The published evidence of a feature by window start, judged windows only."""
    rows = model.scores(feature=feature, statistic="evidence", **query)
    return {micros(row["window_start"]): row["value"] for row in rows if row["value"] is not None}


def spans(values: dict[int, float], line: float) -> list[tuple[str, str | None, float]]:
    """Start, end and peak of every stretch that begins above the line and ends below half of it."""
    found: list[tuple[str, str | None, float]] = []
    start, peak = None, 0.0
    for moment, value in sorted(values.items()):
        if start is None and value > line:
            start, peak = moment, value
        elif start is not None and value < line / 2:
            found.append((text(start), text(moment), peak))
            start = None
        elif start is not None:
            peak = max(peak, value)
    return found if start is None else [*found, (text(start), None, peak)]
