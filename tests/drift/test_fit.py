"""Learning bins and counts from rows that are read twice."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from app.drift.baseline import Baseline
from app.drift.bins import NumericBins
from app.drift.categories import CategoricalBins, category_hash
from app.drift.columns import INVALID_CODE, NULL, NULL_CODE, CategoricalColumn, Column, Kind, NumericColumn, Role
from app.drift.fit import Fit
from app.drift.sample import NumericSample, row_hashes
from app.drift.tops import CategorySketch


def fitted(column: Column, *, parts: int = 1) -> Baseline:
    """A baseline of one feature, given in so many chunks."""
    kind = Kind.NUMERIC if isinstance(column, NumericColumn) else Kind.CATEGORICAL
    fit = Fit([("x", kind, Role.FEATURE)])
    for part, rows in cut(column, parts):
        fit.add({"x": part}, rows)
    tally = fit.freeze()
    for part, rows in cut(column, parts):
        tally.add({"x": part}, np.zeros(rows, dtype=np.int64), 1)
    return tally.finish()


def cut(column: Column, parts: int) -> Iterator[tuple[Column, int]]:
    """The column in so many parts."""
    for rows in np.array_split(np.arange(len(column)), parts):
        if isinstance(column, NumericColumn):
            state = None if column.state is None else column.state[rows]
            yield NumericColumn(column.values[rows], state), len(rows)
        else:
            yield CategoricalColumn(column.codes[rows], column.categories), len(rows)


def numbers(values: NDArray[np.float64] | list[float], *, parts: int = 1) -> tuple[NumericBins, Baseline]:
    """Bins and baseline of these values."""
    baseline = fitted(NumericColumn(np.array(values, dtype=np.float64)), parts=parts)
    bins = baseline.features[0].bins
    assert isinstance(bins, NumericBins)
    return bins, baseline


def categories(words: list[str], *, parts: int = 1) -> tuple[CategoricalBins, Baseline]:
    """Bins and baseline of these words."""
    distinct = tuple(dict.fromkeys(words))
    codes = np.array([distinct.index(word) for word in words], dtype=np.int32)
    baseline = fitted(CategoricalColumn(codes, distinct), parts=parts)
    bins = baseline.features[0].bins
    assert isinstance(bins, CategoricalBins)
    return bins, baseline


@pytest.mark.parametrize("parts", [1, 7])
def test_fifty_equal_bins(parts: int) -> None:
    """The numbers 1 to 1,000 in any order: edges 20, 40, ... 980, twenty rows in each bin."""
    values = np.random.default_rng(3).permutation(np.arange(1.0, 1001))
    bins, baseline = numbers(values, parts=parts)
    assert bins.upper[:-1].tolist() == [20.0 * k for k in range(1, 50)]
    assert baseline.counts.tolist() == [20] * 50 + [0] * 5
    means = baseline.features[0].means
    assert means is not None
    assert means.tolist() == [10.5 + 20 * k for k in range(50)]


def test_a_heavy_value_has_its_own_bin() -> None:
    """A fiftieth of the finite rows is heavy, one row less is not."""
    spread = np.linspace(1, 2, 960)
    for rows, heavy in ((20, True), (19, False)):
        values = np.concatenate([np.full(rows, 1.5), spread[: 1000 - rows - 1], [3.0], [np.nan, np.inf, -np.inf]])
        bins, baseline = numbers(np.concatenate([values, np.linspace(2, 2.9, 1000 - len(values) + 3)]))
        assert bool(bins.is_value.any()) is heavy
        if heavy:
            assert baseline.counts[: bins.finite][bins.is_value].tolist() == [rows]


def test_few_values_have_bins_of_their_own() -> None:
    """Up to fifty distinct values are exact, the rare one of a large file included."""
    values = np.concatenate([np.tile(np.arange(49.0), 4000), [77.0]])
    bins, baseline = numbers(values, parts=3)
    assert bins.upper[bins.is_value].tolist() == [*map(float, range(49)), 77.0]
    assert baseline.counts[: bins.finite][bins.is_value].tolist() == [4000] * 49 + [1]
    assert bins.size <= 128


@pytest.mark.parametrize(
    ("values", "finite", "counts"),
    [
        ([], 1, [0]),
        ([np.nan, np.inf, -np.inf], 1, [0]),
        ([5.0], 3, [0, 1, 0]),
        ([-0.0, 0.0, -0.0], 3, [0, 3, 0]),
        ([1.7976931348623157e308, -1.7976931348623157e308], 5, [0, 1, 0, 1, 0]),
    ],
)
def test_odd_columns(values: list[float], finite: int, counts: list[int]) -> None:
    """Empty, without a finite value, one row, constant, at the end of the doubles."""
    bins, baseline = numbers(values)
    assert bins.finite == finite
    assert baseline.counts[:finite].tolist() == counts
    assert baseline.rows == baseline.counts.sum() == len(values)
    scale = baseline.features[0].scale
    assert scale is not None
    assert 0 < scale < np.inf


def test_scale_falls_back() -> None:
    """Quartiles, then the outer twentieths, then the standard deviation, then 1."""
    hashes = row_hashes(0, 100)

    def scale(values: NDArray[np.float64]) -> float:
        sample = NumericSample(1000)
        sample.add(values, hashes)
        return sample.scale()

    normal = np.arange(100.0)
    assert scale(normal) == pytest.approx(49.5 / 1.349)
    assert scale(np.repeat([0.0, 1.0, 2.0], [10, 80, 10])) == pytest.approx(2 / 3.29)
    assert scale(np.repeat([0.0, 1.0], [98, 2])) == pytest.approx(np.sqrt(0.02 * 0.98))
    assert scale(np.ones(100)) == 1.0


def test_a_sample_is_bounded_and_the_same_for_any_chunks() -> None:
    """More rows than the cap: the same rows are kept however the file is cut, and quantiles stay close."""
    values = np.random.default_rng(5).normal(size=60_000)
    edges = []
    for parts in (1, 13):
        sample = NumericSample(5000)
        for rows in np.array_split(np.arange(len(values)), parts):
            sample.add(values[rows], row_hashes(int(rows[0]), len(rows)))
        assert sum(map(len, sample._values)) <= 2 * 6250 + 60_000 / parts
        edges.append(sample.bins().upper[:-1])
    np.testing.assert_array_equal(edges[0], edges[1])
    np.testing.assert_allclose(np.searchsorted(np.sort(values), edges[0]) / 60_000, np.arange(1, 50) / 50, atol=0.02)


@pytest.mark.parametrize("parts", [2, 3, 7, 40])
def test_means_are_the_same_for_any_chunks(parts: int) -> None:
    """However the rows come parted, as formats part them each in its own way, no mean differs in its last bit."""
    values = np.random.default_rng(4).lognormal(0, 3, 20_000)
    values[::97] = np.nan
    _, whole = numbers(values)
    _, parted = numbers(values, parts=parts)
    one, other = (baseline.features[0].means for baseline in (whole, parted))
    assert one is not None
    assert other is not None
    assert one.tobytes() == other.tobytes()


def test_row_hashes_are_splitmix64() -> None:
    """The first outputs of the published generator with seed 0, and the same from any row on."""
    assert row_hashes(0, 3).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert row_hashes(1, 2).tolist() == row_hashes(0, 3)[1:].tolist()


def test_states_are_counted_and_have_no_value() -> None:
    """A missing row's number neither places an edge nor enters a mean."""
    column = NumericColumn(np.array([1.0, 2.0, 1e300]), np.array([0, 0, NULL], dtype=np.uint8))
    baseline = fitted(column)
    means = baseline.features[0].means
    assert means is not None
    np.testing.assert_array_equal(means, [np.nan, 1.0, np.nan, 2.0, np.nan])
    assert baseline.counts.tolist() == [0, 1, 0, 1, 0, 1, 0, 0, 0, 0]


