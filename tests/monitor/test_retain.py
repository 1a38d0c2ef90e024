"""What is forgotten, and when."""

from dataclasses import replace
from typing import Any

import pytest

from app.drift.context import HOUR_US, WEEK_US
from app.monitor.backtest import backtest, question
from app.monitor.evaluate import evaluate_now
from app.monitor.instants import instant_text
from app.monitor.operations import balance
from app.monitor.retain import prune, prune_windows
from app.storage import expiry, windows
from monitor.desk import MONDAY, ROWS_AN_HOUR, Clocked, Desk, weeks_of_rows
from monitor.lived import Traffic, drawn, nulls


def test_ids_are_forgotten_after_the_retention(small: Desk) -> None:
    """Not a microsecond before; history is never forgotten, and the books stay even."""
    small.rows([{"x": 1}], "live")
    small.rows([{"x": 1, "timestamp": 0}], "history", backfill=True)
    retention = small.service.policy.ledger_retention_us
    assert prune(small.at(MONDAY + retention).service) == 0
    assert prune(small.at(MONDAY + retention + 1).service) == 1
    assert small.rows([{"x": 1, "timestamp": 0}], "history", backfill=True)["duplicate"] is True
    assert small.rows([{"x": 1, "timestamp": MONDAY}], "live")["rows"]["late"] == 1
    books = balance(small.service, "m")
    assert (books["ledger_rows"], books["imbalance"]) == (2, 0)


LENGTH_US = 3 * HOUR_US
WEEK = WEEK_US // LENGTH_US
LIVE = MONDAY + 2 * WEEK_US


def _traffic(desk: Desk, weeks: int, *, broken: tuple[int, int] = (0, 0)) -> Traffic:
    """Counts of windows drawn from the baseline, every x missing in some of them."""
    hours = nulls(desk, drawn(desk, weeks * WEEK * 3), broken[0] * 3, broken[1] * 3)
    return {name: counts.reshape(-1, 3, counts.shape[1]).sum(axis=1) for name, counts in hours.items()}


def _keeping(desk: Desk, weeks: int) -> Clocked:
    """The same service under another retention."""
    policy = replace(desk.service.policy, window_retention_us=weeks * WEEK_US)
    return replace(desk.service, policy=policy, clock=desk.service.clock)


def _deliver(desk: Desk, traffic: Traffic, first: int, last: int, *, batch: str) -> None:
    """Deliver windows of three hours."""
    posted = [
        {
            "start": instant_text(LIVE + w * LENGTH_US),
            "rows": int(traffic["x"][w].sum()),
            "features": {name: {"counts": counts[w].tolist()} for name, counts in traffic.items()},
        }
        for w in range(first, last)
    ]
    desk.binned({"baseline": 1, "windows": posted}, batch, backfill=True)


def _held(desk: Desk) -> list[int]:
    """The windows after the baseline; each is scored."""
    with desk.service.database.snapshot() as conn:
        listed = windows.listed(conn, desk.watched.id)
    starts = [one.start_us for one in listed]
    assert [one.start_us for one in desk.scored()] == starts
    return [(start - LIVE) // LENGTH_US for start in starts]


def _told(desk: Desk) -> list[tuple[object, ...]]:
    return [(one.id, one.start_us, one.end_us, one.peak) for one in desk.episodes()]


@pytest.fixture
def watched(desk: Desk) -> Desk:
    """A model of windows of three hours; the clock stands long after."""
    desk.at(LIVE + 40 * WEEK_US).configure(window="3h")
    desk.reference(desk.write(weeks_of_rows()))
    return desk


def test_the_reference_is_never_forgotten(watched: Desk) -> None:
    """What a feature in an endless episode was compared with before it began stays, however old it gets."""
    traffic = _traffic(watched, 12, broken=(2 * WEEK, 12 * WEEK))
    _deliver(watched, traffic, 0, 12 * WEEK, batch="all")
    evaluate_now(watched.service, watched.watched)
    before = _told(watched)
    assert [one for one in before if one[2] is None]
    assert prune_windows(_keeping(watched, 1)) == 0
    assert _held(watched) == list(range(12 * WEEK))
    assert _told(watched) == before


def test_the_walk_goes_on_from_what_is_left(watched: Desk) -> None:
    """Old windows go with their scores, the books stay even, and episodes go on, whatever comes late or is changed."""
    hours = 15 * WEEK
    traffic = _traffic(watched, 15, broken=(13 * WEEK - 10, hours))
    _deliver(watched, traffic, 0, 14 * WEEK, batch="a")
    evaluate_now(watched.service, watched.watched)
    kept = _keeping(watched, 4)
    assert prune_windows(_keeping(watched, 20)) == 0
    pruned = prune_windows(kept)
    held = _held(watched)
    assert held == list(range(pruned, 14 * WEEK))
    assert pruned % WEEK == 0
    assert 2 * WEEK <= pruned <= 5 * WEEK
    assert balance(watched.service, "m")["imbalance"] == 0
    assert prune_windows(kept) == 0
    _deliver(watched, traffic, 14 * WEEK, hours, batch="b")
    evaluate_now(watched.service, watched.watched)
    live = _told(watched)
    assert [one for one in live if one[2] is None]
    answer: Any = backtest(watched.service, watched.watched, question({}))
    assert sum(len(own["episodes"]) for own in answer["features"].values()) == len(live)
    _deliver(watched, traffic, 3, 4, batch="history that is kept no more")
    evaluate_now(watched.service, watched.watched)
    assert _told(watched) == live
    prune_windows(kept)
    assert _held(watched)[0] >= pruned
    assert balance(watched.service, "m")["imbalance"] == 0
    watched.configure(alert_budget={"pages_per_month": 0.9})
    evaluate_now(watched.service, watched.watched)
    assert {one[:2] for one in _told(watched)} >= {one[:2] for one in live if one[2] is None}


def test_an_episode_older_than_what_is_kept_stays_open(watched: Desk) -> None:
    """Walked anew under other settings, it has still begun when it did."""
    traffic = _traffic(watched, 14)
    colour = traffic["colour"].copy()
    colour[WEEK:, 0], colour[WEEK:, 1:] = 3 * ROWS_AN_HOUR, 0
    _deliver(watched, {**traffic, "colour": colour}, 0, 14 * WEEK, batch="all")
    evaluate_now(watched.service, watched.watched)
    (began,) = {one.start_us for one in watched.episodes() if one.feature == "colour" and one.end_us is None}
    with watched.service.database.transaction() as conn:
        baseline_id = watched.watched.schedule[0].baseline_id
        mine: dict[str, Any] = {"version": "default", "baseline_id": baseline_id, "before_us": LIVE + 10 * WEEK_US}
        assert expiry.expire(conn, watched.watched.id, **mine, rolled=True, limit=10_000) == 10 * WEEK
        expiry.forget_weeks(conn, watched.watched.id, **mine)
    watched.configure(alert_budget={"pages_per_month": 0.9})
    evaluate_now(watched.service, watched.watched)
    assert _held(watched) == list(range(10 * WEEK, 14 * WEEK))
    assert began in {one.start_us for one in watched.episodes() if one.feature == "colour" and one.end_us is None}
