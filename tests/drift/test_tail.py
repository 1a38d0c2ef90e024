"""Probabilities of log scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drift import tail


def fitted(score: np.ndarray, *, bend: float = 0.0) -> tail.Tail:
    """The law of one feature whose windows are all on days of their own."""
    return tail.fit(score[:, None], np.ones((len(score), 1), dtype=np.bool_), day=np.arange(len(score)), bend=bend)


def test_tail_by_hand() -> None:
    """Ten windows 1 to 10: two exceed 8 by 1 and 2; with one prior excess of 0.2 the law is 3/11 (1 + x/3.2)^-3."""
    law = fitted(np.arange(1.0, 11.0))
    assert law.share[0] == pytest.approx(3 / 11)
    assert law.scale[0] == pytest.approx(3.2 / 3)
    assert law.days[0] == 3
    assert law.p(np.array([[10.0]]))[0, 0] == pytest.approx(3 / 11 * (1 + 2 / 3.2) ** -3)


def test_windows_of_one_day_are_one_witness() -> None:
    """The same scores on one day make a heavier tail."""
    score = np.arange(1.0, 101.0)[:, None]
    counts = np.ones((100, 1), dtype=np.bool_)
    apart = tail.fit(score, counts, day=np.arange(100))
    together = tail.fit(score, counts, day=np.zeros(100, dtype=np.int64))
    assert together.p(np.array([[200.0]]))[0, 0] > 10 * apart.p(np.array([[200.0]]))[0, 0]


def test_bent_tail_by_hand() -> None:
    """Eighty scores 1 to 80: sixteen exceed 64 by 1 to 16; spread evenly, they bend the tail."""
    law = fitted(np.arange(1.0, 81.0), bend=0.2)
    mean, share = 136.2 / 17, 17 / 81
    assert law.bend[0] == 0.2
    assert law.scale[0] == pytest.approx(mean / 0.8521108)
    bent = (np.exp(0.2 * 16 / law.scale[0]) - 1) / 0.2
    assert law.p(np.array([[80.0]]))[0, 0] == pytest.approx(share * (1 + bent / 17) ** -17)


def test_a_heavy_tail_is_not_bent() -> None:
    """Exceedances that spread more than an exponential law's keep its tail."""
    score = np.exp(np.linspace(0.0, 8.0, 200) ** 1.5)
    assert fitted(score, bend=0.2).bend[0] == 0
    np.testing.assert_array_equal(fitted(score, bend=0.2).scale, fitted(score).scale)


@given(
    st.lists(st.floats(-6, 6), min_size=1, max_size=300),
    st.floats(1e-6, 0.9),
    st.sampled_from([0.0, 0.2, 0.3]),
)
def test_score_is_the_inverse_of_p(score: list[float], p: float, bend: float) -> None:
    """The line drawn at p has probability p, up to windows that tie."""
    law = fitted(np.array(score), bend=bend)
    line = law.score(np.array([p]))
    assert law.p(line[None] + 1e-9)[0, 0] <= p * (1 + 1e-6)
    assert np.isfinite(line).all()


@given(st.lists(st.floats(-6, 6), min_size=1, max_size=300), st.sampled_from([0.0, 0.3]))
def test_p_falls_from_one_to_nothing(score: list[float], bend: float) -> None:
    """Probabilities are in (0, 1], never NaN, and fall as the score rises."""
    p = fitted(np.array(score), bend=bend).p(np.linspace(-8, 20, 57)[:, None])[:, 0]
    assert (np.diff(p) <= 1e-12).all()
    assert (p > 0).all()
    assert p[0] == 1


def test_unknown_stays_unknown() -> None:
    """NaN has no probability, and a law without witnesses still answers."""
    law = tail.fit(np.zeros((0, 1)), np.zeros((0, 1), dtype=np.bool_), day=np.zeros(0, dtype=np.int64))
    assert np.isnan(law.p(np.array([[np.nan]]))[0, 0])
    assert 0 < law.p(np.array([[3.0]]))[0, 0] <= 1


def test_size_on_exponential_scores() -> None:
    """With 1,344 windows, probabilities of fresh exponential scores hold their size within a factor of two."""
    rng = np.random.default_rng(7)
    law = tail.fit(rng.exponential(size=(1344, 40)), np.ones((1344, 40), dtype=np.bool_), day=np.arange(1344) // 24)
    p = law.p(rng.exponential(size=(20_000, 40)))
    for nominal in (0.1, 0.01, 0.001):
        assert 0.5 < (p <= nominal).mean() / nominal < 2


@pytest.mark.parametrize("windows", [448, 1344])
def test_size_on_what_dice_make(windows: int) -> None:
    """Logarithms of chi-square sums, by windows of three hours and of one, hold their size within a factor of two."""
    rng = np.random.default_rng(7)
    day = np.arange(windows) * 56 // windows
    for degrees in (9, 50):
        past = np.log(rng.chisquare(degrees, size=(windows, 60)))
        law = tail.fit(past, np.ones(past.shape, dtype=np.bool_), day=day, bend=0.25)
        p = law.p(np.log(rng.chisquare(degrees, size=(10_000, 60))))
        for nominal in (0.1, 0.01, 0.001):
            assert 0.5 < (p <= nominal).mean() / nominal < 2
