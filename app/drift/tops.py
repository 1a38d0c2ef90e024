"""A bounded picture of one categorical feature: its commonest categories, and which ones it ever had."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.drift.bloom import Bloom
from app.drift.categories import CategoricalBins, category_hash, may_have_a_bin
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
        held = np.bincount(codes[codes >= 0], minlength=len(categories))
        nameless: list[str] = []
        for at in np.flatnonzero(held).tolist():
            category = categories[at]
            if category in self._counts:
                self._counts[category] += int(held[at])
            elif may_have_a_bin(category):
                self._counts[category] = int(held[at])
                if len(self._counts) > self.cap:
                    self._prune()
            else:
                nameless.append(category)
        self._remember(nameless)

    def bins(self) -> CategoricalBins:
        """Name the commonest categories; all others are known by their hash."""
        ranked = self._ranked()
        top = tuple(ranked[:TOP])
        self._remember(ranked[TOP:])
        named = np.array([category_hash(category) for category in top], dtype=np.uint64)
        known = np.setdiff1d(self._forgotten, named, assume_unique=True)
        if self._filter is not None:
            return CategoricalBins(top, known=known, known_exact=False, filter=self._filter.folded())
        return CategoricalBins(top, known=known)

    def singletons(self) -> int:
        """How many categories occurred once; an estimate from a sample of them once many were forgotten."""
        if not len(self._singles):
            return sum(count == 1 for count in self._counts.values())
        kept = list(self._counts)
        return self._singles.beside(_hashes(kept), np.array([self._counts[one] for one in kept], dtype=np.int64))

    def _ranked(self) -> list[str]:
        return sorted(self._counts, key=lambda category: (-self._counts[category], category))

    def _prune(self) -> None:
        ranked = self._ranked()
        rare = ranked[self.cap // 2 :]
        hashes = _hashes(rare)
        self._singles.forget(hashes, np.array([self._counts[category] for category in rare], dtype=np.int64))
        self._keep(hashes)
        self._counts = {category: self._counts[category] for category in ranked[: self.cap // 2]}

    def _remember(self, categories: Sequence[str]) -> None:
        if categories:
            self._keep(_hashes(categories))

    def _keep(self, hashes: Hashes) -> None:
        if self._filter is None:
            self._forgotten = np.union1d(self._forgotten, hashes)
            if len(self._forgotten) <= self.hashes:
                return
            self._filter, hashes = Bloom.of(self.bits), self._forgotten
            self._forgotten = self._forgotten[:0]
        self._filter.add(hashes)


def _hashes(categories: Sequence[str]) -> Hashes:
    return np.array([category_hash(category) for category in categories], dtype=np.uint64)
