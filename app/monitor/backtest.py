"""What would have alerted: the live walk over stored windows, under other settings, with nothing changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.drift.context import WEEK_US, monday_us
from app.drift.episodes import Episode, grouped
from app.drift.evidence import MONTH_US
from app.drift.period import Period
from app.drift.replay import State, walk
from app.errors import Refused
from app.monitor.arms import Arm, counted
from app.monitor.breath import short_turns
from app.monitor.catalog import Watched
from app.monitor.chronicle import beginning
from app.monitor.configuration import Configuration, changed
from app.monitor.crossing import crossed
from app.monitor.explanations import TopBins, top_bins
from app.monitor.fitting import fit_week
from app.monitor.history import walked_arms
from app.monitor.incidents import CRITICAL, WARNING
from app.monitor.instants import instant_text, read_instant
from app.monitor.judged import entries
from app.monitor.rulebook import Rulebook
from app.monitor.service import Service
from app.monitor.terms import configuration_of, period_of, terms
from app.monitor.thresholds import check_threshold
from app.storage import received, thresholds
from app.storage.database import Connection
from app.storage.thresholds import StoredThreshold

READ_S = 600.0


@dataclass(frozen=True, slots=True)
class Question:
    """A range of window starts and the settings to try; the settings in force where nothing is given.

    `window` asks for days or weeks in place of the model's own windows.
    """

    from_us: int | None
    to_us: int | None
    pages_per_month: float | None
    thresholds: tuple[StoredThreshold, ...]
    window: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One version walked on one baseline: its episodes, and which of its windows were judged for which feature.

    `tops` are the outstanding bins of episodes by id.
    """

    version: str
    names: tuple[str, ...]
    starts: np.ndarray[Any, np.dtype[np.int64]]
    judged: np.ndarray[Any, np.dtype[np.bool_]]
    episodes: tuple[Episode, ...]
    tops: Mapping[str, TopBins]


def question(document: Mapping[str, Any]) -> Question:
    """Read what is asked; Refused for a range that cannot be read."""
    budget = document.get("alert_budget")
    return Question(
        from_us=None if document.get("from") is None else read_instant(document["from"], "from"),
        to_us=None if document.get("to") is None else read_instant(document["to"], "to"),
        pages_per_month=None if budget is None else float(budget["pages_per_month"]),
        thresholds=tuple(
            StoredThreshold(
                one["statistic"], one.get("feature"), one.get("version"), one.get("warning"), one.get("critical")
            )
            for one in document.get("thresholds") or ()
        ),
        window=document.get("window"),
    )


@short_turns()
def backtest(service: Service, watched: Watched, asked: Question) -> dict[str, object]:
    """Replay the stored windows and tell what would have alerted in the range."""
    for one in asked.thresholds:
        check_threshold(watched, one)
    if asked.pages_per_month is not None:
        budget = {"alert_budget": {"pages_per_month": asked.pages_per_month}}
        watched = replace(watched, configuration=changed(watched.configuration, budget))
    period = period_of(watched, asked.window)
    with service.database.snapshot(deadline_s=READ_S) as read:
        stored = {(one.statistic, one.feature, one.version): one for one in thresholds.listed(read, watched.id)}
        stored |= {(one.statistic, one.feature, one.version): one for one in asked.thresholds}
        lines = list(stored.values())
        runs = [
            run
            for version in received.versions(read, watched.id)
            for run in _runs(service, read, watched, version, stored=lines, period=period)
        ]
        runs += _rehearsal(service, read, watched, asked, stored=lines, period=period)
    severity = CRITICAL if period is None else WARNING
    return _answer(configuration_of(watched, period), runs, asked, severity=severity)


def _runs(  # noqa: PLR0913 - whose windows, and how they are judged
    service: Service,
    read: Connection,
    watched: Watched,
    version: str,
    *,
    stored: Sequence[StoredThreshold],
    period: Period | None,
) -> Iterator[Run]:
    for arm in walked_arms(service, read, watched, version, period=period):
        yield _run(read, arm, terms(service, watched, arm, stored))


def _rehearsal(  # noqa: PLR0913 - as _runs
    service: Service,
    read: Connection,
    watched: Watched,
    asked: Question,
    *,
    stored: Sequence[StoredThreshold],
    period: Period | None,
) -> list[Run]:
    """Walk the active baseline's own windows, each week judged by the others, if the range reaches back to them."""
    if not watched.schedule or asked.from_us is None:
        return []
    baseline_id = watched.activation(service.now_us()).baseline_id
    baseline = service.catalog.baseline(baseline_id)
    arm = Arm.of_baseline(read, watched.id, baseline_id, baseline, period=period)
    if not len(arm.starts) or asked.from_us > arm.instant(int(arm.starts[-1])):
        return []
    return [_run(read, arm, terms(service, watched, arm, stored))]


