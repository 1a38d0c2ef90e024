"""Evidence, episodes and scores are a function of the stored counts, however the rows came in."""

from typing import Any, Final

import pyarrow as pa
import pytest

from acceptance.weeks import DAY, WEEK, at, based, changed, daily, during, episodes, sent, shuffled, weeks
from acceptance.world import HOUR, Model, World, good, iso

WINDOW: Final = 3 * HOUR
REFERENCE: Final = 5
LIVE: Final = 4


@pytest.fixture
def table() -> pa.Table:
    """Four weeks: one of them with three bad days, the last one with another feature bad to its end."""
    good_weeks = weeks(3, REFERENCE, LIVE, window=WINDOW)
    moved = changed("delay", lambda values: values + 25)
    once = during(good_weeks, at(6, 1), at(6, 4), moved)
    return during(once, at(8, 5), at(9), changed("amount", lambda values: values * 2))


@pytest.fixture
def reference() -> pa.Table:
    """The weeks before."""
    return weeks(1, 0, REFERENCE, window=WINDOW)


def shown(model: Model) -> tuple[Any, ...]:
    """Everything that must not depend on how the rows came in."""
    status = good(model.client.get(f"{model.path}/status"))["versions"]
    return model.scores(), episodes(model), model.windows(), status


def test_order_and_batches(world: World, table: pa.Table, reference: pa.Table) -> None:
    """Rows shuffled over all weeks into a few batches, evaluated in between, end with the digits of daily batches."""
    first, second = (based(world.model(name, window="3h"), reference) for name in ("a", "b"))
    sent(first, list(daily(table)))
    first.evaluate()
    for number, part in enumerate(shuffled(table, 11, 5)):
        sent(second, [part])
        if number % 2:
            second.evaluate()
    second.evaluate()
    assert {one["feature"] for one in episodes(first)} >= {"delay", "amount"}
    assert shown(second) == shown(first)


def test_late(world: World, table: pa.Table, reference: pa.Table) -> None:
    """A day that arrives two weeks late changes what follows as if it had come in time, and only from its week on."""
    first, second = (based(world.model(name, window="3h"), reference) for name in ("a", "b"))
    sent(first, [table])
    first.evaluate()
    days = list(daily(table))
    broken = (at(6, 1) - at(REFERENCE)) // DAY
    late = days.pop(broken)
    for week in range(LIVE):
        last = [day for day in days if _week(day) == REFERENCE + week]
        sent(second, last)
        second.evaluate()
    without = second.scores()
    assert without != first.scores()
    sent(second, [late])
    second.evaluate()
    assert shown(second) == shown(first)
    before = {"to": iso(at(6))}
    assert [row for row in without if row["window_start"] < before["to"]] == first.scores(**before)


def _week(day: pa.Table) -> int:
    moment = day.column("timestamp").cast(pa.int64())[0].as_py()
    return int((moment - at(0)) // WEEK)


def test_prebinned(world: World, table: pa.Table, reference: pa.Table) -> None:
    """The stored counts, posted as histograms to a model of the same baseline, give the same digits."""
    first, second = (based(world.model(name, window="3h"), reference) for name in ("a", "b"))
    sent(first, [table])
    first.evaluate()
    windows = []
    for (_, start), counts in first.counts().items():
        features = {name: {"counts": held} for name, held in counts.items()}
        windows.append({"start": iso(start), "rows": sum(counts["city"]), "features": features})
    good(second.histograms(windows[::-1], backfill="true"))
    second.evaluate()
    assert shown(second) == shown(first)


def test_versions_do_not_touch_each_other(world: World, table: pa.Table, reference: pa.Table) -> None:
    """A version beside another has the scores and episodes that it has alone."""
    alone, beside = (based(world.model(name, window="3h"), reference) for name in ("a", "b"))
    sent(alone, [table])
    sent(beside, [table])
    sent(beside, [weeks(9, REFERENCE, LIVE, window=WINDOW)], version="canary")
    alone.evaluate()
    beside.evaluate()
    assert beside.scores(version="default") == alone.scores()
    assert episodes(beside, version="default") == episodes(alone)


def test_evaluation_in_parts(world: World, table: pa.Table, reference: pa.Table) -> None:
    """Evaluating after every two days, as live does, ends with the digits of one evaluation."""
    first, second = (based(world.model(name, window="3h"), reference) for name in ("a", "b"))
    part = during(table, at(7), at(9), lambda rows: rows.slice(0, 0))
    sent(first, [part])
    first.evaluate()
    days = list(daily(part))
    for place in range(0, len(days), 2):
        sent(second, days[place : place + 2])
        second.evaluate()
    assert shown(second) == shown(first)
