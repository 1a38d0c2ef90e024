"""Where single values go among the bins of a baseline."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from app.drift.baseline import Baseline
from app.drift.bins import NumericBins
from app.monitor.plan import Plan

_Number = tuple[int, int, list[float]]
"""A numeric feature: its number, its first bin, and its cuts."""
_Word = tuple[int, Mapping[str, int]]
"""A categorical feature: its number, and the bin of each category."""


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Where the values of a baseline's features go, by name, and the bins of a row (F,) without any."""

    numbers: dict[str, _Number]
    words: dict[str, _Word]
    nulls: "array[int]"
    zeros: "array[float]"
    bins: int

    @staticmethod
    @lru_cache(maxsize=64)
    def of(baseline: Baseline) -> "Slots":
        """Look it up once for a baseline."""
        numbers: dict[str, _Number] = {}
        words: dict[str, _Word] = {}
        for f, (feature, first) in enumerate(zip(baseline.features, baseline.offsets.tolist(), strict=False)):
            bins = feature.bins
            if isinstance(bins, NumericBins):
                numbers[feature.name] = (f, first, bins.cuts.tolist())
            else:
                words[feature.name] = (f, {text: first + place for place, text in enumerate(bins.categories)})
        nulls = array("i", Plan.of(baseline).nulls.tolist())
        return Slots(numbers, words, nulls, array("d", bytes(8 * len(nulls))), baseline.total)
