"""Days and weeks: added up, judged by what days and weeks are, and corrected by what comes late."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from app.drift.context import DAY_US, HOUR_US, WEEK_US
from app.drift.period import Period
from app.errors import NotFound, Refused
from app.monitor import judgements, reading, status
from app.monitor.backtest import backtest, question
from app.monitor.evaluate import evaluate_now, evaluate_rollups
from app.monitor.explanations import document as explain
from app.monitor.instants import instant_text, read_instant
from app.monitor.retain import prune_windows
from app.monitor.rolling import QUIET_US
from app.monitor.terms import period_of
from app.storage import episodes, rollups
from monitor.desk import AUTHOR, MONDAY, Desk

ROWS = 3
REFERENCE = 8
LIVE = MONDAY + REFERENCE * WEEK_US
WEEK = WEEK_US // HOUR_US
ZONE = "America/New_York"


def _quiet() -> str:
    """Eight weeks of three rows an hour."""
    rng = np.random.default_rng(3)
    lines = ["timestamp,x,colour"]
    for hour in range(REFERENCE * WEEK):
        start = MONDAY + hour * HOUR_US
        for row, value in enumerate(rng.normal(size=ROWS).tolist()):
            lines.append(f"{start + row * 60_000_000},{value:.6f},{('red', 'green')[int(rng.integers(2))]}")
    return "\n".join(lines)


@pytest.fixture
def sparse(desk: Desk) -> Desk:
    """A model of too few rows an hour; the clock stands half a year after its baseline."""
    desk.at(LIVE + 26 * WEEK_US).configure(window="1h", timezone=ZONE)
    desk.reference(desk.write(_quiet()))
    return desk


def _traffic(desk: Desk, hours: int, *, seed: int = 4) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
    baseline = desk.service.catalog.baseline(desk.watched.schedule[0].baseline_id)
    rng = np.random.default_rng(seed)
    return {
        feature.name: rng.multinomial(ROWS, baseline.counts[baseline.slice_of(f)] / baseline.rows, size=hours).astype(
            np.int64
        )
        for f, feature in enumerate(baseline.features)
    }


def _broken(desk: Desk, traffic: dict[str, Any], first: int, last: int) -> dict[str, Any]:
    """The same with every x missing from one hour to another."""
    baseline = desk.service.catalog.baseline(desk.watched.schedule[0].baseline_id)
    f = [one.name for one in baseline.features].index("x")
    null = [one.kind.value for one in baseline.bins_of(f)].index("null")
    x = traffic["x"].copy()
    x[first:last] = 0
    x[first:last, null] = ROWS
    return {**traffic, "x": x}


def _deliver(desk: Desk, traffic: dict[str, Any], hours: "list[int] | range", *, batch: str) -> None:
    """Deliver these hours after the baseline's end, each run of them at once, and let a while pass."""
    cuts = [at for at in range(1, len(hours)) if hours[at] != hours[at - 1] + 1]
    for first, last in zip([0, *cuts], [*cuts, len(hours)], strict=True):
        own = {name: counts[hours[first] : hours[last - 1] + 1] for name, counts in traffic.items()}
        desk.hours(LIVE + hours[first] * HOUR_US, own, batch=f"{batch} {first}")
    desk.at(desk.service.now_us() + QUIET_US)


def _rolled(desk: Desk, length_us: int) -> list[tuple[object, ...]]:
    """Every stored number of a length, to the last bit."""
    with desk.service.database.snapshot() as conn:
        found: list[tuple[object, ...]] = []
        for window in rollups.scores(conn, desk.watched.id, length_us):
            for name, row in sorted(window.statistics.items()):
                arrays = (row.values, row.high, row.p_values, row.status, row.warning, row.critical)
                bits = [None if one is None else one.tobytes() for one in arrays]
                found.append((window.start_us, window.version, window.rows, name, bits))
    return found


def _episodes(desk: Desk, length_us: int) -> list[tuple[object, ...]]:
    with desk.service.database.snapshot() as conn:
        listed = episodes.listed(conn, desk.watched.id, length_us=length_us)
    return [(one.id, one.feature, one.severity, one.start_us, one.end_us, one.peak, one.cause) for one in listed]


