"""The walk through a version's life: weeks, episodes, references and verdicts."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from app.drift.context import DAY_US, HOUR_US, MONDAY_US, WEEK_US
from app.drift.episodes import Episode, Verdict, accepted, standing
from app.drift.evidence import Evidence
from app.drift.layout import Layout
from app.drift.refit import refit
from app.drift.replay import Settings, State, Week, Windows, reference_for, replay, vouching, walk
from drift.streams import NEW_YORK, RANGES, hourly, laid, numeric, starts, stream

NAMES = ("x", "y")
EIGHT_WEEKS = 8 * 168
SETTINGS = Settings(grid=hourly(), pages_per_month=1.0)


def lived(place: Layout, windows: Windows, *, verdicts: Sequence[Verdict] = (), weeks: int = 8) -> list[Week]:
    """Replay all that follows the baseline's weeks."""
    cut = weeks * 168
    return list(
        replay(
            place,
            baseline=windows.part(0, cut),
            windows=windows.part(cut, len(windows.starts)),
            settings=SETTINGS,
            names=NAMES,
            verdicts=verdicts,
        )
    )


def broken(windows: Windows, first: int, last: int, *, feature: int = 0) -> Windows:
    """A third of one feature's rows become null in windows first to last - 1."""
    counts = windows.counts.copy()
    low = feature * 17
    part = counts[first:last, low : low + RANGES] // 3
    counts[first:last, low : low + RANGES] -= part
    counts[first:last, low + RANGES] += part.sum(axis=1)
    return replace(windows, counts=counts)


@pytest.fixture(scope="module")
def fourteen() -> tuple[Layout, Windows]:
    """Fourteen quiet weeks of two features."""
    return stream(14)


def test_quiet_weeks_make_no_episode(fourteen: tuple[Layout, Windows]) -> None:
    """Six stationary weeks after the baseline pass without a page."""
    place, windows = fourteen
    weeks = lived(place, windows)
    assert len(weeks) == 6
    assert weeks[-1].state.episodes == ()


def test_a_failure_is_found_named_and_ended(fourteen: tuple[Layout, Windows]) -> None:
    """Two days of nulls open episodes within hours, in one feature only, and they end with the fault."""
    place, windows = fourteen
    onset = EIGHT_WEEKS + 200
    episodes = lived(place, broken(windows, onset, onset + 48))[-1].state.episodes
    assert {each.statistic for each in episodes} == {"evidence", "null_ratio"}
    for each in episodes:
        assert each.feature == "x"
        assert each.cause == "nulls"
        assert 0 <= each.start_us - int(windows.starts[onset]) <= 6 * HOUR_US
        assert each.end_us is not None
        assert int(windows.starts[onset + 48]) <= each.end_us <= int(windows.starts[onset + 48]) + DAY_US


def test_walking_on_is_walking_at_once(fourteen: tuple[Layout, Windows]) -> None:
    """Each week taken up from the state before it gives the very same evidence and episodes."""
    place, windows = fourteen
    windows = broken(windows, EIGHT_WEEKS + 200, EIGHT_WEEKS + 220)
    baseline, live = windows.part(0, EIGHT_WEEKS), windows.part(EIGHT_WEEKS, len(windows.starts))
    state = State(Evidence.none(2))
    for week in lived(place, windows):
        at = int(np.searchsorted(live.starts, week.monday_us))
        out = standing(state.episodes, (), at_us=week.monday_us)
        features, volume = accepted(live.starts[:at], NAMES, out)
        trailing = reference_for(
            baseline, live.part(0, at), monday=week.monday_us, grid=SETTINGS.grid, accepted=features, volume=volume
        )
        again = walk(
            place,
            refit(place, trailing, grid=SETTINGS.grid),
            state=state,
            windows=live.part(at, at + len(week.starts)),
            settings=SETTINGS,
            names=NAMES,
            version="default",
        )
        np.testing.assert_array_equal(again.evidence, week.evidence)
        assert again.state.episodes == week.state.episodes
        state = again.state


def test_a_failure_does_not_become_normal_by_itself() -> None:
    """A fault that stays is one open episode; called normal, its windows vouch and the feature falls quiet."""
    place, windows = stream(22)
    windows = broken(windows, EIGHT_WEEKS + 10, len(windows.starts))
    alone = lived(place, windows)[-1].state.episodes
    assert {each.end_us for each in alone} == {None}
    verdicts = [Verdict(each.id, normal=True, at_us=each.start_us) for each in alone]
    accepted_ = lived(place, windows, verdicts=verdicts)[-1].state
    assert {each.end_us is None for each in accepted_.episodes} == {False}


