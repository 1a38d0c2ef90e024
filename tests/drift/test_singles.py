"""How many values occurred once: exact while they fit, near it beyond, however often they are forgotten."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.drift.singles import Singles
from app.drift.tops import CategorySketch

VALUES = st.lists(st.integers(0, 60), max_size=200)


def sketched(words: list[str], *, cap: int, block: int) -> CategorySketch:
    """Feed words to a sketch, some at a time."""
    sketch = CategorySketch(cap, hashes=1 << 20, bits=1 << 12)
    for start in range(0, len(words), block):
        some = words[start : start + block]
        distinct = tuple(dict.fromkeys(some))
        place = {word: code for code, word in enumerate(distinct)}
        sketch.add(np.array([place[word] for word in some], dtype=np.int32), distinct)
    return sketch


@settings(deadline=None)
@given(VALUES, st.integers(1, 20))
def test_values_that_come_back_are_no_singles(values: list[int], step: int) -> None:
    """However values are forgotten between, those that came once are counted, and no others."""
    singles, counted = Singles(), dict[int, int]()
    for at, value in enumerate(values):
        counted[value] = counted.get(value, 0) + 1
        if at % step == 0:
            gone = sorted(counted)[: 1 + len(counted) // 2]
            singles.forget(np.array(gone, dtype=np.uint64), np.array([counted.pop(one) for one in gone]))
    kept = np.array(list(counted), dtype=np.uint64)
    found = singles.beside(kept, np.array([counted[int(one)] for one in kept], dtype=np.int64))
    assert found == sum(values.count(value) == 1 for value in set(values))


@pytest.mark.parametrize("block", [5_000, 977])
def test_a_sketch_that_forgets_counts_the_same_singles(block: int) -> None:
    """More values than the cap, many of which come again much later."""
    words = [f"v{k}" for k in np.random.default_rng(1).integers(0, 30_000, 60_000)]
    _, count = np.unique(words, return_counts=True)
    assert sketched(words, cap=1000, block=block).singletons() == np.count_nonzero(count == 1)


def test_a_sample_tells_within_a_few_percent() -> None:
    """A sixteenth or less of the values is held, and stands for all."""
    rng = np.random.default_rng(2)
    values = rng.integers(0, 2**62, 100_000, dtype=np.uint64)
    singles = Singles(largest=4096)
    for part in np.array_split(values, 7):
        singles.forget(part, np.ones(len(part), dtype=np.int64))
    singles.forget(values[:50_000], np.ones(50_000, dtype=np.int64))
    assert len(singles) <= 4096
    none = np.empty(0, dtype=np.uint64)
    assert singles.beside(none, none.astype(np.int64)) == pytest.approx(50_000, rel=0.1)
