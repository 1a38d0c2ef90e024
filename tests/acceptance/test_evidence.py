"""Faults page once, on the right feature, and end by the rule; quiet streams never do."""

import math
from typing import Final

import numpy as np
import pyarrow as pa
import pytest

from acceptance.strict import checked
from acceptance.weeks import (
    DAY,
    FEATURES,
    Fault,
    at,
    based,
    changed,
    during,
    episodes,
    every,
    evidence,
    sent,
    spans,
    thinned,
    weeks,
)
from acceptance.world import HOUR, Model, World, good, micros

REFERENCE: Final = 6
BROKEN: Final = at(7, 2)
FIXED: Final = at(7, 4)
WATCHED: Final = 3
MONTHLY: Final = 720
LINE: Final = math.log10(len(FEATURES) * MONTHLY)
FAULTS: Final[dict[str, tuple[str, str, Fault]]] = {
    "null storm": ("amount", "nulls", changed("amount", every(3, math.nan))),
    "unit change": ("amount", "unit_change", changed("amount", lambda values: values * 60)),
    "stuck value": ("delay", "stuck_value", changed("delay", every(2, 7.0))),
    "volume drop": ("", "volume", thinned(2)),
}


def watched(world: World, table: pa.Table, suffix: str = "") -> Model:
    """A calibrated model that was sent and has evaluated some weeks."""
    model = based(world.model(suffix), weeks(1, 0, REFERENCE))
    sent(model, [table])
    model.evaluate()
    return model


def test_quiet(world: World) -> None:
    """A stream that only follows the hour never pages, and is `ok` on every surface."""
    model = watched(world, weeks(2, REFERENCE, WATCHED))
    assert episodes(model) == []
    status = good(model.client.get(f"{model.path}/status"))["versions"]["default"]["features"]
    assert {one["status"] for one in status.values()} <= {"ok", "warning"}
    assert {one["missing"] for one in status.values()} == {None}
    metrics = world.metrics(model)
    for name in FEATURES:
        assert metrics["drift_feature_scored", name, "default"] == 1
        assert metrics["drift_score_threshold", name, "critical", "evidence", "default"] == pytest.approx(
            LINE, abs=1e-9
        )
        assert max(evidence(model, name).values()) <= LINE
    checked(model)


@pytest.mark.parametrize("name", FAULTS)
def test_fault(world: World, name: str) -> None:
    """A fault of two days is one page on its own feature, which opens in it and ends after it by the rule."""
    feature, cause, fault = FAULTS[name]
    model = watched(world, during(weeks(2, REFERENCE, WATCHED), BROKEN, FIXED, fault))
    found = episodes(model)
    assert found, "no episode"
    assert {one["feature"] or "" for one in found} == {feature}, found
    assert len({one["group"] for one in found}) == 1, found
    assert len(found) == len({one["statistic"] for one in found}), "an episode was opened twice"
    for one in found:
        assert one["severity"] == "critical"
        assert BROKEN <= micros(one["start"]) < BROKEN + DAY, one
        assert one["end"] is not None, one
        assert FIXED <= micros(one["end"]) <= FIXED + 3 * DAY, one
    if feature:
        wanted = spans(evidence(model, feature), LINE)
        mine = [(one["start"], one["end"], one["peak"]) for one in found if one["statistic"] == "evidence"]
        assert mine == wanted
        assert mine
    assert {one["cause"] for one in found} == {cause}, found


def test_shifted_clock(world: World) -> None:
    """A feed whose clock is three hours fast pages on the feature of the strongest rhythm, as a shifted clock."""
    ahead = weeks(2, 7, 1, ahead=3 * HOUR)
    times = ahead.column("timestamp").cast(pa.int64()).to_numpy()
    part = ahead.filter(pa.array((times >= BROKEN) & (times < FIXED)))
    sound = during(weeks(2, REFERENCE, WATCHED), BROKEN, FIXED, lambda table: table.slice(0, 0))
    model = watched(world, pa.concat_tables([sound, part]))
    found = [one for one in episodes(model) if one["feature"] == "delay"]
    assert [one["statistic"] for one in found] == ["evidence"], found
    assert BROKEN <= micros(found[0]["start"]) < FIXED
    assert found[0]["cause"] == "clock_shift"


