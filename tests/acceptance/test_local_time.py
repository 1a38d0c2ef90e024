"""Windows follow the local week through clock changes, at any length."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from acceptance.strict import checked
from acceptance.weeks import WEEK, at, based, episodes, sent, weeks
from acceptance.world import HOUR, Model, World, micros, problem

ZONE: Final = "America/New_York"
SPRING: Final = 10
AUTUMN: Final = 44


def local(seed: int, first: int, count: int, *, window: int, change: int, hours: int) -> pa.Table:
    """Weeks whose rhythm follows a local clock that is moved by so many hours in the week `change`."""
    table = weeks(seed, first, count, window=window, rows=60 * max(window // (3 * HOUR), 1))
    times = table.column("timestamp").cast(pa.int64()).to_numpy()
    moment = at(change, -1, 7 if hours > 0 else 6)
    moved = np.where(times >= moment, times - hours * HOUR, times)
    place = table.schema.get_field_index("timestamp")
    keep = pa.array((times < moment) | (times >= moment + max(hours, 0) * HOUR))
    return table.set_column(place, "timestamp", pa.array(moved, pa.timestamp("us", "UTC"))).filter(keep)


def watched(world: World, table: pa.Table, split: int, window: str = "3h") -> Model:
    """A model in New York whose rows before an instant are its baseline."""
    times = table.column("timestamp").cast(pa.int64()).to_numpy()
    model = based(world.model(window=window, timezone=ZONE), table.filter(pa.array(times < split)))
    sent(model, [table.filter(pa.array(times >= split))])
    model.evaluate()
    return model


@pytest.mark.parametrize(("change", "hours"), [(SPRING, 1), (AUTUMN, -1)])
@pytest.mark.parametrize("ahead", [2, 5])
def test_clock_change(world: World, change: int, hours: int, ahead: int) -> None:
    """No alarm after a clock change, be it inside the reference or two weeks after it."""
    first = change - 7 if ahead == 5 else change - 5
    table = local(2, first, 9, window=3 * HOUR, change=change, hours=hours)
    model = watched(world, table, at(first + 5) if ahead == 2 else at(first + 7))
    assert episodes(model) == []
    assert max(micros(window["start"]) for window in model.windows()) > at(change)
    checked(model)


@pytest.mark.parametrize("change", [(SPRING, 1), (AUTUMN, -1)])
def test_naive_local_times(world: World, change: tuple[int, int]) -> None:
    """Local times without a zone, the autumn hour twice or the spring hour skipped, are counted and stay quiet."""
    week, hours = change
    zoned = local(3, week - 5, 8, window=3 * HOUR, change=week, hours=hours)
    clock = pc.local_timestamp(zoned.column("timestamp").cast(pa.timestamp("us", ZONE)))
    table = zoned.set_column(zoned.schema.get_field_index("timestamp"), "timestamp", clock)
    split = zoned.column("timestamp").cast(pa.int64()).to_numpy() < at(week + 1)
    model = world.model(window="3h", timezone=ZONE, naive_timestamps="local")
    based(model, table.filter(pa.array(split)))
    sent(model, [table.filter(pa.array(~split))])
    model.evaluate()
    assert episodes(model) == []
    assert sum(window["rows"] for window in model.windows()) == (~split).sum()
    checked(model)


@pytest.mark.parametrize(("window", "length", "count"), [("15m", HOUR // 4, 4), ("1d", 24 * HOUR, 10)])
def test_other_lengths(world: World, window: str, length: int, count: int) -> None:
    """Windows of a quarter of an hour and of a day are judged too, and a quiet stream does not page."""
    rows = 40.0 if length < HOUR else 300.0
    table = weeks(2, 0, count, window=length, rows=rows)
    model = watched(world, table, at(count - 2), window)
    assert episodes(model) == []
    held = [row for row in model.scores(statistic="evidence", feature="delay") if row["value"] is not None]
    assert len(held) >= 0.9 * 2 * WEEK // length * 0.9
    checked(model)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "UTC+1", "../etc/passwd", "america/new_yorkk"])
def test_unknown_zone(world: World, zone: str) -> None:
    """A time zone that does not exist is refused."""
    model = world.model()
    problem(model.client.put(model.path, json={"timezone": zone}), 422)
