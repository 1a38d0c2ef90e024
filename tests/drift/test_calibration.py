"""Calibration and judgement: right on ordinary data, calm on bad data, the same digits however asked."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.drift.calibration import Calibration
from app.drift.context import DAY_US, HOUR_US, MONDAY_US, WEEK_US, Grid
from app.drift.judgement import Judgement, judge
from app.drift.layout import Layout, layout
from app.drift.record import packed, unpacked
from app.drift.refit import refit
from app.drift.replay import Windows
from app.drift.trailing import Trailing
from drift.streams import CATEGORIES, KINDS, NEW_YORK, RANGES, hourly, laid, starts, stream, trailing

EIGHT_WEEKS = 8 * 168


def judged(place: Layout, calibration: Calibration, windows: Windows, grid: Grid) -> Judgement:
    """Judge windows."""
    return judge(place, calibration, starts=windows.starts, counts=windows.counts, rows=windows.rows, grid=grid)


def alike(one: Any, other: Any) -> None:
    """Equal to the last bit, field by field."""
    if is_dataclass(one):
        for each in fields(one):
            alike(getattr(one, each.name), getattr(other, each.name))
    elif isinstance(one, tuple):
        for a, b in zip(one, other, strict=True):
            alike(a, b)
    else:
        np.testing.assert_array_equal(one, other)


def finite(thing: Any) -> None:
    """No NaN and no infinity in any float of it."""
    if is_dataclass(thing):
        for each in fields(thing):
            finite(getattr(thing, each.name))
    elif isinstance(thing, tuple):
        for each in thing:
            finite(each)
    else:
        assert np.isfinite(np.asarray(thing, dtype=np.float64)).all()


@pytest.fixture(scope="module")
def twelve() -> tuple[Layout, Windows]:
    """Twelve stationary weeks of three features."""
    return stream(12, features=3)


def test_probabilities_hold_their_size() -> None:
    """On thirty later weeks of stationary traffic p is at most twice and at least half as often below its value."""
    place, windows = stream(38, features=6, mean=200)
    calibration = refit(place, trailing(windows.part(0, EIGHT_WEEKS)), grid=hourly())
    later = judged(place, calibration, windows.part(EIGHT_WEEKS, len(windows.starts)), hourly())
    for p in (later.p[0], later.psi_p, later.ks_p):
        for nominal in (0.1, 0.01):
            assert 0.5 < (p <= nominal).mean() / nominal < 2
        assert (p <= 0.001).mean() < 0.002


def test_a_share_of_nulls_holds_its_size() -> None:
    """Where a third is null a window of 0.01 is about that rare, as a binomial law has it, and no rarer."""
    place, windows = stream(20, features=2)
    random = np.random.default_rng(8)
    counts = windows.counts.copy()
    for first in (0, 17):
        lost = random.binomial(counts[:, first : first + RANGES], 1 / 3)
        counts[:, first : first + RANGES] -= lost
        counts[:, first + RANGES] += lost.sum(axis=1)
    windows = Windows(windows.starts, counts, windows.rows)
    calibration = refit(laid(counts[:EIGHT_WEEKS], 2), trailing(windows.part(0, EIGHT_WEEKS)), grid=hourly())
    p = judged(place, calibration, windows.part(EIGHT_WEEKS, len(counts)), hourly()).p[1]
    for level in (0.1, 0.01):
        assert 0.4 * level < np.mean(p <= level) < 1.3 * level


def test_the_rhythm_is_found(twelve: tuple[Layout, Windows]) -> None:
    """A daily rhythm is kept by hour of day or finer, a stream without one by no context."""
    place, windows = twelve
    calibration = refit(place, trailing(windows), grid=hourly())
    assert (calibration.level <= 2).all()
    rng = np.random.default_rng(0)
    flat = np.concatenate([rng.multinomial(200, np.ones(12) / 12, EIGHT_WEEKS), np.zeros((EIGHT_WEEKS, 5), int)], 1)
    still = Windows(starts(EIGHT_WEEKS), flat, flat.sum(axis=1))
    assert refit(laid(flat, 1), trailing(still), grid=hourly()).level[0] == 3


def test_line_and_probability_agree(twelve: tuple[Layout, Windows]) -> None:
    """A published PSI or KS is past its line exactly where its p is below the line's."""
    place, windows = twelve
    calibration = refit(place, trailing(windows.part(0, EIGHT_WEEKS)), grid=hourly())
    later = judged(place, calibration, windows.part(EIGHT_WEEKS, len(windows.starts)), hourly())
    for p in (0.3, 0.01, 0.001):
        assert ((later.psi > calibration.psi.line(p, later.psi_expected)) == (later.psi_p < p)).mean() > 0.999
        assert ((later.ks > calibration.ks.line(p, later.ks_expected)) == (later.ks_p < p)).mean() > 0.999


