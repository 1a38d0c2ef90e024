"""The road of a window."""

import numpy as np

from app.drift.context import HOUR_US
from app.monitor.evaluate import evaluate_now
from app.storage.turns import take_turn
from monitor.desk import MONDAY, Desk
from monitor.lived import LIVE, deliver, drawn


def test_only_closed_windows(small: Desk) -> None:
    """An hour is scored from its end on, not a microsecond before, and once."""
    small.rows([{"x": 1}] * 40)
    for at, windows in ((HOUR_US - 1, 0), (HOUR_US, 1), (HOUR_US + 1, 0)):
        assert small.at(MONDAY + at).evaluate() == windows
    small.rows([{"x": 1, "timestamp": MONDAY}], "late")
    assert small.evaluate() == 1
    assert [one.rows for one in small.scored()] == [41]


def test_too_few_rows(small: Desk) -> None:
    """A window below the least rows is stored without numbers."""
    small.rows([{"x": 1}] * 29)
    small.at(MONDAY + HOUR_US).evaluate()
    (window,) = small.scored()
    assert np.isnan(window.statistics["psi"].values).all()
    assert window.rows == 29


def test_answer_counts_the_range(learnt: Desk) -> None:
    """What is scored in the range is counted, whoever scored it and when; hidden rows are not."""
    deliver(learnt, drawn(learnt, 5), 0, 5, batch="all")
    whole = evaluate_now(learnt.service, learnt.watched)
    part = evaluate_now(learnt.service, learnt.watched, from_us=LIVE + HOUR_US, to_us=LIVE + 3 * HOUR_US)
    assert (whole.windows, part.windows) == (5, 2)
    assert whole.scores / 5 == part.scores / 2 > 10


def test_another_replicas_turn(learnt: Desk) -> None:
    """Settings that changed while another replica held the turn are looked at again when it is gone."""
    deliver(learnt, drawn(learnt, 3), 0, 3, batch="all")
    assert learnt.evaluate() == 3
    learnt.configure(alert_budget={"pages_per_month": 2})
    with learnt.service.database.transaction() as other:
        assert take_turn(other, learnt.watched.id, wait=False)
        assert learnt.evaluate() == 0
    assert learnt.evaluate() == 3
