"""The p-value of a Kolmogorov-Smirnov distance."""

import math

import numpy as np
import pytest
from scipy.stats import kstwobign

from app.drift.kolmogorov import p_value
from drift.baselines import NOTHING


@pytest.mark.parametrize(("n", "m"), [(1000, 200), (10, 10**6), (10**12, 10**12)])
def test_without_bins_it_is_the_limiting_law(n: int, m: int) -> None:
    """sqrt(n m / (n + m)) D follows Kolmogorov's distribution, as scipy has it."""
    size = math.sqrt(n / (n + m) * m)
    distance = np.linspace(0.1, 3, 20) / size
    np.testing.assert_allclose(p_value(distance, n, m), kstwobign.sf(distance * size), rtol=1e-9)


@pytest.mark.parametrize(("bins", "critical"), [(5, 1.103), (10, 1.176), (20, 1.228), (50, 1.278), (100, 1.304)])
def test_watching_at_bins_only_lowers_the_critical_distance(bins: int, critical: float) -> None:
    """The 5 % points of a Brownian bridge watched at equal steps, to the digits of a published simulation."""
    # With n = m = 2 the scaled distance sqrt(n m / (n + m)) D is D itself.
    assert float(p_value(critical, 2, 2, bins)) == pytest.approx(0.05, rel=0.03)


def test_an_empty_side_has_no_p() -> None:
    """No rows on either side, or none at all to test."""
    assert np.isnan(p_value([0.1, 0.1], [0, 10], [10, 0], 5)).all()
    assert p_value(NOTHING, NOTHING, NOTHING, NOTHING).shape == (0,)


def test_no_distance_is_no_surprise() -> None:
    """P falls from 1 with the distance."""
    p = p_value(np.linspace(0, 1, 50), 100, 100, 50)
    assert p[0] == pytest.approx(1.0)
    assert (np.diff(p) <= 0).all()
