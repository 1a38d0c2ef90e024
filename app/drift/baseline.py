"""The numbered, immutable reference of a model: the bins of its features and their reference histograms."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from app.drift.bins import Bin, NumericBins
from app.drift.categories import CategoricalBins
from app.drift.columns import Kind, Role
from app.drift.groups import groups_of
from app.drift.packs import FEATURES, Entry, NumericPack, numeric_packs
from app.drift.reference import Reference, reference_of

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BinnedFeature:
    """One feature and its bins; `means` of shape (K,) are the baseline's means inside the finite bins, NaN if empty.

    `known_count` and `singletons` count the categories of the baseline without a bin, and those that it held once.
    """

    name: str
    kind: Kind
    role: Role
    bins: NumericBins | CategoricalBins
    scale: float | None = None
    means: NDArray[np.float64] | None = None
    known_count: int = 0
    singletons: int = 0


@dataclass(frozen=True, eq=False)
class Baseline:
    """Everything needed to count rows and to score windows.

    The bins of all features lie side by side in published order: those of feature f are
    `offsets[f]:offsets[f + 1]` of `counts` and `groups`, both of shape (total,).
    """

    features: tuple[BinnedFeature, ...]
    offsets: Counts
    counts: Counts
    rows: int
    groups: Counts

    @classmethod
    def of(cls, features: Sequence[BinnedFeature], counts: Counts, rows: int) -> "Baseline":
        """Lay features side by side and group their bins; counts that do not sum to the rows raise ValueError."""
        offsets = np.cumsum([0, *(feature.bins.size for feature in features)]).astype(np.int64)
        counts = np.array(counts, dtype=np.int64)
        if counts.shape != (offsets[-1],) or (counts < 0).any():
            raise ValueError("a baseline needs one count of at least 0 for every bin")
        parts = [counts[a:b] for a, b in pairwise(offsets)]
        if any(int(part.sum()) != rows for part in parts):
            raise ValueError("the bins of every feature must sum to the rows")
        own = [groups_of(feature.bins, part) for feature, part in zip(features, parts, strict=True)]
        groups = np.concatenate([*own, np.zeros(0, dtype=np.int64)])
        return cls(tuple(features), offsets, counts, rows, groups)

    @property
    def total(self) -> int:
        """The number of all bins of all features."""
        return len(self.counts)

    def slice_of(self, f: int) -> slice:
        """Where the bins of feature f lie among all bins."""
        return slice(int(self.offsets[f]), int(self.offsets[f + 1]))

    def bins_of(self, f: int) -> list[Bin]:
        """Publish the bins of feature f."""
        feature = self.features[f]
        groups: list[int] = self.groups[self.slice_of(f)].tolist()
        if isinstance(feature.bins, CategoricalBins):
            return feature.bins.describe(groups)
        means: list[float | None] = [None] * feature.bins.finite
        if feature.means is not None:
            means = [None if np.isnan(mean) else float(mean) for mean in feature.means]
        return feature.bins.describe(groups, means)

    def packs_for(self, rows: int) -> tuple[NumericPack, ...]:
        """How to count the numeric features of so many rows: with few of them, more features at a time."""
        most = next(features for below, features in FEATURES if below is None or rows < below)
        kept = self._packs.get(most)
        return self._packs.setdefault(most, numeric_packs(self._entries(), features=most)) if kept is None else kept

    @cached_property
    def _packs(self) -> dict[int, tuple[NumericPack, ...]]:
        """The packs of so many features at most, built when first needed."""
        return {}

    def _entries(self) -> list[Entry]:
        return [
            (f, feature.name, feature.bins, int(self.offsets[f]))
            for f, feature in enumerate(self.features)
            if isinstance(feature.bins, NumericBins)
        ]

    @cached_property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each feature by its name."""
        return {feature.name: feature.kind for feature in self.features}

    @cached_property
    def words(self) -> frozenset[str]:
        """The names of the categorical features."""
        return frozenset(name for name, kind in self.kinds.items() if kind is Kind.CATEGORICAL)

    @cached_property
    def categorical(self) -> tuple[tuple[int, BinnedFeature, CategoricalBins], ...]:
        """The categorical features with their numbers and bins."""
        return tuple((f, one, one.bins) for f, one in enumerate(self.features) if isinstance(one.bins, CategoricalBins))

    @cached_property
    def reference(self) -> Reference:
        """What scoring needs, worked out when first needed."""
        parts = [(feature.bins, feature.means, feature.scale) for feature in self.features]
        return reference_of(parts, counts=self.counts, rows=self.rows, groups=self.groups)
