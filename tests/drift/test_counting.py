"""Counting a batch against a row-by-row recount."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.bins import NumericBins
from app.drift.columns import INVALID, NULL, Block, CategoricalColumn, Column, Kind, NumericColumn, Role
from app.drift.counting import Delta, count
from drift.baselines import categorical, categorical_bins, numeric, numeric_bins


def empty(features: list[BinnedFeature]) -> Baseline:
    """A baseline without rows."""
    return Baseline.of(features, np.zeros(sum(feature.bins.size for feature in features), dtype=np.int64), 0)


def recount(baseline: Baseline, columns: dict[str, Column], window: NDArray[np.int64], windows: int) -> Delta:
    """The same by the index of each feature, one window at a time."""
    counts = np.zeros((windows, baseline.total), dtype=np.int64)
    sums = np.zeros((windows, len(baseline.features)))
    for f, feature in enumerate(baseline.features):
        column = columns.get(feature.name)
        for w in range(windows):
            own = counts[w, baseline.slice_of(f)]
            rows = window == w
            if column is None:
                own[feature.bins.finite] = rows.sum()
            elif isinstance(column, NumericColumn) and isinstance(feature.bins, NumericBins):
                state = np.zeros(len(window), dtype=np.uint8) if column.state is None else column.state
                own += np.bincount(feature.bins.index(column.values[rows], state[rows]), minlength=len(own))
                summed = column.values[rows & (state == 0) & np.isfinite(column.values)]
                sums[w, f] = summed.sum()
            elif isinstance(column, CategoricalColumn) and not isinstance(feature.bins, NumericBins):
                own += np.bincount(feature.bins.index(column.codes[rows], column.categories), minlength=len(own))
    return Delta(counts, sums=sums, rows=np.bincount(window, minlength=windows))


def feature_of(rng: np.random.Generator, f: int) -> BinnedFeature:
    """A feature whose lookup differs from its neighbours'."""
    match f % 6:
        case 0:
            return categorical(categorical_bins("a", "b", "c"), name=f"x{f}")
        case 1:
            return numeric(numeric_bins(np.exp(rng.normal(0, 3, 49)).tolist()), name=f"x{f}")
        case 2:
            return numeric(numeric_bins([], np.arange(rng.integers(0, 50)).tolist()), name=f"x{f}")
        case 3:
            return numeric(numeric_bins((10.0 ** np.arange(-200, 200, 10)).tolist(), [0.0, 5e-324]), name=f"x{f}")
        case 4:
            return numeric(numeric_bins(np.sinh(rng.normal(0, 5, 49)).tolist()), name=f"x{f}")
        case _:
            return numeric(numeric_bins(rng.normal(size=49).tolist()), name=f"x{f}")


def column_of(rng: np.random.Generator, f: int, rows: int) -> Column:
    """Rows of all sorts for that feature."""
    if f % 6 == 0:
        return CategoricalColumn(rng.integers(-2, 5, rows).astype(np.int32), ("c", "a", "new", "b", "newer"))
    values = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, 3.0, 4.0], rows)
    values = np.where(rng.random(rows) < 0.7, rng.normal(size=rows) * np.exp(rng.normal(0, 3, rows)), values)
    if f % 2:
        return NumericColumn(values)
    return NumericColumn(values, rng.choice([0, 0, NULL, INVALID], rows).astype(np.uint8))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(0, 300), st.integers(1, 4), st.sampled_from([0.0, 0.3])
)
def test_counts_agree_with_a_recount(seed: int, features: int, rows: int, windows: int, missing: float) -> None:
    """Many features of all kinds at once give the counts of each alone, and the bins of each sum to the rows."""
    rng = np.random.default_rng(seed)
    baseline = empty([feature_of(rng, f) for f in range(features)])
    columns = {f"x{f}": column_of(rng, f, rows) for f in range(features) if rng.random() >= missing}
    window = rng.integers(0, windows, rows)
    delta = count(baseline, columns, window, windows)
    with np.errstate(over="ignore"):
        expected = recount(baseline, columns, window, windows)
    np.testing.assert_array_equal(delta.counts, expected.counts)
    np.testing.assert_array_equal(delta.rows, expected.rows)
    np.testing.assert_allclose(delta.sums, expected.sums, rtol=1e-9)
    sizes = np.add.reduceat(delta.counts, baseline.offsets[:-1], axis=1)
    assert (sizes == delta.rows[:, None]).all()


@pytest.mark.parametrize("features", [1, 3, 40])
def test_long_batches_are_cut_without_loss(features: int) -> None:
    """Batches longer than a chunk, in one window and in several."""
    rng = np.random.default_rng(features)
    baseline = empty([feature_of(rng, f) for f in range(features)])
    columns = {f"x{f}": column_of(rng, f, 70_001) for f in range(features)}
    for windows in (1, 3):
        window = rng.integers(0, windows, 70_001)
        with np.errstate(over="ignore"):
            expected = recount(baseline, columns, window, windows)
        np.testing.assert_array_equal(count(baseline, columns, window, windows).counts, expected.counts)


