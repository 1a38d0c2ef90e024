"""Causes are named where the histogram shows them."""

from collections.abc import Callable

import numpy as np
import pytest

from app.drift import causes
from app.drift.calibration import Calibration
from app.drift.context import HOUR_US, MONDAY_US, WEEK_US, Grid
from app.drift.explanation import explain
from app.drift.layout import Layout, layout
from app.drift.refit import refit
from app.drift.replay import Windows
from drift.streams import CATEGORIES, RANGES, hourly, shares, starts, stream, trailing

NOON = MONDAY_US + 9 * WEEK_US + 12 * HOUR_US
ROWS = 2_000


@pytest.fixture(scope="module")
def known() -> tuple[Layout, Calibration, Grid]:
    """Eight weeks of one feature."""
    place, windows = stream(8, features=1)
    grid = hourly()
    return place, refit(place, trailing(windows), grid=grid), grid


def normal(hour: float = 12.0) -> np.ndarray:
    """Expected counts at an hour of day, (17,)."""
    return np.concatenate([np.round(ROWS * shares(np.array([hour]), 0)[0]), np.zeros(5)]).astype(np.int64)


def nulls(x: np.ndarray) -> np.ndarray:
    """A fifth is null."""
    out = (x * 0.8).astype(np.int64)
    out[RANGES] = x.sum() - out.sum()
    return out


def stuck(x: np.ndarray) -> np.ndarray:
    """A third is one value."""
    out = (x * 0.67).astype(np.int64)
    out[4] += x.sum() - out.sum()
    return out


def moved(x: np.ndarray) -> np.ndarray:
    """Everything is four bins higher, further than the day ever takes it."""
    out = np.zeros_like(x)
    out[4:RANGES] = x[: RANGES - 4]
    out[RANGES - 1] += x[RANGES - 4 : RANGES].sum()
    return out


def stuck_below(x: np.ndarray) -> np.ndarray:
    """A third is one value below all others."""
    out = (x * 0.67).astype(np.int64)
    out[0] += x.sum() - out.sum()
    return out


@pytest.mark.parametrize(
    ("change", "cause"),
    [(nulls, "nulls"), (stuck, "stuck_value"), (moved, "location"), (stuck_below, "stuck_value")],
)
def test_one_window_names_its_cause(
    known: tuple[Layout, Calibration, Grid], change: Callable[[np.ndarray], np.ndarray], cause: str
) -> None:
    """Nulls, a stuck value and a shift are told apart."""
    place, calibration, grid = known
    counts = np.array(change(normal()))
    found = explain(place, calibration, feature=0, start=NOON, counts=counts, grid=grid)
    assert found.cause == cause


def test_a_feed_off_by_an_hour_is_a_clock_shift(known: tuple[Layout, Calibration, Grid]) -> None:
    """Six windows that look like the hours after them."""
    place, calibration, grid = known
    said: causes.Signs = ()
    for hour in range(6):
        start = MONDAY_US + 9 * WEEK_US + hour * HOUR_US
        counts = normal(hour + 1.0)
        said = causes.added(said, causes.signs(place, calibration, feature=0, start=start, counts=counts, grid=grid))
    assert causes.named(said) == "clock_shift"


def said(*, gap: float, early: float, late: float, location: float) -> causes.Signs:
    """Signs of a feature: its gap, what an hour early and an hour late explain of it, and what moved values do."""
    hours = [late, early] + [-gap] * 22
    return (gap, *hours, 0.0, 0.0, 0.0, 0.0, location, 0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("near", "far", "location", "cause"),
    [(0.9, 0.0, 0.95, "clock_shift"), (0.0, 0.98, 0.95, "location"), (0.0, 0.95, 0.8, "clock_shift")],
)
def test_half_a_day_of_rhythm_is_rather_a_move(near: float, far: float, location: float, cause: str) -> None:
    """In few windows a moved feature looks like another hour, so a shift of many hours has to explain clearly more."""
    hours = [near, *[0.0] * 22, far]
    assert causes.named((1.0, *hours, 0.0, 0.0, 0.0, 0.0, location, 0.0, 0.0, 0.0, 0.0)) == cause


def test_features_name_a_shifted_clock_together() -> None:
    """One shift explains two features, of which one by itself seems moved as well; the third has no part in it."""
    near = said(gap=10.0, early=-5.0, late=8.0, location=9.5)
    sure = said(gap=20.0, early=-5.0, late=19.0, location=15.0)
    broken = said(gap=1.0, early=-1.0, late=-0.5, location=0.8)
    assert causes.named(near) == "location"
    assert causes.clocked([near, sure]) == [True, True]
    assert causes.clocked([near, sure, broken]) == [True, True, False]
    assert causes.clocked([near, (), sure]) == [True, False, True]


def test_no_clock_is_named_by_features_that_disagree() -> None:
    """Shifts in different directions, moved values, and a feature alone."""
    late = said(gap=10.0, early=-5.0, late=9.0, location=7.0)
    early = said(gap=10.0, early=9.0, late=-5.0, location=7.0)
    moved = said(gap=40.0, early=-20.0, late=8.0, location=39.0)
    assert causes.clocked([late, early]) == [False, False]
    assert causes.clocked([late, moved]) == [False, False]
    assert causes.clocked([late]) == [False]
    assert causes.clocked([]) == []


