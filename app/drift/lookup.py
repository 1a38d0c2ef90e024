"""Finding the bin of a double: a table over a grid, one comparison per cut that can share a cell.

A cell says how many cuts lie wholly below it; the cuts inside it are compared one by one, to the depth that pays,
and rows of still deeper cells are searched. No distribution can misplace a value, it can only slow it down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from operator import itemgetter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.grids import Doubles, Grid, Indices, Linear, Log, TwoSided, stacked

CHUNK: Final = 32768
_GRIDS: Final[tuple[type[Linear] | type[Log] | type[TwoSided], ...]] = (Linear, Log, TwoSided)
# Even, so that every grid of a pack begins at an even cell.
_SIZES: Final = (256, 1024, 4096)
_DEEPEST: Final = 3
# Nanoseconds a value, measured relative to each other on one x86-64 core; they only steer the choice of a grid.
_GRID_COST: Final = {Linear: 0.0, Log: 0.1, TwoSided: 1.6}
_COMPARISON_COST: Final = 0.8
_SEARCH_COST: Final = 40.0
_CELL_COST: Final = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """The search structure of one feature: x lies in bin `sum(cuts < x)`."""

    cuts: Doubles
    grid: Grid
    below: Indices
    depth: int
    deep: NDArray[np.bool_] | None

    @classmethod
    def build(cls, cuts: Doubles) -> "Lookup":
        """Choose the cheapest grid for ascending cuts."""
        candidates = _candidates(cuts)
        best = next(candidates)
        while best[1].deep is not None or best[1].depth > 1:
            following = next(candidates, None)
            if following is None:
                break
            best = min(best, following, key=itemgetter(0))
        return best[1]


@dataclass(frozen=True, slots=True, eq=False)
class Pack:
    """The search structures of several features, walked as one block of shape (features, rows)."""

    starts: Indices
    grid: Grid
    below: Indices
    thresholds: tuple[Doubles, ...]
    lookups: tuple[Lookup, ...]

    @classmethod
    def of(cls, lookups: Sequence[Lookup], starts: Sequence[int]) -> "Pack":
        """Join lookups of one kind; the first bin of feature f is number `starts[f]`, ascending."""
        first_cells = np.cumsum([0, *(len(lookup.below) for lookup in lookups[:-1])]).tolist()
        depth = lookups[0].depth
        size = starts[-1] + len(lookups[-1].cuts) + 1
        thresholds = np.full((depth, size), np.inf)
        for lookup, start in zip(lookups, starts, strict=True):
            for level in range(depth):
                rest = lookup.cuts[level:]
                thresholds[level, start : start + len(rest)] = rest
        return cls(
            starts=np.array(starts, dtype=np.intp)[:, None],
            grid=stacked([lookup.grid for lookup in lookups], first_cells),
            below=np.concatenate([lookup.below + start for lookup, start in zip(lookups, starts, strict=True)]),
            thresholds=tuple(thresholds),
            lookups=tuple(lookups),
        )

    def place(self, x: Doubles, *, scratch: Doubles, out: Indices) -> None:
        """Write the bin number of every finite value of x, shape (features, rows), all arrays contiguous.

        The caller silences numpy: values that are not finite get any number.
        """
        self.grid.cells(x, scratch=scratch, out=out)
        deep = self.lookups[0].deep
        unresolved = None if deep is None else np.flatnonzero(deep.take(out.reshape(-1), mode="clip"))
        self.below.take(out, mode="clip", out=out)
        if self.thresholds:
            above = self._compare(self.thresholds[0], x, out, scratch)
            for thresholds in self.thresholds[1:]:
                above += self._compare(thresholds, x, out, scratch)
            np.add(out, above, out=out)
        if unresolved is not None and len(unresolved):
            found = self.lookups[0].cuts.searchsorted(x.reshape(-1)[unresolved])
            out.reshape(-1)[unresolved] = found + self.starts[0, 0]

    @staticmethod
    def _compare(thresholds: Doubles, x: Doubles, places: Indices, scratch: Doubles) -> NDArray[np.uint8]:
        """1 where x lies above the threshold at its place, else 0."""
        thresholds.take(places, mode="clip", out=scratch)
        return np.greater(x, scratch).view(np.uint8)


def packable(lookup: Lookup) -> tuple[object, ...]:
    """Lookups of equal key may share a pack; one with deep cells stays alone."""
    return (type(lookup.grid).__name__, lookup.depth, None if lookup.deep is None else id(lookup))


def _candidates(cuts: Doubles) -> Iterator[tuple[float, Lookup]]:
    for kind, size in product(_GRIDS, _SIZES):
        with np.errstate(all="ignore"):
            grid = kind.over(cuts, size)
            if grid is None:
                continue
            cells = np.empty((1, len(cuts)), dtype=np.intp)
            grid.cells(cuts[None, :], scratch=np.empty((1, len(cuts))), out=cells)
        cells = np.clip(cells[0], 0, size - 1)
        inside = np.bincount(cells, minlength=size)
        below = np.cumsum(inside) - inside
        for depth in range(min(_DEEPEST, int(inside.max())) + 1):
            deep = inside > depth
            share = float((inside[deep] + 1).sum()) / (len(cuts) + 1)
            cost = _GRID_COST[kind] + _COMPARISON_COST * depth + _SEARCH_COST * share + _CELL_COST * size
            yield cost, Lookup(cuts, grid, below, depth, deep if deep.any() else None)
