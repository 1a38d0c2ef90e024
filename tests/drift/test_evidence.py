"""Evidence and the budget of pages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift import evidence
from app.drift.context import DAY_US, HOUR_US

ONE = np.array(1.0)


def test_line_of_two_hundred_hourly_features() -> None:
    """200 features, 720 windows a month, one page: log10 144,000."""
    assert evidence.line(200, length_us=HOUR_US, pages_per_month=1) == pytest.approx(5.158362492)
    assert evidence.line(1, length_us=DAY_US, pages_per_month=100) == pytest.approx(np.log10(0.3))
    with pytest.raises(ValueError, match="positive"):
        evidence.line(1, length_us=DAY_US, pages_per_month=0)


@pytest.mark.parametrize(
    ("p", "gain"), [(0.5, -0.729073), (0.01, 0.8), (1e-3, 1.7), (1e-4, 2.6), (1e-6, 4.4), (1e-12, 4.4)]
)
def test_what_a_window_adds(p: float, gain: float) -> None:
    """The worked values of 0.9 (-log10 p) - 1, with p no less than a millionth."""
    assert float(evidence.step(np.array(p), ONE)) == pytest.approx(gain, abs=1e-6)


def test_windows_to_a_page() -> None:
    """At a line of 5.16, p = 0.01 pages in seven windows and p = 1e-3 in four."""
    for p, windows in ((0.05, 31), (0.01, 7), (1e-3, 4), (1e-4, 2)):
        e, n = np.array(0.0), 0
        while e <= 5.158362492:
            e, n = evidence.advance(e, np.array(p), tau=ONE, line=5.158362492), n + 1
        assert n == windows


def test_cap_and_rest() -> None:
    """Evidence is capped one above the line, starts again from nothing, and rests where nothing was judged."""
    assert evidence.advance(np.array(5.0), np.array(1e-6), tau=ONE, line=5.0) == 6.0
    assert evidence.advance(np.array(-0.7), np.array(1e-3), tau=ONE, line=5.0) == pytest.approx(1.7)
    assert evidence.advance(np.array(2.5), np.array(np.nan), tau=ONE, line=5.0) == 2.5


@given(st.lists(st.one_of(st.floats(1e-7, 1.0), st.just(float("nan"))), min_size=1, max_size=60))
def test_worst_is_the_highest_point_of_the_walk(p: list[float]) -> None:
    """The closed form equals the walk window by window."""
    e, highest = 0.0, 0.0
    for each in p:
        if not np.isnan(each):
            e = max(e, 0.0) + float(evidence.step(np.array(each), ONE))
            highest = max(highest, e)
    assert float(evidence.worst(np.array(p)[:, None])[0]) == pytest.approx(highest, abs=1e-9)


def test_pace() -> None:
    """A reference that nearly alarmed slows a feature down, but never past half a week to a page."""
    tau, calm, wild = np.array([2.0]), np.array([0.0]), np.array([1e9])
    assert evidence.pace(tau, calm, line=4.0, length_us=HOUR_US)[0] == 2.0
    assert evidence.pace(tau, np.array([20.0]), line=4.0, length_us=HOUR_US)[0] == 10.0
    slowest = evidence.pace(tau, wild, line=4.0, length_us=HOUR_US)[0]
    assert slowest * 4.0 / 4.4 == pytest.approx(84)


def test_p_to_cross() -> None:
    """The probability named is the one that reaches the line."""
    before = np.array([0.0, 3.0])
    p = evidence.p_to_cross(before, tau=np.ones(2), line=4.0)
    np.testing.assert_allclose(np.maximum(before, 0) + 0.9 * -np.log10(p) - 1, 4.0)
