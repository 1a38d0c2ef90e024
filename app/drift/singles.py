"""How many values occurred once, from a sample by hash (Wegman's adaptive sampling; Flajolet, 1990)."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 1 << 16


class Singles:
    """Which forgotten values had occurred once, of those whose hash ends in `level` zero bits.

    A value that is forgotten again, or counted again after it was forgotten, occurred more than once. What is found
    depends on the values and how often each came, but for the level not on their order.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        """Start empty; at most `largest` values are held."""
        self.level = 0
        self._largest = largest
        self._hashes: NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self._once: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def __len__(self) -> int:
        """Values held."""
        return len(self._hashes)

    def forget(self, hashes: NDArray[np.uint64], counts: NDArray[np.int64]) -> None:
        """Take values that are no longer counted, each once, with their counts since they were last forgotten."""
        mine = self._sampled(hashes)
        both = np.concatenate((self._hashes, hashes[mine]))
        once = np.concatenate((self._once, counts[mine] == 1))
        self._hashes, first, times = np.unique(both, return_index=True, return_counts=True)
        self._once = once[first] & (times == 1)
        while len(self._hashes) > self._largest:
            self.level += 1
            held = self._sampled(self._hashes)
            self._hashes, self._once = self._hashes[held], self._once[held]

    def beside(self, hashes: NDArray[np.uint64], counts: NDArray[np.int64]) -> int:
        """Estimate how many values occurred once, these still being counted; exact while the level is 0."""
        mine = self._sampled(hashes)
        known = np.isin(hashes[mine], self._hashes)
        new = int(np.count_nonzero((counts[mine] == 1) & ~known))
        again = int(np.count_nonzero(self._once & np.isin(self._hashes, hashes[mine])))
        return (int(np.count_nonzero(self._once)) - again + new) << self.level

    def _sampled(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        return np.asarray((hashes & np.uint64((1 << self.level) - 1)) == 0)