def test_miles_in_kilometres_are_a_change_of_unit() -> None:
    """Fifty bins of a lognormal reference and values 1.609 times as large."""
    rng = np.random.default_rng(3)
    values = rng.lognormal(1.0, 0.8, 200_000)
    edges = np.quantile(values, np.arange(1, 50) / 50)
    place = layout(
        np.array([0, 55]),
        ["range"] * 50 + ["null", "nan", "neg_inf", "pos_inf", "invalid"],
        groups=np.arange(55),
        baseline=np.bincount(np.searchsorted(edges, values), minlength=55),
        lower=np.array([-np.inf, *edges, *[np.nan] * 5]),
        upper=np.array([*edges, np.inf, *[np.nan] * 5]),
    )
    _, windows = stream(8, features=1)
    counts = np.stack(
        [np.bincount(np.searchsorted(edges, rng.lognormal(1.0, 0.8, int(n))), minlength=55) for n in windows.rows]
    )
    grid = hourly()
    reference = trailing(type(windows)(windows.starts, counts, windows.rows))
    calibration = refit(place, reference, grid=grid)
    live = np.bincount(np.searchsorted(edges, 1.609344 * rng.lognormal(1.0, 0.8, ROWS)), minlength=55)
    assert explain(place, calibration, feature=0, start=NOON, counts=live, grid=grid).cause == "unit_change"


def test_explanation_adds_up(known: tuple[Layout, Calibration, Grid]) -> None:
    """Shares sum to one, contributions are not negative, and the null bin leads the list."""
    place, calibration, grid = known
    found = explain(place, calibration, feature=0, start=NOON, counts=nulls(normal()), grid=grid)
    assert found.expected.sum() == pytest.approx(1)
    assert found.observed.sum() == pytest.approx(1)
    assert (found.psi >= 0).all()
    assert found.top()[0] == RANGES
    assert found.observed[RANGES] == pytest.approx(0.2, abs=0.01)


def test_an_empty_window_has_no_cause(known: tuple[Layout, Calibration, Grid]) -> None:
    """Without rows nothing differs."""
    place, calibration, grid = known
    found = explain(place, calibration, feature=0, start=NOON, counts=np.zeros(17, dtype=np.int64), grid=grid)
    assert found.cause == "mix"
    assert not np.isnan(np.concatenate([found.expected, found.observed, found.psi, found.z])).any()


def test_statistics_name_their_own_cause() -> None:
    """An episode of the null share is of nulls, one of the volume of volume."""
    assert causes.named((), statistic="null_ratio") == "nulls"
    assert causes.named((), statistic="unseen_ratio") == "unseen"
    assert causes.named((), statistic="volume") == "volume"
    assert causes.named(()) == "mix"


@pytest.fixture(scope="module")
def airports() -> tuple[Layout, Calibration, Grid]:
    """Eight weeks of one feature of five categories."""
    rng = np.random.default_rng(5)
    at = starts(8 * 168)
    counts = np.zeros((len(at), len(CATEGORIES)), dtype=np.int64)
    counts[:, :5] = rng.multinomial(500, [0.36, 0.33, 0.2, 0.1, 0.01], size=len(at))
    place = layout(
        np.array([0, len(CATEGORIES)]), CATEGORIES, groups=np.arange(len(CATEGORIES)), baseline=counts.sum(axis=0)
    )
    windows = Windows(at, counts, counts.sum(axis=1))
    return place, refit(place, trailing(windows), grid=hourly()), hourly()


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ([330, 360, 200, 100, 10, 0, 0, 0, 0], "mix"),
        ([100, 330, 200, 360, 10, 0, 0, 0, 0], "mix"),
        ([0, 690, 200, 100, 10, 0, 0, 0, 0], "mix"),
        ([288, 264, 160, 280, 8, 0, 0, 0, 0], "stuck_value"),
        ([320, 290, 180, 90, 10, 0, 0, 110, 0], "unseen"),
        ([320, 290, 180, 90, 10, 0, 0, 0, 110], "unseen"),
        ([320, 290, 180, 90, 10, 110, 0, 0, 0], "nulls"),
    ],
)
def test_what_happened_to_categories(airports: tuple[Layout, Calibration, Grid], seen: list[int], cause: str) -> None:
    """Two that were swapped, or one renamed, are no stuck value; what cannot be read was never seen."""
    place, calibration, grid = airports
    found = explain(place, calibration, feature=0, start=NOON, counts=np.array(seen), grid=grid)
    assert found.cause == cause


def test_a_ratio_names_its_own_cause() -> None:
    """Episodes of ratios and of the volume need no histogram."""
    named = {
        name: causes.named((), statistic=name) for name in ("null_ratio", "unseen_ratio", "invalid_ratio", "volume")
    }
    assert named == {"null_ratio": "nulls", "unseen_ratio": "unseen", "invalid_ratio": "unseen", "volume": "volume"}
