"""Scores against values worked by hand, published ones, scipy and their own laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from app.drift.baseline import Baseline, BinnedFeature
from app.drift.scores import SCORED, Scores, Statistic, score
from drift.baselines import categorical, categorical_bins, numeric, numeric_bins, of_counts, padded, window_of

pairs = st.integers(1, 60).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 10**5), min_size=size, max_size=size) for _ in range(2)])
)


def scored(reference: list[int], current: list[int]) -> Scores:
    """Scores of one window of a single feature without reserved rows."""
    counts, rows = window_of(current)
    return score(of_counts(reference), counts, rows)


def value(scores: Scores, statistic: Statistic) -> float:
    """The score of the only window and feature."""
    return float(scores.values[statistic][0, 0])


def same_bits(one: Scores, other: Scores) -> bool:
    """Whether all arrays are equal to the last bit."""
    held = [[*scores.values.values(), scores.ks_high, scores.ks_p] for scores in (one, other)]
    return all(a.tobytes() == b.tobytes() for a, b in zip(*held, strict=True))


def test_kascore() -> None:
    """The R package KAscore prints PSI 0.3404592 for its example; the other distances of the same counts by scipy."""
    scores = scored([248, 247, 260, 245], [13, 43, 63, 81])
    assert value(scores, Statistic.PSI) == pytest.approx(0.34045922250874594, abs=1e-12)
    assert value(scores, Statistic.KS) == pytest.approx(0.215, abs=1e-12)
    assert value(scores, Statistic.JS) == pytest.approx(0.040349349653348514, abs=1e-12)
    assert value(scores, Statistic.TVD) == pytest.approx(0.215, abs=1e-12)
    assert value(scores, Statistic.WASSERSTEIN) == pytest.approx(0.558, abs=1e-12)


@pytest.mark.parametrize(
    ("reference", "current", "psi"),
    [
        ([1000, 1500, 1200, 1300], [800, 1400, 1600, 1200], 0.034921019431920636),
        ([3, 4, 3], [2, 4, 4], 0.06931471805599454),
        ([40, 30, 30], [35, 25, 40], 0.04456085471610198),
        ([100, 200, 300, 400, 0], [10, 30, 20, 35, 5], 0.3157255154592695),
    ],
)
def test_published_psi(reference: list[int], current: list[int], psi: float) -> None:
    """Examples of scouter's documentation and tests, of GeeksforGeeks, and one empty bin by the half-row rule."""
    assert value(scored(reference, current), Statistic.PSI) == pytest.approx(psi, abs=1e-12)


def test_an_empty_bin_is_no_catastrophe() -> None:
    """Frouros replaces 0 by the smallest double and gets 134.95 here; half a row gives a number one can read."""
    reference = [2, 3, 4, 5, 7, 13, 21, 14, 8, 5, 3, 5, 4, 3, 1, 2, 0, 0, 0, 0]
    current = [0, 0, 0, 0, 3, 4, 5, 4, 13, 15, 13, 12, 14, 5, 4, 3, 3, 0, 1, 1]
    tiny = 2.2250738585072014e-308
    shares = [[(count or tiny * sum(held)) / sum(held) for count in held] for held in (reference, current)]
    theirs = sum((p - q) * math.log(p / q) for q, p in zip(*shares, strict=True))
    assert theirs == pytest.approx(134.95409065116183, abs=1e-9)
    assert value(scored(reference, current), Statistic.PSI) < 5


def test_psi_is_on_groups() -> None:
    """Fifty bins make ten groups: shifting rows inside a group moves TVD, never PSI."""
    current = [20] * 50
    current[0], current[4] = 10, 30
    scores = scored([100] * 50, current)
    assert value(scores, Statistic.PSI) == 0.0
    assert value(scores, Statistic.TVD) == pytest.approx(0.01)


