"""A bounded picture of one categorical feature: its commonest categories, and which ones it ever had."""

from collections.abc import Sequence
from itertools import compress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bloom import Bloom
from app.drift.categories import CategoricalBins, all_may_have_a_bin, category_hashes, may_have_a_bin
from app.drift.singles import Singles

Hashes = NDArray[np.uint64]

TOP: Final = 50


class CategorySketch:
    """Exact counts of up to `cap` categories; beyond it the rarer half is forgotten, except for their hashes.

    A category survives when its rows outnumber the largest forgotten count of each pruning together. Of more
    than `hashes` categories without a bin a filter of `bits` bits tells; then what is known is not exact.
    """

    def __init__(self, cap: int, *, hashes: int, bits: int) -> None:
        """Start empty."""
        self.cap = max(cap, 4 * TOP)
        self.hashes = hashes
        self.bits = bits
        self._counts: dict[str, int] = {}
        self._forgotten: Hashes = np.empty(0, dtype=np.uint64)
        self._singles = Singles()
        self._filter: Bloom | None = None

    def add(self, codes: NDArray[np.int32], categories: Sequence[str]) -> None:
        """Count codes into `categories`; negative codes are no category."""
        held = np.bincount(codes[codes >= 0], minlength=len(categories)).tolist()
        if 0 in held:
            categories, held = list(compress(categories, held)), list(filter(None, held))
        counts, nameless = self._counts, []
        if not all_may_have_a_bin(categories):
            nameless = [category for category in categories if not may_have_a_bin(category)]
        for category, rows in zip(categories, held, strict=True):
            counts[category] = counts.get(category, 0) + rows
        for category in nameless:
            del counts[category]
        self._remember(nameless)
        if len(self._counts) > self.cap:
            self._prune()

    def bins(self) -> CategoricalBins:
        """Name the commonest categories; all others are known by their hash."""
        ranked = self._ranked()
        top = tuple(ranked[:TOP])
        self._remember(ranked[TOP:])
        known = np.setdiff1d(self._forgotten, category_hashes(top), assume_unique=True)
        if self._filter is not None:
            return CategoricalBins(top, known=known, known_exact=False, filter=self._filter.folded())
        return CategoricalBins(top, known=known)

    def singletons(self) -> int:
        """How many categories occurred once; an estimate from a sample of them once many were forgotten."""
        if not len(self._singles):
            return sum(count == 1 for count in self._counts.values())
        kept = list(self._counts)
        return self._singles.beside(category_hashes(kept), np.array([*self._counts.values()], dtype=np.int64))

    def _ranked(self) -> list[str]:
        return sorted(self._counts, key=lambda category: (-self._counts[category], category))

    def _prune(self) -> None:
        """Forget the rarer half, of those that are level the ones with the highest hashes."""
        names, counts = list(self._counts), np.array([*self._counts.values()], dtype=np.int64)
        hashes = category_hashes(names)
        half = self.cap // 2
        level = np.partition(counts, -half)[-half]
        above, ties = np.flatnonzero(counts > level), np.flatnonzero(counts == level)
        ties = ties[np.argpartition(hashes[ties], half - len(above) - 1)[: half - len(above)]]
        kept = np.sort(np.concatenate([above, ties]))
        gone = np.ones(len(names), dtype=np.bool_)
        gone[kept] = False
        self._singles.forget(hashes[gone], counts[gone])
        self._keep(hashes[gone])
        self._counts = dict(zip([names[place] for place in kept.tolist()], counts[kept].tolist(), strict=True))

    def _remember(self, categories: Sequence[str]) -> None:
        if categories:
            self._keep(category_hashes(categories))

    def _keep(self, hashes: Hashes) -> None:
        if self._filter is None:
            self._forgotten = np.union1d(self._forgotten, hashes)
            if len(self._forgotten) <= self.hashes:
                return
            self._filter, hashes = Bloom.of(self.bits), self._forgotten
            self._forgotten = self._forgotten[:0]
        self._filter.add(hashes)
