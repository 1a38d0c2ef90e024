"""The fixed partition of one categorical feature."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from app.drift.bins import Bin, BinKind
from app.drift.bloom import Bloom

OTHER_BUCKETS: Final = 16
LONGEST_CATEGORY: Final = 256
HASH_SEED: Final = 0
SHORT: Final = 64
"""Letters that are never more bytes than a category may have."""

Hashes = NDArray[np.uint64]


def category_hash(text: str) -> int:
    """xxh64 of the UTF-8 bytes, seed 0."""
    return xxhash.xxh64_intdigest(text.encode("utf-8", "surrogatepass"), seed=HASH_SEED)


def category_hashes(words: Sequence[str]) -> Hashes:
    """The hash of each category, shape (len(words),)."""
    try:
        # Without a Python frame for each word, twice as fast; 0 is what the seed is when it is not told.
        return np.array(list(map(xxhash.xxh64_intdigest, map(str.encode, words))), dtype=np.uint64)
    except UnicodeEncodeError:
        return np.array([category_hash(word) for word in words], dtype=np.uint64)


def may_have_a_bin(text: str) -> bool:
    """Whether a category may be published by name; the others are counted by their hash."""
    if "\0" in text or len(text) > LONGEST_CATEGORY:
        return False
    return len(text) <= SHORT or len(text.encode("utf-8", "surrogatepass")) <= LONGEST_CATEGORY


def all_may_have_a_bin(words: Sequence[str]) -> bool:
    """Whether all categories are as short as most are, and may be published; False tells nothing."""
    return not words or (max(map(len, words)) <= SHORT and "\0" not in "".join(words))


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The bin of every code, and which categories have none of their own: their numbers and hashes, alike in shape.

    The codes of invalid and null are -2 and -1, so they end the table.
    """

    table: NDArray[np.intp]
    strangers: NDArray[np.intp]
    hashes: Hashes


@dataclass(frozen=True, eq=False)
class CategoricalBins:
    """K categories, then `null`, `other` by hash bucket, `unseen` and `invalid`.

    `known` are the sorted hashes of every category of the baseline without a bin. When there were too many to
    keep, `known_exact` is False and `filter` tells, with few false yeses; without one, everything that has no bin
    counts as `other`: a category that the baseline had is never called unseen.
    """

    categories: tuple[str, ...]
    known: Hashes
    known_exact: bool = True
    filter: Bloom | None = None

    def __post_init__(self) -> None:
        """Refuse a category named twice."""
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("a category has two bins")

    @property
    def finite(self) -> int:
        """K, the number of named categories."""
        return len(self.categories)

    @property
    def size(self) -> int:
        """The number of all bins."""
        return self.finite + OTHER_BUCKETS + 3

    @property
    def null(self) -> int:
        """The number of the `null` bin."""
        return self.finite

    @property
    def unseen(self) -> int:
        """The number of the `unseen` bin."""
        return self.size - 2

    @property
    def invalid(self) -> int:
        """The number of the `invalid` bin."""
        return self.size - 1

    @cached_property
    def _places(self) -> dict[str, int]:
        return {category: b for b, category in enumerate(self.categories)}

    def index(self, codes: NDArray[np.int32], categories: Sequence[str]) -> NDArray[np.intp]:
        """Give every row its bin number; one look at each distinct category."""
        return self.place(categories).table.take(codes, mode="wrap")

    def place(self, categories: Sequence[str]) -> Placed:
        """Find the bin of every category."""
        places = [self._places.get(category, -1) for category in categories]
        table = np.array([*places, self.invalid, self.null], dtype=np.intp)
        strangers = np.flatnonzero(table < 0)
        hashes = category_hashes([categories[s] for s in strangers.tolist()])
        if len(strangers):
            buckets = (hashes % np.uint64(OTHER_BUCKETS)).astype(np.intp)
            table[strangers] = np.where(self._is_known(hashes), self.null + 1 + buckets, self.unseen)
        return Placed(table, strangers, hashes)

    def _is_known(self, hashes: Hashes) -> NDArray[np.bool_]:
        if self.filter is not None:
            return self.filter.holds(hashes)
        if not self.known_exact:
            return np.ones(len(hashes), dtype=np.bool_)
        if not len(self.known):
            return np.zeros(len(hashes), dtype=np.bool_)
        at = np.minimum(self.known.searchsorted(hashes), len(self.known) - 1)
        return np.equal(self.known[at], hashes)

    def describe(self, groups: list[int]) -> list[Bin]:
        """Publish every bin with its group."""
        named = [Bin(BinKind.CATEGORY, text, groups[b], value=text) for b, text in enumerate(self.categories)]
        others = [
            Bin(BinKind.OTHER, f"other {bucket}", groups[self.null + 1 + bucket], bucket=bucket)
            for bucket in range(OTHER_BUCKETS)
        ]
        return [
            *named,
            Bin(BinKind.NULL, "null", groups[self.null]),
            *others,
            Bin(BinKind.UNSEEN, "unseen", groups[self.unseen]),
            Bin(BinKind.INVALID, "invalid", groups[self.invalid]),
        ]