@pytest.mark.parametrize(("rows", "critical"), [(400, 0.042), (1000, 0.017)])
def test_critical_values_of_yurdakul(rows: int, critical: float) -> None:
    """Without drift, deciles against an exact baseline: his 95 % points of PSI, printed to three digits."""
    counts = np.random.default_rng(7).multinomial(rows, [0.1] * 10, size=20000)
    scores = score(of_counts([10**9] * 10), np.pad(counts, [(0, 0), (0, 5)]), np.full(20000, rows))
    assert np.quantile(scores.values[Statistic.PSI], 0.95) == pytest.approx(critical, rel=0.04)


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_scipy_agrees(pair: tuple[list[int], list[int]]) -> None:
    """Jensen-Shannon, Wasserstein and the lower end of KS, on values spread over the bins."""
    reference, current = pair
    if not (sum(reference) and sum(current)):
        return
    scores = scored(reference, current)
    at = np.arange(len(reference))
    assert value(scores, Statistic.JS) == pytest.approx(jensenshannon(current, reference) ** 2, abs=1e-9)
    assert value(scores, Statistic.WASSERSTEIN) == pytest.approx(
        wasserstein_distance(at, at, current, reference), rel=1e-9, abs=1e-9
    )
    low = np.abs(np.cumsum(current) / sum(current) - np.cumsum(reference) / sum(reference)).max()
    assert value(scores, Statistic.KS) == pytest.approx(low, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, 20.0, 1e9]))
def test_the_interval_holds_the_exact_distance(seed: int, grain: float) -> None:
    """KS of the raw values lies in [low, high]; values with bins of their own add nothing to its width."""
    rng = np.random.default_rng(seed)
    reference, current = (np.round(rng.normal(rng.normal(), 1, n) * grain) / grain for n in (700, 300))
    values, held = np.unique(reference, return_counts=True)
    few = len(values) <= 50
    bins = numeric_bins(
        [] if few else np.sort(reference)[13::14].tolist(), (values if few else values[held * 50 >= 700]).tolist()
    )
    counts = [np.bincount(bins.index(rows), minlength=bins.size) for rows in (reference, current)]
    scores = score(Baseline.of([numeric(bins)], counts[0], 700), counts[1][None], np.array([300]))
    exact = float(ks_2samp(reference, current).statistic)
    low, high = value(scores, Statistic.KS), float(scores.ks_high[0, 0])
    assert low - 1e-12 <= exact <= high + 1e-12
    # A fiftieth where values differ; ties can carry a bin beyond its quantile, by less than a heavy value.
    assert high - low <= (0.02 if grain > 1e6 else 0.04) + 1e-12
    if few and np.isin(current, values).all():
        assert low == high


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_laws(pair: tuple[list[int], list[int]]) -> None:
    """PSI and JS are at least 0, JS at most ln 2, D at most TVD at most 1, and a window like its baseline scores 0."""
    reference, current = pair
    if not (sum(reference) and sum(current)):
        return
    scores = scored(reference, current)
    assert value(scores, Statistic.PSI) >= 0
    assert 0 <= value(scores, Statistic.JS) <= math.log(2)
    assert value(scores, Statistic.KS) <= value(scores, Statistic.TVD) + 1e-12 <= 1 + 2e-12
    assert value(scores, Statistic.KS) <= float(scores.ks_high[0, 0]) <= 1
    assert 0 <= float(scores.ks_p[0, 0]) <= 1
    alike = scored(reference, reference)
    assert [value(alike, one) for one in SCORED[:5]] == [0.0] * 5


def mixed(rng: np.random.Generator, features: int) -> tuple[Baseline, NDArray[np.int64]]:
    """A baseline of numeric and categorical features of many sizes, and five windows of 1,000 rows."""
    made: list[BinnedFeature] = []
    for f in range(features):
        if f % 3:
            made.append(numeric(numeric_bins(np.arange(rng.integers(1, 90)).tolist(), [3.0, 5.0]), name=f"x{f}"))
        else:
            made.append(categorical(categorical_bins(*map(str, range(rng.integers(0, 50)))), name=f"c{f}"))
    shares = [rng.dirichlet(np.full(feature.bins.size, 0.3)) for feature in made]
    counts = np.concatenate([rng.multinomial(50_000, share) for share in shares])
    windows = np.concatenate([rng.multinomial(1000, share, size=5) for share in shares], axis=1)
    return Baseline.of(made, counts, 50_000), windows


