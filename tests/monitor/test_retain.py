"""What is forgotten, and when."""

from dataclasses import replace
from typing import Any

import pytest

from app.drift.context import HOUR_US, WEEK_US
from app.monitor import judgements
from app.monitor.backtest import backtest, question
from app.monitor.evaluate import evaluate_now
from app.monitor.operations import balance
from app.monitor.retain import prune, prune_windows
from app.storage import chronicles, windows
from monitor.desk import MONDAY, Clocked, Desk
from monitor.lived import LIVE, WEEK, deliver, drawn, nulls


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


WEEKS = 13


def _keeping(desk: Desk, weeks: int) -> Desk:
    """The same service under another retention."""
    policy = replace(desk.service.policy, window_retention_us=weeks * WEEK_US)
    service: Clocked = replace(desk.service, policy=policy, clock=desk.service.clock)
    kept = Desk(service, desk.folder)
    kept.name = desk.name
    return kept


def _held(desk: Desk) -> list[int]:
    """The hours after the baseline that have windows, and those that have scores."""
    with desk.service.database.snapshot() as conn:
        listed = windows.listed(conn, desk.watched.id)
    hours = [(one.start_us - LIVE) // HOUR_US for one in listed]
    assert [(one.start_us - LIVE) // HOUR_US for one in desk.scored()] == hours
    return hours


@pytest.fixture
def old(learnt: Desk) -> Desk:
    """Thirteen weeks with an episode that began at the end of the fourth and never ended."""
    learnt.at(LIVE + 40 * WEEK_US)
    traffic = nulls(learnt, drawn(learnt, WEEKS * WEEK), 4 * WEEK - 30, WEEKS * WEEK)
    for first in range(0, WEEKS * WEEK, 7 * WEEK):
        deliver(learnt, traffic, first, min(first + 7 * WEEK, WEEKS * WEEK), batch=f"{first}")
    evaluate_now(learnt.service, learnt.watched)
    return learnt


def test_windows_are_forgotten_but_never_the_reference(old: Desk) -> None:
    """What is older goes with its scores, the books stay even, and what vouches stays: x has done so since long ago."""
    before = [(one.id, one.end_us) for one in old.episodes()]
    assert prune_windows(_keeping(old, 12).service) == 0
    pruned = prune_windows(_keeping(old, 2).service)
    held = _held(old)
    assert pruned == 0
    assert held == list(range(WEEKS * WEEK))
    assert [one for one in old.episodes() if one.end_us is None and one.feature == "x"]
    assert [(one.id, one.end_us) for one in old.episodes()] == before
    assert balance(old.service, "m")["imbalance"] == 0


def test_the_walk_goes_on_from_what_is_left(learnt: Desk) -> None:
    """Pruned or not, later windows and late ones give the same episodes, also under other settings."""
    learnt.at(LIVE + 40 * WEEK_US)
    hours = 16 * WEEK
    traffic = nulls(learnt, drawn(learnt, hours), 14 * WEEK - 30, 15 * WEEK)
    for first in (0, 8 * WEEK):
        deliver(learnt, traffic, first, min(first + 8 * WEEK, 15 * WEEK), batch=f"a{first}")
    evaluate_now(learnt.service, learnt.watched)
    kept = _keeping(learnt, 4)
    assert prune_windows(kept.service) > 3 * WEEK
    held = _held(learnt)
    first = held[0]
    assert first % WEEK == 0
    assert first <= 6 * WEEK
    assert held == list(range(first, 15 * WEEK))
    assert balance(learnt.service, "m")["imbalance"] == 0
    assert prune_windows(kept.service) == 0
    deliver(learnt, traffic, 15 * WEEK, hours, batch="b")
    evaluate_now(learnt.service, learnt.watched)
    live = [(one.id, one.start_us, one.end_us, one.peak) for one in learnt.episodes()]
    assert live
    answer: Any = backtest(learnt.service, learnt.watched, question({}))
    assert sum(len(own["episodes"]) for own in answer["features"].values()) == len(live)
    deliver(learnt, traffic, 3, 4, batch="history that is kept no more")
    evaluate_now(learnt.service, learnt.watched)
    assert [(one.id, one.start_us, one.end_us, one.peak) for one in learnt.episodes()] == live
    prune_windows(kept.service)
    assert _held(learnt)[0] >= first
    assert balance(learnt.service, "m")["imbalance"] == 0
    baseline_id = learnt.watched.schedule[0].baseline_id
    with learnt.service.database.snapshot() as conn:
        past = chronicles.last(
            conn, learnt.watched.id, version="default", baseline_id=baseline_id, before_us=LIVE + first * HOUR_US - 1
        )
    assert past is not None
    learnt.configure(alert_budget={"pages_per_month": 0.9})
    evaluate_now(learnt.service, learnt.watched)
    told = judgements.listed(
        learnt.service, learnt.watched, from_us=None, to_us=None, feature=None, version=None, window="all"
    )
    assert {str(one["id"]) for one in told} >= {one[0] for one in live}
