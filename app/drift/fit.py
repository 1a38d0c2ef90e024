"""Learning a baseline from rows that are read twice: once to place the bins, once to count into them.

Memory is bounded by the number of features, not of rows. The bins may come from a sample of the rows; the counts
never do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.columns import VALUE, Block, CategoricalColumn, Column, Kind, NumericColumn, Role
from app.drift.counting import Delta, count
from app.drift.sample import NumericSample, row_hashes
from app.drift.sums import settled
from app.drift.together import Together
from app.drift.tops import CategorySketch

SAMPLE_BYTES: Final = 64 << 20
_SAMPLED_VALUE: Final = 16
CATEGORIES: Final = 200_000
CATEGORIES_TOGETHER: Final = 500_000
KNOWN: Final = 100_000
KNOWN_TOGETHER: Final = 1 << 22
FILTER_BITS: Final = 1 << 26
FILTER_BITS_TOGETHER: Final = 1 << 29


class Fit:
    """The first pass: sketches of all features."""

    def __init__(self, features: Sequence[tuple[str, Kind, Role]], *, first: int = 0) -> None:
        """Share the memory between the features, given as (name, kind, role) in published order.

        `first` is the number of rows that went before.
        """
        self._features = tuple(features)
        numeric = sum(kind is Kind.NUMERIC for _, kind, _ in features)
        categorical = max(1, len(features) - numeric)
        sample = max(1000, SAMPLE_BYTES // (_SAMPLED_VALUE * max(1, numeric)))
        categories = min(CATEGORIES, CATEGORIES_TOGETHER // categorical)
        hashes = min(KNOWN, KNOWN_TOGETHER // categorical)
        bits = min(FILTER_BITS, 1 << (FILTER_BITS_TOGETHER // categorical).bit_length() - 1)
        self._sketches: list[NumericSample | CategorySketch] = [
            NumericSample(sample) if kind is Kind.NUMERIC else CategorySketch(categories, hashes=hashes, bits=bits)
            for _, kind, _ in features
        ]
        numbers = zip(self._features, self._sketches, strict=True)
        samples = {name: sketch for (name, _, _), sketch in numbers if isinstance(sketch, NumericSample)}
        self._together = Together(samples, cap=sample)
        self._rows = first

    def add(self, columns: Mapping[str, Column], rows: int, *, block: Block | None = None) -> None:
        """Look at the next rows; a missing column is all null. What `block` holds, `columns` need not."""
        if not rows:
            return
        hashes = row_hashes(self._rows, rows)
        self._rows += rows
        self._together.add(columns, hashes, block=block)
        for (name, _, _), sketch in zip(self._features, self._sketches, strict=True):
            if name in self._together:
                continue
            column = columns.get(name)
            if column is None and block is not None and isinstance(sketch, NumericSample):
                column = block.column(name)
            if column is None:
                continue
            if isinstance(sketch, NumericSample) and isinstance(column, NumericColumn):
                if column.state is None:
                    sketch.add(column.values, hashes)
                else:
                    held = column.state == VALUE
                    sketch.add(column.values[held], hashes[held])
            elif isinstance(sketch, CategorySketch) and isinstance(column, CategoricalColumn):
                sketch.add(column.codes, column.categories)
            else:
                raise ValueError(f"{name} came with the wrong kind of column")  # noqa: TRY004 - as for any bad column

    def freeze(self) -> "Tally":
        """Fix the bins; the same rows can then be counted."""
        self._together.leave()
        return Tally(
            [
                _binned(name, kind, role, sketch)
                for (name, kind, role), sketch in zip(self._features, self._sketches, strict=True)
            ]
        )


class Tally:
    """The second pass: exact counts, and the mean of every finite bin."""

    def __init__(self, features: Sequence[BinnedFeature]) -> None:
        """Begin at zero; `layout` is a baseline without rows, good for counting."""
        total = sum(feature.bins.size for feature in features)
        self.layout = Baseline.of(features, np.zeros(total, dtype=np.int64), 0)
        self._counts = np.zeros(total, dtype=np.int64)
        self._sums = np.zeros(total)
        self._rows = 0

    def add(
        self,
        columns: Mapping[str, Column],
        window: NDArray[np.int64],
        windows: int,
        *,
        block: Block | None = None,
    ) -> Delta:
        """Count the next rows and give what they add to windows 0 to `windows` - 1; those of window -1 have none."""
        timed = not len(window) or int(window.min()) >= 0
        own = window if timed else np.where(window < 0, windows, window)
        delta = count(self.layout, columns, own, windows + (not timed), binned=self._sums, block=block)
        self._counts += delta.counts.sum(axis=0)
        self._rows += len(window)
        return Delta(delta.counts[:windows], sums=delta.sums[:windows], rows=delta.rows[:windows])

    def finish(self) -> Baseline:
        """Close the books."""
        features = []
        for f, feature in enumerate(self.layout.features):
            own = self.layout.slice_of(f)
            if isinstance(feature.bins, NumericBins):
                finite = slice(own.start, own.start + feature.bins.finite)
                means = _means(feature.bins, self._sums[finite], self._counts[finite])
                features.append(replace(feature, means=means))
            else:
                features.append(feature)
        return Baseline.of(features, self._counts, self._rows)


def _means(bins: NumericBins, sums: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means inside the finite bins, NaN where a bin is empty or its sum is no number."""
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.clip(settled(sums / counts), bins.lower, bins.upper)
    means[(counts == 0) | ~np.isfinite(sums)] = np.nan
    return means


def _binned(name: str, kind: Kind, role: Role, sketch: NumericSample | CategorySketch) -> BinnedFeature:
    if isinstance(sketch, NumericSample):
        return BinnedFeature(name, kind, role, sketch.bins(), scale=sketch.scale())
    bins = sketch.bins()
    known = len(bins.known) if bins.filter is None else bins.filter.estimate()
    return BinnedFeature(name, kind, role, bins, known_count=known, singletons=sketch.singletons())