def test_who_vouches_on_a_monday() -> None:
    """Windows wait a week; the newest eight weeks' worth that are accepted vouch, the baseline's before the first."""
    grid = hourly()
    old, live = starts(9 * 168), starts(4 * 168, first_us=MONDAY_US + 20 * WEEK_US)
    accepted_ = np.ones((len(live), 1), dtype=np.bool_)
    accepted_[100:150] = False
    monday = MONDAY_US + 23 * WEEK_US
    own, trailing, features, volume = vouching(
        old, live, monday=monday, grid=grid, accepted=accepted_, volume=np.ones(len(live), dtype=np.bool_)
    )
    assert trailing.tolist() == list(range(2 * 168))
    assert int(features.sum()) == EIGHT_WEEKS
    assert own[0] == 9 * 168 - (EIGHT_WEEKS - 2 * 168 + 50)
    assert int(volume.sum()) == EIGHT_WEEKS


def test_small_shifts_of_share_never_page() -> None:
    """Below a TVD of 0.01 a window enters with p = 1, however sure the statistics are."""
    place, windows = stream(10, mean=1_000_000)
    counts = windows.counts.copy()
    moved = counts[9 * 168 :, 5] // 200
    counts[9 * 168 :, 5] -= moved
    counts[9 * 168 :, 12] += moved
    week = lived(place, replace(windows, counts=counts), weeks=8)[-1]
    assert (week.judgement.p[1, :, 0] < 1e-3).all()
    assert (week.judgement.tvd[:, 0] < 0.01).all()
    assert (week.evidence[:, :, 0] <= 0).all()


@pytest.mark.parametrize("first", ["2013-01-07", "2013-09-02"])
def test_no_alarm_after_a_clock_change(first: str) -> None:
    """Traffic that keeps New York's sharp hours is quiet across both changes of 2013."""
    fine = starts(14 * 168, first_us=int(np.datetime64(first, "us").astype(np.int64)))
    local = hourly(NEW_YORK).local_us(fine)
    rush = np.exp(1.5 * np.sin(local // HOUR_US % 24 / 24 * 2 * np.pi))
    rows = np.random.default_rng(3).poisson(1500 * rush / rush.mean())
    counts = np.concatenate([numeric(local, rows, feature=f) for f in range(2)], axis=1)
    for hours in (1, 3):
        merged = Windows(
            fine[::hours],
            np.add.reduceat(counts, np.arange(0, len(fine), hours), axis=0),
            np.add.reduceat(rows, np.arange(0, len(fine), hours)),
        )
        cut = 8 * 168 // hours
        grid = replace(SETTINGS.grid, length_us=hours * HOUR_US, zone=NEW_YORK)
        weeks = list(
            replay(
                laid(merged.counts[:cut], 2),
                baseline=merged.part(0, cut),
                windows=merged.part(cut, len(merged.starts)),
                settings=replace(SETTINGS, grid=grid),
                names=NAMES,
            )
        )
        assert weeks[-1].state.episodes == ()


def test_without_a_baseline_the_version_calibrates_itself(fourteen: tuple[Layout, Windows]) -> None:
    """No reference window at first: nothing is judged until two weeks have passed and waited."""
    place, windows = fourteen
    weeks = list(
        replay(place, baseline=windows.part(0, 0), windows=windows, settings=SETTINGS, names=NAMES, version="canary")
    )
    judged = [bool(week.judgement.judged.any()) for week in weeks]
    assert judged == [False] * 3 + [True] * 11
    assert not np.isnan(weeks[-1].evidence).any()
    assert weeks[0].calibration.missing(0) == "30 more reference windows with at least 30 rows"


def test_episodes_of_plain_scores_pass_through(fourteen: tuple[Layout, Windows]) -> None:
    """Where evidence of nulls and of the volume has no line, open episodes of these names stay open."""
    place, windows = fourteen
    lines = np.full((4, 2), np.inf)
    settings = replace(SETTINGS, lines=lines, volume_line=np.inf)
    plain = tuple(
        Episode("default", feature, name, 0, None, 1.0) for feature, name in (("", "volume"), ("x", "null_ratio"))
    )
    reference = windows.part(0, EIGHT_WEEKS)
    calibration = refit(
        place,
        reference_for(
            reference,
            windows.part(0, 0),
            monday=int(windows.starts[EIGHT_WEEKS]),
            grid=SETTINGS.grid,
            accepted=np.ones((0, 2), np.bool_),
            volume=np.ones(0, np.bool_),
        ),
        grid=SETTINGS.grid,
    )
    week = walk(
        place,
        calibration,
        state=State(Evidence.none(2), plain),
        windows=windows.part(EIGHT_WEEKS, EIGHT_WEEKS + 24),
        settings=settings,
        names=NAMES,
        version="default",
    )
    assert np.isfinite(week.judgement.volume_p).all()
    assert week.state.episodes == plain