@pytest.mark.parametrize("features", [1, 2, 3, 40])
def test_a_window_scores_the_same_bits_in_any_company(features: int) -> None:
    """Alone, beside others, in another order: not one bit moves."""
    baseline, windows = mixed(np.random.default_rng(features), features)
    many = np.tile(windows, (200, 1))
    together = score(baseline, many, np.full(len(many), 1000))
    for w in range(5):
        alone = score(baseline, windows[w : w + 1], np.array([1000]))
        for at in (w, w + 5 * 61, w + 5 * 199):
            rows = slice(at, at + 1)
            values = {statistic: scores[rows] for statistic, scores in together.values.items()}
            assert same_bits(Scores(values, ks_high=together.ks_high[rows], ks_p=together.ks_p[rows]), alone)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_merged_histograms_score_like_all_rows(seed: int) -> None:
    """Counts of two halves of the rows, added, score the same bits as the counts of all rows in any order."""
    rng = np.random.default_rng(seed)
    bins = numeric_bins(rng.normal(size=30).tolist(), [0.0])
    rows = rng.choice([0.0, np.nan, np.inf, 1.0, -2.0], 400) * rng.normal(size=400)
    baseline = Baseline.of([numeric(bins)], np.bincount(bins.index(rng.normal(size=999)), minlength=bins.size), 999)
    halves = [np.bincount(bins.index(half), minlength=bins.size) for half in np.split(rows, [150])]
    whole = np.bincount(bins.index(rng.permutation(rows)), minlength=bins.size)
    n = np.array([400])
    assert same_bits(score(baseline, (halves[0] + halves[1])[None], n), score(baseline, whole[None], n))


def test_reserved_bins() -> None:
    """They are shares of all rows in PSI, JS, TVD and the ratios, and no part of KS and Wasserstein."""
    bins = numeric_bins([0.0])
    baseline = Baseline.of([numeric(bins, means=[-1.0, 1.0])], padded([50, 50], bins), 100)
    counts = np.array([[5, 5, 4, 1, 2, 0, 3], [0, 0, 20, 0, 0, 0, 0]])
    scores = score(baseline, counts, np.array([20, 20]))
    assert scores.values[Statistic.NULL_RATIO][:, 0].tolist() == [0.2, 1.0]
    assert scores.values[Statistic.INVALID_RATIO][:, 0].tolist() == [0.15, 0.0]
    assert np.isnan(scores.values[Statistic.UNSEEN_RATIO]).all()
    assert scores.values[Statistic.KS][0, 0] == scores.values[Statistic.WASSERSTEIN][0, 0] == 0
    assert scores.values[Statistic.TVD][0, 0] == pytest.approx(0.5)
    for array in (scores.values[Statistic.KS], scores.values[Statistic.WASSERSTEIN], scores.ks_high, scores.ks_p):
        assert np.isnan(array[1, 0])
    expected = 2 * (0.25 - 0.5) * math.log(0.5) + sum((k / 20 - 0.005) * math.log(k / 20 / 0.005) for k in (4, 1, 2, 3))
    assert scores.values[Statistic.PSI][0, 0] == pytest.approx(expected, abs=1e-12)


def test_categories_have_no_order() -> None:
    """KS and Wasserstein do not apply; the unseen share does."""
    bins = categorical_bins("a", "b")
    baseline = Baseline.of([categorical(bins)], padded([60, 40], bins), 100)
    counts = padded([6, 2], bins)
    counts[bins.unseen] = 2
    scores = score(baseline, counts[None], np.array([10]))
    assert value(scores, Statistic.UNSEEN_RATIO) == pytest.approx(0.2)
    assert value(scores, Statistic.TVD) == pytest.approx(0.2)
    assert math.isnan(value(scores, Statistic.KS))
    assert math.isnan(value(scores, Statistic.WASSERSTEIN))


