"""Calibrated p-values of a stationary stream fall below a level about as often as the level says."""

import numpy as np
import pytest

from acceptance.weeks import FEATURES, at, based, sent, weeks
from acceptance.world import World, iso


def test_sizes(world: World) -> None:
    """Over eight weeks of hours the share of small p-values is within a factor of two, at 0.1 and at 0.01."""
    model = based(world.model(), weeks(21, 0, 8))
    sent(model, [weeks(22, 8, 4), weeks(22, 12, 4)])
    model.evaluate()
    for statistic in ("evidence", "psi", "ks"):
        rows = model.scores(statistic=statistic, **{"from": iso(at(8))})
        p = np.array([row["p_value"] for row in rows if row["p_value"] is not None])
        wanted = len(FEATURES) - 2 * (statistic == "ks")
        assert len(p) > 0.9 * wanted * 8 * 168
        for level in (0.1, 0.01):
            assert level / 2 <= np.mean(p <= level) <= 2 * level, (statistic, level, np.mean(p <= level))
    volume = [row["p_value"] for row in model.scores(statistic="volume")]
    assert np.mean(np.array(volume) <= 0.1) == pytest.approx(0.1, abs=0.08)
