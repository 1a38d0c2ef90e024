"""What would have alerted."""

from typing import Any

import pytest

from app.drift.context import HOUR_US, WEEK_US
from app.errors import Refused
from app.monitor.arms import Arm
from app.monitor.backtest import backtest, question
from app.monitor.fitting import fit_week
from app.monitor.instants import instant_text
from app.monitor.rulebook import Rulebook, lines_of
from app.monitor.thresholds import put
from monitor.desk import AUTHOR, MONDAY, ROWS_AN_HOUR, Desk
from monitor.lived import LIVE, WEEK, deliver, drawn, nulls

NULLS = {"statistic": "null_ratio", "feature": "x", "version": None, "warning": None}
HALF = NULLS | {"critical": {"mode": "fixed", "value": 0.5, "p": None}}


def asked(desk: Desk, **document: Any) -> dict[str, Any]:
    """Ask for a backtest."""
    return backtest(desk.service, desk.watched, question(document))


def told(answer: dict[str, Any]) -> list[tuple[object, ...]]:
    """The episodes of an answer."""
    return sorted(
        (name, one["version"], one["statistic"], one["start"], one["end"], one["peak"])
        for name, own in answer["features"].items()
        for one in own["episodes"]
    )


def stored(desk: Desk) -> list[tuple[object, ...]]:
    """The episodes that the service found."""
    return sorted(
        (
            one.feature,
            one.version,
            one.statistic,
            instant_text(one.start_us),
            None if one.end_us is None else instant_text(one.end_us),
            one.peak,
        )
        for one in desk.episodes()
    )


def test_equals_what_was_found_live(learnt: Desk) -> None:
    """Two versions, a fault over a Monday and a fixed line on it: live in pieces, then at once as it was set."""
    put(learnt.service, "m", HALF, author=AUTHOR)
    traffic = nulls(learnt, drawn(learnt, 2 * WEEK), WEEK - 12, WEEK + 12)
    for first, last in ((0, 10), (10, WEEK - 5), (WEEK - 5, WEEK + 3), (WEEK + 3, 2 * WEEK)):
        deliver(learnt, traffic, first, last, batch=f"{first}")
        learnt.evaluate()
    deliver(learnt, drawn(learnt, 30, seed=5), 0, 30, batch="v2", version="v2")
    learnt.evaluate()
    answer = asked(learnt, **{"from": instant_text(LIVE)})
    assert told(answer) == stored(learnt)
    (plain,) = [one for one in learnt.episodes() if one.statistic == "null_ratio"]
    assert (plain.start_us, plain.end_us, plain.peak) == (
        LIVE + (WEEK - 12) * HOUR_US,
        LIVE + (WEEK + 12) * HOUR_US,
        1.0,
    )
    x = answer["features"]["x"]
    assert x["windows"] == 2 * WEEK + 30
    assert x["firings"] == len(x["episodes"])
    assert answer["features"]["colour"]["episodes"] == []
    before = stored(learnt)
    without = asked(learnt, thresholds=[NULLS | {"critical": None}], **{"from": instant_text(LIVE)})
    assert {one[2] for one in told(without)} == {"evidence"}
    assert stored(learnt) == before


def test_share_in_alarm_and_range(learnt: Desk) -> None:
    """Two of eight hours, of which a range may take only the end, and episodes belong to where they begin."""
    deliver(learnt, nulls(learnt, drawn(learnt, 8), 2, 4), 0, 8, batch="all")
    learnt.fold()
    off = {"feature": None, "version": None, "warning": None, "critical": None}
    lines = [HALF, {**off, "statistic": "evidence"}]
    whole = asked(learnt, thresholds=lines)["features"]["x"]
    assert (whole["windows"], whole["firings"], whole["time_in_alarm"]) == (8, 1, 0.25)
    late = asked(learnt, thresholds=lines, **{"from": instant_text(LIVE + 3 * HOUR_US)})["features"]["x"]
    assert (late["windows"], late["firings"], late["time_in_alarm"]) == (5, 0, 0.2)
    early = asked(learnt, thresholds=lines, to=instant_text(LIVE + 3 * HOUR_US))["features"]["x"]
    assert (early["windows"], early["firings"]) == (3, 1)
    assert early["episodes"][0]["end"] == instant_text(LIVE + 4 * HOUR_US)
    assert asked(learnt, alert_budget={"pages_per_month": 3})["expected_pages_per_month"] == 3


def test_the_baselines_own_weeks(learnt: Desk) -> None:
    """A range that reaches back to them has their windows, and each week is judged by the other one alone."""
    answer = asked(learnt, **{"from": instant_text(MONDAY)})
    assert answer["features"]["x"]["windows"] == 2 * WEEK
    assert asked(learnt)["features"] == {"": {"windows": 0, "firings": 0, "time_in_alarm": 0.0, "episodes": []}}
    baseline_id = learnt.watched.schedule[0].baseline_id
    with learnt.service.database.snapshot() as read:
        own = Arm.of_baseline(read, learnt.watched.id, baseline_id, learnt.service.catalog.baseline(baseline_id))
        lines = lines_of(read, learnt.watched, own.baseline)
        book = Rulebook.of(learnt.watched.configuration, own.baseline, lines=lines, version="default", min_rows=30)
        fits = [fit_week(read, own, book, state=own.beginning(), monday=MONDAY + week * WEEK_US) for week in (0, 1, 2)]
    assert [fit.rows.tolist() for fit in fits] == [
        [WEEK * ROWS_AN_HOUR] * 2,
        [WEEK * ROWS_AN_HOUR] * 2,
        [2 * WEEK * ROWS_AN_HOUR] * 2,
    ]


@pytest.mark.parametrize(
    "line",
    [
        HALF | {"feature": "nobody"},
        HALF | {"critical": {"mode": "fixed", "value": None, "p": 0.1}},
        HALF | {"warning": {"mode": "calibrated", "value": 1.0, "p": None}},
    ],
)
def test_unlawful_thresholds(small: Desk, line: dict[str, Any]) -> None:
    """What could not be set cannot be tried either."""
    with pytest.raises(Refused) as refused:
        asked(small, thresholds=[line])
    assert refused.value.code == "unlawful-threshold"


def test_unlawful_ranges(small: Desk) -> None:
    """A range that ends before it begins, or whose ends are no times."""
    with pytest.raises(Refused, match="ends before it begins"):
        asked(small, **{"from": instant_text(MONDAY + 1_000_000), "to": instant_text(MONDAY)})
    beyond = asked(small, **{"from": instant_text(MONDAY + 50 * WEEK_US)})
    assert beyond["from"] == beyond["to"]
    with pytest.raises(Refused, match="from is not a time"):
        asked(small, **{"from": "soon"})
