"""Numeric bins: their partition, their index against a slow search, their publication."""

import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.drift.bins import Bin, BinKind, NumericBins
from app.drift.columns import INVALID, NULL, VALUE
from drift.baselines import numeric_bins

NASTY = [
    -math.inf,
    -1.7976931348623157e308,
    -1e308,
    -1.0,
    -2.2250738585072014e-308,
    -5e-324,
    -0.0,
    0.0,
    5e-324,
    1e-310,
    1.0,
    math.nextafter(1.0, 2.0),
    1e308,
    1.7976931348623157e308,
    math.inf,
    math.nan,
]
finite = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([x for x in NASTY if math.isfinite(x)])
small = st.integers(-20, 20).map(float)
numbers = finite | small


def slow(bins: NumericBins, x: float) -> int:
    """The bin of one number, straight from the definition."""
    if math.isnan(x):
        return bins.finite + 1
    if math.isinf(x):
        return bins.finite + (2 if x < 0 else 3)
    held = list(zip(bins.lower.tolist(), bins.upper.tolist(), bins.is_value.tolist(), strict=True))
    for b, (_, value, own) in enumerate(held):
        if own and x == value:
            return b
    return next(b for b, (lower, upper, own) in enumerate(held) if not own and lower < x <= upper)


def neighbours(x: float) -> list[float]:
    """A number and the doubles on both sides of it."""
    return [x, math.nextafter(x, -math.inf), math.nextafter(x, math.inf)]


def drawn(shape: str, rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """A sample of the named shape."""
    match shape:
        case "normal":
            return rng.normal(rng.normal() * 1e6, 1, n)
        case "lognormal":
            return np.exp(rng.normal(0, 6, n))
        case "both signs":
            return np.copysign(np.exp(rng.normal(0, 3, n)), rng.normal(size=n))
        case "scales":
            return rng.normal(size=n) * np.exp(rng.uniform(-690, 690, n))
        case "clusters":
            return rng.choice([0.0, 1e3, 1e9], n) + rng.normal(0, 1e-3, n)
        case _:
            return rng.poisson(3, n).astype(np.float64)


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers, max_size=60), st.lists(numbers, max_size=20), st.lists(numbers, max_size=20))
@example([0.0], [-0.0], [])
@example([], [], [])
@example([1e308, -1e308], [1.7976931348623157e308, -1.7976931348623157e308], [])
@example([5e-324 * k for k in range(40)], [0.0], [])
def test_index_agrees_with_a_slow_search(edges: list[float], values: list[float], rows: list[float]) -> None:
    """Any double is placed where the definition puts it, next to edges as well."""
    bins = numeric_bins(edges, values)
    x = np.array([*NASTY, *rows, *(near for edge in (*edges, *values) for near in neighbours(edge))])
    assert bins.index(x).tolist() == [slow(bins, one) for one in x.tolist()]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from(["normal", "lognormal", "both signs", "scales", "clusters", "counts"])
)
def test_index_agrees_with_bisection_on_distributions(seed: int, shape: str) -> None:
    """Quantile edges of kind and unkind distributions misplace no row, edges and their neighbours included."""
    n = 2000
    x = drawn(shape, np.random.default_rng(seed), n)
    values, counts = np.unique(x, return_counts=True)
    bins = numeric_bins(np.sort(x)[n // 50 :: n // 50].tolist(), values[counts * 50 >= n].tolist())
    rows = np.concatenate([x, np.nextafter(x, np.inf), np.nextafter(x, -np.inf), bins.cuts])
    cuts = bins.cuts.tolist()
    assert bins.index(rows).tolist() == [bisect_left(cuts, one) for one in rows.tolist()]


def test_long_columns_are_placed_like_short_ones() -> None:
    """Cutting a column into chunks changes nothing."""
    rng = np.random.default_rng(1)
    x = np.exp(rng.normal(0, 3, 100_001))
    x[rng.integers(0, len(x), 500)] = np.nan
    bins = numeric_bins(np.quantile(x[np.isfinite(x)], np.arange(1, 50) / 50).tolist())
    parts = np.concatenate([bins.index(part) for part in np.array_split(x, 37)])
    np.testing.assert_array_equal(bins.index(x), parts)


def test_states_win_over_values() -> None:
    """A missing or unreadable row goes to its own bin whatever its number holds."""
    bins = numeric_bins([0.0])
    state = np.array([VALUE, NULL, INVALID, NULL], dtype=np.uint8)
    places = bins.index(np.array([1.0, 1.0, np.nan, -np.inf]), state)
    assert places.tolist() == [1, bins.finite, bins.size - 1, bins.finite]


def test_an_edge_belongs_to_the_left_and_a_value_to_itself() -> None:
    """Ranges are right-closed; a value bin is an edge on both its sides."""
    bins = numeric_bins([-3.0], [5.0])
    assert bins.describe([0] * bins.size, [None, None, 5.0, None])[:4] == [
        Bin(BinKind.RANGE, "(-inf, -3]", 0, upper=-3.0),
        Bin(BinKind.RANGE, "(-3, 5)", 0, lower=-3.0, upper=5.0),
        Bin(BinKind.VALUE, "= 5", 0, value=5.0, mean=5.0),
        Bin(BinKind.RANGE, "(5, inf)", 0, lower=5.0),
    ]
    assert bins.index(np.array([-3.0, -2.9, 4.9, 5.0, 5.1])).tolist() == [0, 1, 1, 2, 3]


def test_no_edge_gives_one_open_range() -> None:
    """A feature without a finite value has a single range, open at both ends, then the reserved bins in order."""
    bins = numeric_bins([])
    published = bins.describe([0] * bins.size, [None])
    assert published[0] == Bin(BinKind.RANGE, "(-inf, inf)", 0)
    assert [one.kind for one in published[1:]] == ["null", "nan", "neg_inf", "pos_inf", "invalid"]


@pytest.mark.parametrize(
    ("lower", "upper", "is_value"),
    [
        ([], [], []),
        ([0.0], [math.inf], [False]),
        ([-math.inf], [0.0], [False]),
        ([-math.inf, 1.0], [0.0, math.inf], [False, False]),
        ([-math.inf, 0.0], [1.0, math.inf], [False, False]),
        ([-math.inf, 0.0, 0.0], [0.0, 0.0, math.inf], [False, False, False]),
        ([-math.inf, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, math.inf], [False, True, True, False]),
        ([-math.inf, 0.0], [0.0, 0.0], [False, True]),
        ([-math.inf, 0.0, 1.0], [0.0, 1.0, math.inf], [False, True, False]),
        ([-math.inf, math.nan], [math.nan, math.inf], [False, False]),
        ([-math.inf, 2.0, 1.0], [2.0, 1.0, math.inf], [False, False, False]),
    ],
)
def test_lawless_bounds_are_refused(lower: list[float], upper: list[float], is_value: list[bool]) -> None:
    """Holes, overlaps, closed ends, repeated values and falling bounds make no partition."""
    with pytest.raises(ValueError, match=r"bin|range"):
        NumericBins(np.array(lower), np.array(upper), np.array(is_value, dtype=np.bool_))
