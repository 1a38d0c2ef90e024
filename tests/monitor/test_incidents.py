"""Episodes as they are kept: what a walk in steps shows on its way, and what is said of them."""

from typing import Any

import pytest
from sqlalchemy import text

from app.drift.context import HOUR_US, WEEK_US
from app.monitor import explanations, incidents, judgements
from app.monitor.backtest import backtest, question
from app.monitor.instants import instant_text
from app.monitor.promotion import activate, create_from_windows
from app.storage.episodes import Episode
from monitor.desk import AUTHOR, Desk
from monitor.lived import LIVE, WEEK, Traffic, deliver, drawn, nulls

HOURS = 4 * WEEK


def _judged(desk: Desk, number: int) -> Episode:
    """Call an episode normal."""
    one = desk.episodes()[number]
    judgements.give(desk.service, desk.name, one.id, verdict="normal", note="launch", author=AUTHOR)
    return desk.episodes()[number]


def _told(desk: Desk) -> list[tuple[object, ...]]:
    answer: Any = backtest(desk.service, desk.watched, question({}))
    return sorted(
        (name, one["statistic"], one["start"], one["end"], one["peak"])
        for name, found in answer["features"].items()
        for one in found["episodes"]
    )


def _stored(desk: Desk) -> list[tuple[object, ...]]:
    return sorted(
        (one.feature, one.statistic, instant_text(one.start_us), one.end_us and instant_text(one.end_us), one.peak)
        for one in desk.episodes()
    )


def test_verdicts_outlive_every_other_walk(learnt: Desk) -> None:
    """Late rows walk weeks again, another budget all of them: the verdict is there after it, and while it mattered."""
    traffic = nulls(learnt, drawn(learnt, HOURS), WEEK, 2 * WEEK)
    deliver(learnt, traffic, 1, HOURS, batch="all")
    learnt.evaluate()
    last = LIVE + (HOURS - 1) * HOUR_US
    judged = [_judged(learnt, number) for number in range(len(learnt.episodes()))]
    assert judged
    assert {one.verdicts for one in judged} == {(("normal", last),)}
    learnt.at(learnt.service.now_us() + HOUR_US)
    deliver(learnt, traffic, 0, 1, batch="late")
    assert learnt.evaluate() == HOURS
    assert learnt.episodes() == judged
    learnt.configure(alert_budget={"pages_per_month": 1e-9})
    learnt.evaluate()
    assert all(one not in learnt.episodes() for one in judged)
    learnt.configure(alert_budget={"pages_per_month": 1})
    learnt.evaluate()
    assert learnt.episodes() == judged


def test_a_walk_shows_nothing_on_its_way_that_is_not_so(learnt: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While four weeks are walked again week by week, an episode over a Monday that is long over never opens again."""
    traffic = nulls(learnt, drawn(learnt, HOURS), WEEK - 30, WEEK + 30)
    deliver(learnt, traffic, 1, HOURS, batch="all")
    seen: list[list[tuple[object, ...]]] = []

    def keep(conn: Any, watched: Any, version: str, **said: Any) -> None:
        kept(conn, watched, version, **said)
        rows = conn.execute(text("SELECT id, end_at FROM episode WHERE stands ORDER BY id"))
        seen.append([tuple(row) for row in rows])

    kept = incidents.keep
    monkeypatch.setattr("app.monitor.evaluate.keep", keep)
    learnt.evaluate()
    assert len(seen) == 4
    assert seen[0] == []
    before = seen[-1]
    assert before
    learnt.at(learnt.service.now_us() + HOUR_US)
    deliver(learnt, traffic, 0, 1, batch="late")
    learnt.evaluate()
    assert len(seen) == 8
    assert all(one == before for one in seen[4:])


def test_a_baseline_that_holds_again(learnt: Desk) -> None:
    """An open episode ends where its baseline's last window does once later ones are on another; backtests say so."""
    traffic = drawn(learnt, 5 * WEEK)
    for week in (3, 4, 5):
        traffic = nulls(learnt, traffic, week * WEEK - 60, week * WEEK)
    _post(learnt, traffic, 0, 3 * WEEK, baseline=1)
    assert {one.end_us for one in learnt.episodes()} == {None}
    span = {"from_us": LIVE, "to_us": LIVE + 2 * WEEK_US}
    create_from_windows(learnt.service, "m", **span, version="default", activate=True, author=AUTHOR)
    _post(learnt, traffic, 3 * WEEK, 4 * WEEK, baseline=2)
    assert _stored(learnt) == _told(learnt)
    assert {one.end_us for one in learnt.episodes()} == {LIVE + 3 * WEEK_US, None}
    activate(learnt.service, "m", 1, author=AUTHOR)
    _post(learnt, traffic, 4 * WEEK, 5 * WEEK, baseline=1)
    assert _stored(learnt) == _told(learnt)
    assert all(one.end_us is None or one.end_us > one.start_us for one in learnt.episodes())
    second = [one for one in learnt.episodes() if LIVE + 3 * WEEK_US < one.start_us < LIVE + 4 * WEEK_US]
    assert {one.end_us for one in second} == {LIVE + 4 * WEEK_US}
    learnt.at(LIVE + 5 * WEEK_US)
    newest = explanations.document(learnt.service, learnt.watched, "x", start_us=None, version=None)
    assert newest["window_start"] == instant_text(LIVE + (5 * WEEK - 1) * HOUR_US)


def _post(desk: Desk, traffic: Traffic, first: int, last: int, *, baseline: int) -> None:
    """Deliver hours first to last - 1 on a baseline, and let them be over."""
    posted = [
        {
            "start": instant_text(LIVE + hour * HOUR_US),
            "rows": int(traffic["x"][hour].sum()),
            "features": {name: {"counts": counts[hour].tolist()} for name, counts in traffic.items()},
        }
        for hour in range(first, last)
    ]
    desk.at(LIVE + last * HOUR_US - 1)
    document = {"baseline": baseline, "version": "default", "windows": posted}
    desk.binned(document, f"from {first}", backfill=True)
    desk.at(LIVE + last * HOUR_US).evaluate()
    desk.at(LIVE + last * HOUR_US - 1)