def test_days_hold_the_rows_of_the_local_day(sparse: Desk) -> None:
    """Each hour is in the day of its zone; a day of a clock change has 25 of them; what is not whole is left out."""
    traffic = _traffic(sparse, 8 * WEEK)
    _deliver(sparse, traffic, range(8 * WEEK), batch="all")
    sparse.evaluate()
    evaluate_rollups(sparse.service, sparse.watched)
    with sparse.service.database.snapshot() as conn:
        days = rollups.listed(conn, sparse.watched.id, length_us=DAY_US)
        own = rollups.listed(conn, sparse.watched.id, length_us=DAY_US, version=rollups.BASELINE)
        weeks = rollups.listed(conn, sparse.watched.id, length_us=WEEK_US)
        scored = rollups.scores(conn, sparse.watched.id, DAY_US, statistics=["volume"])
    period = Period(DAY_US, ZoneInfo(ZONE), HOUR_US)
    hours = LIVE + np.arange(8 * WEEK) * HOUR_US
    local = period.of(hours)
    for day in days:
        assert day.rows == ROWS * int((local == day.start_us).sum())
    autumn = int(datetime(2025, 11, 2, tzinfo=UTC).timestamp()) * 1_000_000
    assert {day.start_us: day.rows for day in days}[autumn] == 25 * ROWS
    assert len(own) == REFERENCE * 7 - 1
    assert sum(week.rows for week in weeks) == sum(day.rows for day in days) == 8 * WEEK * ROWS
    assert [window.start_us for window in scored] == [day.start_us for day in days[1:]]
    volume = {window.start_us: window.statistics["volume"] for window in scored}
    assert volume[autumn].values.tolist() == [25 * ROWS]
    p = volume[autumn].p_values
    assert p is not None
    assert p.tolist() == [1.0]