def test_unjudged_windows(world: World) -> None:
    """Windows of too few rows have no evidence, neither open an episode nor close one."""
    shift = changed("delay", lambda values: values + 60)
    model = based(world.model(), weeks(1, 0, REFERENCE))
    table = during(weeks(2, REFERENCE, WATCHED), BROKEN, BROKEN + DAY, shift)
    quiet, gap = at(6, 2), (BROKEN + DAY, BROKEN + 2 * DAY)
    table = during(table, *gap, thinned(10))
    table = during(table, quiet, quiet + DAY, lambda rows: shift(thinned(10)(rows)))
    sent(model, [table])
    model.evaluate()
    found = [one for one in episodes(model) if one["feature"] == "delay"]
    assert len(found) == 1, found
    assert BROKEN <= micros(found[0]["start"]) < BROKEN + DAY
    assert micros(found[0]["end"]) >= gap[1]
    small = [row for row in model.scores(feature="delay") if row["rows"] < 30]
    assert len(small) >= 40
    assert {(row["value"], row["status"]) for row in small} == {(None, "insufficient_rows")}
    assert {row["p_value"] for row in small} == {None}
    checked(model)


def test_line_and_budget(world: World) -> None:
    """The line is log10(F W / A) in scores and on the scrape, and follows the budget at the very next one."""
    model = watched(world, weeks(2, REFERENCE, 1))
    for pages in (1, 30, 0.25, 2000):
        good(model.client.put(f"{model.path}/alert-budget", json={"pages_per_month": pages}))
        line = math.log10(len(FEATURES) * MONTHLY / pages)
        metrics = world.metrics(model)
        assert metrics["drift_alert_budget_pages_per_month",] == pages
        for name in FEATURES:
            shown = metrics["drift_score_threshold", name, "critical", "evidence", "default"]
            assert shown == pytest.approx(line, abs=1e-9)
        rows = model.scores(statistic="evidence")
        assert {row["threshold"]["critical"] for row in rows} == {shown}
        model.evaluate()
        assert max(row["value"] for row in model.scores(statistic="evidence")) <= line + 1 + 1e-12


def test_severity_floor(world: World) -> None:
    """With a million rows a window half a per cent of them is certain and no page; three per cent are one."""
    model = world.model()
    model.baseline(b'{"rows":[' + b",".join(b'{"x":"%c"}' % letter for letter in b"aaaabbbbccdd" * 10) + b"]}")
    bins = model.read_baseline()["features"]["x"]["bins"]
    place = {one["value"]: position for position, one in enumerate(bins) if one["kind"] == "category"}
    random = np.random.default_rng(5)
    usual = [0.4, 0.3, 0.2, 0.1]
    windows = []
    for hour in range(5 * 168):
        moved = 0.005 if at(4, 1) <= at(0, 0, hour) < at(4, 2) else 0.03 if at(0, 0, hour) >= at(4, 4) else 0.0
        counts = [0] * len(bins)
        drawn = random.multinomial(10**6, [usual[0] - moved, usual[1] + moved, *usual[2:]])
        for letter, count in zip("abcd", drawn.tolist(), strict=True):
            counts[place[letter]] = count
        windows.append({"start": at(0, 0, hour), "rows": 10**6, "features": {"x": {"counts": counts}}})
    good(model.histograms(windows, backfill="true"))
    model.evaluate()
    rows = {micros(row["window_start"]): row for row in model.scores(feature="x", statistic="evidence")}
    floor = [rows[moment] for moment in range(at(4, 1), at(4, 2), HOUR)]
    assert max(row["p_value"] for row in floor) < 1e-3
    assert max(row["value"] for row in floor) < 1
    found = episodes(model)
    assert min(micros(one["start"]) for one in found) >= at(4, 4)
    checked(model)
