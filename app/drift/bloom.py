"""Which hashes a set once held, in bounded memory: never a false no, one false yes in a hundred."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

PROBES: Final = 7
FALSE_YES: Final = 0.01
LEAST_BITS: Final = 1 << 12
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(2**32 - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Bloom:
    """A filter (Bloom, 1970) of 8 * len(octets) bits, a power of two; hashes of 64 bits give all probes.

    The probes are those of Kirsch and Mitzenmacher (2008): low half plus a multiple of the high half.
    """

    octets: NDArray[np.uint8]

    @classmethod
    def of(cls, bits: int) -> Self:
        """Start empty, with so many bits."""
        return cls(np.zeros(bits // 8, dtype=np.uint8))

    def add(self, hashes: Hashes) -> None:
        """Put hashes in."""
        for places in self._probes(hashes):
            octets, bits = places >> 3, np.left_shift(1, places & 7).astype(np.uint8)
            while len(octets):  # of several bits of an octet one is set, which is faster than numpy's `at`
                self.octets[octets] |= bits
                missing = self.octets[octets] & bits == 0
                octets, bits = octets[missing], bits[missing]

    def holds(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Whether each hash was put in, or looks as if."""
        found = np.ones(len(hashes), dtype=np.bool_)
        for places in self._probes(hashes):
            found &= (self.octets[places >> 3] >> (places & 7).astype(np.uint8)) & 1 != 0
        return found

    @property
    def share(self) -> float:
        """The share of bits that are set."""
        return float(np.bitwise_count(self.octets).sum(dtype=np.int64)) / (8 * len(self.octets))

    def estimate(self) -> int:
        """About how many different hashes were put in (Swamidass and Baldi, 2007)."""
        bits = 8 * len(self.octets)
        return round(-bits / PROBES * float(np.log1p(-min(self.share, 1 - 1 / bits))))

    def folded(self) -> "Bloom":
        """The smallest filter of these hashes that errs once in a hundred; one that errs more often stays as it is."""
        small = self
        while 8 * len(small.octets) > LEAST_BITS:
            half = len(small.octets) // 2
            smaller = Bloom(small.octets[:half] | small.octets[half:])
            if smaller.share**PROBES > FALSE_YES:
                break
            small = smaller
        return small

    def _probes(self, hashes: Hashes) -> list[NDArray[np.int64]]:
        mask = np.uint64(8 * len(self.octets) - 1)
        first, step = hashes & _LOW, (hashes >> _HALF) | np.uint64(1)
        return [((first + np.uint64(probe) * step) & mask).astype(np.int64) for probe in range(PROBES)]