def test_means_beyond_the_doubles_are_left_out() -> None:
    """A bin whose sum is no double has no mean rather than an infinite one."""
    bins, baseline = numbers(np.full(3, 1.7976931348623157e308))
    assert bins.finite == 3
    means = baseline.features[0].means
    assert means is not None
    assert np.isnan(means).all()


def test_the_commonest_categories_have_bins() -> None:
    """Fifty, by falling count, ties by text; all others are known, none is unseen."""
    words = [f"w{k:02d}" for k in range(60) for _ in range(60 - k // 2)]
    bins, baseline = categories(words, parts=5)
    assert bins.categories == tuple(f"w{k:02d}" for k in range(50))
    assert bins.known.tolist() == sorted(category_hash(f"w{k}") for k in range(50, 60))
    assert baseline.features[0].known_count == 10
    assert baseline.counts[: bins.finite].tolist() == [60 - k // 2 for k in range(50)]
    assert baseline.counts[bins.unseen] == 0
    assert baseline.counts.sum() == baseline.rows == len(words)


def test_long_and_unclean_categories_are_known_by_hash_alone() -> None:
    """However common, a text over 256 bytes or with U+0000 is `other`."""
    bins, baseline = categories(["x" * 257] * 9 + ["a\0b"] * 9 + ["a"])
    assert bins.categories == ("a",)
    assert len(bins.known) == 2
    assert baseline.counts[bins.null + 1 : bins.unseen].sum() == 18


def test_missing_categories_are_no_category() -> None:
    """Null and invalid rows have bins and no name."""
    column = CategoricalColumn(np.array([0, NULL_CODE, INVALID_CODE, 0], dtype=np.int32), ("a", "never"))
    baseline = fitted(column)
    bins = baseline.features[0].bins
    assert isinstance(bins, CategoricalBins)
    assert bins.categories == ("a",)
    assert baseline.counts[[0, bins.null, bins.invalid]].tolist() == [2, 1, 1]
    assert baseline.features[0].singletons == 0


def test_singletons_are_counted() -> None:
    """Good and Turing's f1: categories that occurred once."""
    assert categories(["a", "b", "c", "a"])[1].features[0].singletons == 2


def test_a_sketch_is_bounded_and_keeps_the_commonest() -> None:
    """Far more categories than the cap: the heavy ones survive with their order, the rest stays known by hash."""
    rng = np.random.default_rng(2)
    sketch = CategorySketch(1000, hashes=1 << 20, bits=1 << 12)
    for start in range(0, 20_000, 2000):
        rare = [f"rare{k}" for k in range(start, start + 2000)]
        heavy = [f"heavy{k:02d}" for k in range(50) for _ in range(100 - k)]
        words = [*rare, *heavy]
        rng.shuffle(words)
        distinct = tuple(dict.fromkeys(words))
        place = {word: code for code, word in enumerate(distinct)}
        sketch.add(np.array([place[word] for word in words], dtype=np.int32), distinct)
        assert len(sketch._counts) <= 1000
    bins = sketch.bins()
    assert bins.categories == tuple(f"heavy{k:02d}" for k in range(50))
    assert bins.known_exact
    assert len(bins.known) == 20_000
    assert sketch.singletons() == 20_000


def test_the_order_of_level_categories_does_not_matter() -> None:
    """Of categories that are all there once, the same ones are remembered by name, however they come."""
    words = np.array([f"w{k}" for k in range(1500)])
    kept = []
    for seed in range(3):
        sketch = CategorySketch(1000, hashes=1 << 20, bits=1 << 12)
        shuffled = np.random.default_rng(seed).permutation(words)
        sketch.add(np.arange(1500, dtype=np.int32), tuple(shuffled.tolist()))
        kept.append(sketch.bins().categories)
        assert len(kept[-1]) == 50
    assert kept[0] == kept[1] == kept[2]


def test_categories_without_rows_or_names() -> None:
    """A word that no row holds was never there; one that is too long for a bin is known by its hash."""
    sketch = CategorySketch(1000, hashes=1 << 20, bits=1 << 12)
    long = "x" * 300
    for _ in range(2):
        sketch.add(np.array([0, 2, 2, -1], dtype=np.int32), ("a", "gone", long))
    bins = sketch.bins()
    assert bins.categories == ("a",)
    assert bins.known.tolist() == [category_hash(long)]


def test_too_many_hashes_make_knowledge_inexact() -> None:
    """Beyond the cap a filter tells: nothing of the baseline is called unseen, and nearly everything else is."""
    sketch = CategorySketch(200, hashes=500, bits=1 << 20)
    words = tuple(f"w{k}" for k in range(2000))
    sketch.add(np.arange(2000, dtype=np.int32), words)
    bins = sketch.bins()
    assert not bins.known_exact
    assert not len(bins.known)
    assert bins.filter is not None
    assert len(bins.filter.octets) < (1 << 20) // 8
    strangers = tuple(f"new{k}" for k in range(2000))
    assert np.mean(bins.index(np.arange(2000, dtype=np.int32), strangers) == bins.unseen) > 0.97
    assert (bins.index(np.arange(2000, dtype=np.int32), words) < bins.unseen).all()


def test_rows_without_a_window_count_in_the_bins_alone() -> None:
    """Window -1 is no window; the others add up as they came."""
    fit = Fit([("x", Kind.NUMERIC, Role.FEATURE)])
    column = {"x": NumericColumn(np.array([1.0, 2.0, 2.0]))}
    fit.add(column, 3)
    tally = fit.freeze()
    delta = tally.add(column, np.array([-1, 0, 1]), 2)
    assert delta.rows.tolist() == [1, 1]
    assert delta.counts.sum(axis=1).tolist() == [1, 1]
    assert delta.sums.tolist() == [[2.0], [2.0]]
    assert tally.finish().counts[[1, 3]].tolist() == [1, 2]


def test_a_feature_that_never_comes_is_all_null() -> None:
    """Declared and missing in the file, of either kind."""
    fit = Fit([("x", Kind.NUMERIC, Role.FEATURE), ("c", Kind.CATEGORICAL, Role.PREDICTION)])
    fit.add({}, 4)
    tally = fit.freeze()
    tally.add({}, np.zeros(4, dtype=np.int64), 1)
    baseline = tally.finish()
    assert [one.kind for one, n in zip(baseline.bins_of(0), baseline.counts, strict=False) if n] == ["null"]
    assert baseline.counts.sum() == 8
    assert baseline.bins_of(1)[0].kind == "null"


def test_the_wrong_kind_is_refused() -> None:
    """Categories for a numeric feature."""
    fit = Fit([("x", Kind.NUMERIC, Role.FEATURE)])
    with pytest.raises(ValueError, match="kind"):
        fit.add({"x": CategoricalColumn(np.zeros(1, dtype=np.int32), ("a",))}, 1)


def test_published_means_are_numbers_or_nothing() -> None:
    """NaN never leaves the house."""
    _, baseline = numbers([1.0, 3.0])
    assert [one.mean for one in baseline.bins_of(0)[:5]] == [None, 1.0, None, 3.0, None]
    assert NumericSample(10).bins().finite == 1
