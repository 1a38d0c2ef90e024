"""Groups of bins."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.drift.groups import groups_of
from drift.baselines import categorical_bins, numeric_bins, padded


def test_few_bins_are_groups_of_their_own() -> None:
    """Ten finite bins keep a group each, and so do reserved bins."""
    bins = numeric_bins([float(b) for b in range(9)])
    assert groups_of(bins, padded([5] * 10, bins)).tolist() == list(range(15))


def test_equal_bins_are_deciles() -> None:
    """Fifty equal bins make ten groups of five, worked by hand."""
    bins = numeric_bins([float(b) for b in range(49)])
    expected = [b // 5 for b in range(50)] + [10, 11, 12, 13, 14]
    assert groups_of(bins, padded([7] * 50, bins)).tolist() == expected


def test_a_heavy_bin_lies_where_its_middle_is() -> None:
    """Eleven bins, one of 90 of 100 rows: its middle, (2 x 1 + 90) / 200 = 0.46, is in group 4."""
    bins = numeric_bins([float(b) for b in range(10)])
    counts = padded([1, 90, *[1] * 9], bins)
    assert groups_of(bins, counts)[:11].tolist() == [0, 4, 9, 9, 9, 9, 9, 9, 9, 9, 9]


def test_categories_are_groups_of_their_own() -> None:
    """Every category bin, buckets of other included."""
    bins = categorical_bins("a", "b")
    assert groups_of(bins, padded([1, 2], bins)).tolist() == list(range(bins.size))


@given(st.lists(st.integers(0, 10**12), min_size=11, max_size=60))
def test_groups_are_the_formula_in_integers(counts: list[int]) -> None:
    """min(9, 10 (2 C + H) // 2 N) at any size of counts, and reserved bins follow with new numbers."""
    bins = numeric_bins([float(b) for b in range(len(counts) - 1)])
    groups = groups_of(bins, padded(counts, bins)).tolist()
    total = sum(counts)
    if total:
        before = [sum(counts[:b]) for b in range(len(counts))]
        held = zip(counts, before, strict=True)
        assert groups[: len(counts)] == [min(9, 10 * (2 * c + h) // (2 * total)) for h, c in held]
    assert groups[len(counts) :] == [groups[len(counts) - 1] + 1 + k for k in range(5)]
    assert np.all(np.diff(groups) >= 0)
