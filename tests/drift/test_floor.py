"""The noise floor of PSI."""

import numpy as np
import pytest
from scipy import stats

from app.drift.floor import noise_floor
from drift.streams import laid, numeric, starts, traffic


def test_by_hand() -> None:
    """100 rows against 400, 17 groups: e = 0.0125, so PSI of 0.4 is 2 times its floor, and chi-square of 32 at 16."""
    at = starts(2)
    layout = laid(numeric(at, traffic(at), feature=0), 1)
    floor = noise_floor(layout, np.array([[0.4], [0.0], [0.4]]), np.array([100, 100, 0]), baseline_rows=400)
    assert floor.ratio[:2, 0] == pytest.approx([2.0, 0.0], abs=1e-12)
    assert floor.p[:2, 0] == pytest.approx([stats.chi2.sf(32.0, 16), 1.0], abs=1e-12)
    assert np.isnan(floor.ratio[2, 0])
    assert np.isnan(floor.p[2, 0])