def test_a_fault_that_hours_cannot_show(sparse: Desk) -> None:
    """Hours of three rows are not judged; five days without x make an episode of days, which is no page."""
    traffic = _broken(sparse, _traffic(sparse, 4 * WEEK), 2 * WEEK + 5, 2 * WEEK + 5 + 5 * 24)
    _deliver(sparse, traffic, range(4 * WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    assert sparse.episodes() == []
    found = _episodes(sparse, DAY_US)
    assert found
    assert {(one[1], one[2]) for one in found} == {("x", "warning")}
    zone = ZoneInfo(ZONE)
    for one in found:
        began = datetime.fromtimestamp(int(str(one[3])) / 1e6, tz=zone)
        assert (began.hour, began.minute) == (0, 0)
        assert LIVE + (2 * WEEK) * HOUR_US <= int(str(one[3])) < LIVE + (2 * WEEK + 3 * 24) * HOUR_US


def test_pieces_and_late_hours_give_the_same_digits(sparse: Desk) -> None:
    """Day by day, with hours that come late, in another order: every number of days and weeks is the same."""
    traffic = _broken(sparse, _traffic(sparse, 4 * WEEK), WEEK, WEEK + 60)
    _deliver(sparse, traffic, range(4 * WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    expected = [_rolled(sparse, DAY_US), _rolled(sparse, WEEK_US), _episodes(sparse, DAY_US)]
    assert expected[0]
    assert expected[1]
    sparse.name = "in pieces"
    sparse.configure(window="1h", timezone=ZONE)
    sparse.reference(sparse.write(_quiet()))
    late = [*range(30, 40), *range(WEEK + 3, WEEK + 9), 2 * WEEK + 100]
    now = sparse.service.now_us()
    for first, last in ((0, 50), (50, WEEK + 70), (WEEK + 70, 3 * WEEK + 1), (3 * WEEK + 1, 4 * WEEK)):
        hours = [hour for hour in range(first, last) if hour not in late]
        sparse.at(LIVE + last * HOUR_US)
        _deliver(sparse, traffic, hours, batch=f"{first}")
        evaluate_now(sparse.service, sparse.watched)
    sparse.at(now)
    evaluate_now(sparse.service, sparse.watched)
    assert _rolled(sparse, DAY_US) != expected[0]
    _deliver(sparse, traffic, late[::-1] if len(late) == 1 else late, batch="late")
    evaluate_now(sparse.service, sparse.watched)
    assert [_rolled(sparse, DAY_US), _rolled(sparse, WEEK_US), _episodes(sparse, DAY_US)] == expected


def test_backtest_equals_what_was_found_live(sparse: Desk) -> None:
    """Days and weeks are replayed to the episodes that were found, in a range and in the baseline's own time too."""
    traffic = _broken(sparse, _traffic(sparse, 4 * WEEK), WEEK, WEEK + 100)
    for first, last in ((0, 2 * WEEK + 13), (2 * WEEK + 13, 4 * WEEK)):
        _deliver(sparse, traffic, range(first, last), batch=f"{first}")
        evaluate_now(sparse.service, sparse.watched)
    listed = judgements.listed(
        sparse.service, sparse.watched, from_us=None, to_us=None, feature=None, version=None, window="1d"
    )
    live = [
        (one["feature"], one["statistic"], one["severity"], one["start"], one["end"], one["peak"]) for one in listed
    ]
    assert live
    answer: Any = backtest(sparse.service, sparse.watched, question({"from": instant_text(MONDAY), "window": "1d"}))
    told = [
        (name, one["statistic"], one["severity"], one["start"], one["end"], one["peak"])
        for name, own in answer["features"].items()
        for one in own["episodes"]
        if one["start"] >= instant_text(LIVE)
    ]
    assert sorted(told, key=str) == sorted(live, key=str)
    assert answer["features"]["x"]["windows"] == REFERENCE * 7 - 1 + 4 * 7
    own: Any = backtest(sparse.service, sparse.watched, question({"window": "1h"}))
    assert own["features"] == backtest(sparse.service, sparse.watched, question({}))["features"]


def test_days_are_read_by_their_instants(sparse: Desk) -> None:
    """Windows, scores and episodes of days begin at local midnight; without the word nothing of them is told."""
    traffic = _broken(sparse, _traffic(sparse, 3 * WEEK), WEEK, WEEK + 100)
    _deliver(sparse, traffic, range(3 * WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    told = {"from_us": None, "to_us": None, "version": None}
    service, watched = sparse.service, sparse.watched
    days = reading.list_windows(service, watched, **told, window="1d")
    assert [day["start"] for day in days[:2]] == ["2025-09-28T04:00:00Z", "2025-09-29T04:00:00Z"]
    assert {day["status"] for day in days[1:-1]} == {"scored"}
    assert {len(reading.list_windows(service, watched, **told, window=name)) for name in (None, "1h")} == {3 * WEEK}
    scored = list(reading.list_scores(service, watched, feature="x", statistic="evidence", **told, window="7d"))
    assert [row["window"] for row in scored] == ["1w", "1w", "1w"]
    assert {row["threshold"]["critical"] for row in scored} == {None}
    assert {round(row["threshold"]["warning"], 9) for row in scored} == {round(math.log10(2 * 30 / 7), 9)}
    assert [row["window_start"][:16] for row in scored] == ["2025-09-29T04:00", "2025-10-06T04:00", "2025-10-13T04:00"]
    own = list(reading.list_scores(service, watched, feature="x", statistic="evidence", **told))
    assert len(own) == 3 * WEEK
    assert "window" not in own[0]
    assert judgements.listed(service, watched, feature=None, **told) == []
    every = judgements.listed(service, watched, feature=None, **told, window="all")
    assert {one["window"] for one in every} == {"1d"}
    said = judgements.give(service, "m", str(every[0]["id"]), verdict="normal", note=None, author=AUTHOR)
    assert said["verdict"] == "normal"
    part = reading.list_windows(
        service, watched, from_us=LIVE + 4 * HOUR_US, to_us=LIVE + 29 * HOUR_US, version=None, window="1d"
    )
    assert [day["start"] for day in part] == [instant_text(LIVE + 4 * HOUR_US), instant_text(LIVE + 28 * HOUR_US)]


def test_a_day_is_explained(sparse: Desk) -> None:
    """The first day of an episode, by the instant at which it begins: its bins are those that the episode names."""
    _deliver(sparse, _broken(sparse, _traffic(sparse, 4 * WEEK), 2 * WEEK + 5, 3 * WEEK), range(4 * WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    listed = judgements.listed(
        sparse.service, sparse.watched, from_us=None, to_us=None, feature="x", version=None, window="1d"
    )
    (one, *_) = [one for one in listed if one["statistic"] == "evidence"]
    start_us = read_instant(one["start"], "start")
    told: Any = explain(sparse.service, sparse.watched, "x", start_us=start_us, version=None, window="1d")
    assert (told["window"], told["window_start"], told["rows"]) == ("1d", one["start"], 24 * ROWS)
    assert told["cause"] == one["cause"] == "nulls"
    ranked = sorted(told["bins"], key=lambda bin_: -abs(bin_["z"]))
    top: Any = one["top_bins"]
    assert [bin_["label"] for bin_ in top] == [bin_["label"] for bin_ in ranked[:3]]
    assert top[0]["kind"] == "null"
    newest: Any = explain(sparse.service, sparse.watched, "x", start_us=None, version=None, window="1w")
    assert newest["window_end"] > newest["window_start"] > one["start"]
    with pytest.raises(NotFound, match="no such closed window"):
        explain(sparse.service, sparse.watched, "x", start_us=start_us + HOUR_US, version=None, window="1d")


def test_scores_of_days_are_kept_as_long_as_windows(sparse: Desk) -> None:
    """After four weeks of a retention of two the older ones are gone; episodes and what is later stay as they were."""
    traffic = _broken(sparse, _traffic(sparse, 5 * WEEK), WEEK, WEEK + 100)
    _deliver(sparse, traffic, range(4 * WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    before, found = _rolled(sparse, DAY_US), _episodes(sparse, DAY_US)
    policy = replace(sparse.service.policy, window_retention_us=2 * WEEK_US)
    prune_windows(replace(sparse.service, policy=policy, clock=sparse.service.clock))
    after = _rolled(sparse, DAY_US)
    assert after == [one for one in before if int(str(one[0])) >= LIVE + WEEK_US]
    assert 0 < len(after) < len(before)
    assert _episodes(sparse, DAY_US) == found
    assert found
    _deliver(sparse, traffic, range(4 * WEEK, 5 * WEEK), batch="more")
    evaluate_now(sparse.service, sparse.watched)
    whole = [one for one in after if one[0] != after[-1][0]]
    assert _rolled(sparse, DAY_US)[: len(whole)] == whole
    assert len(_rolled(sparse, DAY_US)) > len(after)


def test_status_tells_of_days(sparse: Desk) -> None:
    """Hours of three rows are too few, days are not; an episode of days is a warning; weeks tell what they lack."""
    _deliver(sparse, _broken(sparse, _traffic(sparse, 2 * WEEK), WEEK, 2 * WEEK), range(2 * WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    told: Any = status.document(sparse.service, sparse.watched)
    version = told["versions"]["default"]
    assert {one["status"] for one in version["features"].values()} == {"insufficient_rows"}
    day, week = version["rollups"]["1d"], version["rollups"]["1w"]
    assert {name: one["status"] for name, one in day["features"].items()} == {"x": "warning", "colour": "ok"}
    assert day["features"]["x"]["cause"] == "nulls"
    assert day["rows"] == 20 * ROWS
    assert week["features"]["x"]["status"] == "calibrating"
    assert week["features"]["x"]["missing"] == "23 more reference windows with at least 30 rows"


def test_no_other_lengths(desk: Desk) -> None:
    """Only the model's own windows and what is longer of days and weeks."""
    desk.configure(window="1h")
    assert period_of(desk.watched, "60m") is None
    for window in ("2d", "30m", "day", "", "1 d"):
        with pytest.raises(Refused, match="are 1h, 1d, 1w"):
            period_of(desk.watched, window)
    desk.name = "daily"
    desk.configure(window="1d", late_horizon="1h")
    assert period_of(desk.watched, "24h") is None
    with pytest.raises(Refused, match="are 1d, 1w"):
        period_of(desk.watched, "1h")


def test_the_newest_day_waits(sparse: Desk) -> None:
    """It is added up once rows of the next have come, or none for a while; late rows of an older day are at once."""
    traffic = _traffic(sparse, 3 * 24)

    def rolled() -> list[int]:
        evaluate_rollups(sparse.service, sparse.watched)
        with sparse.service.database.snapshot() as conn:
            days = rollups.listed(conn, sparse.watched.id, length_us=DAY_US)
        return [day.rows // ROWS for day in days]

    _deliver(sparse, traffic, range(10, 28), batch="a")
    sparse.at(sparse.service.now_us() - 1)
    sparse.fold()
    assert rolled() == []
    sparse.at(sparse.service.now_us() + 1)
    assert rolled() == [18]
    _deliver(sparse, traffic, range(28, 30), batch="b")
    sparse.at(sparse.service.now_us() - 1)
    _deliver(sparse, traffic, range(5, 10), batch="late")
    sparse.at(sparse.service.now_us() - 1)
    sparse.fold()
    assert rolled() == [23]


def test_another_zone_makes_other_days(sparse: Desk) -> None:
    """They are rolled up anew; nothing of the old calendar stays."""
    _deliver(sparse, _traffic(sparse, WEEK), range(WEEK), batch="all")
    evaluate_now(sparse.service, sparse.watched)
    before = _rolled(sparse, DAY_US)
    sparse.configure(timezone="Asia/Tokyo")
    evaluate_now(sparse.service, sparse.watched)
    after = _rolled(sparse, DAY_US)
    assert before
    assert after != before
    sparse.configure(timezone=ZONE)
    evaluate_now(sparse.service, sparse.watched)
    assert _rolled(sparse, DAY_US) == before
