"""A baseline as the calibration sees it."""

from functools import lru_cache

import numpy as np

from app.drift.baseline import Baseline
from app.drift.layout import Layout, layout

KEPT = 64


@lru_cache(maxsize=KEPT)
def layout_of(baseline: Baseline) -> Layout:
    """Lay out a baseline's bins; baselines never change, so it is done once."""
    kinds = [one.kind.value for f in range(len(baseline.features)) for one in baseline.bins_of(f)]
    rows = max(baseline.rows, 1)
    novelty = np.array([feature.singletons / rows for feature in baseline.features])
    return layout(baseline.offsets, kinds, groups=baseline.groups, baseline=baseline.counts, novelty=novelty)
