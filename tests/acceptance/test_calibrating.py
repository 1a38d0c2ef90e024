"""Until there is enough reference the service says what is missing, and draws no line of its own."""

from typing import Final

import numpy as np
import pyarrow as pa
import pytest

from acceptance.strict import checked
from acceptance.weeks import FEATURES, at, based, episodes, sent, weeks
from acceptance.world import HOUR, Model, World, good, iso, micros

WINDOW: Final = 3 * HOUR


def calibrating(world: World, model: Model) -> None:
    """The model says everywhere that it cannot judge yet."""
    features = good(model.client.get(f"{model.path}/status"))["versions"]["default"]["features"]
    assert {one["status"] for one in features.values()} == {"calibrating"}
    assert all(one["missing"] for one in features.values()), features
    assert {one["evidence"] for one in features.values()} <= {None, 0.0}
    assert episodes(model) == []
    metrics = world.metrics(model)
    for name in FEATURES:
        assert metrics["drift_feature_scored", name, "default"] == 0
        assert metrics["drift_score", name, "psi", "default"] >= 0
        assert metrics.get(("drift_score", name, "evidence", "default"), 0.0) == 0.0
    assert not [key for key in metrics if key[0] == "drift_score_threshold" and {"psi", "ks"} & set(key)]
    rows = model.scores()
    assert {row["status"] for row in rows if row["statistic"] == "evidence"} == {"calibrating"}
    for row in rows:
        if row["statistic"] in {"psi", "ks"}:
            assert row["threshold"] == {"warning": None, "critical": None}
            assert row["value"] is not None
        if row["statistic"] == "evidence":
            assert not row["value"], "nothing was judged, so nothing may have added up"
            assert row["p_value"] is None
    checked(model)


def test_no_times(world: World) -> None:
    """A baseline without times calibrates nothing; live windows do once they may vouch."""
    untimed = weeks(1, 0, 1, window=WINDOW).drop_columns(["timestamp"])
    model = based(world.model(window="3h"), untimed)
    live = weeks(2, 5, 6, window=WINDOW)
    times = live.column("timestamp").cast(pa.int64()).to_numpy()
    sent(model, [live.filter(pa.array(times < at(6)))])
    model.evaluate()
    calibrating(world, model)
    sent(model, [live.filter(pa.array(times >= at(6)))])
    model.evaluate()
    assert good(model.client.get(f"{model.path}/status"))["versions"]["default"]["features"]["delay"]["missing"] is None
    rows = model.scores(statistic="evidence", feature="delay")
    first = min(micros(row["window_start"]) for row in rows if row["p_value"] is not None)
    assert first in {at(8), at(9)}, iso(first)
    assert episodes(model) == []
    checked(model)


def test_little_reference(world: World) -> None:
    """A week of windows is too little; the missing days or windows are named."""
    model = based(world.model(window="3h"), weeks(1, 4, 1, window=WINDOW))
    sent(model, [weeks(2, 5, 1, window=WINDOW)])
    model.evaluate()
    calibrating(world, model)
    features = good(model.client.get(f"{model.path}/status"))["versions"]["default"]["features"]
    assert "7" in features["delay"]["missing"]


def broken(name: str) -> pa.Table:
    """A reference with something wrong in it."""
    table = weeks(1, 0, 5, window=WINDOW, rows=60)
    times = table.column("timestamp").cast(pa.int64()).to_numpy()
    if name == "gaps":
        hour = times % (24 * HOUR) // HOUR
        return table.filter(pa.array(((times < at(1)) | (times >= at(3))) & (hour != 4) | (times >= at(4))))
    if name == "duplicated weeks":
        week = table.filter(pa.array(times < at(1)))
        return pa.concat_tables([week] * 5)
    if name == "one week five times":
        week = table.filter(pa.array(times < at(1)))
        moved = week.column("timestamp").cast(pa.int64()).to_numpy()
        place = table.schema.get_field_index("timestamp")
        made = [pa.array(moved + at(k) - at(0), pa.timestamp("us", "UTC")) for k in range(5)]
        return pa.concat_tables([week.set_column(place, "timestamp", one) for one in made])
    ones = pa.array(np.full(len(table), 7.5))
    empty = pa.nulls(len(table), pa.float64())
    return table.append_column("constant", ones).append_column("empty", empty)


@pytest.mark.parametrize("name", ["gaps", "duplicated weeks", "one week five times", "constant and empty"])
def test_bad_reference(world: World, name: str) -> None:
    """A reference with holes, copies or features without a value fails nothing, and calm features stay calm."""
    model = based(world.model(window="3h"), broken(name))
    live = weeks(2, 5, 2, window=WINDOW, rows=60)
    if name == "constant and empty":
        live = live.append_column("constant", pa.array(np.full(len(live), 7.5)))
        live = live.append_column("empty", pa.nulls(len(live), pa.float64()))
    sent(model, [live])
    model.evaluate()
    checked(model)
    if name in {"gaps", "constant and empty"}:
        assert episodes(model) == []


def test_a_constant_feature_that_moves(world: World) -> None:
    """A feature that was constant pages when it is not any more, and an all-null one when it has values."""
    model = based(world.model(window="3h"), broken("constant and empty"))
    live = weeks(2, 5, 2, window=WINDOW, rows=60)
    late = live.column("timestamp").cast(pa.int64()).to_numpy() >= at(6, 2)
    live = live.append_column("constant", pa.array(np.where(late, 8.0, 7.5)))
    live = live.append_column("empty", pa.array(np.where(late, 1.0, np.nan), from_pandas=True))
    sent(model, [live])
    model.evaluate()
    found = episodes(model)
    assert {one["feature"] for one in found} == {"constant", "empty"}
    assert all(at(6, 2) <= micros(one["start"]) < at(6, 4) for one in found)
    checked(model)


def test_huge_counts(world: World) -> None:
    """Windows of a trillion rows are counted, scored and judged like any others."""
    model = based(world.model(window="3h"), weeks(1, 0, 5, window=WINDOW, rows=60))
    bins = model.read_baseline()["features"]
    windows = []
    for number in range(16):
        features = {name: {"counts": [10**12, *[0] * (len(one["bins"]) - 1)]} for name, one in bins.items()}
        windows.append({"start": iso(at(5) + number * WINDOW), "rows": 10**12, "features": features})
    good(model.histograms(windows, backfill="true"))
    sent(model, [weeks(2, 6, 1, window=WINDOW, rows=60)])
    model.evaluate()
    assert {one["feature"] for one in episodes(model)} >= set(FEATURES)
    checked(model)
