"""Evidence and the budget of pages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift import evidence
from app.drift.context import DAY_US, HOUR_US

STEADY = evidence.Pace(rise=np.array(1.0), fall=np.array(1.0))
NO, YES = np.zeros((), np.bool_), np.ones((), np.bool_)


def test_line_of_two_hundred_hourly_features() -> None:
    """200 features, 720 windows a month, one page: log10 144,000."""
    assert evidence.line(200, length_us=HOUR_US, pages_per_month=1) == pytest.approx(5.158362492)
    assert evidence.line(1, length_us=DAY_US, pages_per_month=100) == pytest.approx(np.log10(0.3))
    with pytest.raises(ValueError, match="positive"):
        evidence.line(1, length_us=DAY_US, pages_per_month=0)


@pytest.mark.parametrize(
    ("p", "gain"),
    [(0.5, -0.310921), (0.05, 0.317037), (0.01, 0.796498), (1e-3, 1.538029), (1e-6, 3.986411), (0, 3.986411)],
)
def test_what_a_window_adds(p: float, gain: float) -> None:
    """Worked values of log10 of the mean of 0.15 p^-0.85 and 0.5 p^-0.5, with p no less than a millionth."""
    assert float(evidence.step(np.array(p))) == pytest.approx(gain, abs=1e-6)


@pytest.mark.parametrize("tau", [1.0, 3.0])
def test_the_calibrator_is_an_e_value(tau: float) -> None:
    """Under a uniform p the mean of 10^step is at most 1, so that evidence c is rarer than 10^-c."""
    p = (np.arange(1_000_000) + 0.5) / 1_000_000
    assert float(np.mean(10.0 ** (evidence.step(p) / tau))) <= 1.0


def test_windows_to_a_page() -> None:
    """At a line of 5.16 and a pace of 1: how many windows of one probability make a page."""
    for p, windows in ((0.05, 17), (0.01, 7), (1e-3, 4), (1e-4, 3), (1e-6, 2)):
        e, n = np.array(0.0), 0
        while e <= 5.158362492:
            e, n = evidence.advance(e, np.array(p), pace=STEADY, healing=NO, line=5.158362492), n + 1
        assert n == windows


def test_cap_and_rest() -> None:
    """Evidence is capped one above the line, starts again from nothing, and rests where nothing was judged."""
    assert evidence.advance(np.array(5.0), np.array(1e-6), pace=STEADY, healing=NO, line=5.0) == 6.0
    fresh = evidence.advance(np.array(-0.7), np.array(1e-3), pace=STEADY, healing=NO, line=5.0)
    assert fresh == evidence.step(np.array(1e-3))
    assert evidence.advance(np.array(2.5), np.array(np.nan), pace=STEADY, healing=NO, line=5.0) == 2.5


@given(st.floats(0.1, 10.0))
def test_one_window_alone_never_pages(line: float) -> None:
    """From nothing even the most unlikely window stays below the line."""
    assert evidence.advance(np.array(0.0), np.array(0.0), pace=STEADY, healing=NO, line=line) < line


def test_an_open_episode_heals_at_full_pace() -> None:
    """What rises is slowed by tau and unrest, what falls by tau alone, and in an open episode by nothing."""
    slow = evidence.Pace(rise=np.array(8.0), fall=np.array(2.0))
    before, bad, good = np.array(3.0), np.array(1e-4), np.array(0.5)
    lost, gained = float(evidence.step(good)), float(evidence.step(bad))
    for healing, divisor in ((NO, 2.0), (YES, 1.0)):
        assert evidence.advance(before, bad, pace=slow, healing=healing, line=5.0) == 3.0 + gained / 8.0
        assert evidence.advance(before, good, pace=slow, healing=healing, line=5.0) == 3.0 + lost / divisor


def test_story() -> None:
    """A story is nine hours long, three windows at least and four and a half at most."""
    assert [evidence.story(length) for length in (HOUR_US, 2 * HOUR_US, 3 * HOUR_US, DAY_US)] == [4.5, 4.5, 3.0, 3.0]


def test_pace() -> None:
    """Unrest slows what rises alone, and never delays a page past half a week."""
    tau, calm, wild = np.array([2.0, 6.0]), np.ones(2), np.full(2, 1e9)
    assert evidence.pace(tau, calm, line=4.0, length_us=HOUR_US).rise.tolist() == [2.0, 6.0]
    assert evidence.pace(tau, 2 * calm, line=4.0, length_us=HOUR_US).rise.tolist() == [4.0, 12.0]
    assert evidence.pace(tau, 2 * calm, line=4.0, length_us=HOUR_US).fall.tolist() == [2.0, 6.0]
    slowest = evidence.pace(tau, wild, line=4.0, length_us=HOUR_US).rise[0]
    assert slowest * 4.0 / float(evidence.step(np.array(1e-6))) == pytest.approx(84)


def test_unrest_of_a_day_that_moves_them_all() -> None:
    """Five features at p = 0.01 slow each other down sixfold; at p = 0.5 not at all."""
    p = np.array([[0.01] * 5, [0.5] * 5])
    features, volume = evidence.unrest(p)
    np.testing.assert_array_equal(features, [[6.0] * 5, [1.0] * 5])
    np.testing.assert_array_equal(volume, [6.0, 1.0])
    worked, _ = evidence.unrest(np.array([[1e-3, 10**-0.6, 10**-0.5, 10**-0.4]]))
    np.testing.assert_allclose(worked, [[2.5, 2.5, 4.0, 5.5]])


@given(
    st.lists(st.floats(1e-9, 1.0), min_size=2, max_size=6),
    st.floats(0.4, 1.0),
    st.one_of(st.floats(1e-12, 1.0), st.just(float("nan"))),
)
def test_one_broken_feature_slows_nobody_down(others: list[float], calm: float, broken: float) -> None:
    """Among calm features one of any probability, or none, leaves every pace as it is; so do fewer than two others."""
    features, volume = evidence.unrest(np.array([[broken, *[calm] * len(others)]]))
    assert (features == 1.0).all()
    assert (volume == 1.0).all()
    assert (evidence.unrest(np.array([others[:2]]))[0] == 1.0).all()


@given(st.lists(st.lists(st.floats(1e-9, 1.0), min_size=4, max_size=4), min_size=1, max_size=5))
def test_unrest_is_each_windows_own(p: list[list[float]]) -> None:
    """Windows asked together and one by one give the same digits."""
    whole, volume = evidence.unrest(np.array(p))
    for w, one in enumerate(p):
        features, alone = evidence.unrest(np.array([one]))
        np.testing.assert_array_equal(features[0], whole[w])
        assert alone[0] == volume[w]
