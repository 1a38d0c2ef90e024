"""Evidence is divided by how far it climbs on the reference's own windows."""

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.special import ndtr

from app.drift import evidence, excursions

WINDOWS = 1344
INDEX = np.arange(WINDOWS)


def test_height_of_one_excursion() -> None:
    """Two windows of 0.001 among ordinary ones climb to 3.076: beside eight usual excursions a mean of 1.55."""
    p = np.full((50, 1), 0.5)
    p[[20, 21]] = 1e-3
    peak = 2 * float(evidence.step(np.array(1e-3)))
    usual = 1 / np.log(10)
    assert excursions.heights(p)[0] == pytest.approx((peak - 0.5 + 8 * usual) / (9 * usual))
    p[[5, 40]] = np.nan
    assert excursions.heights(p)[0] == pytest.approx((peak - 0.5 + 8 * usual) / (9 * usual))


def test_an_excursion_that_has_not_ended_counts() -> None:
    """A reference may end in the middle of one."""
    p = np.full((10, 1), 0.5)
    p[-2:] = 1e-3
    assert excursions.heights(p)[0] > 1.5


def test_dice_climb_as_they_should() -> None:
    """Independent probabilities leave the pace at about 1."""
    p = np.random.default_rng(3).random((WINDOWS, 20))
    assert np.abs(excursions.heights(p) - 1.0).mean() < 0.2
    assert excursions.pace(p, np.ones(20), index=INDEX).mean() < 1.5


def test_what_wanders_is_slowed_and_what_hardly_moves_is_not() -> None:
    """An AR(1) of 0.98 is slowed tenfold or more; one as lasting that stays in the body of its law twofold."""
    noise = np.random.default_rng(4).normal(size=(WINDOWS, 6))
    wandering = ndtr(-np.abs(lfilter([np.sqrt(1 - 0.98**2)], [1, -0.98], noise, axis=0))) * 2
    slow = excursions.pace(wandering, np.full(6, 6.0), index=INDEX)
    assert np.median(slow) > 10.0
    harmless = np.maximum(wandering, 0.2)
    np.testing.assert_array_equal(excursions.pace(harmless, np.full(6, 6.0), index=INDEX), 2.0)


def test_nothing_judged() -> None:
    """Without windows, or with none that was judged, evidence keeps its pace."""
    nothing = np.zeros((0, 2))
    np.testing.assert_array_equal(excursions.pace(nothing, np.ones(2), index=INDEX[:0]), 1.0)
    np.testing.assert_array_equal(excursions.pace(np.full((9, 2), np.nan), np.ones(2), index=INDEX[:9]), 1.0)
