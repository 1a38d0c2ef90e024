"""Small baselines made by hand."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NUMERIC_RESERVED, NumericBins
from app.drift.categories import CategoricalBins
from app.drift.columns import Kind, Role

NOTHING = np.empty(0)


def numeric_bins(edges: Sequence[float], values: Sequence[float] = ()) -> NumericBins:
    """Ranges that end at the edges and values with bins of their own."""
    return NumericBins.between(np.array(edges, dtype=np.float64), np.array(values, dtype=np.float64))


def categorical_bins(*categories: str) -> CategoricalBins:
    """Bins for these categories; no other was ever known."""
    return CategoricalBins(categories, known=np.empty(0, dtype=np.uint64))


def numeric(
    bins: NumericBins, *, name: str = "x", scale: float = 1.0, means: Sequence[float] | None = None
) -> BinnedFeature:
    """A numeric feature on these bins."""
    own = None if means is None else np.array(means, dtype=np.float64)
    return BinnedFeature(name, Kind.NUMERIC, Role.FEATURE, bins, scale=scale, means=own)


def categorical(bins: CategoricalBins, *, name: str = "c") -> BinnedFeature:
    """A categorical feature on these bins."""
    return BinnedFeature(name, Kind.CATEGORICAL, Role.FEATURE, bins)


def padded(counts: Sequence[int], bins: NumericBins | CategoricalBins) -> NDArray[np.int64]:
    """Counts of the first bins, and 0 for all that follow."""
    return np.array([*counts, *[0] * (bins.size - len(counts))], dtype=np.int64)


def of_counts(counts: Sequence[int]) -> Baseline:
    """One numeric feature whose values 0, 1, ... b lie in ranges up to each; no reserved rows."""
    bins = numeric_bins([b + 0.5 for b in range(len(counts) - 1)])
    feature = numeric(bins, means=[float(b) for b in range(len(counts))])
    return Baseline.of([feature], padded(counts, bins), sum(counts))


def window_of(counts: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts (1, total) and rows (1,) of a window on the bins of `of_counts`."""
    return np.array([[*counts, *[0] * len(NUMERIC_RESERVED)]], dtype=np.int64), np.array([sum(counts)])
