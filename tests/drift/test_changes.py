"""Changes of all values at once are told from changes of some, whatever the distribution."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from app.drift import causes
from app.drift.bins import NumericBins
from app.drift.calibration import Calibration
from app.drift.changes import Atoms, closed
from app.drift.context import HOUR_US, MONDAY_US, WEEK_US
from app.drift.layout import Layout, layout
from app.drift.refit import refit
from app.drift.sample import NumericSample, row_hashes
from app.drift.trailing import Trailing
from drift.streams import hourly, starts

Floats = NDArray[np.float64]
ROWS: Final = 300
RESERVED: Final = ["null", "nan", "neg_inf", "pos_inf", "invalid"]


def legs(random: np.random.Generator, rows: int) -> Floats:
    """Distances of two hundred routes in miles, some of them flown far more often than others."""
    fixed = np.random.default_rng(7)
    miles = np.round(fixed.gamma(2.2, 480.0, 200) + 90.0)
    often = fixed.pareto(1.2, 200) + 0.2
    return random.choice(miles, rows, p=often / often.sum())


VALUES: Final[dict[str, Callable[[np.random.Generator, int], Floats]]] = {
    "normal": lambda random, rows: random.normal(100.0, 10.0, rows),
    "lognormal": lambda random, rows: random.lognormal(1.0, 0.8, rows),
    "counts": lambda random, rows: random.poisson(5.0, rows).astype(np.float64),
    "many counts": lambda random, rows: random.geometric(0.03, rows).astype(np.float64),
    "many zeros": lambda random, rows: np.where(random.random(rows) < 0.3, 0.0, random.lognormal(2.0, 1.0, rows)),
    "heavy values": legs,
}


@dataclass(frozen=True)
class World:
    """A feature with eight ordinary weeks behind it."""

    bins: NumericBins
    place: Layout
    calibration: Calibration
    middle: float
    scale: float

    def counts(self, values: Floats) -> NDArray[np.int64]:
        """Rows by bin."""
        return np.bincount(self.bins.index(values), minlength=self.bins.size)


@lru_cache
def world(name: str) -> World:
    """Bins as the service makes them, and windows of the baseline's own shares."""
    random = np.random.default_rng(5)
    values = VALUES[name](random, 60_000)
    sample = NumericSample(len(values))
    sample.add(values, row_hashes(0, len(values)))
    bins = sample.bins()
    baseline = np.bincount(bins.index(values), minlength=bins.size)
    open_ends = np.full(len(RESERVED), np.nan)
    place = layout(
        np.array([0, bins.size]),
        ["range"] * bins.finite + RESERVED,
        groups=np.arange(bins.size),
        baseline=baseline,
        lower=np.concatenate([bins.lower, open_ends]),
        upper=np.concatenate([bins.upper, open_ends]),
    )
    at = starts(8 * 168)
    counts = random.multinomial(ROWS, baseline / baseline.sum(), len(at))
    reference = Trailing(at, counts, counts.sum(axis=1), np.ones(len(at), dtype=np.bool_))
    calibration = refit(place, reference, grid=hourly())
    return World(bins, place, calibration, float(np.median(values)), float(np.std(values)))


def cause(name: str, change: Callable[[Floats, World], Floats]) -> str:
    """What three changed windows together are named."""
    known = world(name)
    random = np.random.default_rng(11)
    said: causes.Signs = ()
    for hour in range(3):
        counts = known.counts(change(VALUES[name](random, ROWS), known))
        start = MONDAY_US + 9 * WEEK_US + hour * HOUR_US
        mine = causes.signs(known.place, known.calibration, feature=0, start=start, counts=counts, grid=hourly())
        said = causes.added(said, mine)
    return causes.named(said)


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("factor", [1.609344, 1 / 1.609344, 60.0, 1 / 60, 100.0, 0.001, 2.54, 0.3048, 0.45359237])
def test_factors_are_changes_of_unit(name: str, factor: float) -> None:
    """Miles in kilometres, minutes in seconds, even where all values land beyond the last edge."""
    assert cause(name, lambda values, _: values * factor) == "unit_change"


