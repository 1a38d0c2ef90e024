"""The counts of one feature in one window, asked the questions that expectations ask of a column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.bins import NumericBins
from app.drift.categories import HASH_SEED, OTHER_BUCKETS, CategoricalBins
from app.drift.columns import Kind

_LONGEST_CATEGORY = 256


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows of one feature: all, and those without a value (null, or not a number)."""

    kind: Kind
    rows: int
    missing: int
    invalid: int

    @property
    def present(self) -> int:
        """Count the rows that have a value."""
        return self.rows - self.missing

    def equal(self, value: Any) -> int | None:
        """Count the rows that hold a value; None when the counts do not tell."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class NumberTally(Tally):
    """A numeric feature: closed intervals of doubles with their counts, ascending, infinities apart."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: NDArray[np.int64]
    negative: int
    positive: int
    sum: float

    @property
    def plain(self) -> bool:
        """Tell whether every value present is finite."""
        return not (self.invalid or self.negative or self.positive)

    def below(self, bound: float, *, inclusive: bool) -> int | None:
        """Count the values below a bound, or up to it; None when it cuts an interval that holds rows."""
        limit = bound if inclusive else float(np.nextafter(bound, -np.inf))
        cut = (self.low <= limit) & (limit < self.high) & (self.counts > 0)
        if self.invalid or cut.any() or np.isnan(bound):
            return None
        least = bound > -np.inf or inclusive
        most = self.positive if bound == np.inf and inclusive else 0
        return int(self.counts[self.high <= limit].sum()) + (self.negative if least else 0) + most

    def equal(self, value: Any) -> int | None:
        """Count the rows that hold a number."""
        if self.invalid:
            return None
        if isinstance(value, str) or value is None:
            return 0
        number = float(value)
        if np.isinf(number):
            return self.positive if number > 0 else self.negative
        around = (self.low <= number) & (number <= self.high) & (self.counts > 0)
        if not around.any():
            return 0
        alone = around & (self.low == self.high)
        return int(self.counts[alone].sum()) if alone.any() else None


@dataclass(frozen=True, slots=True)
class CategoryTally(Tally):
    """A categorical feature: its categories with their counts, and the rows of all others."""

    categories: dict[str, int]
    known: NDArray[np.uint64]
    known_exact: bool
    other: NDArray[np.int64]
    unseen: int

    @property
    def elsewhere(self) -> int:
        """Count the rows whose category has no bin of its own."""
        return int(self.other.sum()) + self.unseen

    def equal(self, value: Any) -> int | None:
        """Count the rows that hold a category."""
        if self.invalid:
            return None
        if not isinstance(value, str):
            return 0
        if value in self.categories:
            return self.categories[value]
        octets = value.encode("utf-8", "surrogatepass")
        if len(octets) > _LONGEST_CATEGORY or not self.known_exact:
            return None if self.elsewhere else 0
        hashed = xxhash.xxh64_intdigest(octets, HASH_SEED)
        place = int(np.searchsorted(self.known, np.uint64(hashed)))
        seen = place < len(self.known) and int(self.known[place]) == hashed
        crowd = int(self.other[hashed % OTHER_BUCKETS]) if seen else self.unseen
        return None if crowd else 0


def tally_of(baseline: Baseline, f: int, counts: NDArray[np.int64], total: float) -> Tally:
    """Give the tally of feature `f` from a window's counts, of shape (bins,), and the sum of its finite values."""
    feature = baseline.features[f]
    own = counts[baseline.slice_of(f)]
    finite, rest = own[: feature.bins.finite], own[feature.bins.finite :].tolist()
    rows = int(own.sum())
    if isinstance(feature.bins, CategoricalBins):
        return CategoryTally(
            kind=Kind.CATEGORICAL,
            rows=rows,
            missing=rest[0],
            invalid=rest[-1],
            categories=dict(zip(feature.bins.categories, finite.tolist(), strict=True)),
            known=feature.bins.known,
            known_exact=feature.bins.known_exact,
            other=own[feature.bins.finite + 1 : feature.bins.finite + 1 + OTHER_BUCKETS],
            unseen=rest[-2],
        )
    low, high = intervals(feature.bins)
    null, nan, negative, positive, invalid = rest
    return NumberTally(
        kind=Kind.NUMERIC,
        rows=rows,
        missing=null + nan,
        invalid=invalid,
        low=low,
        high=high,
        counts=finite,
        negative=negative,
        positive=positive,
        sum=total,
    )


def intervals(bins: NumericBins) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Write each bin as the closed interval of doubles that it can hold; those with an own bin are not in a range."""
    low = np.where(bins.is_value, bins.lower, np.nextafter(bins.lower, np.inf))
    high = bins.upper.copy()
    follows = np.append(bins.is_value[1:], False)
    values = np.append(bins.lower[1:], np.inf)
    shared = ~bins.is_value & follows & (high == values)
    high[shared] = np.nextafter(high[shared], -np.inf)
    biggest = np.finfo(np.float64).max
    return np.maximum(low, -biggest), np.minimum(high, biggest)