def test_a_window_without_rows_has_no_score() -> None:
    """All is NaN, nothing warns; the same for a baseline without rows."""
    for reference, current in (([1, 2], [0, 0]), ([0, 0], [1, 2]), ([0, 0], [0, 0])):
        scores = scored(reference, current)
        assert all(math.isnan(value(scores, one)) for one in SCORED[:5])


def test_huge_counts_do_not_overflow() -> None:
    """10^12 rows score like their shares."""
    large, small = (scored([k, 2 * k, 3 * k], [3 * k, k, 2 * k]) for k in (10**12, 1000))
    for one in SCORED[:5]:
        assert value(large, one) == pytest.approx(value(small, one), rel=1e-12)


def test_positions_without_a_mean() -> None:
    """A value stands for itself, a closed range for its middle, an open one for its end; in units of the scale."""
    bins = numeric_bins([4.0], [0.0])
    baseline = Baseline.of([numeric(bins, scale=2.0)], padded([0, 1, 0, 0], bins), 1)
    for counts, distance in (([1, 0, 0, 0], 0.0), ([0, 0, 1, 0], 2.0), ([0, 0, 0, 1], 4.0)):
        moved = score(baseline, padded(counts, bins)[None], np.array([1]))
        assert value(moved, Statistic.WASSERSTEIN) == distance / 2.0


def test_edges_at_the_end_of_the_doubles() -> None:
    """A distance beyond a double is as large as a double can be, not infinite and not NaN."""
    bins = numeric_bins([-1e308, 1e308])
    baseline = Baseline.of([numeric(bins, scale=1e-300)], padded([1, 1, 1], bins), 3)
    moved = score(baseline, padded([0, 0, 3], bins)[None], np.array([3]))
    assert 1e308 < value(moved, Statistic.WASSERSTEIN) < math.inf


def test_only_what_is_asked_for() -> None:
    """PSI and KS alone are the same bits as among all statistics; the shares stay NaN."""
    counts, rows = window_of([5, 1, 0])
    some = score(of_counts([3, 2, 1]), counts, rows, (Statistic.PSI, Statistic.KS))
    all_of_them = score(of_counts([3, 2, 1]), counts, rows)
    for one in (Statistic.PSI, Statistic.KS):
        assert value(some, one) == value(all_of_them, one)
    assert math.isnan(value(some, Statistic.TVD))


def test_no_windows_no_features() -> None:
    """Empty arrays of the right shape."""
    assert score(of_counts([1, 2]), np.zeros((0, 7), dtype=np.int64), np.zeros(0, dtype=np.int64)).ks_p.shape == (0, 1)
    empty = Baseline.of([], np.zeros(0, dtype=np.int64), 0)
    assert score(empty, np.zeros((3, 0), dtype=np.int64), np.ones(3, dtype=np.int64)).ks_p.shape == (3, 0)


def test_counts_of_another_baseline_are_refused() -> None:
    """A wrong number of bins never scores."""
    with pytest.raises(ValueError, match="shape"):
        score(of_counts([1, 2]), np.zeros((1, 6), dtype=np.int64), np.ones(1, dtype=np.int64))


def test_a_feature_that_fewer_rows_carried() -> None:
    """A window with rows of outcomes only scores each feature on the rows that carried it."""
    bins = numeric_bins([0.5, 1.5])
    names = [numeric(bins, name=name, means=[0, 1, 2]) for name in "xy"]

    def laid(x: list[int], y: list[int]) -> NDArray[np.int64]:
        return np.concatenate([padded(x, bins), padded(y, bins)])

    baseline = Baseline.of(names, laid([10, 20, 30], [20, 20, 20]), 60)
    uneven = score(baseline, np.array([laid([5, 5, 2], [9, 3, 8])]), np.array([20]))
    even = [
        score(baseline, np.array([laid([5, 5, 2], [4, 4, 4])]), np.array([12])),
        score(baseline, np.array([laid([7, 7, 6], [9, 3, 8])]), np.array([20])),
    ]
    for statistic in SCORED:
        for f, alone in enumerate(even):
            assert uneven.values[statistic][0, f].tobytes() == alone.values[statistic][0, f].tobytes(), statistic
