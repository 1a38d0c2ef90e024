"""A shifted clock is found and named where no window shows it alone."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.drift.context import DAY_US, HOUR_US, Grid
from app.drift.episodes import Episode
from app.drift.hours import SHIFTS, Hours
from app.drift.layout import Layout
from app.drift.refit import refit
from app.drift.replay import Settings, State, Windows, replay, walk
from app.drift.shifts import ratios
from app.drift.states import packed_state, unpacked_state
from drift.streams import UTC, hourly, stream, trailing

NAMES = ("x", "y")
EIGHT_WEEKS = 8 * 168
ONSET = 9 * 168 + 34


def late(windows: Windows, hours: int) -> Windows:
    """From the onset on every row's time is that many hours too late, or too early."""
    last = len(windows.starts) - max(hours, 0)
    counts, rows = windows.counts.copy(), windows.rows.copy()
    counts[ONSET:] = rows[ONSET:] = 0
    first = ONSET + hours
    counts[first : last + hours] += windows.counts[ONSET:last]
    rows[first : last + hours] += windows.rows[ONSET:last]
    return replace(windows, counts=counts, rows=rows)


def higher(windows: Windows) -> Windows:
    """From the onset on every value is a bin higher, in the whole feed."""
    counts = windows.counts.copy()
    for low in (0, 17):
        part = windows.counts[ONSET:, low : low + 12]
        counts[ONSET:, low : low + 12] = 0
        counts[ONSET:, low + 1 : low + 12] = part[:, :11]
        counts[ONSET:, low + 11] += part[:, 11]
    return replace(windows, counts=counts)


def lived(place: Layout, windows: Windows, *, hours: int = 1) -> tuple[Episode, ...]:
    """Every episode of what follows eight weeks, in windows of so many hours."""
    at = np.arange(0, len(windows.starts) // hours * hours, hours)
    end = len(windows.starts) // hours * hours
    merged = Windows(
        windows.starts[at],
        np.add.reduceat(windows.counts[:end], at, axis=0),
        np.add.reduceat(windows.rows[:end], at),
    )
    cut = EIGHT_WEEKS // hours
    settings = Settings(grid=Grid(hours * HOUR_US, UTC))
    live = merged.part(cut, len(merged.starts))
    kept = np.flatnonzero(live.rows > 0)
    live = Windows(live.starts[kept], live.counts[kept], live.rows[kept])
    *_, last = replay(place, baseline=merged.part(0, cut), windows=live, settings=settings, names=NAMES)
    return last.state.episodes


@pytest.fixture(scope="module")
def few() -> tuple[Layout, Windows]:
    """Eleven weeks of some seventy rows an hour."""
    return stream(11, mean=70, seed=4)


@pytest.mark.parametrize(("shift", "hours"), [(1, 1), (-1, 1), (1, 3), (3, 1)])
def test_a_shift_that_no_window_shows_is_found(few: tuple[Layout, Windows], shift: int, hours: int) -> None:
    """An episode within three days, named by the clock, whether the feed is late or early."""
    place, windows = few
    found = lived(place, late(windows, shift), hours=hours)
    assert found
    assert "clock_shift" in {each.cause for each in found}
    since = found[0].start_us - int(windows.starts[ONSET])
    assert -3 * HOUR_US <= since <= 3 * DAY_US


@pytest.mark.parametrize("change", [lambda windows: windows, higher])
def test_nothing_else_is_named_a_clock(few: tuple[Layout, Windows], change: Callable[[Windows], Windows]) -> None:
    """Quiet weeks make no episode, and moved values are not called a shifted clock."""
    place, windows = few
    found = lived(place, change(windows))
    assert bool(found) == (change is higher)
    assert "clock_shift" not in {each.cause for each in found}


def test_walked_window_by_window_it_is_the_same(few: tuple[Layout, Windows]) -> None:
    """The sums that are handed on, as bytes too, give every digit of the evidence and the same episodes."""
    place, windows = few
    shifted = late(windows, 1)
    calibration = refit(place, trailing(windows.part(0, EIGHT_WEEKS)), grid=hourly())
    settings = Settings(grid=hourly())
    week = shifted.part(ONSET - 24, ONSET + 60)
    begun = State.none(2)
    whole = walk(place, calibration, state=begun, windows=week, settings=settings, names=NAMES, version="default")
    state, shown = begun, []
    for w in range(len(week.starts)):
        one = walk(
            place,
            calibration,
            state=unpacked_state(packed_state(state)),
            windows=week.part(w, w + 1),
            settings=settings,
            names=NAMES,
            version="default",
        )
        state = one.state
        shown.append(one.evidence[:, 0])
    np.testing.assert_array_equal(np.stack(shown, axis=1), whole.evidence)
    assert packed_state(state) == packed_state(whole.state)
    assert state.episodes


def test_a_shift_is_told_from_its_opposite(few: tuple[Layout, Windows]) -> None:
    """Windows that come an hour late speak for the hour before, and most of all for it."""
    place, windows = few
    calibration = refit(place, trailing(windows.part(0, EIGHT_WEEKS)), grid=hourly())
    shifted = late(windows, 1).part(ONSET + 1, ONSET + 49)
    said = ratios(place, calibration, starts=shifted.starts, counts=shifted.counts, grid=hourly())
    total = said.gain.sum(axis=0)
    assert SHIFTS[int(np.argmax(total))] == -1
    assert total[SHIFTS.index(1)] < 0
    quiet = windows.part(ONSET, ONSET + 48)
    said = ratios(place, calibration, starts=quiet.starts, counts=quiet.counts, grid=hourly())
    assert (said.gain.sum(axis=0) < 0).all()


def test_days_have_no_hours() -> None:
    """Windows of a day show no shift of hours, and a reference that never changes has none."""
    place, windows = stream(40, length_us=DAY_US)
    assert refit(place, trailing(windows), grid=Grid(DAY_US, UTC)).hours.which.tolist() == []
    place, windows = stream(3)
    flat = replace(windows, counts=np.tile(windows.counts[:1], (len(windows.starts), 1)))
    assert refit(place, trailing(flat), grid=hourly()).hours.which.tolist() == Hours.none().which.tolist()