def test_digits_do_not_depend_on_the_company(twelve: tuple[Layout, Windows]) -> None:
    """One window at a time, or one feature alone, or fitted in small chunks: the same bits.

    Only the pace of evidence asks the other features what days were special.
    """
    place, windows = twelve
    grid = hourly()
    reference = trailing(windows.part(0, EIGHT_WEEKS))
    calibration = refit(place, reference, grid=grid)
    for chunk in (1, 2 * 17 * EIGHT_WEEKS):
        alike(calibration, refit(place, reference, grid=grid, chunk=chunk))
    later = windows.part(EIGHT_WEEKS, EIGHT_WEEKS + 48)
    whole = judged(place, calibration, later, grid)
    for w in (0, 17, 47):
        one = judged(place, calibration, later.part(w, w + 1), grid)
        alike(one.p[:, 0], whole.p[:, w])
        alike(one.psi_p[0], whole.psi_p[w])
    part = place.part(1, 2)
    alone = replace(reference, counts=reference.counts[:, 17:34])
    own, among = refit(part, alone, grid=grid).part(0, 0, 17), calibration.part(1, 17, 34)
    alike(replace(own, tau=own.tau[1:]), replace(among, tau=among.tau[1:]))


def test_a_bad_feature_touches_no_other(twelve: tuple[Layout, Windows]) -> None:
    """Rubbish in one feature leaves every bit of the other's calibration alone."""
    place, windows = twelve
    rubbish = windows.counts.copy()
    rubbish[:, 17:34] = np.random.default_rng(5).integers(0, 10**12, (len(rubbish), 17))
    one = refit(place, trailing(windows), grid=hourly())
    other = refit(place, trailing(Windows(windows.starts, rubbish, windows.rows)), grid=hourly())
    alike(one.part(0, 0, 17), other.part(0, 0, 17))
    alike(one.part(2, 34, 51), other.part(2, 34, 51))


def test_counts_too_large_for_half_the_memory(twelve: tuple[Layout, Windows]) -> None:
    """Features beside one whose sums need more bits keep theirs, whichever comes first and however they are chunked."""
    place, windows = twelve
    for large in range(3):
        counts = windows.counts.copy()
        counts[:, 17 * large : 17 * large + 17] *= 10**9
        reference = trailing(Windows(windows.starts, counts, windows.rows))
        one = refit(place, reference, grid=hourly(), chunk=1)
        assert one.sums.dtype == np.int64
        assert one.sums.max() > 2**32
        alike(one, refit(place, reference, grid=hourly()))


def test_masked_windows_are_as_if_they_were_not_there(twelve: tuple[Layout, Windows]) -> None:
    """A window that may not vouch for a feature changes nothing of it."""
    place, windows = twelve
    reference = trailing(windows.part(0, EIGHT_WEEKS))
    mask = np.ones((EIGHT_WEEKS, 3), dtype=np.bool_)
    mask[300:340, 1] = False
    broken = reference.counts.copy()
    broken[300:340, 17:34] = broken[300:340, 17:34][:, ::-1]
    a = refit(place, replace(reference, accepted=mask), grid=hourly())
    b = refit(place, replace(reference, accepted=mask, counts=broken), grid=hourly())
    alike(replace(a.part(1, 17, 34), psi=b.part(1, 17, 34).psi), b.part(1, 17, 34))


def test_bytes_and_back(twelve: tuple[Layout, Windows]) -> None:
    """A stored calibration is the calibration, bit for bit."""
    place, windows = twelve
    calibration = refit(place, trailing(windows), grid=hourly())
    alike(unpacked(packed(calibration)), calibration)


