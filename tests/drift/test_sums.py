"""Sums and means whose last digits nobody can see."""

import numpy as np
import pytest

from app.drift.sums import settled


@pytest.mark.parametrize("scale", [1e-280, 1e-9, 1.0, 1e9, 1e300])
def test_the_order_of_terms_leaves_no_trace(scale: float) -> None:
    """A mean of a thousand values has the same bits whichever way they are added up."""
    values = scale * np.random.default_rng(3).lognormal(size=(1000, 20))
    ways = [values.sum(axis=0), values[::-1].cumsum(axis=0)[-1], np.asarray(values.T, order="C").sum(axis=1)]
    assert len({way.tobytes() for way in ways}) > 1
    assert len({settled(way / 1000).tobytes() for way in ways}) == 1


def test_what_has_no_digits_stays() -> None:
    """Nothing, the least and the largest double, infinities and no number."""
    odd = np.array([0.0, 5e-324, -5e-324, 1.7e308, np.inf, -np.inf, np.nan])
    np.testing.assert_allclose(settled(odd), odd, rtol=1e-11)
    np.testing.assert_array_equal(settled(np.array([0.1 + 0.2, -1.0 / 3.0])), [0.3, -0.333333333333])
