"""Walk a version's windows in time order, week by week: fit, judge, add up evidence, open and close episodes.

Live evaluation, late rows and backtests all walk this way, so that each finds what the others found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np

from app.drift import episodes as spans
from app.drift import evidence as sums
from app.drift.calibration import Calibration
from app.drift.causes import CAUSES, signs
from app.drift.context import WEEK_US, Grid, monday_us
from app.drift.episodes import Episode, Register, Verdict
from app.drift.evidence import Evidence
from app.drift.judgement import SMALL_TVD, STATISTICS, Judgement, judge
from app.drift.layout import Bools, Floats, Ints, Layout
from app.drift.refit import refit
from app.drift.shifts import Clock, ratios
from app.drift.trailing import Trailing

REFERENCE_WEEKS: Final = 8
WAIT_US: Final = WEEK_US
"""How long a window waits before it may vouch for others."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an owner may choose: windows, zone, least rows and budget; `lines`, (4, F), overrides the budget's line."""

    grid: Grid
    pages_per_month: float = 1.0
    min_rows: int = 30
    lines: Floats | None = None
    volume_line: float | None = None

    def line(self, features: int) -> float:
        """The evidence worth a page."""
        return sums.line(features, length_us=self.grid.length_us, pages_per_month=self.pages_per_month)


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one version in time order: starts (W,), counts (W, total), rows (W,)."""

    starts: Ints
    counts: Ints
    rows: Ints

    def part(self, first: int, last: int) -> "Windows":
        """Windows first to last - 1."""
        return Windows(self.starts[first:last], self.counts[first:last], self.rows[first:last])


@dataclass(frozen=True, slots=True)
class State:
    """What a week hands to the next: the evidence so far and every episode so far, open ones included.

    `clock` is the evidence that all features are shifted by hours.
    """

    evidence: Evidence
    episodes: tuple[Episode, ...] = ()
    clock: Clock = field(default_factory=Clock.none)

    @classmethod
    def none(cls, features: int) -> "State":
        """Nothing yet."""
        return cls(Evidence.none(features))


@dataclass(frozen=True, slots=True)
class Week:
    """One week walked: evidence (4, W, F) and (W,) after each window, judgement, calibration, and the state after."""

    monday_us: int
    starts: Ints
    calibration: Calibration
    judgement: Judgement
    evidence: Floats
    volume_evidence: Floats
    state: State


def vouching(  # noqa: PLR0913 - who vouches hangs on all of them
    baseline: Ints,
    live: Ints,
    *,
    monday: int,
    grid: Grid,
    accepted: Bools,
    volume: Bools,
    worth: int | None = None,
) -> tuple[Ints, Ints, Bools, Bools]:
    """Which windows vouch from a Monday on.

    `accepted`, (W, F), and `volume`, (W,), speak of the live windows. Gives the indices of baseline and of live
    windows, and for them, one after the other, who vouches for which feature and for the volume: the newest eight
    weeks' worth of accepted windows, or `worth` of them, that ended a week before, the baseline's standing before the
    version's first.
    """
    worth = REFERENCE_WEEKS * WEEK_US // grid.length_us if worth is None else worth
    old = np.flatnonzero(live + grid.length_us + WAIT_US <= monday)
    everyone = np.ones((len(baseline), accepted.shape[1]), dtype=np.bool_)
    features = np.concatenate([everyone, accepted[old]])
    whole = np.concatenate([everyone[:, :1], volume[old, None]])
    features &= np.cumsum(features[::-1], axis=0)[::-1] <= worth
    whole &= np.cumsum(whole[::-1], axis=0)[::-1] <= worth
    used = features.any(axis=1) | whole[:, 0]
    kept = np.flatnonzero(used)
    own = kept[kept < len(baseline)]
    return own, old[kept[kept >= len(baseline)] - len(baseline)], features[kept], whole[kept, 0]


def reference_for(  # noqa: PLR0913 - as vouching
    baseline: Windows,
    live: Windows,
    *,
    monday: int,
    grid: Grid,
    accepted: Bools,
    volume: Bools,
    worth: int | None = None,
) -> Trailing:
    """The reference of the week that begins on a Monday."""
    own, trailing, features, whole = vouching(
        baseline.starts, live.starts, monday=monday, grid=grid, accepted=accepted, volume=volume, worth=worth
    )
    marks = np.concatenate([np.ones(len(own), dtype=np.bool_), np.zeros(len(trailing), dtype=np.bool_)])
    return Trailing(
        starts=np.concatenate([baseline.starts[own], live.starts[trailing]]),
        counts=np.concatenate([baseline.counts[own], live.counts[trailing]]),
        rows=np.concatenate([baseline.rows[own], live.rows[trailing]]),
        own=marks,
        accepted=None if features.all() else features,
        volume_accepted=None if whole.all() else whole,
    )


def walk(  # noqa: PLR0913 - a week is told by all of them
    layout: Layout,
    calibration: Calibration,
    *,
    state: State,
    windows: Windows,
    settings: Settings,
    names: Sequence[str],
    version: str,
) -> Week:
    """Judge windows of one week in time order and carry evidence and episodes on."""
    seen = judge(
        layout,
        calibration,
        starts=windows.starts,
        counts=windows.counts,
        rows=windows.rows,
        grid=settings.grid,
    )
    line = settings.line(layout.features)
    lines = np.full((len(STATISTICS), layout.features), line) if settings.lines is None else settings.lines
    volume_line = line if settings.volume_line is None else settings.volume_line
    p = np.where(np.isnan(seen.p), np.nan, np.where(seen.tvd < SMALL_TVD, 1.0, seen.p))
    unrest, volume_unrest = sums.unrest(p[0])
    length_us = settings.grid.length_us
    tau = np.array(calibration.volume.tau)
    asked = ratios(layout, calibration, starts=windows.starts, counts=windows.counts, grid=settings.grid)
    clock = state.clock if len(calibration.hours.which) else Clock.none()
    features = np.empty(p.shape)
    volume = np.empty(len(windows.starts))
    now, now_volume = state.evidence.features, state.evidence.volume
    register = Register(version, state.episodes)
    is_open = np.array([[register.is_open(each, name) for name in names] for each in STATISTICS], dtype=np.bool_)
    is_open &= np.isfinite(lines)  # without a line of evidence an episode of that name is one of a plain score
    for w, start in enumerate(windows.starts.tolist()):
        pace = sums.pace(calibration.tau, unrest[w], line=line, length_us=length_us)
        now = sums.advance(now, p[:, w], pace=pace, healing=is_open, line=line)
        clock = clock.advance(asked, w, line=line, length_us=length_us)
        shown = now.copy()
        told = [f for f in np.flatnonzero(is_open[0]).tolist() if register.cause(STATISTICS[0], names[f]) == CAUSES[0]]
        told += calibration.hours.which[:1].tolist()
        shown[0, told] = np.maximum(shown[0, told], clock.worth(calibration))
        features[:, w] = shown
        judged = ~np.isnan(p[:, w])
        for s, f in np.argwhere(judged & (is_open | (shown > lines))).tolist():
            said = partial(
                signs, layout, calibration, feature=f, start=start, counts=windows.counts[w], grid=settings.grid
            )
            is_open[s, f] = register.turn(
                STATISTICS[s],
                names[f],
                start=start,
                evidence=float(shown[s, f]),
                line=float(lines[s, f]),
                signs=said if s == 0 else tuple,
            )
        volume_p = seen.volume_p[w]
        running = register.is_open("volume", "") and np.isfinite(volume_line)
        pace = sums.pace(tau, volume_unrest[w], line=line, length_us=length_us)
        now_volume = float(
            sums.advance(np.array(now_volume), volume_p, pace=pace, healing=np.array(running), line=line)
        )
        volume[w] = now_volume
        if not np.isnan(volume_p) and (running or now_volume > volume_line):
            register.turn("volume", "", start=start, evidence=now_volume, line=volume_line, signs=tuple)
        blamed = clock.blamed(calibration, start=start, line=line, length_us=length_us)
        alone = [names[f] for f in told if not now[0, f] > lines[0, f]]
        register.settle(length_us=length_us, shifted_us=blamed, alone=alone)
    return Week(
        monday_us=monday_us(int(windows.starts[0])) if len(windows.starts) else 0,
        starts=windows.starts,
        calibration=calibration,
        judgement=seen,
        evidence=features,
        volume_evidence=volume,
        state=State(evidence=Evidence(now, now_volume), episodes=register.all(), clock=clock),
    )


def replay(  # noqa: PLR0913 - a life is told by all of them
    layout: Layout,
    *,
    baseline: Windows,
    windows: Windows,
    settings: Settings,
    names: Sequence[str],
    version: str = "default",
    verdicts: Sequence[Verdict] = (),
    state: State | None = None,
) -> Iterator[Week]:
    """Walk all windows from the first on, a week at a time, refitting each Monday 00:00 UTC."""
    state = State.none(layout.features) if state is None else state
    mondays = (windows.starts - monday_us(0)) // WEEK_US
    at = 0
    while at < len(windows.starts):
        end = int(np.searchsorted(mondays, mondays[at], side="right"))
        monday = monday_us(int(windows.starts[at]))
        out = spans.standing(state.episodes, verdicts, at_us=monday)
        features, volume = spans.accepted(windows.starts[:at], names, out)
        reference = reference_for(
            baseline, windows.part(0, at), monday=monday, grid=settings.grid, accepted=features, volume=volume
        )
        calibration = refit(layout, reference, grid=settings.grid, min_rows=settings.min_rows)
        week = walk(
            layout,
            calibration,
            state=state,
            windows=windows.part(at, end),
            settings=settings,
            names=names,
            version=version,
        )
        yield week
        state = week.state
        at = end
