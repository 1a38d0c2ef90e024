"""Where each feature's bins lie in the concatenated counts, and which of them are special."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_FINITE = frozenset({"range", "value"})
ABSENT = -1


@dataclass(frozen=True, slots=True)
class Layout:
    """The bins of F features side by side, shape (total,), and the baseline's counts in them.

    `null`, `unseen` and `invalid` hold the position of that bin within the concatenated counts, ABSENT where a
    feature has none. `novelty` is the share of rows expected in `unseen` (Good-Turing: singletons / rows).
    `lower` and `upper`, (total,), bound the finite bins, equal in a value bin, infinite where open; NaN elsewhere.
    """

    offsets: Ints
    groups: Ints
    finite: Bools
    null: Ints
    unseen: Ints
    invalid: Ints
    baseline: Ints
    novelty: Floats
    lower: Floats
    upper: Floats

    @property
    def features(self) -> int:
        """Number of features."""
        return len(self.offsets) - 1

    @property
    def sizes(self) -> Ints:
        """Bins of each feature, shape (F,)."""
        return np.diff(self.offsets)

    @property
    def group_starts(self) -> Ints:
        """First bin of every PSI group, in order."""
        fresh = np.ones(len(self.groups), dtype=np.bool_)
        fresh[1:] = self.groups[1:] != self.groups[:-1]
        fresh[self.offsets[:-1]] = True
        return np.flatnonzero(fresh).astype(np.int64)

    def part(self, first: int, last: int) -> "Layout":
        """The layout of features first to last - 1 alone."""
        low, high = int(self.offsets[first]), int(self.offsets[last])

        def moved(position: Ints) -> Ints:
            mine = position[first:last]
            return np.where(mine == ABSENT, ABSENT, mine - low)

        return Layout(
            offsets=self.offsets[first : last + 1] - low,
            groups=self.groups[low:high],
            finite=self.finite[low:high],
            null=moved(self.null),
            unseen=moved(self.unseen),
            invalid=moved(self.invalid),
            baseline=self.baseline[low:high],
            novelty=self.novelty[first:last],
            lower=self.lower[low:high],
            upper=self.upper[low:high],
        )


def layout(  # noqa: PLR0913 - a bin is told by all of them
    offsets: Ints,
    kinds: Sequence[str],
    *,
    groups: Ints,
    baseline: Ints,
    novelty: Floats | None = None,
    lower: Floats | None = None,
    upper: Floats | None = None,
) -> Layout:
    """Lay out bins whose kinds, shape (total,), are the words of a published baseline."""
    features = len(offsets) - 1
    words = np.array([str(kind) for kind in kinds], dtype=np.str_)

    def where(word: str) -> Ints:
        position = np.full(features, ABSENT, dtype=np.int64)
        found = np.flatnonzero(words == word)
        position[np.searchsorted(offsets, found, side="right") - 1] = found
        return position

    return Layout(
        offsets=np.asarray(offsets, dtype=np.int64),
        groups=np.asarray(groups, dtype=np.int64),
        finite=np.isin(words, sorted(_FINITE)),
        null=where("null"),
        unseen=where("unseen"),
        invalid=where("invalid"),
        baseline=np.asarray(baseline, dtype=np.int64),
        novelty=np.zeros(features) if novelty is None else np.asarray(novelty, dtype=np.float64),
        lower=np.full(len(words), np.nan) if lower is None else np.asarray(lower, dtype=np.float64),
        upper=np.full(len(words), np.nan) if upper is None else np.asarray(upper, dtype=np.float64),
    )


def total(values: NDArray[np.generic], layout: Layout) -> NDArray[np.generic]:
    """Sum over the bins of each feature: (..., total) to (..., F)."""
    return np.add.reduceat(values, layout.offsets[:-1], axis=-1)
