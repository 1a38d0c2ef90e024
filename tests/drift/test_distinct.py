"""Counting different values in bounded memory."""

import numpy as np
import pytest
import xxhash

from app.drift.distinct import PRECISION, estimate, registers_of


def hashes(first: int, count: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """Hashes of different words."""
    return np.array([xxhash.xxh64_intdigest(str(n).encode()) for n in range(first, first + count)], np.uint64)


@pytest.mark.parametrize("count", [0, 1, 5, 100, 1000, 10_000, 100_000])
def test_the_estimate_is_within_four_standard_errors(count: int) -> None:
    """The published standard error is 1.04 / sqrt(4096); small counts are nearly exact."""
    assert abs(estimate(registers_of(hashes(0, count))) - count) <= 4 * 1.04 / 64 * count + (count > 0)


def test_registers_are_those_of_the_definition() -> None:
    """The first bits choose a register, which keeps the largest position of a first set bit among the others."""
    assert PRECISION == 12
    given = [0, 1, (7 << 52) | (1 << 51), (7 << 52) | (1 << 40), 2**64 - 1]
    registers = registers_of(np.array(given, np.uint64))
    assert {int(n): int(registers[n]) for n in np.flatnonzero(registers)} == {0: 53, 7: 12, 4095: 1}


def test_merging_is_by_maximum_in_any_order() -> None:
    """Parts merged give what the whole gives."""
    parts = [registers_of(hashes(n * 500, 800)) for n in range(5)]
    assert (np.maximum.reduce(parts) == registers_of(hashes(0, 2800))).all()
