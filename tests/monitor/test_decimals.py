"""Decimals as integers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.monitor.decimals import MOST_FAILURES, Decimals

NAMES = ("a", "b", "c")
DOUBLES = st.floats() | st.integers(-(2**33), 2**33).map(float) | st.decimals(-1000, 1000, places=3).map(float)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 5).flatmap(lambda n: arrays(np.float64, (3, n), elements=DOUBLES)), max_size=4))
def test_what_is_taken_comes_back(portions: list[np.ndarray[tuple[int, int], np.dtype[np.float64]]]) -> None:
    """Every column that was taken gives its doubles back to the bit, whatever came before."""
    decimals = Decimals()
    for values in portions:
        whole = decimals.whole(NAMES, values)
        if whole is not None:
            out = np.full_like(values, 7.5)
            whole.write(out)
            assert (out[whole.columns] + 0.0).tobytes() == (values[whole.columns] + 0.0).tobytes()
            others = np.delete(np.arange(3), whole.columns)
            assert (out[others] == 7.5).all()


def test_which_columns_are_taken() -> None:
    """Prices and counts are, at whatever digit they end; doubles of all digits are not, and soon not tried."""
    rng = np.random.default_rng(5)
    decimals = Decimals()
    for n in range(2 * MOST_FAILURES):
        prices = np.round(rng.normal(size=100), 2 + n % 3)
        whole = decimals.whole(NAMES, np.array([prices, rng.normal(size=100), rng.integers(-(2**31), 2**31, 100)]))
        assert whole is not None
        assert whole.columns == [0, 2]
        assert whole.scales[whole.columns.index(0)] == 10.0 ** min(2 + n, 4)
    assert decimals._failures == {"b": MOST_FAILURES}


def test_what_is_no_decimal() -> None:
    """Neither infinities nor NaN, nor integers beyond 32 bits."""
    for odd in (np.nan, np.inf, -np.inf, 2.0**31, -(2.0**31) - 1, 1e300, 5e-324):
        assert Decimals().whole(["x"], np.array([[1.0, odd]])) is None
    assert Decimals().whole([], np.empty((0, 3))) is None
