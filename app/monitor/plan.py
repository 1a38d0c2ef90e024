"""Where the counts of posted features go, and what they add up to, worked out once for a baseline."""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.categories import CategoricalBins
from app.wire.windows import LARGEST_COUNT, Counted

_WHOLE: Final = np.dtype("<i8")
_counts = attrgetter("counts")


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The features of a baseline: names, sizes (F,), null bins (F,), and means of all bins (total,), 0 without one."""

    names: tuple[str, ...]
    sizes: list[int]
    packers: list[Callable[..., bytes]]
    starts: NDArray[np.int64]
    nulls: NDArray[np.int64]
    means: NDArray[np.float64]

    @staticmethod
    @lru_cache(maxsize=64)
    def of(baseline: Baseline) -> "Plan":
        """Plan for a baseline."""
        starts = baseline.offsets[:-1]
        sizes = np.diff(baseline.offsets).tolist()
        means = np.zeros(baseline.total)
        for start, feature in zip(starts.tolist(), baseline.features, strict=True):
            if feature.means is not None:
                means[start : start + len(feature.means)] = np.nan_to_num(feature.means)
        return Plan(
            names=tuple(feature.name for feature in baseline.features),
            sizes=sizes,
            packers=[struct.Struct(f"<{size}q").pack for size in sizes],
            starts=starts,
            nulls=starts + np.array([null_of(feature) for feature in baseline.features], np.int64),
            means=means,
        )

    def counts(self, rows: int, features: Mapping[str, Counted]) -> NDArray[np.int64] | None:
        """Lay posted counts side by side, null where a feature is left out; None when they contradict themselves."""
        if tuple(features) == self.names:
            return self._whole(rows, [*map(_counts, features.values())], out=())
        lists: list[Sequence[int]] = []
        out = []
        for place, (name, size) in enumerate(zip(self.names, self.sizes, strict=True)):
            found = features.get(name)
            if found is None:
                out.append(place)
                lists.append([0] * size)
            else:
                lists.append(found.counts)
        return self._whole(rows, lists, out=out)

    def _whole(self, rows: int, lists: Sequence[Sequence[int]], *, out: Sequence[int]) -> NDArray[np.int64] | None:
        try:
            octets = bytearray().join([pack(*own) for pack, own in zip(self.packers, lists, strict=True)])
        except struct.error:  # too few, too many, or too large
            return None
        laid = np.frombuffer(octets, _WHOLE)
        if len(out):
            laid[self.nulls[list(out)]] = rows
        if len(laid) and not (laid.min() >= 0 and laid.max() <= LARGEST_COUNT):
            return None
        return laid if (np.add.reduceat(laid, self.starts) == rows).all() else None

    def sums(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Estimate the sum of each feature's finite values: every row at the baseline's mean of its bin."""
        return np.asarray(np.add.reduceat(counts * self.means, self.starts), np.float64)


def null_of(feature: BinnedFeature) -> int:
    """Give the place of a feature's null bin among its bins."""
    return feature.bins.null if isinstance(feature.bins, CategoricalBins) else feature.bins.finite