@pytest.mark.parametrize("name", VALUES)
def test_fahrenheit_is_a_change_of_unit(name: str) -> None:
    """A factor and an offset together."""
    assert cause(name, lambda values, _: values * 1.8 + 32.0) == "unit_change"


def test_rounded_kilometres_are_a_change_of_unit() -> None:
    """Values that were rounded afterwards lie on none of the reference's."""
    assert cause("heavy values", lambda values, _: np.round(values * 1.609344)) == "unit_change"


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("by", [0.5, 1.0, -1.0])
def test_offsets_are_locations(name: str, by: float) -> None:
    """Up or down by a standard deviation, whether or not the values stay whole."""
    assert cause(name, lambda values, known: values + by * known.scale) == "location"
    assert cause(name, lambda values, known: values + np.sign(by) * np.ceil(abs(by) * known.scale)) == "location"


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("by", [0.5, 1.25, 2.0])
def test_stretches_about_the_median_are_spreads(name: str, by: float) -> None:
    """Half, five quarters, twice as wide."""
    assert cause(name, lambda values, known: known.middle + by * (values - known.middle)) == "spread"


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("every", [1, 2, 5])
def test_one_value_again_and_again_is_stuck(name: str, every: int) -> None:
    """All, half or a fifth of the rows at the median."""
    hit = np.arange(ROWS) % every == 0
    assert cause(name, lambda values, known: np.where(hit, known.middle, values)) == "stuck_value"


@pytest.mark.parametrize("name", VALUES)
def test_a_value_beyond_all_that_is_normal(name: str) -> None:
    """A fifth of the rows at one value past the edges is a stuck value: the others keep their shape."""
    hit = np.arange(ROWS) % 5 == 0
    assert cause(name, lambda values, _: np.where(hit, 1e9, values)) == "stuck_value"


@pytest.mark.parametrize(("reserved", "named"), [("null", "nulls"), ("invalid", "unseen")])
@pytest.mark.parametrize("name", VALUES)
def test_rows_that_lose_their_value(name: str, reserved: str, named: str) -> None:
    """A fifth of the rows null is `nulls`; there is no word for invalid ones."""
    known = world(name)
    counts = known.counts(VALUES[name](np.random.default_rng(11), ROWS * 4 // 5))
    counts[known.bins.finite + RESERVED.index(reserved)] += ROWS // 5
    at = MONDAY_US + 9 * WEEK_US
    said = causes.signs(known.place, known.calibration, feature=0, start=at, counts=counts, grid=hourly())
    assert causes.named(said) == named


def test_distance_closed_by_hand() -> None:
    """The truth closes all of the distance, no change none of it, and half the way half of it."""
    seen, normal = np.array([0.0, 0.0, 1e12]), np.array([1.0, 0.0, 0.0])
    half = 0.5 * (seen / 1e12 + normal)
    np.testing.assert_allclose(closed(seen, normal, np.stack([seen, normal, half])), [1.0, 0.0, 0.5], atol=1e-9)


def test_an_open_end_is_twice_as_wide_as_the_range_beside_it() -> None:
    """Nothing that is positive by its first edge is spread below zero."""
    lower, upper = np.array([-np.inf, 1.0, 4.0, 6.0]), np.array([1.0, 4.0, 6.0, np.inf])
    points = Atoms(np.full(4, 0.25), lower, upper).points
    assert points[0].min() == pytest.approx(1 / 16)
    assert points[-1].max() == pytest.approx(6 + 4 * 15 / 16)


def test_values_near_the_largest_double() -> None:
    """Widths that no double can hold cost no warning, and what would be moved is still counted."""
    edges = np.array([-np.inf, -1.7e308, 0.0, 1.7e308, np.inf])
    share = np.array([0.25, 0.25, 0.25, 0.25])
    atoms = Atoms(share, edges[:-1], edges[1:])
    for tried in (atoms.locations(atoms), atoms.spreads(atoms), atoms.rescaled()):
        assert np.allclose(tried.sum(axis=1), 1.0)
    assert np.isfinite(closed(100 * share, share, atoms.rescaled())).all()