@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([1, 7, 1000, 5000]),
    windows=st.integers(1, 3),
    hidden=st.sampled_from([0.0, 0.5, 1.0]),
)
@settings(max_examples=40, deadline=None)
def test_a_block_counts_like_its_columns(seed: int, rows: int, windows: int, hidden: float) -> None:
    """Columns side by side, in any order and with others between them, count bit for bit as each by itself."""
    rng = np.random.default_rng(seed)
    features = [feature_of(rng, f) for f in range(12)]
    columns = {f"x{f}": column_of(rng, f, rows) for f in range(12)}
    window = rng.integers(0, windows, rows)
    whole = [name for name, one in columns.items() if isinstance(one, NumericColumn) and one.state is None]
    held = [str(name) for name in rng.permutation(whole) if rng.random() >= hidden]
    values = np.array([columns[name].values for name in held]).reshape(len(held), rows)  # type: ignore[union-attr]
    block = Block({name: n for n, name in enumerate(held)}, values)
    others = {name: column for name, column in columns.items() if name not in held}
    baseline = empty(features)
    apart, beside = count(baseline, columns, window, windows), count(baseline, others, window, windows, block=block)
    assert (beside.counts == apart.counts).all()
    assert beside.sums.tobytes() == apart.sums.tobytes()


def test_a_block_of_other_rows_is_refused() -> None:
    """A block needs one value for every row."""
    with pytest.raises(ValueError, match="the block needs 2 rows"):
        count(empty([numeric(numeric_bins([1.0]))]), {}, np.zeros(2, np.int64), 1, block=Block({}, np.zeros((0, 3))))


def test_columns_stay_as_they_were() -> None:
    """Counting writes into none of its arguments, not even where they are no numbers."""
    baseline = empty([numeric(numeric_bins([0.0]))])
    values = np.array([1.0, np.nan, -np.inf])
    count(baseline, {"x": NumericColumn(values)}, np.zeros(3, dtype=np.int64), 1)
    np.testing.assert_array_equal(values, [1.0, np.nan, -np.inf])


def test_strided_columns_are_counted() -> None:
    """A view with gaps is as good as a copy."""
    baseline = empty([numeric(numeric_bins([0.0]))])
    values = np.array([1.0, 9.0, -1.0, 9.0])[::2]
    delta = count(baseline, {"x": NumericColumn(values)}, np.zeros(2, dtype=np.int64), 1)
    assert delta.counts[0, :2].tolist() == [1, 1]


def test_a_feature_that_is_missing_is_null() -> None:
    """Of either kind."""
    baseline = empty([numeric(numeric_bins([0.0])), categorical(categorical_bins("a"))])
    delta = count(baseline, {}, np.array([0, 1, 1]), 2)
    assert [delta.counts[:, 2].tolist(), delta.counts[:, 8].tolist()] == [[1, 2], [1, 2]]
    assert delta.counts.sum() == 6


@pytest.mark.parametrize(
    ("column", "window", "windows"),
    [
        (NumericColumn(np.zeros(2)), [0, 0, 0], 1),
        (CategoricalColumn(np.zeros(3, dtype=np.int32), ("a",)), [0, 0, 0], 1),
        (NumericColumn(np.zeros(3)), [0, 1, 2], 2),
        (NumericColumn(np.zeros(3)), [0, -1, 0], 2),
    ],
)
def test_misfits_are_refused(column: Column, window: list[int], windows: int) -> None:
    """A column of another length or kind, a row in no window."""
    with pytest.raises(ValueError, match=r"needs|window"):
        count(empty([numeric(numeric_bins([0.0]))]), {"x": column}, np.array(window), windows)


def test_a_categorical_misfit_is_refused() -> None:
    """Numbers for a categorical feature."""
    with pytest.raises(ValueError, match="categories"):
        count(empty([categorical(categorical_bins("a"))]), {"c": NumericColumn(np.zeros(1))}, np.array([0]), 1)


def test_no_features() -> None:
    """A baseline without a feature counts rows alone."""
    delta = count(empty([]), {}, np.array([0, 0, 1]), 2)
    assert delta.counts.shape == (2, 0)
    assert delta.rows.tolist() == [2, 1]


def test_a_baseline_sums_to_its_rows() -> None:
    """Counts that do not are refused, as are negative ones and a wrong number of them."""
    feature = BinnedFeature("x", Kind.NUMERIC, Role.OUTCOME, numeric_bins([0.0]))
    for counts, rows in (([1, 1, 0, 0, 0, 0, 0], 3), ([-1, 1, 0, 0, 0, 0, 0], 0), ([1], 1)):
        with pytest.raises(ValueError, match=r"count|sum"):
            Baseline.of([feature], np.array(counts), rows)
