"""Why a window stands out."""

from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app.drift.context import HOUR_US
from app.errors import NotFound
from app.monitor.explanations import document
from app.monitor.instants import instant_text
from monitor.desk import ROWS_AN_HOUR, Desk
from monitor.lived import LIVE, WEEK, deliver, drawn, nulls


@pytest.fixture
def failed(learnt: Desk) -> Desk:
    """A week and a day, with nulls in hours 180 to 189."""
    deliver(learnt, nulls(learnt, drawn(learnt, WEEK + 24), WEEK + 12, WEEK + 22), 0, WEEK + 24, batch="all")
    learnt.evaluate()
    return learnt


def told(desk: Desk, hour: int | None, feature: str = "x", version: str | None = None) -> dict[str, Any]:
    """The explanation of an hour."""
    start = None if hour is None else LIVE + hour * HOUR_US
    return document(desk.service, desk.watched, feature, start_us=start, version=version)


def test_bins(failed: Desk) -> None:
    """Shares of expected and observed sum to one, and what a bin adds to PSI is (p - q) log(p / q)."""
    shown = told(failed, WEEK + 15)
    bins = shown["bins"]
    assert shown["window_start"] == instant_text(LIVE + (WEEK + 15) * HOUR_US)
    assert (shown["rows"], shown["cause"], shown["status"], shown["missing"]) == (ROWS_AN_HOUR, "nulls", "ok", None)
    assert sum(one["count"] for one in bins) == ROWS_AN_HOUR
    assert sum(one["expected"] for one in bins) == pytest.approx(1, abs=1e-9)
    for one in bins:
        p, q = one["observed"], one["expected"]
        assert p == one["count"] / ROWS_AN_HOUR
        if p > 0 and q > 0:
            assert one["psi"] == pytest.approx((p - q) * np.log(p / q), abs=1e-9)
        elif p == q == 0:
            assert one["psi"] == 0
    null = next(one for one in bins if one["kind"] == "null")
    assert null["observed"] == 1
    assert null["z"] == max(one["z"] for one in bins)


def test_top_bins_of_an_episode(failed: Desk) -> None:
    """An episode keeps the three bins that stood out most in its first window, the nulls first."""
    (episode, *_) = [one for one in failed.episodes() if one.feature == "x"]
    top: list[Any] = list(episode.top_bins)
    assert len(top) == 3
    assert top[0]["kind"] == "null"
    hour = (episode.start_us - LIVE) // HOUR_US
    ranked = sorted(told(failed, hour)["bins"], key=lambda one: -abs(one["z"]))
    assert [one["label"] for one in top] == [one["label"] for one in ranked[:3]]


def test_the_same_before_and_after_the_calibration_was_dropped(failed: Desk) -> None:
    """A week whose calibration is not kept any more is fitted again, to the same digits."""
    before = told(failed, 5)
    with failed.service.database.transaction() as conn:
        conn.execute(text("UPDATE chronicle SET calibration = NULL"))
    assert told(failed, 5) == before


def test_the_newest_window(failed: Desk) -> None:
    """Without a window the newest closed one is explained."""
    assert told(failed, None) == told(failed, WEEK + 23)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"hour": WEEK + 24}, "no-window"),
        ({"hour": 0, "version": "v2"}, "no-window"),
        ({"hour": 0, "feature": "nobody"}, "unknown-feature"),
    ],
)
def test_nothing_to_explain(learnt: Desk, said: dict[str, Any], code: str) -> None:
    """No such window, version or feature."""
    deliver(learnt, drawn(learnt, 1), 0, 1, batch="all")
    learnt.fold()
    with pytest.raises(NotFound) as missing:
        told(learnt, **said)
    assert missing.value.code == code
