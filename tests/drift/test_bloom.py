"""A filter of hashes: never a false no, few false yeses, and a size that fits."""

import numpy as np
import pytest

from app.drift.bloom import LEAST_BITS, Bloom


def hashes(seed: int, count: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Random hashes of 64 bits."""
    return np.random.default_rng(seed).integers(0, 2**64, count, dtype=np.uint64)


@pytest.mark.parametrize("count", [0, 1, 1000, 150_000])
def test_what_went_in_is_found_and_little_else(count: int) -> None:
    """After folding every hash is still held, and at most one stranger in a hundred (three standard errors more)."""
    whole = Bloom.of(1 << 22)
    inside = hashes(1, count)
    for part in np.array_split(inside, 3):
        whole.add(part)
    small = whole.folded()
    assert small.holds(inside).all()
    assert small.holds(hashes(2, 20_000)).mean() < 0.0122
    assert len(small.octets) <= len(whole.octets)
    assert abs(small.estimate() - count) <= 0.02 * count + 2


def test_a_filter_never_gets_smaller_than_its_least() -> None:
    """An empty filter folds to the least size."""
    assert len(Bloom.of(1 << 20).folded().octets) == LEAST_BITS // 8


def test_hashes_that_share_octets_are_all_put_in() -> None:
    """In a crowded filter several hashes at once set bits of one octet; none of them is lost."""
    hashes = np.random.default_rng(4).integers(0, 2**64, 3000, dtype=np.uint64)
    together, apart = Bloom.of(LEAST_BITS), Bloom.of(LEAST_BITS)
    together.add(np.concatenate([hashes, hashes]))
    for one in hashes:
        apart.add(np.array([one]))
    assert together.octets.tolist() == apart.octets.tolist()
