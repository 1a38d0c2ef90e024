"""A baseline as the calibration sees it."""

from functools import lru_cache
from typing import Final

import numpy as np

from app.drift.baseline import Baseline
from app.drift.bins import NumericBins
from app.drift.layout import Layout, layout

KEPT: Final = 64


@lru_cache(maxsize=KEPT)
def layout_of(baseline: Baseline) -> Layout:
    """Lay out a baseline's bins; baselines never change, so it is done once."""
    kinds = [one.kind.value for f in range(len(baseline.features)) for one in baseline.bins_of(f)]
    lower, upper = np.full(baseline.total, np.nan), np.full(baseline.total, np.nan)
    for f, feature in enumerate(baseline.features):
        if isinstance(feature.bins, NumericBins):
            first = int(baseline.offsets[f])
            lower[first : first + feature.bins.finite] = feature.bins.lower
            upper[first : first + feature.bins.finite] = feature.bins.upper
    rows = max(baseline.rows, 1)
    novelty = np.array([feature.singletons / rows for feature in baseline.features])
    return layout(
        baseline.offsets,
        kinds,
        groups=baseline.groups,
        baseline=baseline.counts,
        novelty=novelty,
        lower=lower,
        upper=upper,
    )
