"""What is normal for the number of rows."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from app.drift.context import HOUR_US, MONDAY_US, Grid
from app.drift.volume import VolumeCalibration, fit

HOURS = 6 * 168
GRID = Grid(HOUR_US, ZoneInfo("UTC"))


def calibrated(rows: NDArray[np.int64]) -> VolumeCalibration:
    """What weeks of hours with so many rows teach."""
    starts = MONDAY_US + HOUR_US * np.arange(len(rows))
    return fit(rows, starts, accepted=np.ones(len(rows), np.bool_), grid=GRID)


def p(volume: VolumeCalibration, rows: int) -> float:
    """The probability of so many rows in the first hour of a week."""
    slot = np.zeros(1, np.int64)
    return float(volume.p(np.array([rows]), slot, other=slot, part=np.zeros(1))[0])


@pytest.mark.parametrize("rows", [75, 70, 66, 57, 50, 45])
def test_a_schedule_is_no_promise(rows: int) -> None:
    """After weeks of sixty rows an hour other numbers are no rarer than where rows come by themselves."""
    volume = calibrated(np.full(HOURS, 60))
    error = np.sqrt((1 + 1 / volume.windows[0]) / 60.5)
    change = np.log((rows + 0.5) / 60.5)
    assert p(volume, rows) == pytest.approx(2 * stats.norm.sf(abs(change) / error))


@pytest.mark.parametrize("rows", [150, 30, 10, 0])
def test_half_of_a_schedule_is_missed(rows: int) -> None:
    """Half of the rows, or more than twice as many, are rare in an hour of sixty."""
    assert p(calibrated(np.full(HOURS, 60)), rows) < 1e-3


def test_what_varies_more_is_judged_by_itself() -> None:
    """Poisson's law has no say where a reference varies three times as much."""
    rows = np.random.default_rng(1).normal(400, 60, HOURS).astype(np.int64)
    volume = calibrated(rows)
    assert 0.02 < p(volume, 280) < 0.2
    assert p(volume, 100) < 1e-3


@pytest.mark.parametrize("rows", [np.full(HOURS, 60), np.random.default_rng(2).poisson(60, HOURS)])
def test_lines_are_where_the_probability_is(rows: NDArray[np.int64]) -> None:
    """Beyond a line rows are rarer than its probability, inside they are not."""
    volume = calibrated(rows)
    for rare in (0.2, 0.01, 1e-4):
        fewest, most = volume.lines(0, rare)
        assert p(volume, int(np.floor(fewest)) - 1) < rare <= p(volume, int(np.ceil(fewest)) + 1)
        assert p(volume, int(np.ceil(most)) + 1) < rare <= p(volume, int(np.floor(most)) - 1)


def test_probabilities_hold_their_size() -> None:
    """Rows that come by themselves fall below 0.001 about as often as that says; all are in the same draw of dice."""
    found = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        rows = random.poisson(150 * (1 + 0.6 * np.sin(np.arange(30 * 168) % 24 / 24 * 2 * np.pi)))
        volume = calibrated(rows[: 8 * 168])
        slot = GRID.slot(MONDAY_US + HOUR_US * np.arange(8 * 168, len(rows)))
        found.append(volume.p(rows[8 * 168 :], slot, other=slot, part=np.zeros(len(slot))))
    for level in (0.01, 0.001):
        assert 0.6 * level < np.mean(np.concatenate(found) <= level) < 1.7 * level
