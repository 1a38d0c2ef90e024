"""Categories that come and go: their first occurrences are expected, and no window is called rare for them."""

from math import log

import numpy as np
import pytest

from app.drift.judgement import STATISTICS, Judgement, judge
from app.drift.layout import Layout, layout
from app.drift.refit import refit
from app.drift.replay import Windows
from app.drift.trailing import Trailing
from app.drift.turnover import allowed, forgiven
from drift.streams import hourly, starts, stream, trailing

NAMED = 30
KINDS = ["category"] * NAMED + ["null", "other", "unseen", "invalid"]
WEEKS = 8


def values(seed: int, *, weeks: int, tail: float) -> tuple[Layout, Windows]:
    """Rows whose category is one of endlessly many, Zipf's law; bins and layout come from the first eight weeks."""
    rng = np.random.default_rng(seed)
    at = starts(weeks * 168)
    rows = rng.poisson(300, len(at))
    window, drawn = np.repeat(np.arange(len(at)), rows), rng.zipf(tail, rows.sum())
    names, count = np.unique(drawn[window < WEEKS * 168], return_counts=True)
    top = np.sort(names[np.argsort(-count, kind="stable")[:NAMED]])
    place = np.minimum(np.searchsorted(top, drawn), NAMED - 1)
    bins = np.where(top[place] == drawn, place, np.where(np.isin(drawn, names), NAMED + 1, NAMED + 2))
    counts = np.bincount(window * len(KINDS) + bins, minlength=len(at) * len(KINDS)).reshape(len(at), -1)
    baseline = counts[: WEEKS * 168].sum(axis=0)
    singles = np.array([(count == 1).sum() / count.sum()])
    offsets = np.array([0, len(KINDS)])
    place_of = layout(offsets, KINDS, groups=np.arange(len(KINDS)), baseline=baseline, novelty=singles)
    return place_of, Windows(at, counts, rows)


def later(place: Layout, windows: Windows) -> Judgement:
    """Judge what comes after eight weeks by them."""
    old = Windows(*(each[: WEEKS * 168] for each in (windows.starts, windows.counts, windows.rows)))
    new = Windows(*(each[WEEKS * 168 :] for each in (windows.starts, windows.counts, windows.rows)))
    fitted = refit(place, trailing(old), grid=hourly())
    return judge(place, fitted, starts=new.starts, counts=new.counts, rows=new.rows, grid=hourly())


@pytest.mark.parametrize("tail", [1.3, 1.5, 1.8])
def test_psi_of_endless_categories_holds_its_size(tail: float) -> None:
    """Of windows like the reference a tenth, a hundredth and a thousandth is as rare, within a factor of two."""
    found = np.concatenate([later(*values(seed, weeks=24, tail=tail)).psi_p.ravel() for seed in range(2)])
    for p in (0.1, 0.01):
        assert p / 2 < np.mean(found <= p) < 2 * p
    assert np.mean(found <= 0.001) < 0.002


def test_a_flood_of_new_categories_is_rare() -> None:
    """Three times as many new values as singles promise are found."""
    place, windows = values(0, weeks=10, tail=1.5)
    moved = windows.counts[:, :NAMED] // 10
    windows.counts[:, :NAMED] -= moved
    windows.counts[:, NAMED + 2] += moved.sum(axis=1)
    windows.counts[: WEEKS * 168, :NAMED] += moved[: WEEKS * 168]
    windows.counts[: WEEKS * 168, NAMED + 2] -= moved[: WEEKS * 168].sum(axis=1)
    assert np.median(later(place, windows).psi_p) < 1e-3


def test_by_hand() -> None:
    """Of 55 named rows, 5 null and 40 others, a tenth single: those were others, and where there are fewer, all."""
    kinds = ["category", "null", "other", "unseen"]
    baseline, counts = np.array([55, 5, 40, 0]), np.array([[50, 10, 30, 10], [55, 5, 40, 0], [0, 0, 0, 0]])
    psi = np.array([[0.5], [0.25], [np.nan]])

    def found(new: float) -> np.ndarray:
        place = layout(np.array([0, 4]), kinds, groups=np.arange(4), baseline=baseline, novelty=np.array([new]))
        return forgiven(counts, psi, layout=place)[:, 0]

    named, null = (0.5 - 0.55) * log(0.5 / 0.55), (0.1 - 0.05) * log(2)
    np.testing.assert_allclose(found(0.1), [named + null, 0.25, np.nan], rtol=1e-12)
    named, null = (0.5 - 0.44) * log(0.5 / 0.44), (0.1 - 0.04) * log(0.1 / 0.04)
    other, new = (0.3 - 0.005) * log(0.3 / 0.005), (0.1 - 0.52) * log(0.1 / 0.52)
    np.testing.assert_allclose(found(0.52), [named + null + other + new, 0.25, np.nan], rtol=1e-9)
    usual = allowed(np.array([[0.02], [0.02]]), psi[:2], np.array([[0.1], [0.25]]))
    np.testing.assert_allclose(usual[:, 0], [0.1, 0.02])


def test_only_single_values() -> None:
    """Where each value of the baseline was single, nothing but new ones is no shift."""
    kinds = ["category", "null", "other", "unseen"]
    baseline = np.array([1, 0, 9, 0])
    place = layout(np.array([0, 4]), kinds, groups=np.arange(4), baseline=baseline, novelty=np.array([1.0]))
    found = forgiven(np.array([[0, 0, 0, 7]]), np.array([[3.0]]), layout=place)
    assert found[0, 0] == 0.0
    assert allowed(np.array([[0.1]]), np.array([[3.0]]), found)[0, 0] == pytest.approx(3000)


def test_numbers_are_left_alone() -> None:
    """Features that promise nothing new keep their PSI."""
    place, windows = stream(1)
    psi = np.random.default_rng(0).random((len(windows.starts), place.features))
    assert forgiven(windows.counts, psi, layout=place) is psi


def test_a_column_of_unique_values_is_no_flood() -> None:
    """Where rows of the baseline mostly had a value of their own, live rows do, and no share of them is too many."""
    at = starts(14 * 168)
    rows = np.random.default_rng(5).poisson(300, len(at))
    counts = np.zeros((len(at), len(KINDS)), dtype=np.int64)
    live = np.arange(len(at)) >= WEEKS * 168
    counts[:, NAMED + 1], counts[:, NAMED + 2] = np.where(live, 0, rows), np.where(live, rows, 0)
    baseline = counts[~live].sum(axis=0)
    offsets, groups = np.array([0, len(KINDS)]), np.arange(len(KINDS))
    place = layout(offsets, KINDS, groups=groups, baseline=baseline, novelty=np.array([1.0]))
    for trailed in (0, 1, 2, 4):
        used = slice(trailed * 168, (WEEKS + trailed) * 168)
        own = ~live[used]
        reference = Trailing(at[used], counts[used], rows[used], own)
        fitted = refit(place, reference, grid=hourly())
        now = slice((WEEKS + trailed + 1) * 168, (WEEKS + trailed + 2) * 168)
        found = judge(place, fitted, starts=at[now], counts=counts[now], rows=rows[now], grid=hourly())
        assert (found.p[STATISTICS.index("unseen_ratio")] > 0.05).all()