def _run(read: Connection, arm: Arm, rulebook: Rulebook) -> Run:
    starts, state = arm.starts, beginning(read, arm)
    judged = [np.zeros((0, len(rulebook.names) + 1), np.bool_)]
    tops: dict[str, TopBins] = {}
    at = 0
    while at < len(starts):
        monday = monday_us(int(starts[at]))
        end = int(np.searchsorted(starts, monday + WEEK_US))
        state, seen = _week(read, arm, rulebook, state, monday=monday, part=starts[at:end], tops=tops)
        judged += seen
        at = end
    found: list[Episode] = []
    shown: dict[str, TopBins] = {}
    for one in state.episodes:
        over = arm.relieved_us if one.end_us is None else one.end_us
        end_us = None if over is None else arm.instant(over)
        found.append(replace(one, start_us=arm.instant(one.start_us), end_us=end_us))
        shown[found[-1].id] = tops.get(one.id, [])
    instants = np.array([arm.instant(start) for start in starts.tolist()], np.int64)
    return Run(arm.version, rulebook.names, instants, np.concatenate(judged), tuple(found), shown)


def _week(  # noqa: PLR0913 - one week depends on all of them
    read: Connection,
    arm: Arm,
    rulebook: Rulebook,
    state: State,
    *,
    monday: int,
    part: np.ndarray[Any, np.dtype[np.int64]],
    tops: dict[str, TopBins],
) -> tuple[State, list[np.ndarray[Any, np.dtype[np.bool_]]]]:
    calibration = fit_week(read, arm, rulebook, state=state, monday=monday)
    judged = []
    for chunk in counted(read, arm, part):
        week = walk(
            arm.layout,
            calibration,
            state=state,
            windows=arm.windows(chunk),
            settings=rulebook.settings,
            names=rulebook.names,
            version=arm.version,
        )
        scored = entries(arm.baseline, chunk, week, rulebook=rulebook, baseline_id=arm.baseline_id, now_us=0)
        state = crossed(week.state, scored, rulebook)
        tops |= top_bins(arm.baseline, calibration, chunk, state.episodes, grid=rulebook.settings.grid)
        enough = (chunk.rows >= rulebook.settings.min_rows)[:, None]
        judged.append(np.concatenate([np.broadcast_to(enough, week.judgement.judged.shape), enough], axis=1))
    return state, judged


def _answer(configuration: Configuration, runs: Sequence[Run], asked: Question, *, severity: str) -> dict[str, object]:
    length = configuration.window
    names = sorted({name for run in runs for name in run.names})
    shown: dict[str, object] = {}
    first, last = _span(runs, asked, length)
    groups: set[str] = set()
    tops = {key: bins for run in runs for key, bins in run.tops.items()}
    for name in [*names, ""]:
        windows_, in_alarm, found = 0, 0, []
        for run in runs:
            if name and name not in run.names:
                continue
            column = run.names.index(name) if name else len(run.names)
            inside = (run.starts >= first) & (run.starts < last) & run.judged[:, column]
            mine = [one for one in run.episodes if one.feature == name]
            alarm = np.zeros(len(run.starts), np.bool_)
            for one in mine:
                alarm |= (run.starts >= one.start_us) & (one.end_us is None or run.starts < (one.end_us or 0))
            windows_ += int(inside.sum())
            in_alarm += int((inside & alarm).sum())
            found += [one for one in mine if first <= one.start_us < last]
        groups |= {one.group for one in grouped(found, length_us=length)}
        shown[name] = {
            "windows": windows_,
            "firings": len(found),
            "time_in_alarm": in_alarm / windows_ if windows_ else 0.0,
            "episodes": [
                {**_episode(one, severity), "top_bins": tops[one.id]}
                for one in sorted(found, key=lambda one: (one.start_us, one.version))
            ],
        }
    months = max((last - first) / MONTH_US, length / MONTH_US) if runs else 1.0
    return {
        "from": instant_text(first),
        "to": instant_text(last),
        "features": shown,
        "expected_pages_per_month": configuration.pages_per_month,
        "observed_pages_per_month": len(groups) / months,
    }


def _span(runs: Sequence[Run], asked: Question, length: int) -> tuple[int, int]:
    starts = [int(start) for run in runs if len(run.starts) for start in (run.starts[0], run.starts[-1])]
    first = asked.from_us if asked.from_us is not None else min(starts, default=0)
    last = asked.to_us if asked.to_us is not None else max(first, max(starts, default=0) + length)
    if last < first:
        raise Refused("unlawful-range", "the range ends before it begins", extra={"pointer": "/to"})
    return first, last


def _episode(one: Episode, severity: str) -> dict[str, object]:
    return {
        "start": instant_text(one.start_us),
        "end": None if one.end_us is None else instant_text(one.end_us),
        "version": one.version,
        "statistic": one.statistic,
        "severity": severity,
        "peak": one.peak,
        "cause": one.cause,
    }
