"""Episodes of plain scores that somebody drew a line for."""

from typing import Any

from app.drift.context import HOUR_US
from app.monitor.instants import instant_text
from app.monitor.thresholds import put
from monitor.desk import AUTHOR, Desk
from monitor.lived import LIVE, WEEK, deliver, drawn, nulls


def line(desk: Desk, statistic: str, critical: dict[str, Any] | None, *, feature: str | None = None) -> None:
    """Draw a critical line."""
    document = {"statistic": statistic, "feature": feature, "version": None, "warning": None, "critical": critical}
    put(desk.service, "m", document, author=AUTHOR)


def found(desk: Desk, statistic: str) -> list[tuple[str, int, int | None, float]]:
    """The episodes of a statistic, in hours after the baseline."""
    return [
        (
            one.feature,
            (one.start_us - LIVE) // HOUR_US,
            None if one.end_us is None else (one.end_us - LIVE) // HOUR_US,
            one.peak,
        )
        for one in desk.episodes()
        if one.statistic == statistic
    ]


def test_fixed(learnt: Desk) -> None:
    """Hours 2 and 3 and 6 have only nulls: above half of them twice, the second time without an end."""
    line(learnt, "null_ratio", {"mode": "fixed", "value": 0.5})
    traffic = nulls(learnt, nulls(learnt, drawn(learnt, 7), 2, 4), 6, 7)
    deliver(learnt, traffic, 0, 7, batch="all")
    learnt.evaluate()
    assert found(learnt, "null_ratio") == [("x", 2, 4, 1.0), ("x", 6, None, 1.0)]
    line(learnt, "null_ratio", {"mode": "fixed", "value": 1.0})
    learnt.evaluate()
    assert found(learnt, "null_ratio") == []


def test_for_one_feature(learnt: Desk) -> None:
    """PSI of any size is above 0, but only x has a line."""
    line(learnt, "psi", {"mode": "fixed", "value": 0.0}, feature="x")
    deliver(learnt, drawn(learnt, 3), 0, 3, batch="all")
    learnt.evaluate()
    assert [one[:3] for one in found(learnt, "psi")] == [("x", 0, None)]


def test_calibrated(learnt: Desk) -> None:
    """A probability is held against that of the score: hours of nulls are rarer than 1 in 100, others are not."""
    line(learnt, "psi", {"mode": "calibrated", "p": 0.01}, feature="x")
    deliver(learnt, nulls(learnt, drawn(learnt, 12), 5, 8), 0, 12, batch="all")
    learnt.evaluate()
    assert ("x", 5, 8) in [one[:3] for one in found(learnt, "psi")]
    judged = learnt.scored()
    psi = [window.statistics["psi"] for window in judged]
    f = [one.name for one in learnt.service.catalog.baseline(judged[0].baseline_id).features].index("x")
    below = [float(row.p_values[f]) < 0.01 for row in psi if row.p_values is not None]
    above = [float(row.values[f]) > float(row.critical[f]) for row in psi if row.critical is not None]
    assert below == above


def test_volume(learnt: Desk) -> None:
    """Rows of an hour above a fixed line, across a Monday, in pieces."""
    line(learnt, "volume", {"mode": "fixed", "value": 60.0})
    traffic = drawn(learnt, WEEK + 4)
    for name, counts in traffic.items():
        traffic[name] = counts.copy()
        traffic[name][WEEK - 2 : WEEK + 2] *= 2
    for first, last in ((0, WEEK - 1), (WEEK - 1, WEEK + 1), (WEEK + 1, WEEK + 4)):
        deliver(learnt, traffic, first, last, batch=instant_text(first))
        learnt.evaluate()
    assert found(learnt, "volume") == [("", WEEK - 2, WEEK + 2, 80.0)]