@pytest.mark.parametrize("what", ["constant", "all null", "huge", "one window", "nothing", "gaps"])
def test_odd_references(what: str) -> None:
    """Whatever the reference, no NaN, no exception, and probabilities between 0 and 1."""
    windows = EIGHT_WEEKS
    counts = np.zeros((windows, 17), dtype=np.int64)
    at = starts(windows)
    if what == "constant":
        counts[:, 3] = 1000
    elif what == "all null":
        counts[:, 12] = 1000
    elif what == "huge":
        counts[:, :12] = 10**12
        counts[:, 5] += np.arange(windows)
    elif what in {"one window", "gaps"}:
        counts[:, :12] = np.random.default_rng(1).integers(0, 50, (windows, 12))
        keep = slice(0, 1) if what == "one window" else slice(0, windows, 7)
        counts, at = counts[keep], at[keep]
    elif what == "nothing":
        counts, at = counts[:0], at[:0]
    place = laid(counts, 1)
    calibration = refit(place, trailing(Windows(at, counts, counts.sum(axis=1))), grid=hourly(NEW_YORK))
    finite(calibration)
    live = np.concatenate([counts[-3:], np.random.default_rng(2).integers(0, 10**12, (3, 17)), np.zeros((1, 17), int)])
    later = judge(
        place,
        calibration,
        starts=starts(len(live), first_us=MONDAY_US + 9 * WEEK_US),
        counts=live,
        rows=live.sum(axis=1),
        grid=hourly(NEW_YORK),
    )
    assert bool(calibration.calibrated[0]) == (what not in {"one window", "nothing"})
    p = later.p[:, later.judged]
    assert np.isnan(later.p[0][~later.judged]).all()
    known = p[~np.isnan(p)]
    assert ((known >= 0) & (known <= 1)).all()
    assert not np.isnan(later.p[0][later.judged]).any()


@settings(max_examples=60, deadline=None)
@given(
    counts=arrays(np.int64, (60, 26), elements=st.one_of(st.integers(0, 3), st.integers(0, 10**12))),
    length=st.sampled_from([HOUR_US // 4, HOUR_US, 3 * HOUR_US, DAY_US, WEEK_US]),
    gaps=st.sets(st.integers(0, 59), max_size=40),
)
def test_any_counts_are_judged(counts: np.ndarray, length: int, gaps: set[int]) -> None:
    """Any counts in windows of any length, across a clock change and with gaps: numbers, never NaN, never an error."""
    place = layout(
        np.array([0, 17, 26]),
        KINDS + CATEGORIES,
        groups=np.arange(26),
        baseline=counts.sum(axis=0),
        novelty=np.array([0.0, 0.02]),
    )
    origin = (16_000 * DAY_US + 5 * DAY_US) // WEEK_US * WEEK_US + MONDAY_US
    at = starts(60, length_us=length, first_us=origin)
    keep = np.array([w not in gaps for w in range(60)])
    grid = Grid(length, NEW_YORK)
    rows = counts[:, :17].sum(axis=1)
    reference = Trailing(at[keep], counts[keep], rows[keep], np.arange(int(keep.sum())) % 2 == 0)
    calibration = refit(place, reference, grid=grid)
    finite(calibration)
    later = judge(place, calibration, starts=at, counts=counts, rows=rows, grid=grid)
    assert not np.isnan(later.p[0][later.judged]).any()
    assert np.isfinite(later.tvd[later.judged]).all()


def test_what_is_missing_is_said() -> None:
    """Twenty windows are too few, and a hundred and fifty on seven days as well; 250 on eleven are enough."""
    place, windows = stream(8, features=1)
    few = refit(place, trailing(windows.part(0, 20)), grid=hourly())
    assert few.missing(0) == "10 more reference windows with at least 30 rows"
    some = refit(place, trailing(windows.part(0, 150)), grid=hourly())
    assert some.missing(0) == "7 more days or 50 more windows of reference"
    assert refit(place, trailing(windows.part(0, 250)), grid=hourly()).missing(0) is None


def test_the_volume_waits_as_long_as_the_features() -> None:
    """A week of hours says too little of what is normal for the number of rows."""
    place, windows = stream(8, features=1)
    judged = {n: refit(place, trailing(windows.part(0, n)), grid=hourly()).volume_calibrated for n in (20, 150, 250)}
    assert judged == {20: False, 150: False, 250: True}
